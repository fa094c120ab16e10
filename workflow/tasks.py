"""What staff must look at (`models.StaffTask`): put before them with `staff_task`, ended by a person (`finish`) or because the thing
is settled (`close_task`)."""

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.errors import NotFound
from workflow.models import LedgerEntry, LedgerKind, Order, StaffTask

if TYPE_CHECKING:
    from workflow.transitions import By


def staff_task(*, key: str, kind: str, order: Order | None, text: str, **values: Any) -> None:
    """Put something before staff, once per key. `text` is a msgid (gettext_noop) and `values` fill it, in the reader's language."""
    StaffTask.objects.get_or_create(key=key[:120], defaults={"kind": kind, "order": order, "text": text, "values": values})


def close_task(key: str, *, by: "By | None" = None) -> None:
    """The thing behind a task is settled; there may be no such task, or it may be done."""
    StaffTask.objects.filter(key=key[:120], done_at=None).update(done_at=now(), done_by=by.user if by else None)


@transaction.atomic
def finish(task_id: int, *, by: "By") -> StaffTask:
    """Somebody looked at it and it is done. Refused for those who may not see tasks, and for one that is done already."""
    from workflow.transitions import TransitionRefused

    task = StaffTask.objects.select_for_update().filter(pk=task_id).first()
    if task is None:
        raise NotFound
    if by.user is None or not by.user.has_perm("workflow.view_stafftask"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    if task.done_at:
        raise TransitionRefused(_("This task is done already."))
    if task.kind == "customer_message" and task.order and task.order.unanswered_since:
        raise TransitionRefused(_("The customer still waits: answer on the order's page, or say there that no answer is needed."))
    if task.kind == "unapplied_money" and _still_holds_money(task):
        raise TransitionRefused(_("This money still waits: let it pay an invoice, or give it back."), code="money_waits")
    task.done_at, task.done_by = now(), by.user
    task.save(update_fields=["done_at", "done_by"])
    return task


def _still_holds_money(task: StaffTask) -> bool:
    """Dollars that nobody decided on; what came in another currency is decided on in Stripe's dashboard."""
    from workflow import ledger

    reference = task.key.partition(":")[2]
    paid = LedgerEntry.objects.filter(kind=LedgerKind.UNAPPLIED, reference=reference, currency="usd").first()
    return paid is not None and ledger.left_cents(paid) > 0

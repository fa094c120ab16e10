"""The rows of inspections: which are open, which one people see, and what becomes of an open one when its item leaves the order.

All writing functions run under the order's lock; the caller records the event, which saves the order. Who may do what: `inspections.py`.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from django.db.models import Prefetch, Q, QuerySet
from django.utils.timezone import now

from workflow.models import Inspection, Item, Order, Outcome, Photo
from workflow.tasks import close_task

if TYPE_CHECKING:
    from workflow.transitions import By


def open_in(order_ids: Collection[int]) -> set[int]:
    """The items of these orders with an open inspection: nobody marks them as fine past it."""
    return set(Inspection.objects.filter(item__order__in=order_ids, ended_at=None).order_by().values_list("item_id", flat=True))


def of_items(item_ids: Collection[int]) -> dict[int, list[Inspection]]:
    """What was found of each item, oldest first, with the photos that are there; what was taken back is left out. At most two
    statements."""
    rows = Inspection.objects.filter(item__in=item_ids).exclude(outcome=Outcome.UNDONE).order_by("item", "number")
    found: dict[int, list[Inspection]] = {}
    # as `photos.prefetched`, which stands above this module
    live = Prefetch("photos", Photo.objects.filter(removed_at=None).order_by("pk"))
    for inspection in rows.prefetch_related(live):
        found.setdefault(inspection.item_id, []).append(inspection)
    return found


def still_open() -> QuerySet[Inspection]:
    """All of the house, with their items and orders."""
    return Inspection.objects.filter(ended_at=None).select_related("item__order", "by")


def wait_for_us() -> QuerySet[Inspection]:
    """The open ones that wait for no answer: the customer was not asked yet, has decided or written, or let the time pass. The index of
    the open ones, and their orders."""
    ours = Q(asked_at=None) | ~Q(choice="") | Q(answer_by__lte=now()) | Q(item__order__question="")
    return still_open().filter(ours)


def unanswered(order: Order) -> QuerySet[Inspection]:
    """Open ones that the customer was asked about and said nothing of."""
    return Inspection.objects.filter(item__order=order, ended_at=None, asked_at__isnull=False, choice="")


def overdue() -> QuerySet[Inspection]:
    """Those whose time to answer is over: nothing happens by itself, a person decides."""
    return still_open().filter(answer_by__lte=now(), choice="").order_by("answer_by", "pk")


# --- Ending ---------------------------------------------------------------------------------------------------------------


def end(order: Order, inspection: Inspection, *, outcome: Outcome, by: "By") -> None:
    """Close the row, its tasks, and the question about it where no other item waits for the same answer."""
    inspection.outcome, inspection.ended_at, inspection.ended_by = outcome, now(), by.user
    inspection.save(update_fields=["outcome", "ended_at", "ended_by"])
    for kind in ("decided", "overdue"):
        close_task(task_key(order, inspection, kind), by=by)
    settle_question(order)


def leave(order: Order, items: Iterable[Item], *, by: "By") -> None:
    """The items leave the order: their open inspections are over."""
    for inspection in Inspection.objects.filter(item__in=[item.pk for item in items], ended_at=None):
        end(order, inspection, outcome=Outcome.GIVEN_UP, by=by)


def settle_question(order: Order) -> None:
    """An open question about inspections ends with the last of them that waits for an answer; another question stays."""
    if order.question and is_about_inspections(order) and not unanswered(order).exists():
        order.question, order.asked_at = "", None


def is_about_inspections(order: Order) -> bool:
    """Whether the order's open question was put by `inspections.ask_about`, which gives both the same moment."""
    return bool(order.question) and Inspection.objects.filter(item__order=order, asked_at=order.asked_at).exists()


def take_back_fine(items: Iterable[Item]) -> None:
    """The arrival is taken back, and with it what was found fine."""
    fine = Inspection.objects.filter(item__in=[item.pk for item in items], outcome=Outcome.FINE)
    fine.update(outcome=Outcome.UNDONE)


def task_key(order: Order, inspection: Inspection, kind: str) -> str:
    return f"{order.subject}:inspection-{inspection.pk}:{kind}"

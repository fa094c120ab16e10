"""After an import nothing moves by itself. Where staff ask for it, orders that it completed make their next move, each in its own
transaction through `perform`, with what became of each in the import's log."""

import time
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django_q.tasks import async_task

from core.errors import BidangilError, Conflict
from workflow.imports.kinds import check_allowed, kind_of
from workflow.models import ImportBatch, ImportKind, ImportMove, ImportStatus, Item, ItemStatus, Order, Parcel, RowOutcome
from workflow.models.journal import Door
from workflow.models.orders import DEAD
from workflow.process import TRANSITIONS
from workflow.transitions import By, may, perform

#: one job goes on so long, then queues the next
LONGEST_S, STEP = 100.0, 200


def ready(batch: ImportBatch) -> QuerySet[Order]:
    """The orders of the import that lack nothing of its kind for their next move, and are not on hold."""
    spec = TRANSITIONS[kind_of(batch).move]
    touched = batch.rows.filter(outcome=RowOutcome.APPLIED).values("order_id")
    return Order.objects.filter(pk__in=touched, state__in=spec.sources, hold_reason="").exclude(_lacking(batch.kind))


def _lacking(kind: str) -> Exists:
    items = Item.objects.filter(order=OuterRef("pk")).exclude(status__in=DEAD)
    if kind == ImportKind.PRICES:
        return Exists(items.filter(Q(price_krw=None) | Q(status=ItemStatus.REQUESTED)))
    if kind == ImportKind.ARRIVALS:
        return Exists(items.exclude(status=ItemStatus.INSPECTED))
    to_send = Parcel.objects.filter(order=OuterRef("pk"), closed_at=None, delivered_at=None)
    return Exists(to_send.filter(Q(courier="") | Q(tracking_number="")))


def left(batch: ImportBatch) -> QuerySet[Order]:
    """Of those, the ones that were not tried yet."""
    return ready(batch).exclude(pk__in=batch.moves.exclude(done_at=None).values("order_id"))


def request(batch_id: int, *, by: By) -> ImportBatch:
    """Queue the moves of an applied import's complete orders. Those that were refused before are tried again."""
    batch = ImportBatch.objects.get(pk=batch_id)
    check_allowed(kind_of(batch), by)
    if batch.status != ImportStatus.APPLIED:
        raise Conflict(_("This import is “%(status)s”.") % {"status": batch.get_status_display()})
    batch.moves.exclude(refused="").delete()
    if not left(batch).exists():
        raise Conflict(_("No order of this import is complete and waits."))
    queue(batch, by=by)
    return batch


def queue(batch: ImportBatch, *, by: By) -> None:
    async_task("workflow.imports.jobs.move", batch.pk, by.as_json(), cluster="slow")


def move(batch_id: int, *, by: By) -> int:
    """Move what is left; safe to run again. How many orders were tried."""
    batch = ImportBatch.objects.get(pk=batch_id)
    acting = By(actor="staff", door=Door.IMPORT, user=by.user, roles=by.roles)
    until = time.monotonic() + LONGEST_S
    tried = 0
    while order_ids := list(left(batch).order_by("pk").values_list("pk", flat=True)[:STEP]):
        for order_id in order_ids:
            if time.monotonic() > until:
                queue(batch, by=by)
                return tried
            _move_one(batch, order_id, by=acting)
            tried += 1
    # killed between a move and its note: the order stands further on
    batch.moves.filter(done_at=None).exclude(order__in=ready(batch)).update(done_at=now())
    return tried


def _move_one(batch: ImportBatch, order_id: int, *, by: By) -> None:
    note, _made = ImportMove.objects.get_or_create(batch=batch, order_id=order_id)
    try:
        perform(order_id, kind_of(batch).move, by=by)
    except BidangilError as refused:
        note.refused = str(refused)[:300]
    note.done_at = now()
    note.save(update_fields=["done_at", "refused"])


def may_move(batch: ImportBatch, *, by: By) -> bool:
    """Whether this person could make the move at all; which orders may is asked of each."""
    spec = TRANSITIONS[kind_of(batch).move]
    state: Any = next(iter(spec.sources))
    return may(Order(state=state), spec, by=by)

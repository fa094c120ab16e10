"""What an import changed goes back, where nothing changed since: the order stands in the same state and the target holds what the import
wrote. Rows that cannot go back say why; the others do. One transaction, like applying."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils import translation
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import Conflict
from core.retries import retried
from workflow.bulk import in_steps, lock_orders, many_rows
from workflow.imports import applying, claims, parcels
from workflow.imports.kind import Kind, differs, values
from workflow.imports.kinds import check_allowed, kind_of
from workflow.imports.rows import keep
from workflow.imports.writing import write
from workflow.models import ImportBatch, ImportRow, ImportStatus, Order, Parcel, RowOutcome
from workflow.models.journal import Door
from workflow.transitions import By


def request(batch_id: int, *, by: By) -> ImportBatch:
    """Undo an applied import, for anybody whose work it is. Refused (409) when it is not applied, or undone already."""
    with transaction.atomic():
        batch = claims.locked(batch_id)
        check_allowed(kind_of(batch), by)
        is_again = batch.status == ImportStatus.UNDOING and batch.was_interrupted
        if batch.status != ImportStatus.APPLIED and not is_again:
            raise Conflict(_("This import is “%(status)s”; there is nothing to undo.") % {"status": batch.get_status_display()})
        if not batch.rows.filter(outcome=RowOutcome.APPLIED).exists():
            raise Conflict(_("The rows of this import are no longer kept; it cannot be undone."))
        is_queued = claims.take(batch, ImportStatus.UNDOING, "undo", by=by)
    if not is_queued:
        undo(batch.pk, claim=batch.claim, by=by)
        batch.refresh_from_db()
    return batch


@many_rows()
def undo(batch_id: int, *, claim: str, by: By) -> None:
    """The work of it; safe to run again. Does nothing when the claim is lost."""
    if claims.begin(batch_id, claim=claim):
        _undo(batch_id, claim=claim, by=By(actor="staff", door=Door.IMPORT, user=by.user, roles=by.roles))


@retried
@transaction.atomic
def _undo(batch_id: int, *, claim: str, by: By) -> None:
    batch = claims.still_mine(batch_id, ImportStatus.UNDOING, claim=claim)
    kind = kind_of(batch)
    check_allowed(kind, by)
    facts: list[tuple[Order, str, dict[str, Any]]] = []
    count = 0
    applied = batch.rows.filter(outcome=RowOutcome.APPLIED)
    order_ids = sorted(set(applied.order_by().values_list("order_id", flat=True).distinct()))
    for ids in in_steps(order_ids, applying.STEP):
        orders = lock_orders(ids)
        rows = list(applied.filter(order_id__in=ids).order_by("order_id", "number"))
        with translation.override(batch.language):
            going = _sort(rows, kind, orders)
        keep([row for row in rows if row.error])
        batch.rows.filter(pk__in=[row.pk for row in rows if not row.error]).update(outcome=RowOutcome.UNDONE)
        parcels.take_apart([row for some in going.values() for row in some])
        for order_id, some in going.items():
            name, said = kind.facts([_as_it_was(row) for row in some])
            facts.append((orders[order_id], name, {**said, "import": batch.pk, "undone": True}))
            count += len(some)
    write(batch, kind, outcome=RowOutcome.UNDONE, source="seen")
    claims.release(batch, ImportStatus.UNDONE, undone_at=now(), undone_by=by.user, undone_count=count)
    kind.follow(batch, RowOutcome.UNDONE)
    applying.record_all(kind, facts, by=by)


def _sort(rows: Sequence[ImportRow], kind: Kind, orders: Mapping[int, Order]) -> dict[int, list[ImportRow]]:
    """Mark each row; those that go back, by order."""
    things = _targets(rows, kind)
    going: dict[int, list[ImportRow]] = defaultdict(list)
    for row in rows:
        order, thing = orders[row.order_id], things.get((row.target, row.target_id))  # type: ignore[index]
        row.error = _why_not(row, kind, order, thing)
        row.outcome = RowOutcome.KEPT if row.error else RowOutcome.UNDONE
        if not row.error:
            going[order.pk].append(row)
    return going


def _targets(rows: Sequence[ImportRow], kind: Kind) -> dict[tuple[str, Any], Model]:
    found: dict[tuple[str, Any], Model] = {}
    for target, table in kind.tables.items():
        ids = [row.target_id for row in rows if row.target == target]
        found |= {(target, thing.pk): thing for thing in table.model._default_manager.filter(pk__in=ids)}
    return found


def _why_not(row: ImportRow, kind: Kind, order: Order, thing: Any) -> str:
    table = kind.tables[row.target]
    if order.state != row.state_seen:
        return gettext("The order has moved on: it is “%(state)s” now.") % {"state": order.get_state_display()}
    if thing is None or differs(values(thing, table.writes), row.wanted, table):
        return gettext("Somebody changed this after the import.")
    if isinstance(thing, Parcel) and thing.delivered_at:
        return gettext("The parcel was delivered since.")
    return ""


def _as_it_was(row: ImportRow) -> ImportRow:
    """For the words of the event: the row with what it goes back to."""
    return ImportRow(
        batch_id=row.batch_id, position=row.position, target=row.target, state_seen=row.state_seen, seen=row.wanted, wanted=row.seen
    )

"""A confirmed import is applied: one transaction, all of it or none of it.

The orders are locked in the order of their ids; every row is looked at again, as the dry run is as old as it is; then one joined UPDATE
per table, one event per order, the live events last.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core import outbox
from core.errors import Conflict
from core.retries import retried
from workflow.bulk import in_steps, lock_orders, many_rows, record_many, tell_many
from workflow.imports import checking, claims, moving, parcels
from workflow.imports.kind import Kind, differs, examine
from workflow.imports.kinds import check_allowed, kind_of
from workflow.imports.rows import keep
from workflow.imports.writing import write
from workflow.models import ImportBatch, ImportRow, ImportStatus, Order, RowOutcome
from workflow.models.journal import Door
from workflow.transitions import By

STEP = 500


def confirm(batch_id: int, *, only_good: bool, and_move: bool = False, by: By) -> ImportBatch:
    """Apply all rows, or only the good ones. Refused (409) when it was applied or taken further already, and for everybody else."""
    with transaction.atomic():
        batch = claims.locked(batch_id)
        claims.check_own(batch, by=by)
        _check_may_apply(batch, only_good=only_good)
        batch.only_good, batch.and_move = only_good, and_move
        is_queued = claims.take(batch, ImportStatus.APPLYING, "apply", by=by)
    if not is_queued:
        apply(batch.pk, claim=batch.claim, by=by)
        batch.refresh_from_db()
    return batch


def _check_may_apply(batch: ImportBatch, *, only_good: bool) -> None:
    if batch.status in (ImportStatus.APPLIED, ImportStatus.UNDOING, ImportStatus.UNDONE):
        raise Conflict(_("This import was applied already; nothing was done twice."), code="already_applied")
    is_again = batch.status == ImportStatus.APPLYING and batch.was_interrupted
    if batch.status != ImportStatus.READY and not is_again:
        raise Conflict(_("This import is “%(status)s”.") % {"status": batch.get_status_display()})
    if batch.bad_count and not only_good:
        raise Conflict(_("Some rows have errors: apply only the good ones, or correct the file and bring it again."), code="bad_rows")
    if not batch.good_count:
        raise Conflict(_("There is nothing to apply."), code="nothing_to_apply")


@many_rows()
def apply(batch_id: int, *, claim: str, by: By) -> None:
    """The work of it; safe to run again. Does nothing when the claim is lost."""
    if claims.begin(batch_id, claim=claim):
        _apply(batch_id, claim=claim, by=By(actor="staff", door=Door.IMPORT, user=by.user, roles=by.roles))


@retried
@transaction.atomic
def _apply(batch_id: int, *, claim: str, by: By) -> None:
    batch = claims.still_mine(batch_id, ImportStatus.APPLYING, claim=claim)
    kind = kind_of(batch)
    check_allowed(kind, by)
    with translation.override(batch.language):
        found = look_again(batch, kind, at=now())
        keep(found.restated)
        if found.changed and not batch.only_good:
            _give_back(batch, found)
            return
        _leave_out(found)
    batch.rows.filter(outcome=RowOutcome.GOOD).update(outcome=RowOutcome.APPLIED)
    parcels.make(batch)
    write(batch, kind, outcome=RowOutcome.APPLIED, source="wanted")
    kind.follow(batch, RowOutcome.APPLIED)
    claims.release(
        batch,
        ImportStatus.APPLIED,
        applied_at=now(),
        applied_count=found.good_count,
        skipped_count=len(found.changed) + batch.bad_count,
        order_count=len(found.facts),
    )
    if batch.and_move:
        moving.queue(batch, by=by)
    record_all(kind, found.facts, by=by)


@dataclass
class LookedAgain:
    """`facts` are (order, event name, facts); `restated` are rows whose wanted values name the time of applying."""

    facts: list[tuple[Order, str, dict[str, Any]]] = field(default_factory=list)
    changed: list[ImportRow] = field(default_factory=list)
    restated: list[ImportRow] = field(default_factory=list)
    good_count: int = 0


def look_again(batch: ImportBatch, kind: Kind, *, at: datetime) -> LookedAgain:
    """Under the orders' locks: is each good row still what its dry run showed?"""
    found = LookedAgain()
    good = batch.rows.filter(outcome=RowOutcome.GOOD)
    order_ids = sorted(set(good.order_by().values_list("order_id", flat=True).distinct()))
    for ids in in_steps(order_ids, STEP):
        orders = lock_orders(ids)
        by_number = {order.number: order for order in orders.values()}
        rows = list(good.filter(order_id__in=ids).order_by("order_id", "number"))
        shown = {row.pk: (row.seen, row.wanted, row.target_id) for row in rows}
        examine(kind, rows, orders=by_number, at=at)
        _sort(rows, shown, kind, orders, found)
    return found


def _sort(rows: Sequence[ImportRow], shown: dict[int, Any], kind: Kind, orders: dict[int, Order], found: LookedAgain) -> None:
    of_order: dict[int, list[ImportRow]] = defaultdict(list)
    for row in rows:
        seen, wanted, target_id = shown[row.pk]
        if why := _why_changed(row, seen, target_id, kind):
            row.seen, row.wanted = seen, wanted  # as it was shown
            row.refuse(why)
            found.changed.append(row)
            continue
        if row.wanted != wanted or row.seen != seen:
            found.restated.append(row)
        of_order[row.order_id].append(row)  # type: ignore[index]
        found.good_count += 1
    for order_id, good in of_order.items():
        name, facts = kind.facts(good)
        found.facts.append((orders[order_id], name, {**facts, "import": good[0].batch_id}))


def _why_changed(row: ImportRow, seen: dict[str, Any], target_id: int | None, kind: Kind) -> str:
    if row.outcome == RowOutcome.BAD:
        return row.error
    if row.outcome == RowOutcome.SAME:
        return gettext("Somebody has entered the same meanwhile.")
    if row.target_id != target_id or (bool(seen) != bool(row.seen)) or differs(seen, row.seen, kind.tables[row.target]):
        return gettext("Somebody changed this meanwhile. Check the file again.")
    return ""


def _give_back(batch: ImportBatch, found: LookedAgain) -> None:
    """All or nothing, and it is no longer all: nothing. The rows say why."""
    keep(found.changed)
    words = gettext("Nothing was applied: %(count)s rows have changed since the check.") % {"count": len(found.changed)}
    claims.release(batch, ImportStatus.READY, **checking.counts(batch), error=words)


def _leave_out(found: LookedAgain) -> None:
    for row in found.changed:
        row.outcome = RowOutcome.SKIPPED
    keep(found.changed)


def record_all(kind: Kind, facts: Sequence[tuple[Order, str, dict[str, Any]]], *, by: By) -> None:
    """One event per order and the effects promised with it, then the live events: the streams' counters are the last locks."""
    names = dict.fromkeys(name for _order, name, _said in facts)
    for wanted in names:
        record_many([(order, said) for order, name, said in facts if name == wanted], name=wanted, by=by)
    for order, _name, said in facts:
        if effects := kind.then(said):
            outbox.promise(list(effects), subject=order.subject, payload={"order": order.pk, "event": order.last_event_number})
    tell_many([order for order, _name, _said in facts])

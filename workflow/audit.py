"""Walks the hash chains of journal and ledger: numbers without gaps, each row carrying the hash of the one before; in the journal each
move also starts where the last one ended. What was altered, removed or swapped, even as root, is named."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from workflow.models import LedgerEntry, Order, OrderEvent


def broken_rows() -> Iterator[str]:
    """One line per altered, missing or swapped row, naming order and number. Reads the journal once, in order."""
    rows = OrderEvent.objects.order_by("order_id", "number").iterator(chunk_size=2000)
    ends: dict[int, OrderEvent] = {}
    for order_id, events in groupby(rows, key=attrgetter("order_id")):
        last: OrderEvent | None = None
        for event in events:
            yield from _faults(event, last)
            last = event
        if last is not None:
            ends[order_id] = last
    for pk, number, count, state in Order.objects.values_list("pk", "number", "last_event_number", "state").iterator():
        end = ends.get(pk)
        if end is None or end.number != count:
            yield f"{number}: the journal ends at {end.number if end else 0}, the order says {count}"
        elif end.to_state != state:
            yield f"{number}: the journal ends in {end.to_state}, the order is {state}"


def _faults(event: OrderEvent, last: OrderEvent | None) -> Iterator[str]:
    where = f"order {event.order_id} event {event.number}"
    if event.number != (last.number + 1 if last else 1):
        yield f"{where}: a row before it is missing"
    if event.hash != event.digest():
        yield f"{where}: altered"
    if event.previous_hash != (last.hash if last else ""):
        yield f"{where}: does not follow the row before it"
    if event.from_state != (last.to_state if last else ""):
        yield f"{where}: starts in {event.from_state}, the row before ended in {last.to_state if last else 'nothing'}"


# --- The ledger -----------------------------------------------------------------------------------------------------------


def broken_ledger_rows() -> Iterator[str]:
    """The same for the ledger's rows of each order, and for those that belong to none, which stand by themselves."""
    rows = LedgerEntry.objects.order_by("order_id", "number", "pk").iterator(chunk_size=2000)
    counts: dict[int, int] = {}
    for order_id, entries in groupby(rows, key=attrgetter("order_id")):
        last: LedgerEntry | None = None
        for entry in entries:
            yield from _ledger_faults(entry, last)
            last = entry if order_id is not None else None
        if last is not None and order_id is not None:
            counts[order_id] = last.number
    said = dict(Order.objects.filter(ledger_count__gt=0).values_list("pk", "ledger_count"))
    for pk in sorted(said.keys() | counts.keys()):
        if counts.get(pk, 0) != said.get(pk, 0):
            yield f"order {pk}: the ledger ends at {counts.get(pk, 0)}, the order says {said.get(pk, 0)}"


def _ledger_faults(entry: LedgerEntry, last: LedgerEntry | None) -> Iterator[str]:
    where = f"ledger row {entry.pk} ({entry.kind} {entry.reference})"
    expected = 0 if entry.order_id is None else last.number + 1 if last else 1
    if entry.number != expected:
        yield f"{where}: a row of its order is missing or out of place"
    if entry.hash != entry.digest():
        yield f"{where}: altered"
    if entry.previous_hash != (last.hash if last else ""):
        yield f"{where}: does not follow the row before it"

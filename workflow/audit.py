"""Walks the journal: numbers without gaps, each row carrying the hash of the one before, each move starting where the last one ended."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from workflow.models import Order, OrderEvent


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

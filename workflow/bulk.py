"""The same event for many orders in one transaction, as `transitions.record` writes it for one: an import's door to the journal.

Everybody else moves one order per transaction. An import is all or nothing, so it locks its orders in the order of their ids, before
anything else, and the streams' counters at its very end.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db.models import F

from core import events
from workflow.models import Order, OrderEvent
from workflow.transitions import By, next_event, told_of

STEP = 500
#: what the journal, the live events and the rules of `work.py` need of an order
FIELDS = (
    "number", "customer", "state", "hold_reason", "version", "last_event_number", "country", "purchased_at", "received_at",
)  # fmt: skip


@contextmanager
def many_rows() -> Iterator[None]:
    """Around work on thousands of rows, also as a decorator: none of them is garbage, and the collector, which looks through all of them
    again and again, took a quarter of an import's time. Who turned it off turns it on again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def in_steps(things: Sequence[Any], size: int = STEP) -> Iterator[Sequence[Any]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


def lock_orders(order_ids: Sequence[int]) -> dict[int, Order]:
    """These orders under their row locks, taken in the order of their ids."""
    found: dict[int, Order] = {}
    for ids in in_steps(sorted(order_ids)):
        for order in Order.objects.select_for_update().only(*FIELDS).filter(pk__in=ids).order_by("pk"):
            found[order.pk] = order
    return found


def record_many(changes: Sequence[tuple[Order, dict[str, Any]]], *, name: str, by: By) -> None:
    """One event per locked order with its facts. The orders' own columns were not changed; their version and count are."""
    for step in in_steps(changes):
        ids = [order.pk for order, _facts in step]
        last = OrderEvent.objects.filter(order_id__in=ids, number=F("order__last_event_number")).values_list("order_id", "hash")
        hashes = dict(last.order_by())
        rows = [
            next_event(order, name=name, from_state=order.state, by=by, facts=facts, last_hash=hashes.get(order.pk, ""))
            for order, facts in step
        ]
        OrderEvent.objects.bulk_create(rows)
        Order.objects.filter(pk__in=ids).update(version=F("version") + 1, last_event_number=F("last_event_number") + 1)


def tell_many(orders: Sequence[Order], event: str = "order.item") -> None:
    """A live event per order to its customer and to staff; last in its transaction."""
    said = [(order, told_of(order)) for order in orders]
    people = [(events.user_channel(order.customer_id), event, data) for order, data in said]
    events.publish_many([*people, *((events.STAFF_CHANNEL, event, data) for _order, data in said)])

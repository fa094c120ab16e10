"""Which orders wait on whom, as queries: what `Order.waiting_on` says of one order, for all of them at once.

The back office's home page and list filters read these; the counts read the index `order_by_turn` alone.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q

from workflow.models import Order
from workflow.process import CLOSED, WAITS_ON, State, Waits

#: the customer owes neither an answer nor the price difference of something
NOT_ASKED = Q(asked_at=None, difference_asked_at=None)
OPEN_STATES = tuple(state for state in State.values if state not in CLOSED)


def waiting_on(waits: str) -> Q:
    """The orders of which `Order.waiting_on` is `waits`."""
    own = Q(state__in=[state for state, on in WAITS_ON.items() if on == waits])
    if waits == Waits.NOBODY:
        return own
    asked = ~NOT_ASKED & Q(state__in=OPEN_STATES)
    return own | asked if waits == Waits.CUSTOMER else own & NOT_ASKED


@dataclass(frozen=True)
class Queue:
    """The open orders of one state: `count` in all, of which some are on hold or wait for an answer of the customer."""

    state: State
    count: int = 0
    held: int = 0
    asked: int = 0
    oldest_at: datetime | None = None


def queues() -> list[Queue]:
    """Every open state in the order of the process, also those where nothing waits. One query, bounded by the open orders."""
    rows = (
        Order.objects.filter(state__in=OPEN_STATES)
        .order_by()
        .values("state")
        .annotate(
            count=Count("pk"),
            held=Count("held_at"),
            asked=Count("pk", filter=~NOT_ASKED),
            oldest_at=Min("state_since"),
        )
    )
    found = {row["state"]: Queue(State(row["state"]), row["count"], row["held"], row["asked"], row["oldest_at"]) for row in rows}
    return [found.get(state, Queue(state=State(state))) for state in OPEN_STATES]

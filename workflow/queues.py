"""Which orders wait on whom, as queries: what `Order.waiting_on` says of one order, for all of them at once.

The back office's home page and list filters read these; the counts use the index over (state, state_since, id).
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q

from workflow.models import Order, RestrictionKind
from workflow.process import CLOSED, WAITS_ON, State, Waits

#: the customer owes neither an answer nor the price difference of something
NOT_ASKED = Q(question="", difference_asked_at=None)
#: in which states a hint at restricted goods still asks for a decision
TO_SCREEN = (State.QUOTE_REQUESTED, State.QUOTE_APPROVED)
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
    """The open orders of one state: `count` in all, of which some are on hold, wait for an answer of the customer, or are `flagged`:
    to be screened, and hinting at something prohibited."""

    state: State
    count: int = 0
    held: int = 0
    asked: int = 0
    oldest_at: datetime | None = None
    flagged: int = 0


def queues() -> list[Queue]:
    """Every open state in the order of the process, also those where nothing waits. One query, bounded by the open orders."""
    rows = (
        Order.objects.filter(state__in=OPEN_STATES)
        .order_by()
        .values("state")
        .annotate(
            count=Count("pk"),
            held=Count("pk", filter=~Q(hold_reason="")),
            asked=Count("pk", filter=~NOT_ASKED),
            oldest_at=Min("state_since"),
            flagged=Count("pk", filter=Q(state=State.QUOTE_REQUESTED, hint=RestrictionKind.PROHIBITED)),
        )
    )
    found = {
        row["state"]: Queue(State(row["state"]), row["count"], row["held"], row["asked"], row["oldest_at"], row["flagged"]) for row in rows
    }
    return [found.get(state, Queue(state=State(state))) for state in OPEN_STATES]

"""Which orders wait on whom, as queries: what `Order.waiting_on` says of one order, for all of them at once; and what else waits.

The back office's home page and list filters read these. Counts go over indexes alone: (state, set_aside, clock_since) for orders, the
open ones of the rest. What is late is decided by `promises.py`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q
from django.utils.timezone import now

from core.outbox.models import Effect
from workflow import hand_over, inspection_rows, promises, storage
from workflow.models import Dispute, Order, Refund, RefundStatus, RestrictionKind, StaffTask
from workflow.models.orders import SetAside
from workflow.process import CLOSED, WAITS_ON, State, Waits
from workflow.promises import Clock, Promises

#: the customer owes neither an answer nor the price difference of something
NOT_ASKED = Q(asked_at=None, difference_asked_at=None)
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


def late(promised: Promises | None = None, *, at: datetime | None = None) -> Q:
    """The orders that wait for us longer than was promised; one range of the index for each state."""
    promised, at = promised or promises.in_force(), at or now()
    ranges = Q(pk__in=[])
    for state in OPEN_STATES:
        bound = promised.late_before(state, at=at)
        if bound is not None:
            ranges |= Q(state=state, set_aside=SetAside.NO, clock_since__lte=bound)
    return ranges


@dataclass(frozen=True)
class Queue:
    """The open orders of one state: `count` in all, of which some are on hold or wait for an answer of the customer, some are late, and
    some are `flagged`: to be screened, and hinting at something prohibited. The clock is that of the oldest that is neither held nor
    asked."""

    state: State
    count: int = 0
    held: int = 0
    asked: int = 0
    late: int = 0
    oldest_at: datetime | None = None
    clock: Clock | None = None
    flagged: int = 0


def queues(*, promised: Promises | None = None, at: datetime | None = None) -> list[Queue]:
    """Every open state in the order of the process, also those where nothing waits. Four queries beside the promises, all within indexes
    and bounded by the open orders."""
    promised, at = promised or promises.in_force(), at or now()
    open_orders = Order.objects.filter(state__in=OPEN_STATES).order_by()
    parts: dict[str, dict[int, dict[str, Any]]] = {state: {} for state in OPEN_STATES}
    for row in open_orders.values("state", "set_aside").annotate(n=Count("state"), since=Min("clock_since")):
        parts[row["state"]][row["set_aside"]] = dict(row)
    oldest = dict(open_orders.values_list("state").annotate(oldest_at=Min("state_since")))
    late_ones = dict(Order.objects.filter(late(promised, at=at)).order_by().values_list("state").annotate(n=Count("state")))
    found = (_queue(State(state), parts[state], promised=promised, at=at) for state in OPEN_STATES)
    counted = [replace(queue, late=late_ones.get(queue.state, 0), oldest_at=oldest.get(queue.state)) for queue in found]
    flagged = Order.objects.filter(state=State.QUOTE_REQUESTED, hint=RestrictionKind.PROHIBITED).count()
    return [replace(queue, flagged=flagged) if queue.state == State.QUOTE_REQUESTED else queue for queue in counted]


def _queue(state: State, parts: dict[int, dict[str, Any]], *, promised: Promises, at: datetime) -> Queue:
    def count(*aside: int) -> int:
        return sum(parts[which]["n"] for which in aside if which in parts)

    running = parts.get(SetAside.NO)
    return Queue(
        state=state,
        count=count(*SetAside.values),
        held=count(SetAside.HELD, SetAside.BOTH),
        asked=count(SetAside.ASKED, SetAside.BOTH),
        clock=promised.clock(state, running["since"] if running else None, at=at),
    )


# --- What waits beside the orders' states ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pile:
    """Things of one kind that wait for somebody; `clock` is that of the oldest, for a dispute the one whose answer is due first."""

    name: str
    count: int = 0
    late: int = 0
    oldest_at: datetime | None = None
    clock: Clock | None = None


def piles(*, promised: Promises | None = None, at: datetime | None = None) -> dict[str, Pile]:
    """`tasks`, `unapplied`, `refunds` (to decide), `failed` (refunds), `disputes` and `stuck` (effects). Four queries."""
    promised, at = promised or promises.in_force(), at or now()
    return {**_tasks(promised, at), **_refunds(promised, at), "disputes": _disputes(at), "stuck": _stuck()}


def _tasks(promised: Promises, at: datetime) -> dict[str, Pile]:
    bound = promised.late_before(promises.UNAPPLIED, at=at)
    is_late = Q(created_at__lte=bound) if bound else Q(pk__in=[])
    rows = StaffTask.objects.filter(done_at=None).order_by().values("kind")
    found = list(rows.annotate(n=Count("kind"), oldest_at=Min("created_at"), late=Count("kind", filter=is_late)))
    money = next((row for row in found if row["kind"] == promises.UNAPPLIED), None)
    everything = Pile("tasks", sum(row["n"] for row in found), oldest_at=min((row["oldest_at"] for row in found), default=None))
    if money is None:
        return {"tasks": everything, "unapplied": Pile("unapplied")}
    clock = promised.clock(promises.UNAPPLIED, money["oldest_at"], at=at)
    return {"tasks": everything, "unapplied": Pile("unapplied", money["n"], money["late"], money["oldest_at"], clock)}


def _refunds(promised: Promises, at: datetime) -> dict[str, Pile]:
    bound = promised.late_before(promises.REFUND, at=at)
    is_late = Q(created_at__lte=bound) if bound else Q(pk__in=[])
    rows = Refund.objects.filter(status__in=(RefundStatus.PROPOSED, RefundStatus.FAILED)).order_by().values("status")
    found = {row["status"]: row for row in rows.annotate(n=Count("status"), oldest_at=Min("created_at"), late=Count("pk", filter=is_late))}
    named = {"refunds": found.get(RefundStatus.PROPOSED), "failed": found.get(RefundStatus.FAILED)}
    return {
        name: Pile(name, row["n"], row["late"], row["oldest_at"], promised.clock(promises.REFUND, row["oldest_at"], at=at))
        if row
        else Pile(name)
        for name, row in named.items()
    }


def _disputes(at: datetime) -> Pile:
    """Stripe sets the time here."""
    row = Dispute.objects.filter(closed_at=None).aggregate(
        n=Count("pk"), oldest_at=Min("opened_at"), answer_by=Min("due_by"), late=Count("pk", filter=Q(due_by__lte=at))
    )
    clock = Clock(row["oldest_at"], row["answer_by"], at) if row["answer_by"] else None
    return Pile("disputes", row["n"], row["late"], row["oldest_at"], clock)


def warehouse_piles() -> dict[str, Pile]:
    """`inspections` (that wait for us), `storage` (that ends soon; late is what is over) and `ready` (to be handed over). Four queries."""
    open_ones = inspection_rows.wait_for_us().aggregate(n=Count("pk"), oldest_at=Min("at"))
    ending, over, since = storage.count_ending(within_days=max(storage.LEADS))
    ready, late_ones, waits_since = hand_over.count_ready()
    return {
        "inspections": Pile("inspections", open_ones["n"], oldest_at=open_ones["oldest_at"]),
        "storage": Pile("storage", ending, over, since),
        "ready": Pile("ready", ready, late_ones, waits_since),
    }


def _stuck() -> Pile:
    row = Effect.objects.filter(done_at=None, quarantined_at__isnull=False).aggregate(n=Count("pk"), oldest_at=Min("quarantined_at"))
    return Pile("stuck", row["n"], oldest_at=row["oldest_at"])

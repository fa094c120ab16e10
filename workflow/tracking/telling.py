"""What was stored about parcels, told: live events, staff's tasks, customers' notices, and the order's own move.

`Parcel.news_at` says that something waits to be told; it is cleared in the transaction that tells it, under the parcel's lock, so two
workers tell it once. Plain movement is told for hundreds of parcels at a time. What needs a person, or moves the order, is done order by
order, under the order's lock.
"""

import logging
import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_noop

from core import events
from integrations.couriers import TrackingStatus
from workflow.bulk import in_steps, many_rows
from workflow.models import Order, OrderEvent, Parcel, TrackingEvent
from workflow.process import Effect, State
from workflow.shipping import end_of_journey
from workflow.tasks import staff_task
from workflow.tracking.answers import CUSTOMS_PATIENCE
from workflow.transitions import By, TransitionRefused, lock_order, perform, record, retried, tell, told_of

log = logging.getLogger(__name__)

#: parcels whose news are read, and plain movements told, in one go
STEP = 500
#: one notice a day about the same matter of a parcel, whatever the courier repeats
QUIET_FOR = timedelta(hours=24)
NAME = "parcel_trouble"
#: a parcel that only moves on
PLAIN = frozenset(
    {
        TrackingStatus.PENDING,
        TrackingStatus.INFO_RECEIVED,
        TrackingStatus.IN_TRANSIT,
        TrackingStatus.OUT_FOR_DELIVERY,
        TrackingStatus.CANCELLED,
    }
)
#: what customers and staff are told of, beside the order's own moves
TROUBLES = {
    TrackingStatus.CUSTOMS: gettext_noop("Parcel %(parcel)s is held by customs: %(words)s"),
    TrackingStatus.EXCEPTION: gettext_noop("Parcel %(parcel)s is held up: %(words)s"),
    TrackingStatus.ATTEMPT_FAILED: gettext_noop("Parcel %(parcel)s could not be delivered: %(words)s"),
    TrackingStatus.AVAILABLE_FOR_PICKUP: gettext_noop("Parcel %(parcel)s waits to be picked up: %(words)s"),
    TrackingStatus.RETURNING: gettext_noop("Parcel %(parcel)s is on its way back to us: %(words)s"),
    TrackingStatus.RETURNED: gettext_noop("Parcel %(parcel)s came back: %(words)s"),
}


@many_rows()
def tell_news(*, seconds: float = 20.0) -> bool:
    """Tell what waits, the oldest first, for so long; whether more waits. Safe in any number of workers."""
    until = time.monotonic() + seconds
    stumbled: set[int] = set()
    while time.monotonic() < until:
        found = list(waiting(but=stumbled)[:STEP])
        if not found:
            return False
        orders = list(dict.fromkeys(order_id for _pk, order_id, status in found if status not in PLAIN))
        told = _tell_movement([pk for pk, _order_id, status in found if status in PLAIN])
        for order_id in orders:
            try:
                tell_order(order_id)
            except Exception:  # one order that cannot be told of must not silence the others; `stuck.py` shows it
                log.exception("order %s: its parcels' news are not told", order_id)
                stumbled.add(order_id)
            if time.monotonic() > until:
                return True
        if not told and not orders:
            return False  # another worker is telling these
    return True


def waiting(*, but: Collection[int] = ()) -> QuerySet[Parcel, tuple[int, int, str]]:
    """Key, order and status of the parcels with news, the oldest first; without these orders'."""
    rows = Parcel.objects.filter(news_at__isnull=False).exclude(order_id__in=but).order_by("news_at")
    return rows.values_list("pk", "order_id", "status")


# --- Plain movement -------------------------------------------------------------------------------------------------------


def _tell_movement(parcel_ids: Sequence[int]) -> int:
    return sum(_tell_step(ids) for ids in in_steps(sorted(parcel_ids), STEP))


@retried
@transaction.atomic
def _tell_step(parcel_ids: Sequence[int]) -> int:
    """One live event per parcel to its customer and to staff; the streams' counters are locked last."""
    locked = Parcel.objects.filter(pk__in=parcel_ids, news_at__isnull=False, status__in=PLAIN).order_by("pk")
    skips = transaction.get_connection().features.has_select_for_update_skip_locked
    parcels = list(locked.select_for_update(skip_locked=skips).only("order_id", "position", "status"))
    if not parcels:
        return 0
    orders = Order.objects.only("number", "customer_id", "state").in_bulk({parcel.order_id for parcel in parcels})
    Parcel.objects.filter(pk__in=[parcel.pk for parcel in parcels]).update(news_at=None)
    said = [(orders[parcel.order_id], _said(parcel)) for parcel in parcels]
    told = [(order, told_of(order, **data)) for order, data in said]
    people = [(events.user_channel(order.customer_id), "shipment.status", data) for order, data in told]
    events.publish_many([*people, *((events.STAFF_CHANNEL, "shipment.status", data) for _order, data in told)])
    return len(parcels)


def _said(parcel: Parcel) -> dict[str, object]:
    return {"parcel": parcel.position, "status": str(parcel.status)}


# --- One order ------------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def tell_order(order_id: int) -> None:
    """Everything that waits to be told about an order's parcels; a worker that comes second finds nothing."""
    order = lock_order(order_id)
    parcels = list(Parcel.objects.select_for_update().filter(order_id=order_id, news_at__isnull=False).order_by("pk"))
    if not parcels:
        return
    Parcel.objects.filter(pk__in=[parcel.pk for parcel in parcels]).update(news_at=None)
    for parcel in parcels:
        _tell_trouble(order, parcel)
    move_order(order_id)
    for parcel in parcels:
        tell(order, "shipment.status", **_said(parcel))


def _tell_trouble(order: Order, parcel: Parcel) -> None:
    """A task for staff and an event that writes to the customer; once for each time that the courier says it, at most once a day."""
    text = TROUBLES.get(TrackingStatus(parcel.status))
    if text is None or order.state != State.SHIPPED or parcel.closed_at is not None:
        return
    if parcel.status == TrackingStatus.CUSTOMS and not _is_held(parcel):
        return
    if parcel.status == TrackingStatus.RETURNED and _all_came_back(order):
        return
    scan = TrackingEvent.objects.filter(parcel=parcel, tracking_number=parcel.tracking_number, status=parcel.status).last()
    since = (scan.at if scan else parcel.status_since or now()).isoformat()
    if _was_told(order, parcel, since=since):
        return
    words = (scan.text if scan else "") or str(parcel.status)
    facts = {"parcel": parcel.position, "status": str(parcel.status), "since": since}
    record(order, name=NAME, from_state=order.state, by=By.courier(), facts=facts, then=[Effect.NOTIFY_CUSTOMER], live="")
    key = f"{NAME}:{parcel.pk}:{parcel.status}:{since}"
    staff_task(key=key, kind=NAME, order=order, text=text, parcel=parcel.position, words=words)


def _is_held(parcel: Parcel) -> bool:
    """Passing customs is every parcel's way; standing there for days is not."""
    return parcel.status_since is not None and now() - parcel.status_since >= CUSTOMS_PATIENCE


def _all_came_back(order: Order) -> bool:
    """Then the order's own move says so."""
    still_open = Parcel.objects.filter(order=order, delivered_at=None, closed_at=None)
    return not still_open.exclude(status=TrackingStatus.RETURNED).exists()


def _was_told(order: Order, parcel: Parcel, *, since: str) -> bool:
    told = OrderEvent.objects.filter(order=order, name=NAME).values_list("facts", "at")
    lately: datetime = now() - QUIET_FOR
    return any(
        (facts["parcel"], facts["status"]) == (parcel.position, parcel.status) and (at > lately or facts["since"] == since)
        for facts, at in told
    )


def move_order(order_id: int) -> None:
    """Record the order's delivery or return if its parcels say so; a job that comes second finds it done."""
    end = end_of_journey(list(Parcel.objects.filter(order_id=order_id)))
    if end is not None and Order.objects.filter(pk=order_id, state=State.SHIPPED).exists():
        move, facts = end
        try:
            perform(order_id, move, by=By.courier(), **facts)
        except TransitionRefused as refused:
            log.warning("order %s stays: %s", order_id, refused.code)

"""What couriers say, made true: due parcels are asked for in batches, scans stored once, and the order moves with its last parcel.

The courier's words are kept as they come. Only "delivered" and "returned" end a parcel, an unknown code never does, and what was
delivered is never un-delivered by a machine.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_noop

from integrations.base import NotFound, ProviderError
from integrations.couriers import COURIERS, TrackingResult, TrackingScan, TrackingStatus
from workflow.courier_settings import poll_percent
from workflow.models import Order, Parcel, TrackingEvent
from workflow.process import State
from workflow.tasks import staff_task
from workflow.transitions import By, TransitionRefused, lock_order, perform, retried, tell

log = logging.getLogger(__name__)

#: how soon the courier is asked again
MOVING, QUIET, STALE = timedelta(hours=2), timedelta(hours=6), timedelta(hours=24)
QUIET_AFTER, STALE_AFTER, SILENT_AFTER = timedelta(days=2), timedelta(days=7), timedelta(days=30)
#: a scan outside this is a courier's mistake
OLDEST_SCAN, NEWEST_SCAN = timedelta(days=400), timedelta(hours=30)
#: how long a claimed parcel is left alone by other pollers
CLAIM = timedelta(minutes=5)
#: what one round may take on, so that it ends within a job's time also when a courier is asked one by one
ROUND_LIMIT = 300


def poll_due() -> int:
    """Ask the couriers for every parcel that is due; the number of parcels asked for. One bad answer never stops the others."""
    by_courier: dict[str, list[Parcel]] = defaultdict(list)
    for parcel in _claim_due():
        by_courier[parcel.courier].append(parcel)
    for code, parcels in by_courier.items():
        size = COURIERS[code].batch_size
        for start in range(0, len(parcels), size):
            _poll(code, parcels[start : start + size])
    return sum(map(len, by_courier.values()))


@transaction.atomic
def _claim_due() -> list[Parcel]:
    due = Parcel.objects.filter(next_poll_at__lte=now(), courier__in=COURIERS).order_by("next_poll_at")
    if transaction.get_connection().features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True)
    parcels = list(due[:ROUND_LIMIT])
    Parcel.objects.filter(pk__in=[parcel.pk for parcel in parcels]).update(next_poll_at=now() + CLAIM)
    return parcels


def _poll(code: str, parcels: Sequence[Parcel]) -> None:
    try:
        results = COURIERS[code].track([parcel.tracking_number for parcel in parcels])
    except ProviderError as error:
        for parcel in parcels:
            note_failure(parcel, error)
        return
    percent = poll_percent(code)
    for parcel in parcels:
        result = results.get(parcel.tracking_number)
        if result is None or (result.error is not None and not isinstance(result.error, NotFound)):
            note_failure(parcel, result.error if result else None)
            continue
        try:
            take_in(parcel, result, percent=percent)
        except Exception:  # one poisonous answer must not stop the other parcels of the round
            log.exception("parcel %s: answer could not be taken in", parcel.pk)
            note_failure(parcel, None)


def note_failure(parcel: Parcel, error: ProviderError | None) -> None:
    """Back off: 15 minutes, doubling up to a day, never sooner than the courier's Retry-After. Staff are told at the fifth in a row."""
    failures = parcel.poll_failures + 1
    wait = min(timedelta(minutes=15) * 2 ** min(failures - 1, 7), STALE)
    wait = max(wait, timedelta(seconds=(error.retry_after or 0) if error else 0))
    words = f"{type(error).__name__}: {error}" if error else "unusable answer"
    Parcel.objects.filter(pk=parcel.pk).update(poll_failures=failures, poll_error=words[:300], polled_at=now(), next_poll_at=now() + wait)
    if failures == 5:
        text = gettext_noop("The courier has not answered usefully five times in a row: %(words)s")
        staff_task(key=f"poll:{parcel.pk}:{parcel.tracking_number}", kind="courier_silent", order=parcel.order, text=text, words=words)


# --- One parcel -----------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def take_in(parcel: Parcel, result: TrackingResult, *, percent: int = 100) -> None:
    """Store what is new, tell people, and move the order when this was its last parcel: all of it, or none and it is asked again.

    `percent` of the usual time passes until the next look.
    """
    order = lock_order(parcel.order_id)
    parcel = Parcel.objects.select_for_update().get(pk=parcel.pk)
    if parcel.tracking_number != result.number:
        return  # staff corrected the number while the courier was asked
    new = _store_scans(parcel, result.scans)
    before, ended = parcel.status, parcel.delivered_at is not None or parcel.closed_at is not None
    if not ended:
        _set_status(parcel, result)
    elif result.error is None and result.status not in (before, TrackingStatus.PENDING):
        _note_contradiction(parcel, result)
    _plan_next(parcel, result, percent=percent)
    parcel.save()
    if new or parcel.status != before:
        tell(order, "shipment.status", parcel=parcel.position, status=str(parcel.status))
    if not ended and parcel.status in (TrackingStatus.DELIVERED, TrackingStatus.RETURNED):
        move_order(order.pk)


def _store_scans(parcel: Parcel, scans: Iterable[TrackingScan]) -> int:
    known = set(parcel.scans.values_list("at", "code", "place"))
    # Without spaces at the end: MariaDB's unique keys do not see them, and would refuse the second row.
    fresh = {
        (scan.at, scan.code[:40].rstrip(), scan.place[:120].rstrip()): scan
        for scan in scans
        if now() - OLDEST_SCAN < scan.at < now() + NEWEST_SCAN
    }
    rows = [
        TrackingEvent(parcel=parcel, at=at, code=code, place=place, status=scan.status, text=scan.text[:200])
        for (at, code, place), scan in fresh.items()
        if (at, code, place) not in known
    ]
    TrackingEvent.objects.bulk_create(rows)
    return len(rows)


def _set_status(parcel: Parcel, result: TrackingResult) -> None:
    if result.error is not None or result.status == TrackingStatus.PENDING:
        return  # the courier knows nothing (any more): what we know stays
    parcel.status = result.status
    if result.status == TrackingStatus.DELIVERED:
        latest = max((scan.at for scan in result.scans if scan.status == TrackingStatus.DELIVERED), default=now())
        parcel.delivered_at = min(result.delivered_at or latest, now())


def _note_contradiction(parcel: Parcel, result: TrackingResult) -> None:
    text = gettext_noop("The courier said “%(old)s” and now says “%(new)s”.")
    said = {"old": str(parcel.status), "new": str(result.status)}
    staff_task(key=f"contradiction:{parcel.pk}:{result.status}", kind="courier_contradiction", order=parcel.order, text=text, **said)


def _plan_next(parcel: Parcel, result: TrackingResult, *, percent: int) -> None:
    parcel.polled_at, parcel.poll_failures, parcel.poll_error = now(), 0, str(result.error or "")[:300]
    if parcel.status in (TrackingStatus.DELIVERED, TrackingStatus.RETURNED):
        parcel.next_poll_at = None
        return
    parcel.next_poll_at = now() + _interval(now() - _last_news(parcel, result)) * percent / 100
    if now() - _last_news(parcel, result) > SILENT_AFTER:
        parcel.next_poll_at = None
        text = gettext_noop("Nothing was heard of this parcel for 30 days; it is no longer asked for.")
        staff_task(key=f"silent:{parcel.pk}:{parcel.tracking_number}", kind="courier_silent", order=parcel.order, text=text)


def _last_news(parcel: Parcel, result: TrackingResult) -> datetime:
    start = parcel.handed_over_at or now()
    return max((scan.at for scan in result.scans if scan.at < now() + NEWEST_SCAN), default=start)


def _interval(silence: timedelta) -> timedelta:
    return MOVING if silence < QUIET_AFTER else QUIET if silence < STALE_AFTER else STALE


def move_order(order_id: int) -> None:
    """Record the order's delivery or return if its parcels say so; a job that comes second finds it done."""
    parcels = list(Parcel.objects.filter(order_id=order_id))
    delivered = [parcel.delivered_at for parcel in parcels if parcel.delivered_at]
    still_open = [parcel for parcel in parcels if not parcel.delivered_at and not parcel.closed_at]
    if Order.objects.filter(pk=order_id, state=State.SHIPPED).exists():
        try:
            if delivered and not still_open:
                perform(order_id, Order.record_delivery, by=By.courier(), delivered_at=max(delivered).isoformat())
            elif still_open and all(parcel.status == TrackingStatus.RETURNED for parcel in still_open):
                perform(order_id, Order.record_return, by=By.courier())
        except TransitionRefused as refused:
            log.warning("order %s stays: %s", order_id, refused.code)

"""Answers into the database: a whole round's in one transaction and a number of statements that does not grow with it.

What staff or a courier's own message changed while the courier was asked is left alone: that parcel's answer is dropped.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.timezone import now

from integrations.couriers import TrackingResult
from workflow.models import Parcel, StaffTask, TrackingEvent
from workflow.tracking import rows
from workflow.tracking.answers import Outcome, Scan, Seen, Task, understand
from workflow.transitions import retried

SCAN_COLUMNS = (*Scan._fields, "stored_at")
#: what an answer may change; the rest of `Seen` goes along for the columns that must not be empty
CHANGED = (
    "status", "status_since", "delivered_at", "next_poll_at", "polled_at", "poll_failures", "poll_error", "last_scan_at",
    "answer_digest", "news_at",
)  # fmt: skip
#: as at the time of the question, or the answer is dropped
UNCHANGED = ("id", "courier", "tracking_number", "status", "delivered_at", "closed_at", "polled_at", "news_at")


def seen(parcels: Iterable[int]) -> list[Seen]:
    """These parcels as they are now, under their locks, in the order of their keys."""
    found = Parcel.objects.select_for_update().filter(pk__in=list(parcels)).order_by("pk")
    return [Seen(*row) for row in found.values_list(*Seen._fields)]


def still_as_asked(asked: Sequence[Seen]) -> set[int]:
    """Lock these parcels; the ones nobody has touched since they were read."""
    locked = Parcel.objects.select_for_update().filter(pk__in=[parcel.id for parcel in asked]).order_by("pk")
    found = {row[0]: row for row in locked.values_list(*UNCHANGED)}
    return {parcel.id for parcel in asked if found.get(parcel.id) == tuple(getattr(parcel, name) for name in UNCHANGED)}


def write(outcomes: Sequence[Outcome], *, at: datetime) -> int:
    """Store what came of locked parcels; how many have news. At most four statements."""
    fresh = _new_scans([scan for outcome in outcomes for scan in outcome.scans])
    with_news = {scan.parcel_id for scan in fresh}
    parcels = [
        parcel._replace(news_at=at) if parcel.news_at is None and parcel.id in with_news else parcel for parcel, _scans, _tasks in outcomes
    ]
    if fresh:
        rows.insert(TrackingEvent, SCAN_COLUMNS, [(*scan, at) for scan in fresh])
    if parcels:
        rows.update(Parcel, Seen._fields, parcels, changed=CHANGED)
    put_before_staff([task for outcome in outcomes for task in outcome.tasks])
    return sum(parcel.news_at is not None for parcel in parcels)


def _new_scans(scans: Sequence[Scan]) -> list[Scan]:
    if not scans:
        return []
    known = TrackingEvent.objects.filter(parcel_id__in={scan.parcel_id for scan in scans}).order_by()
    stored = set(known.values_list("parcel_id", "tracking_number", "at", "code", "place").iterator(chunk_size=5000))
    return [scan for scan in scans if scan.key not in stored]


def put_before_staff(tasks: Sequence[Task]) -> None:
    """Once per key, as `tasks.staff_task` does for one."""
    if tasks:
        made = [
            StaffTask(key=task.key[:120], kind=task.kind, order_id=task.order_id, text=task.text, values=task.values) for task in tasks
        ]
        StaffTask.objects.bulk_create(made, ignore_conflicts=True)


def take_in(parcel: Parcel, result: TrackingResult, *, percent: int = 100, is_whole: bool = True) -> None:
    """One parcel's answer, stored and told: what a courier's own message calls. See `answers.understand` for `is_whole`."""
    from workflow.tracking.telling import tell_order

    if _take_in(parcel.pk, result, percent=percent, is_whole=is_whole):
        tell_order(parcel.order_id)


@retried
@transaction.atomic
def _take_in(parcel_id: int, result: TrackingResult, *, percent: int, is_whole: bool) -> int:
    at = now()
    found = seen([parcel_id])
    if not found or found[0].tracking_number != result.number:
        return 0  # staff corrected the number meanwhile
    return write([understand(found[0], result, at=at, percent=percent, is_whole=is_whole)], at=at)

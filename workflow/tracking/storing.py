"""Answers into the database: a whole round's in one transaction and a number of statements that does not grow with it.

What staff or a courier's own message changed while the courier was asked is left alone: that parcel's answer is dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from integrations.couriers import TrackingResult
from workflow.models import Parcel, StaffTask, TrackingEvent
from workflow.tracking import rows
from workflow.tracking.answers import COLUMNS, Outcome, Scan, Seen, Task, understand
from workflow.transitions import retried

SCAN_COLUMNS = ("parcel_id", "tracking_number", "at", "code", "place", "status", "text", "stored_at")
#: what must not be empty, and what an answer may change
NEEDED = ("id", "order_id", "position", "courier", "tracking_number")
CHANGED = (
    "status", "status_since", "delivered_at", "next_poll_at", "polled_at", "poll_failures", "poll_error", "last_scan_at", "answer_digest",
)  # fmt: skip
#: as at the time of the question, or the answer is dropped
UNCHANGED = ("id", "courier", "tracking_number", "status", "polled_at")


@dataclass
class Prepared:
    """An outcome, written down while the courier is still being waited for."""

    parcel_id: int
    row: list[Any]
    scans: Sequence[Scan]
    tasks: Sequence[Task]


def prepared(outcome: Outcome) -> Prepared:
    parcel = outcome.parcel
    row = [
        *parcel[:6],
        rows.stamp(parcel.status_since),
        rows.stamp(parcel.delivered_at),
        rows.stamp(parcel.next_poll_at),
        rows.stamp(parcel.polled_at),
        parcel.poll_failures,
        parcel.poll_error,
        rows.stamp(parcel.last_scan_at),
        parcel.answer_digest,
        rows.stamp(parcel.news_at),
    ]
    return Prepared(parcel.id, row, outcome.scans, outcome.tasks)


def seen(parcels: Iterable[int]) -> list[Seen]:
    """These parcels as they are now, under their locks, in the order of their keys."""
    found = Parcel.objects.select_for_update().filter(pk__in=list(parcels)).order_by("pk")
    return [Seen(*row) for row in found.values_list(*COLUMNS)]


def still_as_asked(asked: Sequence[Seen]) -> set[int]:
    """Lock these parcels; the ones that nobody has touched or ended since they were read."""
    locked = Parcel.objects.select_for_update().filter(pk__in=[parcel.id for parcel in asked], next_poll_at__isnull=False).order_by("pk")
    found = {row[0]: row for row in locked.values_list(*UNCHANGED)}
    return {parcel.id for parcel in asked if found.get(parcel.id) == tuple(getattr(parcel, name) for name in UNCHANGED)}


def write(outcomes: Sequence[Prepared], *, at: datetime) -> int:
    """Store what came of locked parcels; how many have news. At most four statements."""
    stored_at = rows.stamp(at)
    fresh = _new_scans([scan for outcome in outcomes for scan in outcome.scans])
    with_news = {scan.parcel_id for scan in fresh}
    if fresh:
        rows.insert(TrackingEvent, SCAN_COLUMNS, [(*scan[:2], rows.stamp(scan.at), *scan[3:], stored_at) for scan in fresh])
    written = [[*outcome.row[:-1], outcome.row[-1] or (stored_at if outcome.parcel_id in with_news else None)] for outcome in outcomes]
    if written:
        rows.update(Parcel, (*NEEDED, *CHANGED, "news_at"), written, changed=CHANGED, kept=["news_at"])
    put_before_staff([task for outcome in outcomes for task in outcome.tasks])
    return sum(row[-1] is not None for row in written)


def _new_scans(scans: Sequence[Scan]) -> list[Scan]:
    if not scans:
        return []
    known = TrackingEvent.objects.filter(parcel_id__in={scan.parcel_id for scan in scans}).order_by()
    stored = set(known.values_list("parcel_id", "tracking_number", "at", "code", "place").iterator(chunk_size=5000))
    return [scan for scan in scans if scan.key not in stored]


def put_before_staff(tasks: Sequence[Task]) -> None:
    """Once per key, as `tasks.staff_task` does for one."""
    if tasks:
        made = [StaffTask(key=task.key[:120], kind=task.kind, order_id=task.order_id, text=task.text, values=task.values) for task in tasks]
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
    return write([prepared(understand(found[0], result, at=at, percent=percent, is_whole=is_whole))], at=at)

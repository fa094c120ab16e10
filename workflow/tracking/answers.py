"""What an answer means for its parcel: its columns as they will be, the scans to store, the tasks for staff. No database in here.

An answer that is the same as the last one (`answer_digest`) says nothing new; only the next look is planned. A failure changes nothing
but the plan, and is told to staff when it lasts.
"""

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils.translation import gettext_noop

from integrations.base import BadAnswer, InvalidRequest, ProviderError
from integrations.couriers import TrackingResult, TrackingScan, TrackingStatus
from integrations.tracking import GOING_BACK

#: how soon the courier is asked again
MOVING, QUIET, STALE = timedelta(hours=2), timedelta(hours=6), timedelta(hours=24)
QUIET_AFTER, STALE_AFTER, SILENT_AFTER = timedelta(days=2), timedelta(days=7), timedelta(days=30)
#: up to so much later than that, so that a fleet handed over together does not come due together for ever
JITTER = 0.1
#: after a failure, doubling up to a day
FIRST_BACK_OFF, MOST_BACK_OFF = timedelta(minutes=15), timedelta(hours=24)
TOLD_AT_FAILURE = 5
#: a scan outside this is a courier's mistake
OLDEST_SCAN, NEWEST_SCAN = timedelta(days=400), timedelta(hours=30)
#: an end must be told with a time within these: couriers write local times without a zone, the warehouse presses "shipped" late
BEFORE_HAND_OVER, CLOCKS_DIFFER = timedelta(days=3), timedelta(hours=6)
#: customs take a day or two; longer is a hold
CUSTOMS_PATIENCE = timedelta(days=3)

ENDS = frozenset({TrackingStatus.DELIVERED, TrackingStatus.RETURNED})


class Seen(NamedTuple):
    """A parcel's columns that couriers' answers are about, in the order in which they are read."""

    id: int
    order_id: int
    position: int
    courier: str
    tracking_number: str
    status: str
    status_since: datetime | None
    handed_over_at: datetime | None
    delivered_at: datetime | None
    closed_at: datetime | None
    next_poll_at: datetime | None
    polled_at: datetime | None
    poll_failures: int
    poll_error: str
    last_scan_at: datetime | None
    answer_digest: str
    #: set by an answer that says something new; not read
    news_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """For machines; a person may correct the label, and the parcel begins anew."""
        return self.delivered_at is not None or self.closed_at is not None or self.status in ENDS


class Scan(NamedTuple):
    parcel_id: int
    tracking_number: str
    at: datetime
    code: str
    place: str
    status: str
    text: str

    @property
    def key(self) -> tuple[int, str, datetime, str, str]:
        return self[:5]


@dataclass(frozen=True)
class Task:
    """Something for staff to look at, once per key; `text` is a msgid."""

    key: str
    kind: str
    order_id: int | None
    text: str
    values: dict[str, Any] = field(default_factory=dict)


#: what is read of a parcel
COLUMNS = Seen._fields[:-1]


class Outcome(NamedTuple):
    """`scans` are those of the answer; which of them are new is known when they are stored, and then `parcel` has news."""

    parcel: Seen
    scans: Sequence[Scan] = ()
    tasks: Sequence[Task] = ()


def understand(seen: Seen, result: TrackingResult, *, at: datetime, percent: int = 100, is_whole: bool = True) -> Outcome:
    """What to write for an answer. `percent` of the usual time passes until the next look.

    `is_whole`: the courier told the parcel's whole history. A message of its own may be one scan, and may come late.
    """
    if result.error is not None:
        return _failure(seen, result.error, at=at)
    digest = _digest(result)
    if digest == seen.answer_digest:
        return _planned(seen, at=at, percent=percent)
    scans = _scans(seen, result.scans, at=at)
    if result.status in ENDS and not seen.has_ended and not _has_a_possible_end(seen, result, scans, at=at):
        error = BadAnswer(f"says “{result.status}” without a possible time", provider=seen.courier, code="no_time")
        return _failure(seen, error, at=at)
    newest = max((scan.at for scan in scans), default=None)
    is_late = not is_whole and newest is not None and seen.last_scan_at is not None and newest < seen.last_scan_at
    latest = min(newest, at) if newest else None
    heard = seen._replace(
        answer_digest=digest if is_whole else seen.answer_digest,
        last_scan_at=max(filter(None, (latest, seen.last_scan_at if not is_whole else None)), default=seen.last_scan_at),
    )
    tasks: list[Task] = []
    if result.status != TrackingStatus.PENDING and result.status != seen.status:
        if is_late and result.status not in ENDS:
            pass  # what came before is no news
        elif seen.has_ended:
            tasks.append(_contradiction(seen, result, old=seen.status))
            heard = heard._replace(news_at=at)
        else:
            heard = _with_status(heard, result, scans, at=at)
            if result.status not in GOING_BACK and _was_delivered_before(seen, result, scans):
                tasks.append(_contradiction(seen, result, old=TrackingStatus.DELIVERED))
    planned = _planned(heard, at=at, percent=percent)
    return Outcome(planned.parcel, scans, [*tasks, *planned.tasks])


def _with_status(seen: Seen, result: TrackingResult, scans: Sequence[Scan], *, at: datetime) -> Seen:
    since = at
    for scan in sorted(scans, key=lambda scan: scan.at, reverse=True):
        if scan.status != result.status:
            break
        since = min(scan.at, at)
    delivered_at = seen.delivered_at
    if result.status == TrackingStatus.DELIVERED:
        told = [scan.at for scan in result.scans if scan.status == TrackingStatus.DELIVERED]
        delivered_at = min(result.delivered_at or max(told, default=at), at)
    return seen._replace(status=str(result.status), status_since=since, delivered_at=delivered_at, news_at=at)


def _scans(seen: Seen, scans: Iterable[TrackingScan], *, at: datetime) -> list[Scan]:
    """Once each, without spaces at the end: MariaDB's unique keys do not see them, and would refuse the second row."""
    oldest, newest = at - OLDEST_SCAN, at + NEWEST_SCAN
    found: dict[Any, Scan] = {}
    for scan in scans:
        if oldest < scan.at < newest:
            code, place = scan.code[:40].rstrip(), scan.place[:120].rstrip()
            row = Scan(seen.id, seen.tracking_number, scan.at, code, place, str(scan.status), scan.text[:200])
            found.setdefault(row.key, row)
    return list(found.values())


def _has_a_possible_end(seen: Seen, result: TrackingResult, scans: Iterable[Scan], *, at: datetime) -> bool:
    """What ends a parcel has a time, after the hand-over (numbers are used again) and not tomorrow."""
    start = seen.handed_over_at - BEFORE_HAND_OVER if seen.handed_over_at else at - OLDEST_SCAN
    times = [result.delivered_at] if result.delivered_at else [scan.at for scan in scans]
    return any(start < moment < at + CLOCKS_DIFFER for moment in times)


def _digest(result: TrackingResult) -> str:
    said = (result.number, str(result.status), result.delivered_at, [tuple(vars(scan).values()) for scan in result.scans])
    return hashlib.blake2b(repr(said).encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()


# --- The next look --------------------------------------------------------------------------------------------------------


def _planned(seen: Seen, *, at: datetime, percent: int) -> Outcome:
    asked = seen._replace(polled_at=at, poll_failures=0, poll_error="", next_poll_at=None)
    if seen.has_ended or seen.status in ENDS:
        return Outcome(asked)
    last_news = seen.last_scan_at or seen.handed_over_at or at
    silence = at - last_news
    if silence > SILENT_AFTER:
        text = gettext_noop("Nothing was heard of this parcel for 30 days; it is no longer asked for.")
        key = f"silent:{seen.id}:{seen.tracking_number}"
        return Outcome(asked, (), [Task(key, "courier_silent", seen.order_id, text)])
    asked = asked._replace(next_poll_at=at + interval(silence) * (percent / 100) * random.uniform(1, 1 + JITTER))  # noqa: S311
    if _customs_grew_old(seen, at=at):
        asked = asked._replace(news_at=at)
    return Outcome(asked)


def interval(silence: timedelta) -> timedelta:
    return MOVING if silence < QUIET_AFTER else QUIET if silence < STALE_AFTER else STALE


def is_held_by_customs(seen: Seen, *, at: datetime) -> bool:
    return seen.status == TrackingStatus.CUSTOMS and seen.status_since is not None and at - seen.status_since >= CUSTOMS_PATIENCE


def _customs_grew_old(seen: Seen, *, at: datetime) -> bool:
    """It is a hold now and was none at the last look."""
    return is_held_by_customs(seen, at=at) and not (seen.polled_at and is_held_by_customs(seen, at=seen.polled_at))


def _failure(seen: Seen, error: ProviderError, *, at: datetime) -> Outcome:
    """Back off: 15 minutes, doubling up to a day, never sooner than the courier's Retry-After. Staff are told at the fifth in a row, of
    a number that the courier will never take at once."""
    failures = min(seen.poll_failures + 1, 30_000)
    wait = min(FIRST_BACK_OFF * 2 ** min(failures - 1, 7), MOST_BACK_OFF)
    wait = max(wait, timedelta(seconds=error.retry_after or 0))
    words = f"{type(error).__name__}: {error}"[:300]
    next_poll_at = None if seen.has_ended else at + wait
    failed = seen._replace(poll_failures=failures, poll_error=words, polled_at=at, next_poll_at=next_poll_at)
    tasks = []
    if isinstance(error, InvalidRequest):
        text = gettext_noop("The courier refuses the number %(number)s: %(words)s")
        said = {"number": seen.tracking_number, "words": words}
        tasks.append(Task(f"refused:{seen.id}:{seen.tracking_number}", "courier_silent", seen.order_id, text, said))
    elif failures == TOLD_AT_FAILURE:
        text = gettext_noop("The courier has not answered usefully five times in a row: %(words)s")
        tasks.append(Task(f"poll:{seen.id}:{seen.tracking_number}", "courier_silent", seen.order_id, text, {"words": words}))
    return Outcome(failed, (), tasks)


def _was_delivered_before(seen: Seen, result: TrackingResult, scans: Iterable[Scan]) -> bool:
    """It says so in the same breath as something else, and means this parcel: numbers are used again."""
    start = seen.handed_over_at - BEFORE_HAND_OVER if seen.handed_over_at else None
    delivered = (scan.at for scan in scans if scan.status == TrackingStatus.DELIVERED)
    return result.status != TrackingStatus.DELIVERED and any(start is None or at > start for at in delivered)


def _contradiction(seen: Seen, result: TrackingResult, *, old: str) -> Task:
    text = gettext_noop("The courier said “%(old)s” and now says “%(new)s”.")
    said = {"old": str(old), "new": str(result.status)}
    return Task(f"contradiction:{seen.id}:{result.status}", "courier_contradiction", seen.order_id, text, said)

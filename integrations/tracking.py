"""The one vocabulary into which every courier's answers are translated. All couriers: couriers.py; each one: fedex.py, ems.py."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from integrations.base import BadAnswer, InvalidRequest, ProviderError

MAX_TEXT_CHARS = 200
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_DIFFER = timedelta(days=2)


class TrackingStatus(StrEnum):
    PENDING = "pending"  # we have a number, the courier knows nothing of it yet
    INFO_RECEIVED = "info_received"  # label or announcement only
    IN_TRANSIT = "in_transit"
    CUSTOMS = "customs"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    ATTEMPT_FAILED = "attempt_failed"
    EXCEPTION = "exception"  # needs a person: damage, address, held, duties unpaid
    RETURNING = "returning"
    RETURNED = "returned"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"  # voided before it was handed over


TERMINAL = frozenset({TrackingStatus.DELIVERED, TrackingStatus.RETURNED, TrackingStatus.CANCELLED})
NOT_HANDED_OVER = frozenset({TrackingStatus.PENDING, TrackingStatus.INFO_RECEIVED, TrackingStatus.CANCELLED})
GOING_BACK = frozenset({TrackingStatus.RETURNING, TrackingStatus.RETURNED})


@dataclass(frozen=True)
class TrackingScan:
    """`code` and `text` as the courier says them, `status` as we understand them."""

    at: datetime
    code: str
    status: TrackingStatus
    text: str
    place: str


@dataclass(frozen=True)
class TrackingResult:
    """Oldest scan first. With an `error` the rest says nothing: keep what is known and ask again (unless it is permanent).

    `PENDING` takes nothing back either: couriers forget a parcel after some months.
    """

    number: str
    status: TrackingStatus
    scans: tuple[TrackingScan, ...] = ()
    delivered_at: datetime | None = None
    error: ProviderError | None = None


Track = Callable[[Sequence[str]], dict[str, TrackingResult]]


@dataclass(frozen=True)
class Budget:
    """How much may be asked of a courier, by all our workers together; a request is one call, whatever it asks for.

    `per_window` is (requests, seconds). None: the courier names no limit, and `in_flight` is what holds us back.
    """

    in_flight: int
    per_day: int | None = None
    per_window: tuple[int, float] | None = None


@dataclass(frozen=True)
class Courier:
    """`track` never raises for a number: each has its result, or its error. `batch_size` is what one call asks at most."""

    code: str
    label: str
    track: Track
    batch_size: int
    budget: Budget
    is_valid_number: Callable[[str], bool]
    tracking_url: Callable[[str], str]


def failed(number: str, error: ProviderError) -> TrackingResult:
    return TrackingResult(number, TrackingStatus.PENDING, error=error)


def no_number(number: str, *, provider: str) -> TrackingResult:
    """For an empty one, which no courier should be asked about: some refuse the whole call for it."""
    return failed(number, InvalidRequest("no number", provider=provider, code="no_number"))


def not_found(number: str) -> TrackingResult:
    """No error: between the label and the first scan this is the usual answer."""
    return TrackingResult(number, TrackingStatus.PENDING)


def result(
    number: str, *, said: TrackingStatus | None, scans: Iterable[TrackingScan], delivered_at: datetime | None = None
) -> TrackingResult:
    """`said` is the courier's status of the whole parcel, None for a code unknown here: then the way it has gone decides.

    What nobody can take back is believed only where nothing speaks against it: a parcel that turned round was not delivered to its
    recipient, and one that has moved was not cancelled.
    """
    in_order = tuple(sorted(dict.fromkeys(scans), key=lambda scan: scan.at))
    seen = {scan.status for scan in in_order}
    status = said or (TrackingStatus.IN_TRANSIT if in_order else TrackingStatus.PENDING)
    if status is TrackingStatus.DELIVERED and seen & GOING_BACK:
        status = TrackingStatus.RETURNED
    if status is TrackingStatus.CANCELLED and seen - NOT_HANDED_OVER:
        status = TrackingStatus.IN_TRANSIT
    found = TrackingResult(number, status, in_order)
    return replace(found, delivered_at=delivered_at or _last_delivery(in_order)) if status is TrackingStatus.DELIVERED else found


def _last_delivery(scans: Sequence[TrackingScan]) -> datetime | None:
    return max((scan.at for scan in scans if scan.status is TrackingStatus.DELIVERED), default=None)


def believable(moment: datetime) -> datetime | None:
    """None for times that no scan can have (1970, next month); the scan is then as good as not there."""
    return moment if EARLIEST <= moment <= datetime.now(UTC) + CLOCKS_DIFFER else None


def short(text: str | None) -> str:
    """One line that fits a column; couriers' texts come from anywhere."""
    return " ".join((text or "").replace("\x00", " ").split())[:MAX_TEXT_CHARS]


def in_order_of(numbers: Sequence[str], found: Mapping[str, TrackingResult], *, provider: str) -> dict[str, TrackingResult]:
    """Exactly the numbers asked for: what was not answered is an error, what was not asked is dropped."""
    missing = BadAnswer("the answer leaves this number out", provider=provider, code="left_out")
    return {number: found.get(number) or failed(number, missing) for number in numbers}

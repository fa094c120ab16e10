"""The one vocabulary into which every courier's answers are translated. All couriers: couriers.py; each one: fedex.py, ups.py, ems.py."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from integrations.base import AuthRefused, BadAnswer, InvalidRequest, ProviderError, QuotaExceeded
from integrations.signatures import IsGenuine
from integrations.tracking_numbers import normalise

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
class Webhook:
    """How a courier, or a relay on its behalf, tells us by itself at `/webhooks/couriers/{code}`. Without secrets there is no such address.

    `read` gives what the body says of each number, or raises `BadAnswer`. A result without scans that is `PENDING` means "there is
    news, ask": what came over the wire was not enough to be believed.
    """

    secrets: Callable[[], Sequence[str]]  # several while one is rolled
    is_genuine: IsGenuine
    read: Callable[[bytes], list[TrackingResult]]


@dataclass(frozen=True)
class Courier:
    """All there is to know of one. `track` never raises for a number: each has its result, or its error.

    `batch_size` is what one call asks at most; `number_rule` and `link` get a number in its one spelling (`normalise`).
    """

    code: str
    label: str
    track: Track
    batch_size: int
    budget: Budget
    number_rule: Callable[[str], bool]
    link: Callable[[str], str]
    webhook: Webhook | None = None
    also_called: tuple[str, ...] = ()
    """What people write in files instead of the code: small letters, without spaces."""

    def is_valid_number(self, number: str) -> bool:
        return self.number_rule(normalise(number))

    def tracking_url(self, number: str) -> str:
        """The courier's own page, for people."""
        return self.link(normalise(number))


CUSTOMS_WORDS = re.compile(r"customs|clearance|\bimport\b|\bdut(y|ies)\b|\btax|통관|세관|관세", re.IGNORECASE)
HELD_WORDS = re.compile(r"\bh[eo]ld\b|delay|detain|seiz|reject|required|missing|unpaid|보류|압류", re.IGNORECASE)


def is_customs_hold(scan: "Said") -> bool:
    """The parcel waits at the customs for somebody to act, also where the courier calls it an exception like any other."""
    if scan.status == TrackingStatus.EXCEPTION:
        return bool(CUSTOMS_WORDS.search(scan.text))
    return scan.status == TrackingStatus.CUSTOMS and bool(HELD_WORDS.search(scan.text))


class Said(Protocol):
    """A scan, fresh from the courier or stored."""

    @property
    def status(self) -> str: ...
    @property
    def text(self) -> str: ...


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


def one_by_one(numbers: Sequence[str], ask: Callable[[str], TrackingResult], *, provider: str) -> dict[str, TrackingResult]:
    """For a courier that is asked about one number a call; a refused key or a used-up quota ends it, as the rest would hear the same."""
    found: dict[str, TrackingResult] = {}
    for_all: ProviderError | None = None
    for number in dict.fromkeys(numbers):
        if not normalise(number):
            found[number] = no_number(number, provider=provider)
        elif for_all is not None:
            found[number] = failed(number, for_all)
        else:
            try:
                found[number] = replace(ask(normalise(number)), number=number)
            except ProviderError as error:
                found[number] = failed(number, error)
                for_all = error if isinstance(error, AuthRefused | QuotaExceeded) else None
    return found


def in_order_of(numbers: Sequence[str], found: Mapping[str, TrackingResult], *, provider: str) -> dict[str, TrackingResult]:
    """Exactly the numbers asked for: what was not answered is an error, what was not asked is dropped."""
    missing = BadAnswer("the answer leaves this number out", provider=provider, code="left_out")
    return {number: found.get(number) or failed(number, missing) for number in numbers}

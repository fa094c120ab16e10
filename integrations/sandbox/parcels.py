"""One parcel's way: the scans somebody made on the /parcels page or over /_control. fedex.py and ems.py tell it in their own words.

A parcel is known from its first scan on; before that the couriers answer "not found". A number that was only asked about is remembered
without scans, so that the page can offer it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from integrations.sandbox.books import Books, Document

PARCEL, SERIAL = "parcel", "parcel_serial"
STATUSES = ("picked_up", "in_transit", "customs", "out_for_delivery", "delivered", "returned")
"""In the order of a parcel's life; `returned` ends it elsewhere."""
MORE_STATUSES = ("info_received", "attempt_failed", "available_for_pickup", "exception", "returning")
FEDEX_WEIGHTS = (3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)
S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


class UnknownParcel(Exception):
    """No such courier, or a number that cannot be one of its numbers."""


def is_fedex_number(number: str) -> bool:
    """12 digits (Express), 15 (Ground) or 22 beginning with 96 (Ground's long form, which ends with the 15)."""
    if re.fullmatch(r"\d{12}", number):
        total = sum(int(digit) * weight for digit, weight in zip(number[:11], FEDEX_WEIGHTS, strict=True))
        return total % 11 % 10 == int(number[11])
    return re.fullmatch(r"\d{15}|96\d{20}", number) is not None and _mod10(number[-15:])


def is_s10_number(number: str) -> bool:
    """Universal Postal Union S10, e.g. EG123456785KR."""
    if not re.fullmatch(r"[A-Z]{2}\d{9}[A-Z]{2}", number):
        return False
    rest = sum(int(digit) * weight for digit, weight in zip(number[2:10], S10_WEIGHTS, strict=True)) % 11
    return {0: 5, 1: 0}.get(rest, 11 - rest) == int(number[10])


def _mod10(number: str) -> bool:
    """From the right, every second digit counts three times."""
    total = sum(int(digit) * (3 if position % 2 == 0 else 1) for position, digit in enumerate(reversed(number[:-1])))
    return (10 - total % 10) % 10 == int(number[-1])


def is_ups_number(number: str) -> bool:
    """1Z, then 15 letters or digits and a check digit over them, e.g. 1Z5R89390357567127."""
    return re.fullmatch(r"1Z[0-9A-Z]{15}\d", number) is not None and _ups_check(number[2:17]) == int(number[17])


def _ups_check(serial: str) -> int:
    """From the left, every second sign counts twice; letters count by their place from A = 2 on."""
    values = (int(sign) if sign.isdigit() else (ord(sign) - 3) % 10 for sign in serial)
    return -sum(value * (2 if place % 2 else 1) for place, value in enumerate(values)) % 10


def _make_fedex(serial: int) -> str:
    digits = f"{40_000_000_000 + serial % 10**10:011d}"
    return digits + str(sum(int(digit) * weight for digit, weight in zip(digits, FEDEX_WEIGHTS, strict=True)) % 11 % 10)


def _make_ups(serial: int) -> str:
    middle = f"5B4NDX66{serial % 10**7:07d}"
    return f"1Z{middle}{_ups_check(middle)}"


def _make_ems(serial: int) -> str:
    digits = f"{serial % 10**8:08d}"
    rest = sum(int(digit) * weight for digit, weight in zip(digits, S10_WEIGHTS, strict=True)) % 11
    check = {0: 5, 1: 0}.get(rest, 11 - rest)
    return f"EG{digits}{check}KR"


@dataclass(frozen=True)
class Numbers:
    """How a courier's numbers look, and how to make one from a serial."""

    label: str
    is_valid: Callable[[str], bool]
    make: Callable[[int], str]


COURIERS = {
    "fedex": Numbers("FedEx", is_fedex_number, _make_fedex),
    "ups": Numbers("UPS", is_ups_number, _make_ups),
    "ems": Numbers("EMS", is_s10_number, _make_ems),
}


@dataclass(frozen=True)
class Parcels:
    books: Books

    def move(self, courier: str, number: str, *, status: str, at: datetime | None = None) -> Document:
        """Adds a scan; without a time, now, or with the last scan if that lies in the future."""
        number = self.checked_number(courier, number)
        parcel = self._get(courier, number) or _new_parcel(courier, number)
        when = at or _not_before_the_last(parcel)
        parcel["scans"] = sorted(
            [*parcel["scans"], {"status": status, "at": when.isoformat()}], key=lambda scan: datetime.fromisoformat(scan["at"])
        )
        parcel["moved_at"] = datetime.now(UTC).isoformat()
        self.books.put(PARCEL, parcel["id"], parcel)
        return parcel

    def checked_number(self, courier: str, number: str) -> str:
        number = re.sub(r"[\s-]", "", number).upper()
        if courier not in COURIERS:
            raise UnknownParcel(f"no such courier: {courier} (known: {', '.join(COURIERS)})")
        if not COURIERS[courier].is_valid(number):
            raise UnknownParcel(f"{number or 'an empty number'} is not a {courier} number: format or check digit is wrong")
        return number

    def scans(self, courier: str, number: str) -> list[Document]:
        """Oldest first; empty for a number nobody has moved, which is then remembered as asked about."""
        return self.scans_of(courier, [number])[number]

    def scans_of(self, courier: str, numbers: Sequence[str]) -> dict[str, list[Document]]:
        """As `scans`, for a whole batch: one query, and one more for those never heard of."""
        known = self.books.get_many(PARCEL, [_id(courier, number) for number in numbers])
        new = {_id(courier, number): _new_parcel(courier, number) for number in numbers if COURIERS[courier].is_valid(number)}
        if unheard := {doc_id: parcel for doc_id, parcel in new.items() if doc_id not in known}:
            self.books.put_new(PARCEL, unheard)
        return {number: known[_id(courier, number)]["scans"] if _id(courier, number) in known else [] for number in numbers}

    def make(self, courier: str, *, count: int, status: str, at: datetime | None = None) -> list[str]:
        """So many parcels that were never there before, each with one scan; their numbers."""
        if courier not in COURIERS:
            raise UnknownParcel(f"no such courier: {courier} (known: {', '.join(COURIERS)})")
        when = (at or datetime.now(UTC).replace(microsecond=0)).isoformat()
        with self.books.transaction():
            serial = (self.books.get(SERIAL, courier) or {"next": 1_000_000})["next"]
            numbers = [COURIERS[courier].make(serial + place) for place in range(count)]
            made = {"scans": [{"status": status, "at": when}], "moved_at": datetime.now(UTC).isoformat()}
            self.books.put_new(PARCEL, {_id(courier, number): _new_parcel(courier, number) | made for number in numbers})
            self.books.put(SERIAL, courier, {"next": serial + count})
        return numbers

    def all(self) -> list[Document]:
        """What still moves before what has arrived; in each the newest first."""
        newest = sorted(self.books.find(PARCEL), key=lambda parcel: parcel["moved_at"] or parcel["asked_at"] or "", reverse=True)
        return sorted(newest, key=lambda parcel: bool(parcel["scans"]) and parcel["scans"][-1]["status"] in ("delivered", "returned"))

    def _get(self, courier: str, number: str) -> Document | None:
        return self.books.get(PARCEL, _id(courier, number))


def _id(courier: str, number: str) -> str:
    return f"{courier}:{number}"


def _new_parcel(courier: str, number: str) -> Document:
    return {
        "id": _id(courier, number),
        "courier": courier,
        "number": number,
        "scans": [],
        "asked_at": datetime.now(UTC).isoformat(),
        "moved_at": None,
    }


def _not_before_the_last(parcel: Document) -> datetime:
    """Now; two moves within one second keep their order, as the scans are listed as they came."""
    now = datetime.now(UTC).replace(microsecond=0)
    return max([now, *(datetime.fromisoformat(scan["at"]) for scan in parcel["scans"])])


def read_status(text: str) -> str:
    """ "Picked up" and "picked-up" are "picked_up"; raises UnknownParcel for what no parcel does."""
    status = re.sub(r"[\s-]+", "_", text.strip().lower())
    if status not in STATUSES + MORE_STATUSES:
        raise UnknownParcel(f"no such status: {text} (known: {', '.join(STATUSES + MORE_STATUSES)})")
    return status


def read_time(text: str) -> datetime:
    """RFC 3339; without a zone it is UTC."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UnknownParcel(f"not a time: {text}") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)

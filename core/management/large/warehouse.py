"""What the warehouse and the couriers leave behind in the large database: the storage clock, inspections, photos, labels, links, messages.

As in `orders.py`, only rows: photos have no files here, and what was entered between the moves has no event of its own.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.timezone import now

from core.accounts.models import User
from core.management.large.people import DAY
from core.management.large.tables import at
from core.management.large.words import FOUND, WISHES
from integrations.couriers import COURIERS
from integrations.fedex import EXPRESS_WEIGHTS
from integrations.tracking_numbers import S10_WEIGHTS, mod10_ups
from workflow.models import CourierState, FeePolicy, RateCard
from workflow.process import STORED, State

if TYPE_CHECKING:
    from core.management.large.desk import Beside
    from core.management.large.orders import Seeded

HOUR = 3_600_000_000
#: which courier, summed up
SHARES = ((0.5, "ems"), (0.85, "fedex"), (1.01, "ups"))
#: how a parcel's way looks like, and the courier's words; the last of those that happened is the parcel's status
STEPS = (("info_received", "접수", "서울"), ("in_transit", "발송", "인천"), ("customs", "통관", "US"), ("in_transit", "Departed", "US"))
#: shares: of parcels that are ready, of labels, of parcels, of orders, of orders that wait for their items
LABELLED, CORRECTED, PHOTOGRAPHED, LOOKED_AT, FOUND_BAD = 0.7, 0.02, 0.06, 0.04, 0.06
CARDS_FOR, CARD_EVERY = ("", "US", "CA", "GB", "AU"), timedelta(days=180)


def numbered(courier: str, serial: int) -> str:
    """A valid number of this courier."""
    return {"ems": ems, "fedex": fedex, "ups": ups}[courier](serial)


def ems(serial: int) -> str:
    """A valid S10 number: `EG` + eight digits + check digit + `KR`."""
    digits = f"{serial % 10**8:08d}"
    rest = sum(int(digit) * weight for digit, weight in zip(digits, S10_WEIGHTS, strict=True)) % 11
    return f"E{'GMABCDEF'[serial // 10**8 % 8]}{digits}{ {0: 5, 1: 0}.get(rest, 11 - rest) }KR"


def fedex(serial: int) -> str:
    """A valid express number: eleven digits and their check digit."""
    digits = f"{70_000_000_000 + serial:011d}"
    return f"{digits}{sum(int(digit) * weight for digit, weight in zip(digits, EXPRESS_WEIGHTS, strict=True)) % 11 % 10}"


def ups(serial: int) -> str:
    """A valid number: `1Z`, the sender's six signs, the service, the serial and a check digit."""
    signs = f"A12B3466{serial % 10**7:07d}"
    return f"1Z{signs}{mod10_ups(signs)}"


# --- What there is once ---------------------------------------------------------------------------------------------------


def make_reference(policy: FeePolicy, staff: dict[str, int]) -> None:
    """Rate cards of each courier that changed twice a year, and couriers that answered a moment ago."""
    by = User.objects.get(pk=staff["owner"])
    first = policy.valid_from
    for place, code in enumerate(sorted(COURIERS)):
        CourierState.objects.get_or_create(code=code, defaults={"answered_at": now(), "day": now().date(), "requests": 120 * place})
        if RateCard.objects.filter(courier=code, valid_from__lte=first + CARD_EVERY).exists():
            continue
        days = [first + number * CARD_EVERY for number in range(max(1, (now() - first) // CARD_EVERY))]
        RateCard.objects.bulk_create(
            RateCard(courier=code, country=country, valid_from=day, steps=_steps(20_000 + 1_500 * place + 400 * number), made_by=by,
                     extra_krw_per_kg=9_000, fuel_surcharge_bp=1_500)
            for number, day in enumerate(days)
            for country in CARDS_FOR
        )  # fmt: skip


def _steps(first_krw: int) -> list[dict[str, int]]:
    return [{"up_to_g": 500 * number, "krw": first_krw + 4_500 * (number - 1)} for number in range(1, 41)]


# --- The storage clock ----------------------------------------------------------------------------------------------------


@dataclass
class Clock:
    """The order's columns; moments in microseconds."""

    used_s: int = 0
    since: int | None = None
    began: int | None = None


def clock(order: "Seeded", *, beside: "Beside") -> Clock:
    """As `Order.tend_clock` would have left it: it runs while the customer has to pay, to answer or to decide."""
    times, state = order.times, State(order.state)
    began = times.get("record_return") or times.get("receive_at_warehouse")
    if began is None:
        return Clock()
    waited = times.get("confirm_delivery_fee") if state == State.AWAITING_DELIVERY_PAYMENT else began if state == State.RETURNED else None
    if state not in STORED or state == State.DELIVERY_PAID:
        billed, paid = times.get("confirm_delivery_fee"), times.get("record_delivery_payment")
        return Clock(used_s=(paid - billed) // 1_000_000 if billed and paid and state != State.RETURNED else 0, began=began)
    if waited is None:  # still ours to pack, but for a question
        return Clock(since=beside.asked_at, began=began)
    if beside.held_at:
        return Clock(used_s=(beside.held_at - waited) // 1_000_000, began=began)
    return Clock(since=waited, began=began)


def storage_days(order: "Seeded") -> int:
    """Days of storage on the open delivery bill, as the hourly job would have brought it up to date."""
    if order.state != State.AWAITING_DELIVERY_PAYMENT:
        return 0
    policy, waited = order.world.policy, order.world.now - order.times["confirm_delivery_fee"]
    return max(0, min(-(-waited // DAY) - 1, policy.storage_max_days) - policy.storage_free_days)


# --- Parcels --------------------------------------------------------------------------------------------------------------


def way(order: "Seeded", parcel: int, *, number: str, shipped: int, ended: int | None, status: str) -> None:
    """The scans of one parcel, each by its part of the way."""
    until, table = ended or order.world.now, order.world.tables.scans
    for step, (said, text, place) in enumerate(STEPS):
        moment = at(scanned_at(shipped, until, step))
        table.add(parcel, number, moment, said[:10].upper(), said, text, place, moment)
    if ended:
        text = "배달 완료" if status == "delivered" else "반송"
        table.add(parcel, number, at(ended), status.upper(), status, text, "US", at(ended))


def scanned_at(shipped: int, until: int, step: int) -> int:
    return shipped + (until - shipped) * step // (len(STEPS) + 1)


def labelled(order: "Seeded", parcel: int, *, courier: str, number: str, left: int) -> None:
    """Its label; of a few parcels a first one that was wrong. What a courier told us of one that is under way."""
    world, staff = order.world, order.world.staff["warehouse"]
    since = left - world.rng.randrange(HOUR // 10, HOUR * 3)
    if world.rng.random() < CORRECTED:
        wrong = numbered(courier, world.tables.labels.last_key + 40_000_000)
        world.tables.labels.add(parcel, courier, wrong, at(since), at(left), staff)
        since = left
    world.tables.labels.add(parcel, courier, number, at(since), None, staff)
    if order.state == State.SHIPPED and courier != "ems":
        body = json.dumps({"trackingNumber": number, "status": "IT"})
        told = max(left, world.now - 20 * DAY)
        digest = hashlib.sha256(body.encode()).hexdigest()
        world.tables.told.add(courier, digest, body, at(told), at(told + 2_000_000), 1)


# --- Looking at what came -------------------------------------------------------------------------------------------------


def is_found_bad(order: "Seeded") -> bool:
    """Whether one item of an order that waits for its items came and is not as ordered."""
    return order.state == State.ITEMS_PURCHASED and order.world.rng.random() < FOUND_BAD


def look(order: "Seeded", items: list[int], *, bad: int | None, asked_at: int | None) -> None:
    """A few items in a hundred were inspected by hand; `bad` is still open, and asked about where the order's customer is."""
    world = order.world
    if bad is not None:
        found = at(asked_at or world.now - world.rng.randrange(HOUR, 3 * DAY))
        asked, until = (at(asked_at), at(asked_at + 7 * DAY)) if asked_at else (None, None)
        _inspect(order, bad, "damaged", found, [asked, until, "", "", None, "", None, None])
    arrived = order.times.get("receive_at_warehouse")
    if arrived is None or world.rng.random() >= LOOKED_AT:
        return
    found, item, staff = at(arrived - HOUR), world.rng.choice(items), world.staff["warehouse"]
    if world.rng.random() < 0.6:
        _inspect(order, item, "ok", found, [None, None, "", "", None, "fine", found, staff])
        return
    said = [at(arrived - HOUR * 3 // 4), at(arrived + 7 * DAY), "keep", world.rng.choice(WISHES), at(arrived - HOUR // 2)]
    _inspect(order, item, world.rng.choice(("wrong", "damaged")), found, [*said, "kept", at(arrived - HOUR // 4), staff])


def _inspect(order: "Seeded", item: int, verdict: str, found: str, rest: list[Any]) -> None:
    tables, rng, staff = order.world.tables, order.world.rng, order.world.staff["warehouse"]
    note = "" if verdict == "ok" else rng.choice(FOUND)
    inspection = tables.inspections.add(item, 1, verdict, note, found, staff, *rest)
    for _number in range(0 if verdict == "ok" else rng.randrange(1, 4)):
        photo(order, found, item=item, inspection=inspection)


def photo(order: "Seeded", moment: str, *, item: int | None = None, inspection: int | None = None, parcel: int | None = None) -> None:
    """The row of a picture, and no file. One in thirty was removed, and swept."""
    tables, rng, staff = order.world.tables, order.world.rng, order.world.staff["warehouse"]
    name = f"orders/{moment[:10].replace('-', '/')}/{tables.photos.last_key + 1:08x}{rng.getrandbits(96):024x}"
    gone = (moment, staff, "") if rng.random() < 0.03 else (None, None, f"{name}-small.jpg")
    tables.photos.add(
        order.key, item, inspection, parcel, f"{name}.jpg", gone[2], 1600, 1200, rng.randrange(90_000, 400_000), moment, staff, *gone[:2]
    )

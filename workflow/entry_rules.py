"""What may be entered about an item or a parcel, as functions over rows in memory: `work.py` asks them for one order under its lock,
`workflow/imports/` for thousands at once. Each sets the fields, or raises and sets nothing. Nothing is saved here.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from math import prod
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import Invalid
from integrations.couriers import COURIERS
from workflow import labels
from workflow.models import Item, ItemStatus, Order, Parcel
from workflow.transitions import TransitionRefused

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
MAX_PRICE_KRW = 1_000_000_000
MAX_WEIGHT_G, MAX_VOLUME_CM3, MAX_SIDE_CM = 70_000, 1_000_000, 300
SIDES = ("length_cm", "width_cm", "height_cm")
#: as a person may insist on it, after `labels.normalised`
POSSIBLE_NUMBER = re.compile(r"(?=[A-Z0-9]*[0-9])[A-Z0-9]{6,40}", re.ASCII)


def whole(value: Any, *, field: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Invalid(_("A whole number from %(low)s to %(high)s is needed.") % {"low": low, "high": high}, field=field)
    return value


def check_state(order: Order, states: Collection[str]) -> None:
    if order.state not in states:
        raise TransitionRefused(_("This is not possible while the order is “%(state)s”.") % {"state": order.get_state_display()})


def most_price_krw(item: Item) -> int:
    """The dearest unit price that may be entered for an item: the line, all pieces together, stays under the limit."""
    return MAX_PRICE_KRW // item.quantity


def set_price(item: Item, price_krw: Any) -> None:
    """A unit price in won; None takes it back."""
    item.price_krw = None if price_krw is None else whole(price_krw, field="price_krw", low=1, high=most_price_krw(item))


def set_name(item: Item, name: str) -> None:
    """Without control characters, which no paper and no spreadsheet takes."""
    item.name = CONTROL.sub(" ", name).strip()[:200]


def set_arrived(item: Item, *, inspected: bool, at: datetime, is_held: bool = False) -> None:
    """`is_held`: an inspection of it is open, which nobody passes by saying that it is fine."""
    if is_held:
        raise TransitionRefused(
            _("Item %(position)s: an inspection is open. Decide that first.") % {"position": item.position}, code="inspection_open"
        )
    if item.status not in (ItemStatus.PURCHASED, ItemStatus.ARRIVED, ItemStatus.INSPECTED):
        raise Invalid(_("This item was not bought."), field="item")
    item.arrived_at = item.arrived_at or at
    item.inspected_at = at if inspected else None
    item.status = ItemStatus.INSPECTED if inspected else ItemStatus.ARRIVED


def take_back_arrival(item: Item, *, is_held: bool = False) -> None:
    """It did not come after all: bought, as before."""
    if is_held:
        raise TransitionRefused(_("An inspection of this item is open. Take that back first."), code="inspection_open")
    if item.status not in (ItemStatus.ARRIVED, ItemStatus.INSPECTED):
        raise TransitionRefused(_("This item has not arrived."), code="not_arrived")
    if item.parcel is not None and item.parcel.handed_over_at:
        raise TransitionRefused(_("This item lies in a parcel that was handed over."), code="handed_over")
    item.status, item.arrived_at, item.inspected_at = ItemStatus.PURCHASED, None, None


def set_measures(
    parcel: Parcel, *, weight_g: Any, volume_cm3: Any = None, sides_cm: Sequence[Any] | None = None, courier: str | None = None
) -> None:
    """Grams, and three sides in centimetres (their product is the volume) or a bare volume; `courier` is meant for it, None: as before."""
    if parcel.handed_over_at:
        raise TransitionRefused(_("This parcel was handed over; it stays on record."))
    weight = whole(weight_g, field="weight_g", low=1, high=MAX_WEIGHT_G)
    sides: list[int | None] = [None, None, None]
    if sides_cm:
        sides = [whole(side, field=name, low=1, high=MAX_SIDE_CM) for side, name in zip(sides_cm, SIDES, strict=True)]
        volume_cm3 = prod(side or 0 for side in sides)
    volume = whole(volume_cm3, field="volume_cm3", low=1, high=MAX_VOLUME_CM3)
    if courier and courier not in COURIERS:
        raise Invalid(_("Unknown courier."), field="courier")
    parcel.weight_g, parcel.volume_cm3 = weight, volume
    parcel.length_cm, parcel.width_cm, parcel.height_cm = sides
    if courier is not None and courier != parcel.courier:
        parcel.courier, parcel.tracking_number, parcel.number_insisted = courier, "", False


def set_courier(parcel: Parcel, *, courier: str, offered: Collection[str]) -> None:
    """Who is meant to carry a parcel that waits at the warehouse; "" for nobody yet. The one it has already it may keep."""
    if parcel.closed_at or parcel.handed_over_at:
        raise TransitionRefused(_("This parcel was handed over; it stays on record."))
    if courier and courier not in COURIERS:
        raise Invalid(_("Unknown courier."), field="courier")
    if courier and courier != parcel.courier and courier not in offered:
        raise Invalid(_("%(courier)s is not offered for new parcels there.") % {"courier": COURIERS[courier].label}, field="courier")
    if courier != parcel.courier:
        parcel.courier, parcel.tracking_number, parcel.number_insisted = courier, "", False


# --- Labels ---------------------------------------------------------------------------------------------------------------


class NumberRefused(Invalid):
    """A number that a person may still insist on; `suggested` is the courier whose number it seems to be, if any."""

    def __init__(self, message: Any, *, suggested: str = "") -> None:
        super().__init__(message, field="tracking_number")
        self.suggested = suggested


def set_label(
    parcel: Parcel, *, courier: str, tracking_number: str, offered: Collection[str], at: datetime, other: str = "", insist: str = ""
) -> bool:
    """Courier and tracking number; whether they are others than before. `offered` are the couriers that go where the parcel goes; the
    one it has already it may keep. `other` names another open parcel with this number. With `insist`, a person's reason, neither that
    nor the courier's rules stand in the way.

    Correcting a parcel on its way starts its tracking anew.
    """
    number = labels.normalised(tracking_number)
    if parcel.closed_at:
        raise TransitionRefused(_("This parcel was handed over; it stays on record."))
    _check_courier(courier, parcel=parcel, offered=offered)
    if parcel.is_labelled and (parcel.courier, parcel.tracking_number) == (courier, number):
        return False
    if parcel.delivered_at and not insist:
        raise TransitionRefused(_("The courier has delivered this parcel. Say why its number was wrong."), code="delivered")
    is_valid = COURIERS[courier].is_valid_number(number)
    if not is_valid:
        _check_insisted(number, courier=courier, typed=tracking_number, insist=insist)
    if other and not insist:
        raise NumberRefused(_("%(number)s is on another open parcel: %(other)s.") % {"number": number, "other": other})
    parcel.courier, parcel.tracking_number, parcel.number_insisted = courier, number, not is_valid
    if parcel.handed_over_at:
        labels.start_anew(parcel, at=at)
    return True


def _check_courier(courier: str, *, parcel: Parcel, offered: Collection[str]) -> None:
    if courier not in COURIERS:
        raise Invalid(_("Unknown courier."), field="courier")
    if courier != parcel.courier and courier not in offered:
        raise Invalid(_("%(courier)s is not offered for new parcels there.") % {"courier": COURIERS[courier].label}, field="courier")


def _check_insisted(number: str, *, courier: str, typed: str, insist: str) -> None:
    """Couriers are asked about nothing that could not be a number."""
    words = {"courier": COURIERS[courier].label, "number": typed[:60] or "–"}
    if not POSSIBLE_NUMBER.fullmatch(number):
        raise Invalid(_("%(number)s is not a valid %(courier)s number.") % words, field="tracking_number")
    if insist:
        return
    suggested = next((code for code in labels.guess_couriers(number) if code != courier), "")
    if not suggested:
        raise NumberRefused(_("%(number)s is not a valid %(courier)s number.") % words)
    words["suggested"] = COURIERS[suggested].label
    raise NumberRefused(
        _("%(number)s is not a valid %(courier)s number. It looks like a number of %(suggested)s.") % words, suggested=suggested
    )

"""What may be entered about an item or a parcel, as functions over rows in memory: `work.py` asks them for one order under its lock,
`workflow/imports/` for thousands at once. Each sets the fields, or raises and sets nothing. Nothing is saved here.
"""

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import Invalid
from integrations.couriers import COURIERS
from integrations.tracking_numbers import normalise
from workflow.models import Item, ItemStatus, Order, Parcel
from workflow.transitions import TransitionRefused

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
MAX_PRICE_KRW = 1_000_000_000
MAX_WEIGHT_G, MAX_VOLUME_CM3 = 70_000, 1_000_000


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


def set_arrived(item: Item, *, inspected: bool, at: datetime) -> None:
    if item.status not in (ItemStatus.PURCHASED, ItemStatus.ARRIVED, ItemStatus.INSPECTED):
        raise Invalid(_("This item was not bought."), field="item")
    item.arrived_at = item.arrived_at or at
    item.inspected_at = at if inspected else None
    item.status = ItemStatus.INSPECTED if inspected else ItemStatus.ARRIVED


def set_measures(parcel: Parcel, *, weight_g: Any, volume_cm3: Any) -> None:
    if parcel.handed_over_at:
        raise TransitionRefused(_("This parcel was handed over; it stays on record."))
    weight = whole(weight_g, field="weight_g", low=1, high=MAX_WEIGHT_G)
    parcel.volume_cm3 = whole(volume_cm3, field="volume_cm3", low=1, high=MAX_VOLUME_CM3)
    parcel.weight_g = weight


def set_label(parcel: Parcel, *, courier: str, tracking_number: str, offered: Collection[str], at: datetime) -> None:
    """Courier and tracking number. `offered` are the couriers that go where the parcel goes; the one it has already it may keep.

    Correcting a parcel on its way starts its tracking anew.
    """
    number = normalise(tracking_number)
    if parcel.closed_at:
        raise TransitionRefused(_("This parcel was handed over; it stays on record."))
    if courier not in COURIERS:
        raise Invalid(_("Unknown courier."), field="courier")
    if courier != parcel.courier and courier not in offered:
        raise Invalid(_("%(courier)s is not offered for new parcels there.") % {"courier": COURIERS[courier].label}, field="courier")
    if not COURIERS[courier].is_valid_number(number):
        words = {"courier": COURIERS[courier].label, "number": tracking_number or "–"}
        raise Invalid(_("%(number)s is not a valid %(courier)s number.") % words, field="tracking_number")
    changed = (parcel.courier, parcel.tracking_number) != (courier, number)
    parcel.courier, parcel.tracking_number = courier, number
    if changed and parcel.handed_over_at and not parcel.delivered_at:
        parcel.status, parcel.next_poll_at, parcel.poll_failures = "pending", at, 0
        parcel.status_since = parcel.last_scan_at = parcel.news_at = None

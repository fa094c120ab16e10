"""What somebody else changed since a person opened an order: field by field, old and new in words, beside the events themselves.

The old values come from the events before, so that any way of changing (page, bulk, import, Stripe) is told the same.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.functional import cached_property
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from backoffice.orders.history import Happening, happening, who
from backoffice.words import courier_name
from core.money import format_krw
from workflow.models import ItemStatus, Order, OrderEvent
from workflow.process import State

NOTHING = "–"
#: a field's key, its label, its value in words
Said = tuple[tuple[str, str], Any, str]


@dataclass(frozen=True)
class Changed:
    label: Any
    was: str
    now: str
    who: Any
    at: datetime


@dataclass(frozen=True)
class Meanwhile:
    """Empty (and false) where nothing happened."""

    rows: list[Happening] = field(default_factory=list)
    changes: list[Changed] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.rows)


def since(order: Order, version: int | None) -> Meanwhile:
    """What happened after the version a person looked at, oldest first. Every change has one event and adds one to the version."""
    if version is None:
        return Meanwhile()
    events = sorted(order.events.all(), key=lambda event: event.number)
    later = [event for event in events if event.number >= version]
    words = Words(order)
    return Meanwhile([happening(event) for event in later], list(_changes(events, words=words, version=version)) if later else [])


def _changes(events: list[OrderEvent], *, words: "Words", version: int) -> Iterator[Changed]:
    before: dict[tuple[str, str], str] = {}
    after: dict[tuple[str, str], tuple[Any, str, OrderEvent]] = {}
    for event in events:
        for key, label, value in words.of(event):
            if event.number < version:
                before[key] = value
            else:
                after[key] = (label, value, event)
    for key, (label, value, event) in after.items():
        was = before.get(key, NOTHING)
        if was != value:
            yield Changed(label, was, value, who(event), event.at)


# --- An event's facts as values of fields ---------------------------------------------------------------------------------


class Words:
    """Knows the order's items by their position."""

    def __init__(self, order: Order) -> None:
        self.order = order

    @cached_property
    def names(self) -> dict[str, str]:
        return {str(item.position): f"{item.position}. {item}" for item in self.order.items.all()}

    def of(self, event: OrderEvent) -> Iterator[Said]:
        facts = event.facts
        if event.to_state in State.values:
            yield ("state", ""), _("State"), str(State(event.to_state).label)
        for name, label, word in OF_ITEMS:
            yield from self._of_items(name, label, facts.get(name), word)
        if "delivery_fee_krw" in facts:
            yield ("delivery_fee_krw", ""), _("Delivery fee"), format_krw(int(facts["delivery_fee_krw"]))
        yield from _of_parcel(facts)
        if event.name in ("hold", "release"):
            yield ("hold", ""), _("Hold"), str(facts.get("reason") or NOTHING)

    def _of_items(self, name: str, label: Any, values: Any, word: Callable[[Any], str]) -> Iterator[Said]:
        if not isinstance(values, Mapping):
            return
        for position, value in values.items():
            item = self.names.get(str(position), f"#{position}")
            yield (name, str(position)), format_lazy(label, item=item), NOTHING if value in (None, "") else word(value)


OF_ITEMS: tuple[tuple[str, Any, Callable[[Any], str]], ...] = (
    ("names", _("Product name of {item}"), str),
    ("prices_krw", _("Unit price of {item}"), lambda won: format_krw(int(won))),
    ("paid_krw", _("Paid at the shop for {item}"), lambda won: format_krw(int(won))),
    ("items", _("Status of {item}"), lambda status: str(ItemStatus(status).label) if status in ItemStatus.values else str(status)),
)
OF_PARCELS: tuple[tuple[str, Any, Callable[[Any], str]], ...] = (
    ("weight_g", _("Weight of parcel {n}"), lambda grams: f"{grams:,} g"),
    ("volume_cm3", _("Volume of parcel {n}"), lambda volume: f"{volume:,} cm³"),
    ("courier", _("Courier of parcel {n}"), courier_name),
    ("tracking_number", _("Tracking number of parcel {n}"), str),
)


def _of_parcel(facts: Mapping[str, Any]) -> Iterator[Said]:
    if "removed" in facts:
        yield ("weight_g", str(facts["removed"])), format_lazy(_("Parcel {n}"), n=facts["removed"]), str(_("taken apart"))
    if "parcel" in facts:
        for name, label, word in OF_PARCELS:
            if name in facts:
                yield (name, str(facts["parcel"])), format_lazy(label, n=facts["parcel"]), word(facts[name])

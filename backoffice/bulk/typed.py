"""What came with the form of the price page: `seen-<order>`, and `price-<order>-<item>` and `name-<order>-<item>` as they were typed."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from backoffice.numbers import WholeField
from core.money import format_krw
from workflow.guards import live_items
from workflow.models import Item, Order
from workflow.work import most_price_krw

_CELL = re.compile(r"(price|name)-([0-9]{1,18})-([0-9]{1,18})")
_SEEN = re.compile(r"([0-9]{1,9})\.([0-9a-f]{12})")
PRICE, NAME = WholeField(required=False), forms.CharField(max_length=200, required=False)


@dataclass
class TypedOrder:
    """One order's cells as texts, by item id, and the version and values that the person looked at."""

    order_id: int
    version: int
    digest: str
    prices: dict[int, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def text(self, name: str, item_id: int) -> str | None:
        return (self.prices if name == "price" else self.names).get(item_id)


def read(data: Mapping[str, Any]) -> list[TypedOrder]:
    """Every order of which something came along, in the form's order. A cell without its order's `seen` counts as typed over version 0."""
    found: dict[int, TypedOrder] = {}
    for name, text in data.items():
        if (
            name.startswith("seen-")
            and name[5:].isascii()
            and name[5:].isdigit()
            and len(name) < 24
            and (seen := _SEEN.fullmatch(str(text)))
        ):
            found[int(name[5:])] = TypedOrder(int(name[5:]), int(seen[1]), seen[2])
    for name, text in data.items():
        if cell := _CELL.fullmatch(name):
            typed = found.setdefault(int(cell[2]), TypedOrder(int(cell[2]), 0, ""))
            (typed.prices if cell[1] == "price" else typed.names)[int(cell[3])] = str(text)
    return list(found.values())


# --- Cells as values ------------------------------------------------------------------------------------------------------


@dataclass
class Values:
    """The cells of an order that can be read, and what is wrong with the others by the names of their fields."""

    prices: dict[int, int | None] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def values(typed: TypedOrder, *, items: Iterable[Item]) -> Values:
    found, known = Values(), {item.pk: item for item in items}
    for pk, text in typed.prices.items():
        try:
            found.prices[pk] = _price(text, known.get(pk))
        except ValidationError as wrong:
            found.errors[f"price-{typed.order_id}-{pk}"] = wrong.messages[0]
    for pk, text in typed.names.items():
        try:
            found.names[pk] = NAME.clean(text)
        except ValidationError as wrong:
            found.errors[f"name-{typed.order_id}-{pk}"] = wrong.messages[0]
    return found


def _price(text: str, item: Item | None) -> int | None:
    price = PRICE.clean(text)
    most = most_price_krw(item) if item else price
    if price is not None and not 1 <= price <= (most or 0):
        raise ValidationError(_("From ₩1 to %(most)s.") % {"most": format_krw(most or 0)})
    return price


# --- Was anything typed? --------------------------------------------------------------------------------------------------


def seen_of(order: Order) -> str:
    """What goes into `seen-<order>`: the version, and a short digest of the cells as they are shown."""
    return f"{order.version}.{_digest((item.pk, item.price_krw, item.name) for item in live_items(order))}"


def is_changed(typed: TypedOrder, found: Values) -> bool:
    """Whether the person changed a cell; without it, a page sent back whole would undo what colleagues typed meanwhile."""
    cells = sorted({*typed.prices, *typed.names})
    return bool(found.errors) or typed.digest != _digest((pk, found.prices.get(pk), found.names.get(pk, "")) for pk in cells)


def _digest(cells: Iterable[tuple[int, int | None, str]]) -> str:
    said = "\n".join(f"{pk}\t{price}\t{name}" for pk, price, name in sorted(cells, key=lambda cell: cell[0]))
    return hashlib.blake2s(said.encode(), digest_size=6).hexdigest()

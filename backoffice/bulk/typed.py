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
from workflow.entry_rules import most_price_krw
from workflow.guards import live_items
from workflow.models import Item, Order

_CELL = re.compile(r"(price|name)-([0-9]{1,18})-([0-9]{1,18})")
_SEEN = re.compile(r"([0-9]{1,9})\.([0-9a-f]{0,2000})")
DIGITS = 6
PRICE, NAME = WholeField(required=False), forms.CharField(max_length=200, required=False)


@dataclass
class TypedOrder:
    """One order's cells as texts, by item id, and the version and values that the person looked at."""

    order_id: int
    version: int
    digests: str
    prices: dict[int, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def cells(self) -> dict[tuple[str, int], str]:
        return {("price", pk): text for pk, text in self.prices.items()} | {("name", pk): text for pk, text in self.names.items()}


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
    """The cells of an order that can be read, what is wrong with the others by the names of their fields, and which were typed over."""

    prices: dict[int, int | None] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    touched: set[tuple[str, int]] = field(default_factory=set)


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
    found.touched = touched(typed, found)
    return found


def _price(text: str, item: Item | None) -> int | None:
    price = PRICE.clean(text)
    most = most_price_krw(item) if item else price
    if price is not None and not 1 <= price <= (most or 0):
        raise ValidationError(_("From ₩1 to %(most)s.") % {"most": format_krw(most or 0)})
    return price


# --- What was typed over --------------------------------------------------------------------------------------------------


def seen_of(order: Order) -> str:
    """What goes into `seen-<order>`: the version, and for each cell as it is shown a short digest."""
    items = sorted(live_items(order), key=lambda item: item.pk)
    return f"{order.version}." + "".join(_digest(item.price_krw) + _digest(item.name) for item in items)


def touched(typed: TypedOrder, found: Values) -> set[tuple[str, int]]:
    """The cells that the person typed over. Without it a page sent back whole would undo what colleagues typed meanwhile."""
    pks = sorted({*typed.prices, *typed.names})
    cells = [cell for pk in pks for cell in (("price", pk), ("name", pk))]
    now = "".join(_digest(found.prices.get(pk)) + _digest(found.names.get(pk, "")) for pk in pks)
    if len(typed.digests) != len(now):
        return set(cells)  # not as we sent it
    wrong = {(name, pk) for name, pk in cells if f"{name}-{typed.order_id}-{pk}" in found.errors}
    return wrong | {cell for n, cell in enumerate(cells) if _nth(now, n) != _nth(typed.digests, n)}


def _nth(digests: str, n: int) -> str:
    return digests[n * DIGITS : (n + 1) * DIGITS]


def _digest(value: int | str | None) -> str:
    return hashlib.blake2s(repr(value).encode(), digest_size=DIGITS // 2).hexdigest()

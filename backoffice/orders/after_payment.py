"""After the payment: the shop is sold out of an item, or asks more than was quoted. What comes of it is said before it is sent, by the
functions of `workflow/` that will do it.
"""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from backoffice.numbers import WholeField
from backoffice.orders.dialogs import Dialog, OrderForm
from backoffice.orders.going_back import goes_back
from core.errors import Invalid
from workflow import adjustments, differences, giving_back, pricing
from workflow.guards import live_items
from workflow.models import Adjustment, AdjustmentRoute, Item, Order
from workflow.transitions import By

# --- Sold out -------------------------------------------------------------------------------------------------------------


class SoldOutForm(OrderForm):
    def build(self) -> None:
        for item in self.items():
            self.fields[f"item-{item.pk}"] = forms.BooleanField(
                required=False, label=format_lazy("{n}. {name}", n=item.position, name=str(item))
            )

    def items(self) -> list[Item]:
        return live_items(self.order)

    def rows(self) -> list[tuple[Item, forms.BoundField]]:
        return [(item, self[f"item-{item.pk}"]) for item in self.items()]

    def chosen(self) -> list[Item]:
        said = self.typed()
        return [item for item in self.items() if said.get(f"item-{item.pk}")]


class SoldOutDialog(Dialog):
    name, icon = "sold_out", "remove_shopping_cart"
    label, title = _("Sold out…"), _("Sold out")
    hint = _(
        "What cannot be had leaves the order at once. Everything that was paid for it goes back, its share of the service fee too, and the "
        "customer gets a letter."
    )
    done = _("The item has left the order, and its money goes back.")
    roles = adjustments.SELLERS
    form = SoldOutForm

    def makes_sense(self, order: Order, *, by: By) -> bool:
        return adjustments.may_sell_out(order, by=by) and bool(live_items(order))

    def comes_of(self, order: Order, form: SoldOutForm) -> dict[str, Any]:
        chosen = form.chosen()
        awaited = {adjustment.item_id for adjustment in differences.billed_at_once(order)}
        return {
            "goes_back": goes_back(order, giving_back.of_items(order, chosen)) if chosen else None,
            "awaited": awaited,
            "all_leave": len(chosen) == len(form.items()) > 0,
        }

    def save(self, order: Order, form: SoldOutForm, *, by: By) -> None:
        adjustments.sell_out(order.pk, item_ids=[item.pk for item in form.chosen()], by=by, seen_version=form.seen_version)


# --- Dearer ---------------------------------------------------------------------------------------------------------------

#: what the customer reads and pays, by who bears the difference
ROUTE_WORDS = {
    AdjustmentRoute.ABSORBED: _("We bear it. The customer is asked for nothing and gets no letter; the item can be bought at once."),
    AdjustmentRoute.DELIVERY: _(
        "It comes with the delivery bill, without any fee. The customer gets a letter that says so and has nothing to pay now; the item "
        "can be bought at once."
    ),
    AdjustmentRoute.INVOICE: _(
        "It is billed at once, without any fee. The customer gets a letter with a pay link, and the item can be bought once it is paid. "
        "Unpaid by then, it leaves the order and what was paid for it goes back."
    ),
}


class DearerForm(OrderForm):
    def build(self) -> None:
        for item in self.items():
            self.fields[f"price_krw-{item.pk}"] = WholeField(required=False)

    def items(self) -> list[Item]:
        return [item for item in live_items(self.order) if item.price_krw is not None and not item.was_bought]

    def rows(self) -> list[tuple[Item, forms.BoundField]]:
        return [(item, self[f"price_krw-{item.pk}"]) for item in self.items()]

    def clean(self) -> dict[str, Any]:
        for item in self.items():
            price = self.cleaned_data.get(f"price_krw-{item.pk}")
            if price is not None and price <= (item.price_krw or 0):
                self.add_error(f"price_krw-{item.pk}", _("This is not more than was quoted."))
        return self.cleaned_data

    def prices(self) -> dict[int, int]:
        """Unit prices in won by item id."""
        said = self.typed()
        return {item.pk: price for item in self.items() if (price := said.get(f"price_krw-{item.pk}")) is not None}


class DearerDialog(Dialog):
    name, icon = "dearer", "trending_up"
    label, title = _("Dearer…"), _("Dearer than quoted")
    hint = _("The unit price that the shop asks now. What the customer pays of the difference has no fee, and the rate they paid at.")
    done = _("The new price is noted.")
    roles = adjustments.SELLERS
    form = DearerForm

    def makes_sense(self, order: Order, *, by: By) -> bool:
        return adjustments.may_be_dearer(order, by=by) and any(not item.was_bought for item in live_items(order))

    def comes_of(self, order: Order, form: DearerForm) -> dict[str, Any]:
        prices = form.prices() if order.state in adjustments.DEARER_STATES else {}
        return {"dearer": _dearer(order, form.items(), prices) if prices else None}

    def save(self, order: Order, form: DearerForm, *, by: By) -> None:
        adjustments.raise_prices(order.pk, prices_krw=form.prices(), by=by, seen_version=form.seen_version)


def _dearer(order: Order, items: list[Item], prices: dict[int, int]) -> dict[str, Any] | None:
    """The differences in won and dollars, and who pays them; None where no price is above what the customer pays already."""
    quote = pricing.paid_quote(order)
    found = {item: krw for item in items if item.pk in prices and (krw := _difference(item, prices[item.pk]))}
    if not found:
        return None
    unsaved = [Adjustment(order=order, item=item, difference_krw=krw) for item, krw in found.items()]
    priced = pricing.Priced(lines=pricing.difference_lines(unsaved, quote=quote), policy=quote.policy)
    route = adjustments.route_of(order, found, policy=quote.policy)
    return {
        "priced": priced,
        "quote": quote,
        "route": route,
        "words": ROUTE_WORDS[route],
        "pay_by": now() + settings.QUOTE_VALID_FOR if route == AdjustmentRoute.INVOICE else None,
    }


def _difference(item: Item, price_krw: int) -> int:
    try:
        return adjustments.difference_krw(item, price_krw)
    except Invalid:
        return 0

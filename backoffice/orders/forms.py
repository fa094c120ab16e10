"""What staff type in about the items of one order, one form class per task of `workflow/work.py` (parcels: `parcel_forms.py`).

A form reads and cleans; saving is one call of `work`. Field names are stable, scripts may rely on them: `<what>-<item or parcel id>`,
beside the hidden `version`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backoffice.numbers import WholeField
from backoffice.orders import hint_badges
from workflow import differences, inspection_rows, restrictions, work
from workflow.guards import live_items
from workflow.models import Item, ItemStatus, Order, Parcel
from workflow.transitions import By


@dataclass
class Row:
    """One item or parcel with the bound fields that belong to it, by the part of their name before the hyphen."""

    about: Any
    fields: dict[str, forms.BoundField]
    #: of a parcel's label: it was not taken, and these couriers' numbers look like it
    doubtful: bool = False
    why: str = ""
    suggested: Any = ()

    def __getattr__(self, name: str) -> forms.BoundField:
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(name) from None


class EntryForm(forms.Form):
    """`version` is the order's version the person looked at; `work` refuses when it has moved on."""

    task: ClassVar[work.Task]
    template: ClassVar[str]
    data: Any  # a QueryDict when bound
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    def __init__(self, order: Order, data: Any = None) -> None:
        self.order = order
        super().__init__(data, auto_id=f"{self.task.name}-%s")
        self.build()

    def build(self) -> None:
        """Add the fields that this order needs."""

    def save(self, *, by: By) -> None:
        raise NotImplementedError

    def add(self, about: Item | Parcel, **fields: forms.Field) -> None:
        for name, field in fields.items():
            self.fields[f"{name}-{about.pk}"] = field

    def rows(self) -> list[Row]:
        return [Row(about, self._fields_of(about)) for about in self.subjects()]

    def subjects(self) -> Iterable[Any]:
        return live_items(self.order)

    def _fields_of(self, about: Any) -> dict[str, forms.BoundField]:
        end = f"-{about.pk}"
        return {name.removesuffix(end): self[name] for name in self.fields if name.endswith(end)}

    def said(self, name: str, about: Any) -> Any:
        return self.cleaned_data.get(f"{name}-{about.pk}")

    @property
    def seen_version(self) -> int:
        return int(self.cleaned_data["version"])

    # --- Somebody else was quicker ---

    def shown(self) -> dict[str, str]:
        """What the fields hold before anybody types; lists (ticked boxes) aside."""
        found = {name: self.get_initial_for_field(field, name) for name, field in self.fields.items() if name != "version"}
        return {name: "" if value is None else str(value) for name, value in found.items() if value is None or isinstance(value, str | int)}

    def seen(self) -> str:
        """The same for the hidden field, by which `only_typed` tells what was typed."""
        return json.dumps(self.shown())

    def only_typed(self) -> Any:
        """What was posted, where a field that nobody typed into has the value of now: saving again undoes nobody's work."""
        try:
            seen = json.loads(self.data.get("seen", ""))
        except ValueError:
            seen = None
        if not isinstance(seen, dict):
            return self.data
        typed = self.data.copy()
        for name, value in self.shown().items():
            if name in seen and self.data.get(name) == seen[name]:
                typed[name] = value
        return typed

    def leftovers(self) -> list[str]:
        """Values typed for rows that are no longer there (the customer changed the request meanwhile); shown, so that none is lost."""
        typed = ((name, value) for name in self.data if "-" in name and name not in self.fields for value in self.data.getlist(name))
        return [f"{name.partition('-')[0]}: {value}" for name, value in typed if value.strip()]

    def nothing_entered(self) -> ValidationError:
        return ValidationError(_("Nothing was entered."), code="empty")


class ScreenForm(EntryForm):
    """Decision, topic of restricted goods and note of each item. An empty note takes the topic's words, in the customer's language."""

    task, template = work.SCREEN, "backoffice/order/entries/screen.html"
    VERDICTS = ((ItemStatus.APPROVED.value, _("Approve")), (ItemStatus.REJECTED.value, _("Reject")))

    def subjects(self) -> Iterable[Item]:
        return self.order.items.all()

    def build(self) -> None:
        hint_badges.attach(self.order)
        self.topics = restrictions.in_force(country=self.order.country)
        for item in self.subjects():
            screened = item.status in (ItemStatus.APPROVED, ItemStatus.REJECTED)
            self.add(
                item,
                verdict=forms.ChoiceField(
                    choices=self.VERDICTS, required=False, initial=item.status if screened else "", widget=forms.RadioSelect
                ),
                topic=forms.ChoiceField(
                    choices=self._topic_choices(item), required=False, initial=item.restriction.code if item.restriction else ""
                ),
                note=forms.CharField(max_length=500, required=False, initial=item.screening_note),
            )

    def _topic_choices(self, item: Item) -> list[tuple[Any, Any]]:
        """What the item hints at comes first; nothing is chosen by it."""
        hinted = {hint["code"] for hint in item.hints or ()}
        groups: dict[Any, list[tuple[str, str]]] = {}
        for topic in sorted(self.topics, key=lambda topic: topic.code not in hinted):
            group = gettext("Hinted here") if topic.code in hinted else topic.get_kind_display()
            groups.setdefault(group, []).append((topic.code, topic.title))
        return [("", gettext("In own words")), *groups.items()]

    def texts(self) -> list[tuple[Any, str]]:
        """What each topic writes into the note."""
        return [(topic, topic.said("short", locale=self.order.customer.locale)) for topic in self.topics]

    def clean(self) -> dict[str, Any]:
        for item in self.subjects():
            if self.said("topic", item) and not self.said("verdict", item) and self.said("topic", item) != self[f"topic-{item.pk}"].initial:
                self.add_error(f"verdict-{item.pk}", _("Approve or reject."))
        if not self.errors and not any(self.said("verdict", item) for item in self.subjects()):
            raise self.nothing_entered()
        return self.cleaned_data

    def save(self, *, by: By) -> None:
        verdicts = {
            item.pk: {"verdict": verdict, "note": self.said("note", item), "topic": self.said("topic", item)}
            for item in self.subjects()
            if (verdict := self.said("verdict", item))
        }
        work.screen_items(self.order.pk, verdicts=verdicts, by=by, seen_version=self.seen_version)


class PriceForm(EntryForm):
    task, template = work.PRICE, "backoffice/order/entries/prices.html"

    def build(self) -> None:
        for item in self.subjects():
            self.add(
                item,
                price_krw=WholeField(required=False, initial=item.price_krw),
                name=forms.CharField(max_length=200, required=False, initial=item.name),
            )

    def clean(self) -> dict[str, Any]:
        if not any(self.said("price_krw", item) is not None or self.said("name", item) for item in self.subjects()):
            raise self.nothing_entered()
        return self.cleaned_data

    def save(self, *, by: By) -> None:
        prices = {item.pk: price for item in self.subjects() if (price := self.said("price_krw", item)) is not None}
        names = {item.pk: self.said("name", item) for item in self.subjects() if self.said("name", item) != item.name}
        work.price_items(self.order.pk, prices=prices, names=names, by=by, seen_version=self.seen_version)


class BuyForm(EntryForm):
    task, template = work.BUY, "backoffice/order/entries/purchases.html"

    def subjects(self) -> Iterable[Item]:
        """Not those whose price difference the customer has still to pay."""
        return [item for item in live_items(self.order) if item.pk not in self.awaited]

    def build(self) -> None:
        self.awaited = {adjustment.item_id for adjustment in differences.billed_at_once(self.order)}
        for item in self.subjects():
            self.add(
                item,
                shop_order_number=forms.CharField(max_length=60, required=False, initial=item.shop_order_number),
                paid_price_krw=WholeField(required=False, initial=item.paid_price_krw),
            )

    def clean(self) -> dict[str, Any]:
        for item in self.subjects():
            number, paid = self.said("shop_order_number", item), self.said("paid_price_krw", item)
            if number and paid is None and f"paid_price_krw-{item.pk}" not in self.errors:
                self.add_error(f"paid_price_krw-{item.pk}", _("What did we pay in all, in won?"))
            if paid is not None and not number and f"shop_order_number-{item.pk}" not in self.errors:
                self.add_error(f"shop_order_number-{item.pk}", _("The shop's order number is missing."))
        if not self.errors and not self._bought():
            raise self.nothing_entered()
        return self.cleaned_data

    def _bought(self) -> dict[int, dict[str, Any]]:
        return {
            item.pk: {"shop_order_number": number, "paid_price_krw": self.said("paid_price_krw", item)}
            for item in self.subjects()
            if (number := self.said("shop_order_number", item))
        }

    def save(self, *, by: By) -> None:
        work.buy_items(self.order.pk, purchases=self._bought(), by=by, seen_version=self.seen_version)


def ticked_keys(data: Any) -> set[int]:
    """The keys under `item`, whatever else was sent there."""
    return {int(pk) for pk in data.getlist("item") if pk.isascii() and pk.isdigit() and len(pk) < 19}


class ReceiveForm(EntryForm):
    """`item` may come many times, and none is ticked before somebody does; the button pressed says whether they were inspected too, and
    “all” that everything that is not here yet arrived and is fine."""

    task, template = work.RECEIVE, "backoffice/order/entries/arrivals.html"
    inspected = forms.ChoiceField(choices=[("1", ""), ("0", ""), ("all", "")])

    def build(self) -> None:
        self.held = inspection_rows.open_in([self.order.pk])
        self.awaited = [item for item in self.subjects() if item.status != ItemStatus.INSPECTED and item.pk not in self.held]
        self.fields["item"] = forms.TypedMultipleChoiceField(
            choices=[(item.pk, str(item)) for item in self.subjects() if item.pk not in self.held], coerce=int, required=False
        )

    def ticked(self) -> set[int]:
        """For the boxes when the form comes back."""
        return ticked_keys(self.data) if self.is_bound else set()

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        if said.get("inspected") == "all":
            said["item"] = [item.pk for item in self.awaited]
        if not said.get("item") and "item" not in self.errors:
            self.add_error("item", _("Tick what arrived."))
        return said

    def save(self, *, by: By) -> None:
        said = self.cleaned_data
        is_fine = said["inspected"] != "0"
        work.receive_items(self.order.pk, item_ids=said["item"], inspected=is_fine, by=by, seen_version=self.seen_version)


class ExpectForm(EntryForm):
    """The numbers on the parcels that the shops send us, for the warehouse to scan."""

    task, template = work.EXPECT, "backoffice/order/entries/expected.html"

    def build(self) -> None:
        for item in self.subjects():
            self.add(item, inbound_number=forms.CharField(max_length=40, required=False, initial=item.inbound_number))

    def save(self, *, by: By) -> None:
        numbers = {item.pk: self.said("inbound_number", item) for item in self.subjects()}
        work.expect_items(self.order.pk, numbers=numbers, by=by, seen_version=self.seen_version)

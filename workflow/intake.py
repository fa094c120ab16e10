"""How an order comes to be: a customer, or support for a customer, requests a quote; until staff approve it, the request may be changed.

Nothing here waits for anybody outside: the last good exchange rate is noted if there is one, product addresses are checked as text and
never fetched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from core.errors import Invalid, NotFound
from workflow.hints import note_hints
from workflow.models import Item, Order
from workflow.pricing import last_rate
from workflow.process import Actor, Effect, Role, State
from workflow.product_urls import check_product_url
from workflow.transitions import By, TransitionRefused, lock_order, record, retried

MAX_ITEMS = 50
MAX_QUANTITY = 999


@dataclass(frozen=True, kw_only=True)
class WantedItem:
    url: str
    options: str = ""
    quantity: int = 1
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where the parcel goes and to whom; all but `line2` are needed."""

    line1: str
    city: str
    region: str
    postal_code: str
    country: str
    recipient_name: str
    recipient_phone: str
    line2: str = ""


@retried
@transaction.atomic
def request_quote(customer: User, *, items: Sequence[WantedItem], destination: Destination, by: By, note: str = "") -> Order:
    """A new order in `quote_requested`. Raises Invalid with the field that is wrong."""
    if by.actor == Actor.CUSTOMER and (by.user is None or by.user.pk != customer.pk):
        raise NotFound
    if by.actor == "staff" and not by.roles & {Role.SUPPORT, Role.OWNER}:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    _check(items, destination)
    order = Order(customer=customer, note=note, rate_at_request=last_rate(), **_columns(destination))
    rows = rows_of(order, items)
    note_hints(order, rows)
    order.save(force_insert=True)
    Item.objects.bulk_create(rows)
    then = [Effect.NOTIFY_CUSTOMER, Effect.NOTIFY_STAFF]
    record(order, name="request_quote", from_state="", by=by, facts={"items": len(items)}, then=then)
    return order


@retried
@transaction.atomic
def change_request(
    order_id: int,
    *,
    by: By,
    items: Sequence[WantedItem] | None = None,
    destination: dict[str, str] | None = None,
    note: str | None = None,
) -> Order:
    """Change items, note or parts of the address while the quote is only requested."""
    order = lock_order(order_id)
    if by.user is None or order.customer_id != by.user.pk:
        raise NotFound
    if order.state != State.QUOTE_REQUESTED:
        raise TransitionRefused(_("The request was already looked at and can no longer be changed."), code="too_late_to_change")
    if destination is not None:
        merged = Destination(**{**{f.name: getattr(order, f.name) for f in fields(Destination)}, **destination})
        _check_destination(merged)
        for column, value in _columns(merged).items():
            setattr(order, column, value)
    if items is not None:
        _check_items(items)
        order.items.all().delete()
        rows = rows_of(order, items)
        note_hints(order, rows)
        Item.objects.bulk_create(rows)
    if note is not None:
        order.note = note
    changed = [name for name, value in (("items", items), ("address", destination), ("note", note)) if value is not None]
    record(order, name="change_request", from_state=order.state, by=by, facts={"changed": changed}, live="order.item")
    return order


def rows_of(order: Order, items: Sequence[WantedItem]) -> list[Item]:
    """The items' rows, not yet saved."""
    return [
        Item(order=order, position=position, url=item.url, options=item.options, quantity=item.quantity, note=item.note)
        for position, item in enumerate(items, start=1)
    ]


def _columns(destination: Destination) -> dict[str, Any]:
    return {field.name: getattr(destination, field.name) for field in fields(Destination)}


def _check(items: Sequence[WantedItem], destination: Destination) -> None:
    _check_items(items)
    _check_destination(destination)


def _check_items(items: Sequence[WantedItem]) -> None:
    if not 1 <= len(items) <= MAX_ITEMS:
        raise Invalid(_("An order has 1 to 50 items."), field="items")
    for number, item in enumerate(items):
        check_product_url(item.url, field=f"items.{number}.url")
        if not 1 <= item.quantity <= MAX_QUANTITY:
            raise Invalid(_("A quantity is from 1 to 999."), field=f"items.{number}.quantity")


def _check_destination(destination: Destination) -> None:
    for field in fields(Destination):
        if field.name != "line2" and not getattr(destination, field.name).strip():
            raise Invalid(_("The address is not complete."), code="address_incomplete", field=field.name)

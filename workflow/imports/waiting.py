"""What waits to be entered, as rows of a file to fill in: the oldest orders first, bounded by the open orders of a few states."""

from collections.abc import Iterator
from typing import Any

from workflow.imports.kind import Kind
from workflow.models import ImportKind, Item, ItemStatus, Parcel
from workflow.models.orders import DEAD
from workflow.process import State


def rows(kind: Kind, *, most: int) -> Iterator[dict[str, Any]]:
    """One per item or parcel, by column name. Orders on hold are left out, as their rows would be refused."""
    if kind.code == ImportKind.PRICES:
        return _to_price(most)
    return _to_label(most) if kind.code == ImportKind.TRACKING else _to_receive(most)


def _to_price(most: int) -> Iterator[dict[str, Any]]:
    items = Item.objects.filter(order__state__in=(State.QUOTE_REQUESTED, State.QUOTE_APPROVED), order__hold_reason="", price_krw=None)
    for item in items.exclude(status__in=DEAD).select_related("order").order_by("order_id", "position")[:most]:
        yield {
            "order": item.order.number,
            "item": item.position,
            "name": item.name,
            "options": item.options,
            "quantity": item.quantity,
            "url": item.url,
        }


def _to_label(most: int) -> Iterator[dict[str, Any]]:
    parcels = Parcel.objects.filter(order__state=State.DELIVERY_PAID, order__hold_reason="", tracking_number="", closed_at=None)
    for parcel in parcels.select_related("order").order_by("order_id", "position")[:most]:
        yield {"order": parcel.order.number, "parcel": parcel.position, "courier": parcel.courier}


def _to_receive(most: int) -> Iterator[dict[str, Any]]:
    items = Item.objects.filter(order__state=State.ITEMS_PURCHASED, order__hold_reason="", status=ItemStatus.PURCHASED)
    for item in items.select_related("order").order_by("order_id", "position")[:most]:
        yield {"order": item.order.number, "item": item.position}

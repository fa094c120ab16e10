"""What the parcel in somebody's hand belongs to: the items behind a scanned or typed number, over indexes only."""

from django.db.models import Q

from integrations.tracking_numbers import normalise
from workflow import inspection_rows
from workflow.lookup import normalise_number
from workflow.models import Item

#: a shop's number stands for one parcel; more items than these are not looked through by anybody
MOST = 60
LONGEST = 60


def find(said: str) -> list[Item]:
    """The items that an order's number, a shop's order number or the number on the shop's parcel names, each with its order and `is_held`:
    an inspection is open. At most four statements."""
    said = said.replace("\x00", "").strip()[:LONGEST]
    if not said:
        return []
    found: list[Item] = []
    if number := normalise_number(said):
        found = _items(Q(order__number=number))
    found = found or _items(Q(shop_order_number=said))
    if not found and (inbound := normalise(said)):
        found = _items(Q(inbound_number=inbound))
    held = inspection_rows.open_in({item.order_id for item in found}) if found else set()
    for item in found:
        item.is_held = item.pk in held  # type: ignore[attr-defined]
    return found


def _items(which: Q) -> list[Item]:
    return list(Item.objects.filter(which).select_related("order").order_by("order_id", "position")[:MOST])

"""What the warehouse took in: items that arrived or were inspected (`work.receive_items`), and what parcels weigh and measure
(`work.pack_parcel`). A row says one or the other: items arrive while they are on the way to us, parcels are packed when all are here.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from workflow import inspection_rows, work
from workflow.entry_rules import SIDES, set_arrived, set_measures
from workflow.imports import cells, columns
from workflow.imports.cells import CellError
from workflow.imports.kind import Cells, Facts, Kind, Table, check_order, settle, values
from workflow.models import ImportKind, ImportRow, Item, Order, Parcel, RowOutcome

ITEM = Table(Item, writes=("status", "arrived_at", "inspected_at"), compared=("status",))
PARCEL = Table(Parcel, writes=("weight_g", "volume_cm3", *SIDES), compared=("weight_g", "volume_cm3", *SIDES))
MEASURES = ("weight", "size", "volume")


@dataclass
class Loaded:
    items: dict[tuple[int, int], Item] = field(default_factory=dict)
    parcels: dict[int, list[Parcel]] = field(default_factory=lambda: defaultdict(list))
    #: orders with live items that lie in no parcel yet
    loose: set[int] = field(default_factory=set)
    #: items with an open inspection
    held: set[int] = field(default_factory=set)


def read(row: ImportRow, said: Cells) -> None:
    measured = any(cells.plain(said.get(name, "")) for name in MEASURES)
    item = cells.plain(said.get("item", ""))
    came = _came(said) if item else {}
    if measured and came:
        raise CellError(_("A row says either that an item arrived or what a parcel weighs. Make two rows of it."))
    if measured:
        _read_measures(row, said)
    elif item:
        row.position = cells.position(said["item"])
        row.said |= came


def _came(said: Cells) -> dict[str, bool]:
    """A file without columns for it lists what arrived."""
    if not {"arrived", "inspected"} & said.keys():
        return {} if any(cells.plain(said.get(name, "")) for name in MEASURES) else {"inspected": False}
    inspected = cells.yes(said.get("inspected", ""))
    arrived = cells.yes(said.get("arrived", "")) or inspected
    return {"inspected": inspected} if arrived else {}


def _read_measures(row: ImportRow, said: Cells) -> None:
    if cells.plain(said.get("parcel", "")):
        row.position = cells.position(said["parcel"])
    if cells.plain(said.get("weight", "")):
        row.said["weight_g"] = cells.grams(said["weight"])
    if cells.plain(said.get("size", "")):
        row.said["volume_cm3"] = cells.size_cm(said["size"])
        row.said["sides_cm"] = cells.sides_cm(said["size"])
    if cells.plain(said.get("volume", "")):
        volume = cells.cubic_cm(said["volume"])
        if row.said.setdefault("volume_cm3", volume) != volume:
            raise CellError(_("Size and volume do not agree; give one of them."))


def load(order_ids: Sequence[int], _rows: Sequence[ImportRow]) -> Loaded:
    loaded = Loaded(held=inspection_rows.open_in(order_ids))
    for item in Item.objects.filter(order_id__in=order_ids).order_by():
        loaded.items[item.order_id, item.position] = item
        if item.is_live and item.parcel_id is None:
            loaded.loose.add(item.order_id)
    for parcel in Parcel.objects.filter(order_id__in=order_ids).order_by("order_id", "position"):
        loaded.parcels[parcel.order_id].append(parcel)
    return loaded


def enter(row: ImportRow, order: Order, loaded: Loaded, at: datetime) -> None:
    if not row.said:
        row.outcome = RowOutcome.SAME
    elif "inspected" in row.said:
        _enter_item(row, order, loaded, at)
    else:
        _enter_parcel(row, order, loaded)


def _enter_item(row: ImportRow, order: Order, loaded: Loaded, at: datetime) -> None:
    check_order(order, work.RECEIVE)
    item = loaded.items.get((order.pk, row.position or 0))
    if item is None:
        raise CellError(_("The order has no item %(position)s.") % {"position": row.position})
    seen = values(item, ITEM.writes)
    set_arrived(item, inspected=row.said["inspected"], at=at, is_held=item.pk in loaded.held)
    settle(row, "item", item, seen=seen, table=ITEM)


def _enter_parcel(row: ImportRow, order: Order, loaded: Loaded) -> None:
    check_order(order, work.PACK)
    parcel = _parcel_of(row, order, loaded)
    row.position = parcel.position
    seen = values(parcel, PARCEL.writes) if parcel.pk else {}
    weight, volume = row.said.get("weight_g", parcel.weight_g), row.said.get("volume_cm3", parcel.volume_cm3)
    if weight is None or volume is None:
        raise CellError(_("A parcel needs its weight and its size."))
    measured_anew = "volume_cm3" in row.said
    known = [getattr(parcel, name) for name in SIDES] if parcel.length_cm else None
    set_measures(parcel, weight_g=weight, volume_cm3=volume, sides_cm=row.said.get("sides_cm") if measured_anew else known)
    settle(row, "parcel", parcel, seen=seen, table=PARCEL)


def _parcel_of(row: ImportRow, order: Order, loaded: Loaded) -> Parcel:
    """The one that is named or the only one still to be sent; where there is none, a new one for all items that lie in no other."""
    all_parcels = loaded.parcels.get(order.pk, [])
    current = [parcel for parcel in all_parcels if not parcel.closed_at and not parcel.delivered_at]
    named = [parcel for parcel in current if row.position in (None, parcel.position)]
    if len(named) == 1:
        return named[0]
    if named:
        raise CellError(_("The order has %(count)s parcels: say which in the column “parcel”.") % {"count": len(named)})
    following = max((parcel.position for parcel in all_parcels), default=0) + 1
    if row.position not in (None, following):
        raise CellError(_("The order has no parcel %(position)s.") % {"position": row.position})
    if order.pk not in loaded.loose:
        raise CellError(_("There is no item left for another parcel."))
    return Parcel(order_id=order.pk, position=following)


def facts(rows: Sequence[ImportRow]) -> tuple[str, Facts]:
    if rows[0].target == "item":
        return work.RECEIVE.name, {"items": {str(row.position): row.wanted["status"] for row in rows}}
    if len(rows) == 1:
        return work.PACK.name, {"parcel": rows[0].position, **{name: rows[0].wanted.get(name) for name in ("weight_g", "volume_cm3")}}
    return work.PACK.name, {"parcels": len(rows)}


KIND = Kind(
    code=ImportKind.ARRIVALS,
    tasks=(work.RECEIVE, work.PACK),
    move="receive_at_warehouse",
    columns=(
        columns.ORDER,
        columns.ITEM,
        columns.ARRIVED,
        columns.INSPECTED,
        columns.PARCEL,
        columns.WEIGHT,
        columns.SIZE,
        columns.VOLUME,
    ),
    tables={"item": ITEM, "parcel": PARCEL},
    read=read,
    load=load,
    enter=enter,
    facts=facts,
)

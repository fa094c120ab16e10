"""Couriers and tracking numbers of parcels: what `work.label_parcel` enters for one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from workflow import courier_settings, work
from workflow.entry_rules import set_label
from workflow.imports import cells, columns
from workflow.imports.cells import CellError
from workflow.imports.kind import Cells, Facts, Kind, Table, check_order, settle, values
from workflow.models import ImportKind, ImportRow, Order, Parcel, RowOutcome

LABEL = ("courier", "tracking_number")
PARCEL = Table(Parcel, writes=(*LABEL, "status", "next_poll_at", "poll_failures"), compared=LABEL)


class OfferedIn(dict[str, set[str]]):
    """Country -> the couriers offered there, asked for once each."""

    def __missing__(self, country: str) -> set[str]:
        return self.setdefault(country, courier_settings.offered(country))


@dataclass(frozen=True)
class Loaded:
    parcels: Mapping[int, list[Parcel]]
    offered: OfferedIn


def read(row: ImportRow, said: Cells) -> None:
    if cells.plain(said.get("parcel", "")):
        row.position = cells.position(said["parcel"])
    if cells.plain(said["tracking"]) or cells.plain(said.get("courier", "")):
        number = cells.tracking_number(said["tracking"])
        row.said |= {"courier": cells.courier(said.get("courier", ""), number=number), "tracking_number": number}


def load(order_ids: Sequence[int]) -> Loaded:
    found: dict[int, list[Parcel]] = defaultdict(list)
    for parcel in Parcel.objects.filter(order_id__in=order_ids).order_by("order_id", "position"):
        found[parcel.order_id].append(parcel)
    return Loaded(found, OfferedIn())


def parcel_of(row: ImportRow, parcels: Sequence[Parcel]) -> Parcel:
    """The one that is named, or the only one that is still to be sent or on its way."""
    if row.position is not None:
        named = next((parcel for parcel in parcels if parcel.position == row.position), None)
        if named is None:
            raise CellError(_("The order has no parcel %(position)s.") % {"position": row.position})
        return named
    current = [parcel for parcel in parcels if not parcel.closed_at and not parcel.delivered_at]
    if not current:
        raise CellError(_("The order has no parcel yet."))
    if len(current) > 1:
        raise CellError(_("The order has %(count)s parcels: say which in the column “parcel”.") % {"count": len(current)})
    return current[0]


def enter(row: ImportRow, order: Order, loaded: Loaded, at: datetime) -> None:
    if not row.said:
        row.outcome = RowOutcome.SAME
        return
    check_order(order, work.LABEL)
    parcel = parcel_of(row, loaded.parcels.get(order.pk, ()))
    row.position = parcel.position
    seen = values(parcel, PARCEL.writes)
    said = row.said
    set_label(parcel, courier=said["courier"], tracking_number=said["tracking_number"], offered=loaded.offered[order.country], at=at)
    settle(row, "parcel", parcel, seen=seen, table=PARCEL)


def facts(rows: Sequence[ImportRow]) -> tuple[str, Facts]:
    if len(rows) == 1:
        said = rows[0].wanted
        return work.LABEL.name, {"parcel": rows[0].position, **{name: said.get(name) for name in LABEL}}
    return work.LABEL.name, {"labels": {str(row.position): [row.wanted.get(name) for name in LABEL] for row in rows}}


KIND = Kind(
    code=ImportKind.TRACKING,
    tasks=(work.LABEL,),
    move="ship",
    columns=(columns.ORDER, columns.PARCEL, columns.COURIER, columns.TRACKING),
    tables={"parcel": PARCEL},
    read=read,
    load=load,
    enter=enter,
    facts=facts,
)

"""Couriers and tracking numbers of parcels: what `work.label_parcel` enters for one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from workflow import courier_settings, labels, work
from workflow.bulk import in_steps
from workflow.entry_rules import set_label
from workflow.imports import cells, columns
from workflow.imports.cells import CellError
from workflow.imports.kind import Cells, Facts, Kind, Table, check_order, settle, values
from workflow.models import ImportBatch, ImportKind, ImportRow, Order, Parcel, RowOutcome
from workflow.process import State

LABEL = ("courier", "tracking_number")
PARCEL = Table(Parcel, writes=(*LABEL, "number_insisted"), compared=LABEL)
STEP = 500


class OfferedIn(dict[str, set[str]]):
    """Country -> the couriers offered there, asked for once each."""

    def __missing__(self, country: str) -> set[str]:
        return self.setdefault(country, courier_settings.offered(country))


@dataclass(frozen=True)
class Loaded:
    parcels: Mapping[int, list[Parcel]]
    offered: OfferedIn
    #: the open parcels that have a number, and what they are called
    taken: dict[str, list[tuple[int, str]]]


def read(row: ImportRow, said: Cells) -> None:
    if cells.plain(said.get("parcel", "")):
        row.position = cells.position(said["parcel"])
    if cells.plain(said["tracking"]) or cells.plain(said.get("courier", "")):
        number = cells.tracking_number(said["tracking"])
        row.said |= {"courier": cells.courier(said.get("courier", ""), number=number), "tracking_number": number}


def load(order_ids: Sequence[int], rows: Sequence[ImportRow]) -> Loaded:
    found: dict[int, list[Parcel]] = defaultdict(list)
    for parcel in Parcel.objects.filter(order_id__in=order_ids).order_by("order_id", "position"):
        found[parcel.order_id].append(parcel)
    taken: dict[str, list[tuple[int, str]]] = {}
    for step in in_steps([row.said["tracking_number"] for row in rows if row.said]):
        taken |= labels.taken(step)
    return Loaded(found, OfferedIn(), taken)


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
    number, courier = row.said["tracking_number"], row.said["courier"]
    other = labels.other_of(loaded.taken.get(number, ()), parcel)
    set_label(parcel, courier=courier, tracking_number=number, offered=loaded.offered[order.country], at=at, other=other)
    settle(row, "parcel", parcel, seen=seen, table=PARCEL)


def facts(rows: Sequence[ImportRow]) -> tuple[str, Facts]:
    corrected = {str(row.position): _label(row.seen) for row in rows if row.state_seen == State.SHIPPED}
    more = {"corrected": corrected} if corrected else {}
    if len(rows) == 1:
        courier, number = _label(rows[0].wanted)
        return work.LABEL.name, {"parcel": rows[0].position, "courier": courier, "tracking_number": number, **more}
    return work.LABEL.name, {"labels": {str(row.position): _label(row.wanted) for row in rows}, **more}


def _label(values: Mapping[str, Any]) -> list[Any]:
    return [values.get(name) for name in LABEL]


def then(facts: Facts) -> Sequence[str]:
    return work.AFTER_CORRECTION if facts.get("corrected") else ()


def follow(batch: ImportBatch, outcome: RowOutcome) -> None:
    """As `work.label_parcel`: the earlier labels stay on record, and what is on its way is asked for anew."""
    source, user = ("seen", batch.undone_by) if outcome == RowOutcome.UNDONE else ("wanted", batch.made_by)
    rows = batch.rows.filter(outcome=outcome, target="parcel").order_by("pk")
    at = now()
    for step in in_steps(list(rows.values_list("target_id", source, "state_seen")), STEP):
        present = {pk: (label.get("courier") or "", label.get("tracking_number") or "") for pk, label, _state in step}
        labels.keep_histories(present, user=user, at=at)
        moving = [pk for pk, _label, state in step if state == State.SHIPPED]
        Parcel.objects.filter(pk__in=moving).update(**labels.NOTHING_KNOWN, next_poll_at=at)


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
    follow=follow,
    then=then,
)

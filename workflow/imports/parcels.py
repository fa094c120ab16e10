"""Parcels that an import of arrivals makes, and takes apart again when it is undone."""

from collections.abc import Sequence

from workflow.imports.rows import keep
from workflow.models import ImportBatch, ImportRow, Item, Parcel, RowOutcome
from workflow.models.orders import DEAD

#: kept in the row's `said`: its parcel was made by the import
MADE = "made_parcel"


def make(batch: ImportBatch) -> None:
    """The parcels that applied rows weigh and that are not there yet; every live item that is in no other lies in its order's."""
    rows = list(batch.rows.filter(outcome=RowOutcome.APPLIED, target="parcel", target_id=None).order_by("number"))
    if not rows:
        return
    places = {row.pk: (row.order_id or 0, row.position or 0) for row in rows}  # both are known of every applied row
    Parcel.objects.bulk_create(Parcel(order_id=places[row.pk][0], position=places[row.pk][1], **row.wanted) for row in rows)
    orders = {order_id for order_id, _position in places.values()}
    made = {(parcel.order_id, parcel.position): parcel for parcel in Parcel.objects.filter(order_id__in=orders)}
    for row in rows:
        row.target_id = made[places[row.pk]].pk
        row.said[MADE] = True
    keep(rows)
    parcel_of = {places[row.pk][0]: made[places[row.pk]] for row in reversed(rows)}
    items = list(Item.objects.filter(order_id__in=orders, parcel=None).exclude(status__in=DEAD))
    for item in items:
        item.parcel = parcel_of[item.order_id]
    Item.objects.bulk_update(items, ["parcel"], batch_size=500)


def take_apart(rows: Sequence[ImportRow]) -> None:
    """Of rows whose parcel was made by the import; the items lie loose again."""
    Parcel.objects.filter(pk__in=[row.target_id for row in rows if row.said.get(MADE)]).delete()

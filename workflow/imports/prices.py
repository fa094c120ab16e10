"""Unit prices of items in won, and names: what `work.price_items` enters for one order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from workflow import hints, work
from workflow.bulk import in_steps
from workflow.entry_rules import set_name, set_price
from workflow.imports import cells, columns
from workflow.imports.cells import CellError
from workflow.imports.kind import Cells, Facts, Kind, Table, check_order, settle, values
from workflow.models import ImportBatch, ImportKind, ImportRow, Item, Order, RowOutcome

ITEM = Table(Item, writes=("price_krw", "name"), compared=("price_krw", "name"))
LOADED = ("order_id", "position", "status", "quantity", *ITEM.writes)
Items = dict[tuple[int, int], Item]


def read(row: ImportRow, said: Cells) -> None:
    row.position = cells.position(said["item"])
    if cells.plain(said["price"]):
        row.said["price_krw"] = cells.won(said["price"])
    if name := cells.plain(said.get("name", "")):
        row.said["name"] = name[:200]


def load(order_ids: Sequence[int], _rows: Sequence[ImportRow]) -> Items:
    return {(item.order_id, item.position): item for item in Item.objects.only(*LOADED).filter(order_id__in=order_ids).order_by()}


def enter(row: ImportRow, order: Order, items: Items, at: datetime) -> None:
    item = items.get((order.pk, row.position or 0))
    if item is None:
        raise CellError(_("The order has no item %(position)s.") % {"position": row.position})
    if "price_krw" not in row.said:
        row.outcome = RowOutcome.SAME  # a line of the filled template that nobody has priced yet
        return
    check_order(order, work.PRICE)
    if not item.is_live:
        raise CellError(_("This item is no longer part of the order."))
    seen = values(item, ITEM.writes)
    set_price(item, row.said["price_krw"])
    if "name" in row.said:
        set_name(item, row.said["name"])
    settle(row, "item", item, seen=seen, table=ITEM)


def facts(rows: Sequence[ImportRow]) -> tuple[str, Facts]:
    said: Facts = {"prices_krw": {str(row.position): row.wanted.get("price_krw") for row in rows}}
    names = {str(row.position): row.wanted.get("name", "") for row in rows if _is_renamed(row.seen, row.wanted)}
    return work.PRICE.name, said | ({"names": names} if names else {})


def _is_renamed(seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return bool(seen.get("name", "") != wanted.get("name", ""))


def follow(batch: ImportBatch, outcome: RowOutcome) -> None:
    """A name says more than a link: what the renamed items hint at now. The orders are locked."""
    renamed: dict[int, set[int]] = defaultdict(set)
    rows = batch.rows.filter(outcome=outcome).order_by().values_list("order_id", "target_id", "seen", "wanted")
    for order_id, item_id, seen, wanted in rows.iterator(chunk_size=2000):
        if order_id is not None and item_id is not None and _is_renamed(seen, wanted):
            renamed[order_id].add(item_id)
    for order_ids in in_steps(sorted(renamed)):
        _hint(order_ids, renamed)


def _hint(order_ids: Sequence[int], renamed: Mapping[int, set[int]]) -> None:
    changed: list[Item] = []
    by_hint: dict[str, list[int]] = defaultdict(list)
    for order in Order.objects.only("country", "hint").filter(pk__in=order_ids).prefetch_related("items"):
        items, before = order.items.all(), order.hint
        new = [item for item in items if item.pk in renamed[order.pk]]
        hints.note_hints(order, new, among=items)
        changed += new
        if order.hint != before:
            by_hint[order.hint].append(order.pk)
    Item.objects.bulk_update(changed, ["hints"], batch_size=500)
    for hint, pks in by_hint.items():
        Order.objects.filter(pk__in=pks).update(hint=hint)


KIND = Kind(
    code=ImportKind.PRICES,
    tasks=(work.PRICE,),
    move="confirm_item_prices",
    columns=(
        columns.ORDER,
        replace(columns.ITEM, required=True),
        columns.NAME,
        columns.OPTIONS,
        columns.QUANTITY,
        columns.URL,
        columns.PRICE,
    ),
    tables={"item": ITEM},
    read=read,
    load=load,
    enter=enter,
    facts=facts,
    follow=follow,
)

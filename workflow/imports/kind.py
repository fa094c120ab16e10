"""What every kind of import has in common: a row is read, finds its order and its target, and is entered into it in memory.

`seen` and `wanted` hold the target's columns before and after as texts and numbers, as the joined UPDATE writes them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import BidangilError
from workflow.bulk import FIELDS, in_steps
from workflow.entry_rules import check_state
from workflow.imports.cells import CellError
from workflow.imports.columns import Column
from workflow.models import ImportBatch, ImportKind, ImportRow, Order, RowOutcome
from workflow.work import Task

Cells = Mapping[str, str]
Facts = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A target's table: which columns an import writes, and which must still be what they were, for it and for undoing it."""

    model: type[Model]
    writes: tuple[str, ...]
    compared: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    code: ImportKind
    tasks: tuple[Task, ...]
    #: the transition that orders it completed can make next
    move: str
    columns: tuple[Column, ...]
    tables: Mapping[str, Table]
    #: fills the row from its cells; raises CellError
    read: Callable[[ImportRow, Cells], None]
    #: what `enter` needs of these orders for these rows, fetched with a fixed number of statements
    load: Callable[[Sequence[int], Sequence[ImportRow]], Any]
    #: enters one row into its target in memory: sets target, seen, wanted, outcome; raises CellError or BidangilError
    enter: Callable[[ImportRow, Order, Any, datetime], None]
    #: of an order's rows: the event's name and its facts
    facts: Callable[[Sequence[ImportRow]], tuple[str, Facts]]
    #: what follows from what was written, for the rows with this outcome; within the transaction
    follow: Callable[[ImportBatch, RowOutcome], None] = lambda batch, outcome: None
    #: of an event's facts: the effects that are promised with it
    then: Callable[[Facts], Sequence[str]] = lambda facts: ()

    @property
    def roles(self) -> frozenset[str]:
        return frozenset().union(*(task.roles for task in self.tasks))

    @property
    def states(self) -> frozenset[str]:
        return frozenset().union(*(task.states for task in self.tasks))


def examine(kind: Kind, rows: Sequence[ImportRow], *, orders: Mapping[str, Order], at: datetime) -> None:
    """Say of each row what it would change, or why it cannot."""
    loaded = kind.load([order.pk for order in orders.values()], rows)
    for row in rows:
        row.error, row.outcome, row.seen, row.wanted = "", RowOutcome.STAGED, {}, {}
        try:
            kind.enter(row, _order_of(row, orders), loaded, at)
        except (CellError, BidangilError) as refused:
            row.refuse(refused)


def _order_of(row: ImportRow, orders: Mapping[str, Order]) -> Order:
    order = orders.get(row.order_number)
    if order is None:
        raise CellError(_("There is no order with this number."))
    row.order_id, row.state_seen = order.pk, order.state
    return order


def check_order(order: Order, task: Task) -> None:
    """As on the order's page; and, as nobody looks at the order while importing, not while it is on hold."""
    check_state(order, task.states)
    if order.hold_reason:
        raise CellError(_("The order is on hold: %(reason)s") % {"reason": gettext(order.hold_reason)})


def orders_numbered(numbers: Iterable[str]) -> dict[str, Order]:
    found: dict[str, Order] = {}
    for step in in_steps(sorted(set(numbers))):
        found |= {order.number: order for order in Order.objects.only(*FIELDS).filter(number__in=step)}
    return found


def settle(row: ImportRow, target: str, thing: Any, *, seen: dict[str, Any], table: Table) -> None:
    """The row's target as it was and as it is to be."""
    row.target, row.target_id = target, thing.pk
    row.seen, row.wanted = seen, values(thing, table.writes)
    row.outcome = RowOutcome.SAME if differs(row.seen, row.wanted, table) is None else RowOutcome.GOOD


def differs(one: Mapping[str, Any], other: Mapping[str, Any], table: Table) -> str | None:
    """The first compared column in which they differ."""
    return next((name for name in table.compared if one.get(name) != other.get(name)), None)


def values(thing: Any, columns: Sequence[str]) -> dict[str, Any]:
    """As the database holds them; NULL is left out."""
    said = {name: getattr(thing, name) for name in columns}
    return {name: stored(value) for name, value in said.items() if value is not None}


def stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(value, bool):
        return int(value)
    return str(value) if isinstance(value, str) else value

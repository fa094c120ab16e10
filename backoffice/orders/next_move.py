"""Whose move it is, what is still missing in words, and what this person may press or type now.

Only put together from `transitions.moves` and `work.tasks_open`; which move comes first is the order of the process table.
"""

from dataclasses import dataclass
from typing import Any

from backoffice.orders import pricing_hints
from backoffice.orders.forms import EntryForm
from backoffice.orders.parcel_forms import FORMS, PackForm
from backoffice.words import TASK_TITLES, TURNS, WAITS_WORDS, Turn
from workflow import work
from workflow.fsm import Spec
from workflow.guards import live_items
from workflow.models import AttemptStatus, Order
from workflow.process import TRANSITIONS, WAITS_ON, Role, State, Waits, roles_of
from workflow.transitions import By, Move, moves, unmet

#: what staff type in first in a state; everything else that may be typed is one click away
MAIN_TASKS: dict[str, tuple[work.Task, ...]] = {
    State.QUOTE_REQUESTED: (work.SCREEN,),
    State.QUOTE_APPROVED: (work.PRICE,),
    State.ITEMS_PAID: (work.BUY,),
    State.ITEMS_PURCHASED: (work.RECEIVE,),
    State.AT_WAREHOUSE: (work.PACK, work.SET_FEE),
    State.DELIVERY_PAID: (work.LABEL,),
}


@dataclass(frozen=True)
class NextMove:
    turn: Turn
    waits: Waits
    whose: Any
    #: the staff roles that move the order on, when this person is none of them
    asks_roles: list[Any]
    primary: Move | None
    others: list[Move]
    dangerous: list[Move]
    #: the move that leads on, whoever makes it, and what is missing for it in words
    spec: Spec | None
    missing: list[Any]
    #: a checkout session is being closed at Stripe, and a move waits for it
    is_closing: bool


def next_move(order: Order, *, by: By) -> NextMove:
    mine = moves(order, by=by)
    onward = [move for move in mine if not move.spec.destructive]
    waits = order.waiting_on
    spec = onward_spec(order) if WAITS_ON[order.state] == Waits.STAFF else None
    primary = onward[0] if onward and WAITS_ON[order.state] == Waits.STAFF else None
    return NextMove(
        turn=TURNS[order.state],
        waits=waits,
        whose=WAITS_WORDS[waits],
        asks_roles=[] if primary or waits != Waits.STAFF else _roles_asked(order),
        primary=primary,
        others=[move for move in onward if move is not primary],
        dangerous=[move for move in mine if move.spec.destructive],
        spec=spec,
        missing=[guard.reason for guard in unmet(order, spec, by=by)] if spec else [],
        is_closing=any(
            attempt.status == AttemptStatus.CLOSING and attempt.then_perform
            for invoice in order.invoices.all()
            for attempt in invoice.attempts.all()
        ),
    )


def _roles_asked(order: Order) -> list[Any]:
    spec = onward_spec(order)
    roles = roles_of(spec, order.state) - {Role.OWNER} if spec else frozenset()
    return [role.label for role in Role if role.value in roles]


def onward_spec(order: Order) -> Spec | None:
    """The first move of the table that leads on from here and that staff may make."""
    found = (spec for spec in TRANSITIONS.values() if order.state in spec.sources and not spec.destructive)
    return next((spec for spec in found if roles_of(spec, order.state)), None)


# --- What may be typed ----------------------------------------------------------------------------------------------------


@dataclass
class Entry:
    """A task that is open to this person, with its form (or forms, for parcels) and what the form shows beside the fields."""

    task: work.Task
    title: Any
    forms: list[EntryForm]
    is_main: bool
    hints: dict[str, Any]


def entries_open(order: Order, *, by: By) -> list[Entry]:
    entries = [entry(order, task) for task in work.tasks_open(order, by=by)]
    return sorted(entries, key=lambda found: not found.is_main)


def entry(order: Order, task: work.Task, *, bound: EntryForm | None = None) -> Entry:
    return Entry(
        task=task,
        title=TASK_TITLES[task.name],
        forms=[bound] if bound else _forms(order, task),
        is_main=task in MAIN_TASKS.get(order.state, ()),
        hints=pricing_hints.HINTS.get(task.name, pricing_hints.nothing)(order),
    )


def _forms(order: Order, task: work.Task) -> list[EntryForm]:
    if task is not work.PACK:
        return [FORMS[task.name](order)]
    packed: list[EntryForm] = [
        PackForm(order, parcel=parcel) for parcel in order.parcels.all() if not parcel.closed_at and not parcel.delivered_at
    ]
    loose = any(item.parcel_id is None for item in live_items(order))
    return [*packed, PackForm(order)] if loose or not packed else packed

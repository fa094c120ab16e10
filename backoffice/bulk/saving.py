"""What "Save", "Confirm" and "Undo" of the price page do to the orders, one after the other, each with what came of it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from backoffice.bulk import typed as typing_
from backoffice.bulk.one_by_one import attempt, deadline, happened_since
from backoffice.bulk.typed import TypedOrder, Values
from backoffice.orders.history import Happening
from core.errors import BidangilError
from workflow import price_sheet
from workflow.models import Item, Order, PriceSave, SavedPrices
from workflow.process import State
from workflow.transitions import By, ask

CONFIRM = "confirm_item_prices"


@dataclass
class Outcome:
    """One order's row of the result. `kind`: saved, same, confirmed, undone, refused."""

    order_id: int
    number: str
    kind: str
    words: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    meanwhile: list[Happening] = field(default_factory=list)
    #: refused, but what was typed is saved (only the confirmation was not possible)
    is_saved: bool = False
    #: the version looked at, where somebody else was quicker
    changed_after: int | None = None

    @property
    def is_refused(self) -> bool:
        return self.kind == "refused"


@dataclass
class Run:
    """What came of one press."""

    outcomes: list[Outcome] = field(default_factory=list)
    #: of orders that were not chosen and have typed cells
    pending: list[TypedOrder] = field(default_factory=list)

    def count(self, kind: str) -> int:
        return sum(outcome.kind == kind for outcome in self.outcomes)

    @property
    def refused(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_refused]

    def with_meanwhile(self) -> "Run":
        """Who changed what, for the orders where somebody was quicker."""
        since = happened_since({o.order_id: o.changed_after for o in self.outcomes if o.changed_after is not None})
        for outcome in self.outcomes:
            outcome.meanwhile = since.get(outcome.order_id, [])
        return self


def save_and_confirm(typed: Sequence[TypedOrder], *, chosen: Collection[int] | None, confirm: Collection[int], by: By) -> Run:
    """Save the typed orders that are chosen (None: all that were changed), and confirm the prices of those in `confirm`."""
    orders = {order.pk: order for order in price_sheet.loaded(sorted(one.order_id for one in typed))}
    run, save, until = Run(), price_sheet.begin_save(by=by), deadline()
    for one in sorted(typed, key=lambda one: one.order_id):
        order = orders.get(one.order_id)
        found = typing_.values(one, items=order.items.all() if order else ())
        is_changed = bool(found.touched)
        if one.order_id in confirm or (is_changed and (chosen is None or one.order_id in chosen)):
            run.outcomes.append(_one(one, found, order=order, save=save, confirm=one.order_id in confirm, by=by, until=until))
        elif is_changed:
            run.pending.append(one)
    price_sheet.forget_if_empty(save)
    return run.with_meanwhile()


def _one(one: TypedOrder, found: Values, *, order: Order | None, save: PriceSave, confirm: bool, by: By, until: float) -> Outcome:
    number = order.number if order else str(one.order_id)
    if found.errors:
        return Outcome(one.order_id, number, "refused", _("Not saved: please correct the marked cells."), errors=found.errors)
    prices = {pk: price for pk, price in found.prices.items() if ("price", pk) in found.touched}
    names = {pk: name for pk, name in found.names.items() if ("name", pk) in found.touched}
    saved, refused = attempt(
        lambda: price_sheet.save_one(one.order_id, prices=prices, names=names, by=by, seen_version=one.version, remembered=save),
        about=number,
        until=until,
    )
    if refused:
        return _refused(one, number, refused, words=_("Not saved: %(why)s"))
    if not confirm:
        return Outcome(one.order_id, number, "saved" if saved else "same", _("Saved.") if saved else _("Already so; nothing to save."))
    seen = saved.version if saved else one.version
    _moved, refused = attempt(lambda: ask(one.order_id, CONFIRM, by=by, seen_version=seen), about=number, until=until)
    if refused:
        words = _("Saved, but not confirmed: %(why)s") if saved else _("Not confirmed: %(why)s")
        return _refused(one, number, refused, words=words, is_saved=saved is not None)
    state = State.AWAITING_ITEM_PAYMENT.label
    return Outcome(one.order_id, number, "confirmed", _("Prices confirmed. The order is now “%(state)s”.") % {"state": state})


def _refused(one: TypedOrder, number: str, refused: BidangilError, *, words: str, is_saved: bool = False) -> Outcome:
    changed_after = one.version if refused.code == "changed_meanwhile" else None
    return Outcome(one.order_id, number, "refused", words % {"why": refused}, is_saved=is_saved, changed_after=changed_after)


def undo(save_id: int, *, typed: Sequence[TypedOrder], by: By) -> Run:
    """Put back what a save replaced, where nothing happened since. Raises NotFound for somebody else's save."""
    rows = price_sheet.rows_to_undo(save_id, by=by)
    until = deadline()
    run = Run(outcomes=[_undo_one(row, by=by, until=until) for row in rows])
    done = {outcome.order_id for outcome in run.outcomes}
    run.pending = [one for one in typed if one.order_id not in done and typing_.values(one, items=()).touched]
    return run.with_meanwhile()


def _undo_one(row: SavedPrices, *, by: By, until: float) -> Outcome:
    number = row.order.number
    _order, refused = attempt(lambda: price_sheet.undo_one(row.pk, by=by), about=number, until=until)
    if refused is None:
        return Outcome(row.order_id, number, "undone", _("Put back."))
    changed_after = row.version_after if refused.code == "changed_meanwhile" else None
    return Outcome(row.order_id, number, "refused", _("Not put back: %(why)s") % {"why": refused}, changed_after=changed_after)


# --- As the page's script reads it ----------------------------------------------------------------------------------------


def as_json(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """With the cells as they are now, so that the page shows what is saved. 2 statements."""
    outcomes = list(outcomes)
    orders = {order.pk: order for order in price_sheet.loaded(outcome.order_id for outcome in outcomes)}
    return [_as_json(outcome, orders.get(outcome.order_id)) for outcome in outcomes]


def _as_json(outcome: Outcome, order: Order | None) -> dict[str, Any]:
    return {
        "order": outcome.order_id,
        "number": outcome.number,
        "kind": outcome.kind,
        "is_saved": outcome.is_saved,
        "words": outcome.words,
        "errors": outcome.errors,
        "meanwhile": [meanwhile_words(happened) for happened in outcome.meanwhile],
        "seen": typing_.seen_of(order) if order else "",
        "cells": {f"{name}-{order.pk}-{item.pk}": text(item, name) for item in order.items.all() for name in ("price", "name")}
        if order
        else {},
    }


def text(item: Item, name: str) -> str:
    """A cell as the page shows it."""
    if name == "name":
        return item.name
    return "" if item.price_krw is None else f"{item.price_krw:,}"


def meanwhile_words(happened: Happening) -> str:
    facts = ", ".join(f"{label} {value}" for label, value in happened.facts)
    return f"{happened.who}: {happened.title}" + (f" ({facts})" if facts else "")

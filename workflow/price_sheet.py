"""Prices of many orders at once: which orders wait for prices, one order's part of a save, and putting back what a save replaced.

Each order is a transaction of its own and goes through `work.price_items`, as on its own page. The page: `backoffice/bulk/prices.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from core.errors import NotFound
from workflow import work
from workflow.models import Item, Order, PriceSave, SavedPrices
from workflow.models.orders import DEAD
from workflow.process import State
from workflow.queues import NOT_ASKED
from workflow.transitions import By, TransitionRefused, retried

UNDO_WITHIN = timedelta(days=1)
KEPT_FOR = timedelta(days=7)


# --- Which orders ---------------------------------------------------------------------------------------------------------


def waiting_for_prices() -> QuerySet[Order]:
    """Approved, not on hold, and the customer owes no answer; the oldest first, over the index of states."""
    return Order.objects.filter(NOT_ASKED, state=State.QUOTE_APPROVED, hold_reason="").order_by("state_since", "id")


@dataclass(frozen=True)
class Place:
    """Where a page of `waiting_for_prices` ended."""

    since: datetime
    order_id: int


def one_page(*, after: Place | None = None, items: int) -> tuple[list[int], Place | None]:
    """The next orders' ids that have at most `items` live items together (at least one order), and where to go on, if there are more."""
    waiting = waiting_for_prices()
    if after is not None:
        waiting = waiting.filter(Q(state_since__gt=after.since) | Q(state_since=after.since, pk__gt=after.order_id))
        waiting = waiting.filter(state_since__gte=after.since)  # says it once more so that the index is entered there
    live = Item.objects.filter(order=OuterRef("pk")).exclude(status__in=DEAD).order_by().values("order").annotate(n=Count("pk"))
    rows = list(waiting.annotate(live=Subquery(live.values("n"))).values_list("pk", "state_since", "live")[: items + 1])
    taken: list[tuple[int, datetime]] = []
    room = items
    for pk, since, count in rows[:items]:
        room -= count or 0
        if taken and room < 0:
            break
        taken.append((pk, since))
    more = len(taken) < len(rows)
    return [pk for pk, _since in taken], Place(taken[-1][1], taken[-1][0]) if taken and more else None


# --- Saving ---------------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def begin_save(*, by: By) -> PriceSave:
    """What the orders of one press are remembered under. Old ones of this person go."""
    user = _person(by)
    PriceSave.objects.filter(by=user, saved_at__lt=now() - KEPT_FOR).delete()
    return PriceSave.objects.create(by=user)


def _person(by: By) -> User:
    if by.user is None or not by.roles & work.PRICE.roles:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    return by.user


@retried
@transaction.atomic
def save_one(
    order_id: int, *, prices: Mapping[int, int | None], names: Mapping[int, str], by: By, seen_version: int, remembered: PriceSave
) -> Order | None:
    """Save what differs from what the order has, and remember what it had; None where nothing differs (also when pressed twice)."""
    items = _locked_items(order_id)
    differing = {pk: price for pk, price in prices.items() if pk not in items or items[pk].price_krw != price}
    renamed = {pk: name for pk, name in names.items() if pk not in items or items[pk].name != name.strip()}
    if not differing and not renamed:
        return None
    before = {pk: {"price_krw": items[pk].price_krw, "name": items[pk].name} for pk in {*differing, *renamed} if pk in items}
    order = work.price_items(order_id, prices=differing, names=renamed, by=by, seen_version=seen_version)
    SavedPrices.objects.create(save_of=remembered, order=order, version_after=order.version, before=before)
    return order


def _locked_items(order_id: int) -> dict[int, Item]:
    """Under the order's lock, which `work.price_items` then takes again with all that it looks at."""
    if Order.objects.select_for_update().filter(pk=order_id).values_list("pk", flat=True).first() is None:
        raise NotFound
    return {item.pk: item for item in Item.objects.filter(order=order_id)}


# --- Putting back ---------------------------------------------------------------------------------------------------------


def last_save(*, by: By) -> PriceSave | None:
    """This person's last save of which something can still be put back."""
    untouched = Q(rows__undone_at=None, rows__version_after=F("rows__order__version"))
    return PriceSave.objects.filter(untouched, by=by.user, saved_at__gte=now() - UNDO_WITHIN).order_by("-pk").first()


def rows_to_undo(save_id: int, *, by: By) -> list[SavedPrices]:
    """What a save of this person's own replaced and was not put back yet. Raises NotFound for those of others."""
    saved = PriceSave.objects.filter(pk=save_id, by=by.user).first()
    if saved is None:
        raise NotFound
    return list(saved.rows.filter(undone_at=None).select_related("order").order_by("order_id"))


@retried
@transaction.atomic
def undo_one(row_id: int, *, by: By) -> Order:
    """Put back what one order had, if nothing happened to it since."""
    order_id = SavedPrices.objects.values_list("order_id", flat=True).get(pk=row_id)
    _locked_items(order_id)
    row = SavedPrices.objects.get(pk=row_id)
    if row.undone_at:
        raise TransitionRefused(_("This is put back already."), code="undone_already")
    said = {int(pk): had for pk, had in row.before.items()}
    prices, names = column(said, "price_krw"), column(said, "name")
    order = work.price_items(order_id, prices=prices, names=names, by=by, seen_version=row.version_after)
    row.undone_at = now()
    row.save(update_fields=["undone_at"])
    return order


def column(said: Mapping[int, Mapping[str, Any]], name: str) -> dict[int, Any]:
    return {pk: row[name] for pk, row in said.items()}


@retried
@transaction.atomic
def forget_if_empty(saved: PriceSave) -> None:
    """A press that changed nothing leaves nothing to put back."""
    if not saved.rows.exists():
        saved.delete()


def loaded(order_ids: Iterable[int]) -> list[Order]:
    """These orders with their items, in the order given. 2 statements."""
    wanted = list(order_ids)
    found = {order.pk: order for order in Order.objects.filter(pk__in=wanted).prefetch_related("items")}
    return [found[pk] for pk in wanted if pk in found]

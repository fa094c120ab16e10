"""What staff enter about the items and parcels of one order: screening, prices, purchases, arrivals, parcels, labels, the fee.

The order page, the bulk page and imports all call these. Each locks the order, checks that it is the time for it, writes, and leaves
one event row of who did what. Item statuses are moved here and in `writes.py`, nowhere else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.errors import Invalid
from core.money import format_krw
from integrations.couriers import COURIERS
from integrations.tracking_numbers import normalise
from workflow import courier_settings, differences, hints, inspection_rows, labels, pricing, rate_cards, restrictions, tracking
from workflow.entry_rules import (
    MAX_PRICE_KRW,
    check_state,
    set_arrived,
    set_courier,
    set_label,
    set_measures,
    set_name,
    set_price,
    take_back_arrival,
    whole,
)
from workflow.models import Item, ItemStatus, Order, Parcel, Restriction
from workflow.process import Effect, Role, State
from workflow.transitions import By, TransitionRefused, locked_for_staff, record, retried


@dataclass(frozen=True)
class Task:
    """A kind of entry: in which states it makes sense, and whose work it is."""

    name: str
    states: frozenset[str]
    roles: frozenset[str]


def _task(name: str, states: Iterable[State], roles: Iterable[Role]) -> Task:
    return Task(name, frozenset(states), frozenset({*roles, Role.OWNER}))


SCREEN = _task("screen_items", [State.QUOTE_REQUESTED, State.QUOTE_APPROVED], [Role.BUYER])
PRICE = _task("price_items", [State.QUOTE_REQUESTED, State.QUOTE_APPROVED], [Role.BUYER])
BUY = _task("buy_items", [State.ITEMS_PAID], [Role.BUYER])
EXPECT = _task("expect_items", [State.ITEMS_PAID, State.ITEMS_PURCHASED], [Role.BUYER, Role.WAREHOUSE])
RECEIVE = _task("receive_items", [State.ITEMS_PURCHASED], [Role.WAREHOUSE])
#: a button, not one of the forms
UNDO_ARRIVAL = Task("undo_arrival", RECEIVE.states, RECEIVE.roles)
PACK = _task("pack_parcels", [State.AT_WAREHOUSE], [Role.WAREHOUSE])
SET_FEE = _task("set_delivery_fee", [State.AT_WAREHOUSE], [Role.WAREHOUSE, Role.FINANCE])
LABEL = _task("label_parcels", [State.DELIVERY_PAID, State.SHIPPED], [Role.WAREHOUSE])
#: part of the fee's form, saved with the fee or before it
CHOOSE = _task("choose_couriers", [State.AT_WAREHOUSE], [Role.WAREHOUSE, Role.FINANCE])
#: nothing is typed in with it, so it is a button and not one of the forms
LOOK = _task("look_now", [State.SHIPPED], [Role.WAREHOUSE, Role.SUPPORT])
#: what follows when the label of a parcel on its way turned out to be wrong
AFTER_CORRECTION = (Effect.TRACK_PARCELS, Effect.NOTIFY_CUSTOMER)
TASKS = (SCREEN, PRICE, BUY, RECEIVE, EXPECT, PACK, SET_FEE, LABEL)


def tasks_open(order: Order, *, by: By) -> list[Task]:
    """What this person may enter about the order now."""
    return [task for task in TASKS if order.state in task.states and by.roles & task.roles]


def _begin(order_id: int, task: Task, *, by: By, seen_version: int | None) -> Order:
    order = locked_for_staff(order_id, roles=task.roles, by=by, seen_version=seen_version)
    check_state(order, task.states)
    return order


def _finish(order: Order, task: Task, *, by: By, facts: dict[str, Any], then: Iterable[str] = ()) -> Order:
    record(order, name=task.name, from_state=order.state, by=by, facts=facts, then=then, live="order.item")
    return order


def _item(order: Order, item_id: int) -> Item:
    for item in order.items.all():
        if item.pk == item_id:
            return item
    raise Invalid(_("This item is not part of the order."), field="item")


# --- Quote ----------------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def screen_items(order_id: int, *, verdicts: Mapping[int, Mapping[str, str]], by: By, seen_version: int | None = None) -> Order:
    """`{item id: {"verdict": "approved" | "rejected", "note": …, "topic": code of restricted goods or ""}}`; a rejection needs a reason,
    which the customer reads: typed, or the topic's words in the customer's language."""
    order = _begin(order_id, SCREEN, by=by, seen_version=seen_version)
    topics = {topic.code: topic for topic in restrictions.in_force()} if any(said.get("topic") for said in verdicts.values()) else {}
    changed = []
    for item_id, said in verdicts.items():
        item, verdict, note = _item(order, item_id), said["verdict"], said.get("note", "").strip()[:500]
        if verdict not in (ItemStatus.APPROVED, ItemStatus.REJECTED):
            raise Invalid(_("Approve or reject."), field="verdict")
        item.restriction = _topic(topics, said.get("topic", ""))
        if item.restriction and not note:
            note = item.restriction.said("short", locale=order.customer.locale)
        if verdict == ItemStatus.REJECTED and not note:
            raise Invalid(_("Please say why the item is rejected; the customer reads it."), field="note")
        item.status, item.screening_note = ItemStatus(verdict), note
        item.screened_by, item.screened_at = by.user, now()
        changed.append(item)
    Item.objects.bulk_update(changed, ["status", "screening_note", "restriction", "screened_by", "screened_at"])
    facts = {"items": {str(i.position): str(i.status) for i in changed}}
    by_topic = {str(i.position): i.restriction.code for i in changed if i.restriction}
    return _finish(order, SCREEN, by=by, facts={**facts, "topics": by_topic} if by_topic else facts)


def _topic(topics: Mapping[str, Restriction], code: str) -> Restriction | None:
    if code and code not in topics:
        raise Invalid(_("This topic is not in force any more."), field="topic")
    return topics.get(code)


@retried
@transaction.atomic
def price_items(
    order_id: int, *, prices: Mapping[int, int | None], names: Mapping[int, str] | None = None, by: By, seen_version: int | None = None
) -> Order:
    """Unit prices in won by item id (None takes a price back), and product names. Nothing is asked of the customer until they are
    confirmed."""
    order = _begin(order_id, PRICE, by=by, seen_version=seen_version)
    changed, renamed = {}, {}
    for item_id, price in prices.items():
        item = _item(order, item_id)
        set_price(item, price)
        changed[item_id] = item
    for item_id, name in (names or {}).items():
        item = changed.setdefault(item_id, _item(order, item_id))
        if item.name != name.strip()[:200]:
            set_name(item, name)
            renamed[str(item.position)] = item.name
    if names:  # a name says more than a link
        hints.note_hints(order, [changed[item_id] for item_id in names], among=order.items.all())
    Item.objects.bulk_update(changed.values(), ["price_krw", "name", *(["hints"] if names else [])])
    facts: dict[str, Any] = {"prices_krw": {str(i.position): i.price_krw for i in changed.values()}}
    return _finish(order, PRICE, by=by, facts=facts | ({"names": renamed} if renamed else {}))


# --- Buying and warehouse -------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def buy_items(order_id: int, *, purchases: Mapping[int, Mapping[str, Any]], by: By, seen_version: int | None = None) -> Order:
    """`{item id: {"shop_order_number": …, "paid_price_krw": won in all}}`; the end of free cancelling for the customer."""
    order = _begin(order_id, BUY, by=by, seen_version=seen_version)
    changed = []
    for item_id, said in purchases.items():
        item, number = _item(order, item_id), str(said["shop_order_number"]).strip()
        if not item.is_live:
            raise Invalid(_("This item is no longer part of the order."), field="item")
        if differences.is_awaited(order, item):
            raise TransitionRefused(_("The customer has not paid the price difference of this item yet."), code="difference_open")
        if not number or len(number) > 60:
            raise Invalid(_("The shop's order number is missing or too long."), field="shop_order_number")
        item.paid_price_krw = whole(said["paid_price_krw"], field="paid_price_krw", low=0, high=MAX_PRICE_KRW)
        item.shop_order_number, item.status = number, ItemStatus.PURCHASED
        changed.append(item)
    Item.objects.bulk_update(changed, ["shop_order_number", "paid_price_krw", "status"])
    return _finish(order, BUY, by=by, facts={"paid_krw": {str(i.position): i.paid_price_krw for i in changed}})


@retried
@transaction.atomic
def expect_items(order_id: int, *, numbers: Mapping[int, str], by: By, seen_version: int | None = None) -> Order:
    """The numbers of the shops' parcels to us, by item id; empty takes one back. The warehouse scans them (`arrivals.find`)."""
    order = _begin(order_id, EXPECT, by=by, seen_version=seen_version)
    changed = []
    for item_id, said in numbers.items():
        item = _item(order, item_id)
        if not item.is_live:
            raise Invalid(_("This item is no longer part of the order."), field="item")
        item.inbound_number = normalise(said)
        changed.append(item)
    Item.objects.bulk_update(changed, ["inbound_number"])
    return _finish(order, EXPECT, by=by, facts={"inbound": {str(i.position): i.inbound_number for i in changed}})


@retried
@transaction.atomic
def receive_items(order_id: int, *, item_ids: Iterable[int], inspected: bool, by: By, seen_version: int | None = None) -> Order:
    """Items that arrived; `inspected` when they were also looked at and are right."""
    order = _begin(order_id, RECEIVE, by=by, seen_version=seen_version)
    changed, held = [_item(order, item_id) for item_id in item_ids], inspection_rows.open_in([order.pk])
    for item in changed:
        set_arrived(item, inspected=inspected, at=now(), is_held=item.pk in held)
    Item.objects.bulk_update(changed, ["arrived_at", "inspected_at", "status"])
    return _finish(order, RECEIVE, by=by, facts={"items": {str(i.position): str(i.status) for i in changed}})


@retried
@transaction.atomic
def undo_arrival(order_id: int, *, item_ids: Iterable[int], by: By, seen_version: int | None = None) -> Order:
    """A wrong entry is taken back: the items are bought and on their way, as before. Only while the order waits for its items."""
    order = _begin(order_id, UNDO_ARRIVAL, by=by, seen_version=seen_version)
    changed, held = [_item(order, item_id) for item_id in item_ids], inspection_rows.open_in([order.pk])
    if not changed:
        raise Invalid(_("Nothing was chosen."), field="item")
    for item in changed:
        take_back_arrival(item, is_held=item.pk in held)
    Item.objects.bulk_update(changed, ["arrived_at", "inspected_at", "status"])
    inspection_rows.take_back_fine(changed)
    return _finish(order, UNDO_ARRIVAL, by=by, facts={"items": {str(i.position): str(i.status) for i in changed}})


# --- Parcels --------------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def pack_parcel(
    order_id: int,
    *,
    weight_g: int,
    volume_cm3: int | None = None,
    sides_cm: Sequence[int] | None = None,
    courier: str | None = None,
    item_ids: Iterable[int] | None = None,
    parcel_id: int | None = None,
    by: By,
    seen_version: int | None = None,
) -> Parcel:
    """Make or change a parcel: grams, three sides in centimetres or a volume in cubic ones, the courier meant for it (None: as before),
    and which items lie in it (None: every live item that is in no other). An item that lay in another parcel moves over."""
    order = _begin(order_id, PACK, by=by, seen_version=seen_version)
    parcel = _parcel(order, parcel_id) if parcel_id else Parcel(order=order, position=_next_position(order))
    if courier and courier != parcel.courier and courier not in courier_settings.offered(order.country):
        raise Invalid(_("This courier is not offered for new parcels there."), field="courier")
    set_measures(parcel, weight_g=weight_g, volume_cm3=volume_cm3, sides_cm=sides_cm, courier=courier)
    parcel.save()
    wanted = {i.pk for i in order.items.all() if i.is_live and i.parcel_id in (None, parcel.pk)} if item_ids is None else set(item_ids)
    chosen = [_item(order, item_id) for item_id in wanted]
    if {item.parcel_id for item in chosen} & {other.pk for other in order.parcels.all() if other.handed_over_at}:
        raise TransitionRefused(_("This parcel was handed over; it stays on record."))
    Item.objects.filter(parcel=parcel).exclude(pk__in=wanted).update(parcel=None)
    Item.objects.filter(pk__in=[item.pk for item in chosen]).update(parcel=parcel)
    _finish(order, PACK, by=by, facts=_packed(parcel, items=len(chosen)))
    return parcel


def _packed(parcel: Parcel, *, items: int) -> dict[str, Any]:
    facts = {"parcel": parcel.position, "weight_g": parcel.weight_g, "volume_cm3": parcel.volume_cm3, "items": items}
    sides = [side for side in (parcel.length_cm, parcel.width_cm, parcel.height_cm) if side]
    return facts | ({"sides_cm": sides} if sides else {}) | ({"courier": parcel.courier} if parcel.courier else {})


@retried
@transaction.atomic
def remove_parcel(order_id: int, *, parcel_id: int, by: By, seen_version: int | None = None) -> Order:
    """Take a parcel apart that was packed but not handed over."""
    order = _begin(order_id, PACK, by=by, seen_version=seen_version)
    parcel = _parcel(order, parcel_id)
    if parcel.handed_over_at:
        raise TransitionRefused(_("This parcel was handed over; it stays on record."))
    facts = {"removed": parcel.position}
    parcel.delete()
    return _finish(order, PACK, by=by, facts=facts)


def _next_position(order: Order) -> int:
    return max((parcel.position for parcel in order.parcels.all()), default=0) + 1


def _parcel(order: Order, parcel_id: int) -> Parcel:
    for parcel in order.parcels.all():
        if parcel.pk == parcel_id:
            return parcel
    raise Invalid(_("This parcel is not part of the order."), field="parcel")


@retried
@transaction.atomic
def choose_couriers(order_id: int, *, couriers: Mapping[int, str], by: By, seen_version: int | None = None) -> Order:
    """`{parcel id: courier, or "" for none yet}`: whose rate card proposes the fee. Nothing is bound by it before the label."""
    order = _begin(order_id, CHOOSE, by=by, seen_version=seen_version)
    return _finish(order, CHOOSE, by=by, facts={"couriers": _choose(order, couriers)})


def _choose(order: Order, couriers: Mapping[int, str]) -> dict[str, str]:
    """By the parcels' positions, those that changed."""
    offered = courier_settings.offered(order.country)
    changed = []
    for parcel_id, courier in couriers.items():
        parcel = _parcel(order, parcel_id)
        if parcel.courier != courier:
            set_courier(parcel, courier=courier, offered=offered)
            changed.append(parcel)
    Parcel.objects.bulk_update(changed, ["courier", "tracking_number", "number_insisted"])
    return {str(parcel.position): parcel.courier for parcel in changed}


@retried
@transaction.atomic
def set_delivery_fee(
    order_id: int,
    *,
    fee_krw: int,
    reason: str = "",
    couriers: Mapping[int, str] | None = None,
    by: By,
    seen_version: int | None = None,
) -> Order:
    """The freight in won, before the card fee, and the couriers where they are chosen with it (`choose_couriers`).

    The event keeps what `pricing.delivery_proposal` proposes now and by which cards; far from that a reason is needed.
    """
    order = _begin(order_id, SET_FEE, by=by, seen_version=seen_version)
    order.delivery_fee_krw = whole(fee_krw, field="delivery_fee_krw", low=1, high=100_000_000)
    chosen = _choose(order, couriers or {})
    proposal, why = pricing.delivery_proposal(order), reason.strip()[:200]
    if proposal.is_far_from(fee_krw) and not why:
        words = _("This is more than %(percent)s percent from the proposed %(sum)s. Please say why.")
        raise Invalid(words % {"percent": rate_cards.FREE_HAND_PERCENT, "sum": format_krw(proposal.krw or 0)}, field="reason")
    facts = {"delivery_fee_krw": fee_krw, **proposal.as_facts()}
    facts |= {name: said for name, said in (("reason", why), ("couriers", chosen)) if said}
    return _finish(order, SET_FEE, by=by, facts=facts)


@retried
@transaction.atomic
def label_parcel(
    order_id: int, *, parcel_id: int, courier: str, tracking_number: str, insist: str = "", by: By, seen_version: int | None = None
) -> Parcel:
    """Courier and tracking number of a parcel; `insist` is the reason why a number is right that looks wrong. Correcting a shipped one
    starts its tracking anew and tells the customer; the old label and its scans stay on record."""
    order = _begin(order_id, LABEL, by=by, seen_version=seen_version)
    parcel, reason, at = _parcel(order, parcel_id), insist.strip()[:200], now()
    was = [parcel.courier, parcel.tracking_number]
    number = labels.normalised(tracking_number)
    other = labels.other_of(labels.taken([number]).get(number, ()), parcel)
    offered = courier_settings.offered(order.country)
    changed = set_label(parcel, courier=courier, tracking_number=tracking_number, offered=offered, at=at, other=other, insist=reason)
    if changed:  # or what a courier's answer stored meanwhile would be written over
        parcel.save()
        labels.keep_history(parcel, user=by.user, at=at)
    facts = {"parcel": parcel.position, "courier": courier, "tracking_number": parcel.tracking_number}
    facts |= {"insisted": reason} if changed and reason else {}
    then: list[str] = []
    if changed and parcel.handed_over_at:
        facts, then = facts | {"corrected": {str(parcel.position): was}}, [*AFTER_CORRECTION]
    _finish(order, LABEL, by=by, facts=facts, then=then)
    return parcel


@retried
@transaction.atomic
def look_now(order_id: int, *, by: By) -> Order:
    """Ask the couriers about the open parcels at once rather than at their next turn, also those that were given up as silent. What a
    courier at rest makes of it: `waits_for`."""
    order = _begin(order_id, LOOK, by=by, seen_version=None)
    parcels = [parcel for parcel in order.parcels.all() if not parcel.closed_at and not parcel.delivered_at]
    for parcel in parcels:
        parcel.next_poll_at = now()
    Parcel.objects.bulk_update(parcels, ["next_poll_at"])
    return _finish(order, LOOK, by=by, facts={"parcels": len(parcels)}, then=[Effect.TRACK_PARCELS])


def waits_for(order: Order) -> list[tracking.Rest]:
    """The couriers of open parcels that rest; one that is only silent is asked once for whoever presses `look_now`."""
    codes = {parcel.courier for parcel in order.parcels.all() if not parcel.closed_at and not parcel.delivered_at}
    return tracking.resting(codes) if order.state in LOOK.states and codes else []


def courier_choices(country: str, *, keep: Iterable[str] = ()) -> list[tuple[str, str]]:
    """(code, label) of every courier a parcel to this country may be given to now, and of those that its parcels have; for forms."""
    offered = courier_settings.offered(country)
    return [(courier.code, courier.label) for courier in COURIERS.values() if courier.code in offered or courier.code in set(keep)]


def courier_names() -> dict[str, str]:
    """The name of every courier by its code."""
    return {courier.code: courier.label for courier in COURIERS.values()}

"""After the payment: an item is sold out, or dearer at the shop than the customer paid for it.

Sold out: the item leaves the order at once, and what was paid for it goes back, its share of the service fee too. Dearer: by the limits
of the fee policy the difference is borne by us, billed with the delivery, or billed at once by an invoice of its own, at the rate of the
paid quote and without any fee. Nothing here is a state of the order, so it never gets stuck in one: an item whose difference waits to
be paid cannot be bought, and when the deadline passes unpaid it leaves the order with its refund.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.errors import Conflict, Invalid
from core.retries import retried
from workflow import differences, giving_back, inspection_rows, payments, pricing, refunds
from workflow.models import (
    Adjustment,
    AdjustmentRoute,
    AdjustmentStatus,
    FeePolicy,
    Invoice,
    InvoiceKind,
    Item,
    ItemStatus,
    Order,
    RefundReason,
)
from workflow.process import Effect, Role, State
from workflow.transitions import By, TransitionRefused, lock_order, locked_for_staff, record

if TYPE_CHECKING:
    from workflow.models import Quote

MAX_PRICE_KRW = 1_000_000_000
#: who says that an item is sold out or dearer, and in which states
SELLERS = frozenset({Role.BUYER, Role.SUPPORT, Role.FINANCE, Role.OWNER})
SOLD_OUT_STATES = frozenset({State.ITEMS_PAID, State.ITEMS_PURCHASED, State.AT_WAREHOUSE})
DEARER_STATES = frozenset({State.ITEMS_PAID})


def may_sell_out(order: Order, *, by: By) -> bool:
    return bool(by.roles & SELLERS) and order.state in SOLD_OUT_STATES


def may_be_dearer(order: Order, *, by: By) -> bool:
    return bool(by.roles & SELLERS) and order.state in DEARER_STATES and order.difference_asked_at is None


# --- Sold out -------------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def sell_out(order_id: int, *, item_ids: Iterable[int], by: By, seen_version: int | None = None) -> Order:
    """These items cannot be had (the shop has none, or sent none): they leave the order, and what was paid for them goes back."""
    order = locked_for_staff(order_id, roles=SELLERS, by=by, seen_version=seen_version)
    _check_state(order, SOLD_OUT_STATES)
    items = [_live_item(order, item_id) for item_id in item_ids]
    if not items:
        raise Invalid(_("Nothing was chosen."), field="item")
    if any(item.status == ItemStatus.SHIPPED for item in items):
        raise Invalid(_("This item is no longer part of the order."), field="item")  # it is with the customer, the rest came back
    if any(differences.is_awaited(order, item) for item in items):
        raise Conflict(_("The price difference of this item is being billed; withdraw that first."), code="difference_open")
    _leave(order, items, reason=RefundReason.SOLD_OUT, status=ItemStatus.UNAVAILABLE, by=by, name="sold_out")
    return order


def _leave(order: Order, items: list[Item], *, reason: RefundReason, status: ItemStatus, by: By, name: str) -> None:
    """Items leave the order with what was paid for them. That is our promise and no decision, so it needs no second person."""
    made = refunds.plan(order, giving_back.of_items(order, items), reason=reason, by=by, discretionary=False)
    differences.let_go(items)
    inspection_rows.leave(order, items, by=by)
    for item in items:
        item.status, item.parcel = status, None
    Item.objects.bulk_update(items, ["status", "parcel"])
    facts = {
        "items": {str(item.position): str(item.status) for item in items},
        "refunds_usd_cents": sum(refund.amount_usd_cents for refund in made),
    }
    then = [Effect.SEND_REFUNDS, Effect.NOTIFY_CUSTOMER]
    record(order, name=name, from_state=order.state, by=by, facts=facts, then=then, live="order.item")


# --- Dearer ---------------------------------------------------------------------------------------------------------------


@retried
@transaction.atomic
def raise_prices(order_id: int, *, prices_krw: Mapping[int, int], by: By, seen_version: int | None = None) -> Order:
    """Unit prices in won, by item id, that the shop asks now. Raises Invalid where one is not above what was quoted."""
    order = locked_for_staff(order_id, roles=SELLERS, by=by, seen_version=seen_version)
    _check_state(order, DEARER_STATES)
    if order.difference_asked_at is not None:
        raise Conflict(_("A price difference is waiting to be paid; withdraw it first."), code="difference_open")
    quote = pricing.paid_quote(order)
    dearer = [(item := _live_item(order, item_id), difference_krw(item, price)) for item_id, price in prices_krw.items()]
    if not dearer:
        raise Invalid(_("Nothing was entered."), field="price_krw")
    differences.replace([item for item, _krw in dearer])
    route = route_of(order, dict(dearer), policy=quote.policy)
    status = AdjustmentStatus.ABSORBED if route == AdjustmentRoute.ABSORBED else AdjustmentStatus.OPEN
    made = [_adjust(order, item, krw, route=route, status=status, by=by) for item, krw in dearer]
    facts: dict[str, Any] = {"differences_krw": {str(item.position): krw for item, krw in dearer}, "route": str(route)}
    then: list[Effect] = []
    if route == AdjustmentRoute.INVOICE:
        invoice = _bill(order, made, quote=quote)
        facts |= {"invoice": invoice.number, "amount_usd_cents": invoice.amount_usd_cents}
        then = [Effect.OPEN_CHECKOUT, Effect.NOTIFY_CUSTOMER]
    elif route == AdjustmentRoute.DELIVERY:
        then = [Effect.NOTIFY_CUSTOMER]
    record(order, name="difference", from_state=order.state, by=by, facts=facts, then=then, live="order.item")
    return order


def difference_krw(item: Item, price_krw: Any) -> int:
    """What this unit price is above all that the customer pays for the item already; Invalid where it is not."""
    if item.was_bought:
        raise Invalid(_("This item is bought already."), field="item")
    if isinstance(price_krw, bool) or not isinstance(price_krw, int) or not 0 < price_krw <= MAX_PRICE_KRW // item.quantity:
        raise Invalid(_("A whole number of won is needed."), field="price_krw")
    krw = (price_krw - (item.price_krw or 0)) * item.quantity - differences.paid_krw(item)
    if krw <= 0:
        raise Invalid(_("This is not more than the customer pays for it already."), field="price_krw")
    return krw


def route_of(order: Order, differences_krw: Mapping[Item, int], *, policy: FeePolicy) -> AdjustmentRoute:
    """Who pays; what the order's earlier differences used of a limit counts, so that many small ones are one large one."""
    krw, items = sum(differences_krw.values()), list(differences_krw)
    if _so_far(order, AdjustmentRoute.ABSORBED, without=items) + krw <= policy.difference_absorbed_krw:
        return AdjustmentRoute.ABSORBED
    if _so_far(order, AdjustmentRoute.DELIVERY, without=items) + krw <= policy.difference_carried_krw:
        return AdjustmentRoute.DELIVERY
    return AdjustmentRoute.INVOICE


def _so_far(order: Order, route: AdjustmentRoute, *, without: list[Item]) -> int:
    """Not what a later difference of the same items takes the place of."""
    rows = Adjustment.objects.filter(order=order, route=route).exclude(status=AdjustmentStatus.WITHDRAWN)
    rows = rows.exclude(item__in=without, status__in=differences.UNPAID)
    return int(rows.order_by().aggregate(sum=Sum("difference_krw"))["sum"] or 0)


def _adjust(order: Order, item: Item, krw: int, *, route: AdjustmentRoute, status: AdjustmentStatus, by: By) -> Adjustment:
    settled = now() if status != AdjustmentStatus.OPEN else None
    return Adjustment.objects.create(
        order=order, item=item, difference_krw=krw, route=route, status=status, made_by=by.user, settled_at=settled
    )


def _bill(order: Order, adjustments: list[Adjustment], *, quote: "Quote") -> Invoice:
    priced = pricing.Priced(lines=pricing.difference_lines(adjustments, quote=quote), policy=quote.policy)
    if not priced.is_chargeable:
        raise Conflict(_("The total must be between $0.50 and $999,999.99."), code="amount_out_of_range")
    pay_by = now() + settings.QUOTE_VALID_FOR
    invoice = payments.issue_invoice(order, kind=InvoiceKind.ADJUSTMENT, quote=quote, priced=priced, pay_by=pay_by)
    differences.bill(adjustments, invoice=invoice)
    order.difference_asked_at = now()
    return invoice


# --- Billed at once: paid, withdrawn, or run out ------------------------------------------------------------------------------


@retried
@transaction.atomic
def record_payment(order_id: int, *, by: By, **facts: Any) -> Order:
    """The invoice over a price difference is paid; the order's state does not change, staff go on buying. Raises Conflict if none is
    open, AmountMismatch if the sum is another one."""
    order = lock_order(order_id)
    if by.actor == "staff" and not by.roles & refunds.DECIDERS:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    invoice = payments.book_capture(order, kind=InvoiceKind.ADJUSTMENT, by=by, facts=facts)
    differences.settle_paid(order, invoice)
    order.difference_asked_at = None
    then = [Effect.CLOSE_CHECKOUT, Effect.NOTIFY_CUSTOMER, Effect.NOTIFY_STAFF]
    record(order, name="difference_paid", from_state=order.state, by=by, facts=facts, then=then, live="order.invoice")
    return order


@retried
@transaction.atomic
def ask_to_end(order_id: int, *, by: By, run_out: bool = False, seen_version: int | None = None) -> Order:
    """Withdraw the bill over a price difference, or let it run out (`run_out`, a timer): its session is closed at Stripe first."""
    order = lock_order(order_id) if run_out else locked_for_staff(order_id, roles=SELLERS, by=by, seen_version=seen_version)
    if order.difference_asked_at is None:
        raise Conflict(_("No price difference is waiting to be paid."), code="nothing_to_withdraw")
    if run_out and not _may_run_out(order):
        raise TransitionRefused(_("The payment deadline has not passed."), code="deadline_ahead")
    attempt = payments.open_attempt(order, kind=InvoiceKind.ADJUSTMENT)
    if attempt is None:
        return end(order.pk, by=by, run_out=run_out)
    if attempt.processing:
        raise Conflict(_("A payment is being processed. It is settled as soon as it arrives or fails."), code="payment_in_process")
    payments.start_closing(attempt, then_perform={"difference": "run_out" if run_out else "withdraw", "by": by.as_json(), "facts": {}})
    return order


def _may_run_out(order: Order) -> bool:
    """Looked at once more under the lock: the bill that the timer saw may have been replaced, or the order be on hold."""
    invoice = payments.payable_invoice(order, kind=InvoiceKind.ADJUSTMENT)
    return not order.hold_reason and invoice is not None and invoice.pay_by is not None and invoice.pay_by <= now()


@retried
@transaction.atomic
def end(order_id: int, *, by: By, run_out: bool) -> Order:
    """Its session is closed. Withdrawn: the items can be bought or billed anew. Run out: they leave the order with their refund."""
    order = lock_order(order_id)
    if order.difference_asked_at is None:
        return order
    if run_out and order.hold_reason:
        raise TransitionRefused(_("The order is on hold: %(reason)s") % {"reason": order.hold_reason}, code="on_hold")
    billed = {adjustment.item_id for adjustment in differences.billed_at_once(order)}
    items = [item for item in order.items.all() if item.pk in billed and item.is_live]
    differences.withdraw(order)
    if run_out and not order.is_closed:
        _leave(order, items, reason=RefundReason.TOO_DEAR, status=ItemStatus.UNAVAILABLE, by=by, name="difference_unpaid")
    else:
        record(order, name="difference_withdrawn", from_state=order.state, by=by, facts={}, live="order.invoice")
    return order


# --- Of one order ---------------------------------------------------------------------------------------------------------


def _check_state(order: Order, states: Iterable[State]) -> None:
    if order.state not in states:
        raise TransitionRefused(_("This is not possible while the order is “%(state)s”.") % {"state": order.get_state_display()})


def _live_item(order: Order, item_id: int) -> Item:
    for item in order.items.all():
        if item.pk == item_id and item.is_live:
            return item
    raise Invalid(_("This item is no longer part of the order."), field="item")

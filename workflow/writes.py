"""What a transition writes in its own transaction beside the order row: one function per `process.Write`.

Each gets the locked order, who acts and the transition's facts; the order is saved by `transitions.record` afterwards. Nothing here
calls the outside world.
"""

from collections.abc import Callable
from typing import Any

from django.utils.timezone import now

from workflow import differences, inspection_rows, payments, pricing, refunds, shipping
from workflow.guards import live_items
from workflow.models import InvoiceKind, InvoiceStatus, Item, ItemStatus, Order
from workflow.process import Write

Writer = Callable[..., None]
WRITERS: dict[str, Writer] = {}


def writes(name: Write) -> Callable[[Writer], Writer]:
    def register(function: Writer) -> Writer:
        WRITERS[name.value] = function
        return function

    return register


def _move_items(order: Order, *, to: ItemStatus, only: Callable[[Item], bool] = lambda item: item.is_live) -> None:
    moved = [item for item in order.items.all() if only(item)]
    for item in moved:
        item.status = to
    Item.objects.bulk_update(moved, ["status"])


@writes(Write.ISSUE_ITEMS_INVOICE)
def issue_items_invoice(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    rate = pricing.usable_rate()
    assert rate is not None  # the guard `rate_is_usable` has just said so
    priced = pricing.items_quote(order, rate=rate)
    quote = pricing.freeze_quote(order, rate=rate, policy=priced.policy)
    payments.issue_invoice(order, kind=InvoiceKind.ITEMS, quote=quote, priced=priced, pay_by=order.pay_by)
    _move_items(order, to=ItemStatus.PRICED)
    facts |= {"quote": quote.version, "amount_usd_cents": priced.total_usd_cents, "krw_per_usd": str(rate.krw_per_usd)}


@writes(Write.WITHDRAW_ITEMS_INVOICE)
def withdraw_items_invoice(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    payments.end_invoice(order, kind=InvoiceKind.ITEMS, status=InvoiceStatus.VOID)
    _move_items(order, to=ItemStatus.APPROVED, only=lambda item: item.status == ItemStatus.PRICED)


@writes(Write.EXPIRE_ITEMS_INVOICE)
def expire_items_invoice(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    payments.end_invoice(order, kind=InvoiceKind.ITEMS, status=InvoiceStatus.EXPIRED)


@writes(Write.BOOK_ITEMS_PAYMENT)
def book_items_payment(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    payments.book_capture(order, kind=InvoiceKind.ITEMS, by=by, facts=facts)
    _move_items(order, to=ItemStatus.PAID)


@writes(Write.ISSUE_DELIVERY_INVOICE)
def issue_delivery_invoice(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    priced = pricing.delivery_quote(order)
    invoice = payments.issue_invoice(order, kind=InvoiceKind.DELIVERY, quote=pricing.paid_quote(order), priced=priced, pay_by=None)
    differences.bill(differences.carried(order), invoice=invoice)
    facts |= {"amount_usd_cents": priced.total_usd_cents}


@writes(Write.WITHDRAW_DELIVERY_INVOICE)
def withdraw_delivery_invoice(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    payments.end_invoice(order, kind=InvoiceKind.DELIVERY, status=InvoiceStatus.VOID)
    differences.bill(differences.carried(order), invoice=None)


@writes(Write.BOOK_DELIVERY_PAYMENT)
def book_delivery_payment(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    invoice = payments.book_capture(order, kind=InvoiceKind.DELIVERY, by=by, facts=facts)
    differences.settle_paid(order, invoice)


@writes(Write.HAND_OVER_PARCELS)
def hand_over_parcels(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    shipping.hand_over(order, at=now())
    _move_items(order, to=ItemStatus.SHIPPED)
    facts |= {"parcels": len(order.parcels.all())}


@writes(Write.END_PARCELS)
def end_parcels(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    """A person stands in for a courier that says nothing; what couriers say themselves is on the parcels already."""
    if by.actor == "staff":
        shipping.end_by_hand(order, delivered_at=order.delivered_at)


@writes(Write.UNPACK_PARCELS)
def unpack_parcels(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    shipping.unpack(order, order.parcels.all(), at=now())
    order.delivery_fee_krw = None  # of the journey that was made; what goes again is weighed again
    shipping.settle_return(order, by=by)


@writes(Write.ASK_ABOUT_RETURN)
def ask_about_return(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    shipping.ask_about_return(order)


@writes(Write.WITHDRAW_DIFFERENCES)
def withdraw_differences(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    differences.withdraw(order)


@writes(Write.PLAN_REFUNDS)
def plan_refunds(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    facts |= {"refunds_usd_cents": refunds.plan_cancellation(order, by=by, facts=facts)}


@writes(Write.CLOSE_ITEMS)
def close_items(order: Order, *, by: Any, facts: dict[str, Any]) -> None:
    """What a customer already has of an order stays theirs."""
    leaving = [item for item in live_items(order) if not shipping.is_with_customer(order, item)]
    inspection_rows.leave(order, leaving, by=by)
    _move_items(order, to=ItemStatus.CANCELLED, only=leaving.__contains__)
    shipping.close(order, at=now())
    shipping.settle_return(order, by=by)

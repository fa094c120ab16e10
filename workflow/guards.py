"""The guards of `process.py`: facts about one order that must hold before it may move, each with the words people read when not.

A guard only reads. It looks at the order's prefetched `items`, `parcels` and `invoices`, so that checking all of them costs no
query per guard (`transitions.perform` fetches them once under the lock).
"""

from typing import TYPE_CHECKING

from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from workflow.fsm import guard

if TYPE_CHECKING:
    from workflow.models import Invoice, Item, Order, Parcel


def live_items(order: "Order") -> list["Item"]:
    """Items that are neither rejected, unavailable, cancelled nor refunded."""
    return [item for item in order.items.all() if item.is_live]


def _parcels(order: "Order") -> list["Parcel"]:
    return list(order.parcels.all())


def _to_send(order: "Order") -> list["Parcel"]:
    """Parcels that are still to be sent: not those of an earlier journey that came back."""
    return [parcel for parcel in _parcels(order) if not parcel.closed_at and not parcel.delivered_at]


def _invoice(order: "Order", kind: str, *statuses: str) -> "Invoice | None":
    found = [invoice for invoice in order.invoices.all() if invoice.kind == kind and invoice.status in statuses]
    return max(found, key=lambda invoice: invoice.number, default=None)


# --- Quote ----------------------------------------------------------------------------------------------------------------


@guard(_("Every item must be screened first: approved, or rejected with a reason."))
def every_item_is_screened(order: "Order") -> bool:
    return all(item.status != "requested" for item in order.items.all())


@guard(_("At least one item must be approved; otherwise reject the quote."))
def an_item_is_approved(order: "Order") -> bool:
    return bool(live_items(order))


@guard(_("No item of the order is left; cancel it instead."))
def an_item_is_live(order: "Order") -> bool:
    return bool(live_items(order))


@guard(_("Every live item needs a price in won."))
def every_live_item_is_priced(order: "Order") -> bool:
    items = live_items(order)
    return bool(items) and all(item.price_krw for item in items)


@guard(_("There is no trustworthy exchange rate of the last 7 days."), code="no_exchange_rate")
def rate_is_usable(order: "Order") -> bool:
    from workflow.pricing import usable_rate

    return usable_rate() is not None


@guard(_("The total must be between $0.50 and $999,999.99."), code="amount_out_of_range")
def items_total_is_chargeable(order: "Order") -> bool:
    from workflow.pricing import items_quote, usable_rate

    rate = usable_rate()
    if rate is None or not any(item.price_krw for item in live_items(order)):
        return True  # the guards before this one say what is missing
    return items_quote(order, rate=rate).is_chargeable


@guard(_("The checkout session is still open at Stripe."), code="checkout_open")
def no_items_checkout_is_open(order: "Order") -> bool:
    return not _checkout_is_open(order, "items")


@guard(_("The checkout session is still open at Stripe."), code="checkout_open")
def no_delivery_checkout_is_open(order: "Order") -> bool:
    return not _checkout_is_open(order, "delivery")


def _checkout_is_open(order: "Order", kind: str) -> bool:
    invoice = _invoice(order, kind, "open")
    return invoice is not None and any(attempt.is_open for attempt in invoice.attempts.all())


@guard(_("The payment deadline has not passed."))
def deadline_is_past(order: "Order") -> bool:
    return order.pay_by is not None and order.pay_by <= now()


@guard(_("There is no items invoice that can still be paid."))
def items_invoice_can_be_paid(order: "Order") -> bool:
    from workflow.payments import payable_invoice

    return payable_invoice(order, kind="items") is not None


@guard(_("There is no delivery invoice that can still be paid."))
def delivery_invoice_can_be_paid(order: "Order") -> bool:
    return _invoice(order, "delivery", "open") is not None


# --- Buying and warehouse -------------------------------------------------------------------------------------------------


@guard(_("Every live item needs its shop order number and the price paid."))
def every_live_item_is_bought(order: "Order") -> bool:
    return all(item.shop_order_number and item.paid_price_krw is not None for item in live_items(order))


#: more names than these tell nobody more
MOST_NAMED = 5


def _not_inspected(order: "Order") -> list[str]:
    open_ones = [item for item in live_items(order) if item.status != "inspected"]
    named = [f"{item.position}. {item} ({item.get_status_display()})" for item in open_ones[:MOST_NAMED]]
    return [*named, "…"] if len(open_ones) > MOST_NAMED else named


@guard(_("Every live item must have arrived and been inspected."), names=_not_inspected)
def every_live_item_is_inspected(order: "Order") -> bool:
    return all(item.status == "inspected" for item in live_items(order))


@guard(_("Weigh and measure at least one parcel."))
def parcels_are_weighed(order: "Order") -> bool:
    parcels = _to_send(order)
    return bool(parcels) and all(parcel.weight_g and parcel.volume_cm3 is not None for parcel in parcels)


@guard(_("A parcel is empty: put something into it, or take it away."))
def no_parcel_is_empty(order: "Order") -> bool:
    return not any(parcel.is_empty(order) for parcel in _to_send(order))


@guard(_("Set the delivery fee."))
def delivery_fee_is_set(order: "Order") -> bool:
    return bool(order.delivery_fee_krw)


@guard(_("The delivery total must be between $0.50 and $999,999.99."), code="amount_out_of_range")
def delivery_total_is_chargeable(order: "Order") -> bool:
    from workflow.pricing import delivery_quote

    # without a fee the guard before this one says what is missing
    return not order.delivery_fee_krw or delivery_quote(order).is_chargeable


# --- Shipping -------------------------------------------------------------------------------------------------------------


@guard(_("Every parcel needs a courier and a valid tracking number."))
def every_parcel_is_labelled(order: "Order") -> bool:
    """One whose items all left the order since it was packed needs no label; it stays here (`shipping.hand_over`)."""
    parcels = [parcel for parcel in _to_send(order) if not parcel.is_empty(order)]
    return bool(parcels) and all(parcel.is_labelled for parcel in parcels)


@guard(_("Every live item must be in exactly one parcel."))
def every_live_item_is_in_a_parcel(order: "Order") -> bool:
    parcels = {parcel.pk for parcel in _parcels(order) if not parcel.closed_at or parcel.lost_at}
    return all(item.parcel_id in parcels for item in live_items(order))


@guard(_("Not every parcel is delivered."), only_for=["courier"])
def every_parcel_is_delivered(order: "Order") -> bool:
    parcels = _parcels(order)
    return any(parcel.delivered_at for parcel in parcels) and all(parcel.delivered_at or parcel.closed_at for parcel in parcels)


@guard(_("Not every open parcel came back."), only_for=["courier"])
def every_open_parcel_came_back(order: "Order") -> bool:
    still_open = _to_send(order)
    if still_open:
        return all(parcel.status == "returned" for parcel in still_open)
    return not any(parcel.delivered_at for parcel in _parcels(order))  # all of them are lost


# --- The end --------------------------------------------------------------------------------------------------------------


@guard(_("The claim window is still open."), only_for=["job"])
def claim_window_is_over(order: "Order") -> bool:
    return order.claims_until is not None and order.claims_until <= now()


@guard(_("A refund or a dispute is still open."))
def no_refund_or_dispute_is_open(order: "Order") -> bool:
    return not any(refund.is_open for refund in order.refunds.all()) and not any(dispute.is_open for dispute in order.disputes.all())


@guard(
    _("Some items are already bought. Please write to us, we will find a way."),
    code="cancel_needs_staff",
    only_for=["customer"],
)
def nothing_was_bought_yet(order: "Order") -> bool:
    return not any(item.was_bought for item in order.items.all())

"""Money that goes back: what a cancellation gives back, refunds at Stripe, and refunds somebody made in Stripe's dashboard.

A refund is booked when Stripe has taken it (pending or done) and booked back if it fails later, so our ledger always equals what
Stripe shows. The sum of an order's refunds never exceeds what was paid on the payment: checked under the order's lock.
"""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Sum
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from core import outbox
from core.errors import Conflict
from core.money import format_usd
from integrations import stripe
from integrations.base import ProviderError
from workflow import payments
from workflow.models import Invoice, InvoiceKind, InvoiceStatus, LedgerEntry, LedgerKind, Order, Refund, RefundStatus
from workflow.process import Actor, Effect

if TYPE_CHECKING:
    from workflow.transitions import By

log = logging.getLogger(__name__)

#: a refund that staff decide on above this needs a second person
SECOND_PERSON_ABOVE_CENTS = 200_00
KEY_LIFETIME = timedelta(hours=23)
MONEY_IN = (LedgerKind.CAPTURE, LedgerKind.UNAPPLIED)
#: nothing of these counts against what may still be refunded
WITHOUT_EFFECT = (RefundStatus.FAILED, RefundStatus.DECLINED)


class RefundTooLarge(Conflict):
    code = "refund_too_large"
    message = gettext_lazy("More than what was paid cannot be refunded.")


# --- Planning -------------------------------------------------------------------------------------------------------------


def plan_cancellation(order: Order, *, by: "By", facts: dict[str, Any]) -> int:
    """Write the refunds that cancelling this order brings; the sum in cents. Under the order's lock.

    Before anything is bought everything goes back by itself, fees included. Later, staff say with `items_refund_usd_cents` what the
    shops give back; the service fee is kept unless `our_fault`; delivery that was paid and not used goes back whole.
    """
    return sum(
        _plan(order, capture=capture, amount_usd_cents=amount, by=by, automatic=order.items_paid_at is not None and _is_untouched(order))
        for capture, amount in cancellation(order, facts=facts)
    )


def cancellation(order: Order, *, facts: dict[str, Any]) -> list[tuple[LedgerEntry, int]]:
    """What goes back of each payment if the order is cancelled now: (capture, cents). Reads only; the plan and the preview are this."""
    captures = list(order.ledger.filter(kind=LedgerKind.CAPTURE).select_related("invoice"))
    if _is_untouched(order) or facts.get("our_fault"):
        parts = [(capture, refundable_cents(capture)) for capture in captures]
    else:
        parts = [(capture, min(_staff_decided(order, capture, facts=facts), refundable_cents(capture))) for capture in captures]
    return [(capture, amount) for capture, amount in parts if amount > 0]


def _is_untouched(order: Order) -> bool:
    return order.purchased_at is None and not any(item.was_bought for item in order.items.all())


def _staff_decided(order: Order, capture: LedgerEntry, *, facts: dict[str, Any]) -> int:
    if capture.invoice is not None and capture.invoice.kind == InvoiceKind.DELIVERY:
        return capture.amount_cents if capture.invoice == _unused_delivery(order) else 0
    return int(facts.get("items_refund_usd_cents") or 0)


def _unused_delivery(order: Order) -> Invoice | None:
    """The delivery invoice that was paid and whose journey has not begun; freight of a journey that was made is kept.

    By the order's times and not by its state: the plan is written when the order is `cancelled` already.
    """
    if order.delivery_paid_at is None or order.shipped_at is not None:
        return None
    return order.invoices.filter(kind=InvoiceKind.DELIVERY, status=InvoiceStatus.PAID).order_by("-number").first()


def _plan(order: Order, *, capture: LedgerEntry, amount_usd_cents: int, by: "By", automatic: bool) -> int:
    discretionary = by.actor not in (Actor.CUSTOMER, Actor.STRIPE) and not automatic
    needs_second = discretionary and amount_usd_cents > SECOND_PERSON_ABOVE_CENTS
    _check_room(capture, amount_usd_cents=amount_usd_cents)
    refund = Refund.objects.create(
        order=order,
        invoice=capture.invoice,
        payment_intent_id=capture.payment_intent_id,
        amount_usd_cents=amount_usd_cents,
        reason="cancelled",
        status=RefundStatus.PROPOSED if needs_second else RefundStatus.APPROVED,
        key=payments.new_key(f"{order.number}:refund"),
        proposed_by=by.user if by.actor == "staff" else None,
    )
    if needs_second:
        text = gettext_noop("A refund of more than $200 needs a second person.")
        payments.staff_task(key=f"refund:{refund.key}", kind="refund_to_approve", order=order, text=text)
    return amount_usd_cents


def refundable_cents(capture: LedgerEntry) -> int:
    """What is left of a payment: captured, less what went back or is on its way."""
    sums = Refund.objects.filter(order=capture.order, payment_intent_id=capture.payment_intent_id, invoice=capture.invoice)
    taken = sums.exclude(status__in=WITHOUT_EFFECT).aggregate(sum=Sum("amount_usd_cents"))["sum"] or 0
    return capture.amount_cents - taken


def _check_room(capture: LedgerEntry, *, amount_usd_cents: int) -> None:
    if not 0 < amount_usd_cents <= refundable_cents(capture):
        raise RefundTooLarge


def give_back(order: Order, *, invoice: Invoice, payment_intent_id: str, amount_usd_cents: int) -> Refund:
    """Return a payment that came to a closed order, whole. Under the order's lock."""
    refund = Refund.objects.create(
        order=order,
        invoice=invoice,
        payment_intent_id=payment_intent_id,
        amount_usd_cents=amount_usd_cents,
        reason="paid after the order was closed",
        key=payments.new_key(f"{order.number}:refund"),
    )
    outbox.promise([Effect.SEND_REFUNDS], subject=order.subject, payload={"order": order.pk})
    return refund


@transaction.atomic
def approve(refund_id: int, *, by: "By") -> Refund:
    """The second person's yes. Refused for the proposer and for anyone but finance and owner."""
    from workflow.transitions import TransitionRefused, lock_order

    refund = Refund.objects.get(pk=refund_id)
    order = lock_order(refund.order_id or 0)
    refund = Refund.objects.select_for_update().get(pk=refund_id)
    if not by.roles & {"finance", "owner"} or by.user is None or by.user.pk == refund.proposed_by_id:
        raise TransitionRefused(_("A second person of finance, or the owner, must approve this refund."), code="not_allowed")
    if refund.status != RefundStatus.PROPOSED:
        raise TransitionRefused(_("This refund does not wait for an approval."))
    refund.status, refund.approved_by = RefundStatus.APPROVED, by.user
    refund.save(update_fields=["status", "approved_by"])
    outbox.promise([Effect.SEND_REFUNDS], subject=order.subject, payload={"order": order.pk})
    return refund


# --- At Stripe ------------------------------------------------------------------------------------------------------------


def send_refunds(order_id: int) -> None:
    """Send every approved refund of an order to Stripe; a manual payment's refund becomes a task, as no card is behind it."""
    failure: ProviderError | None = None
    for refund in Refund.objects.filter(order_id=order_id, status=RefundStatus.APPROVED).select_related("order"):
        try:
            _send(refund)
        except ProviderError as error:
            failure = error
            Refund.objects.filter(pk=refund.pk).update(last_error=f"{type(error).__name__} {error.code}: {error}"[:300])
    if failure is not None:
        raise failure


def _send(refund: Refund) -> None:
    if not refund.payment_intent_id:
        text, usd = gettext_noop("A payment recorded by hand must be given back by hand: %(usd)s."), format_usd(refund.amount_usd_cents)
        payments.staff_task(key=f"refund-by-hand:{refund.key}", kind="refund_by_hand", order=refund.order, text=text, usd=usd)
        return
    _book(_known_at_stripe(refund) or _create(refund))


def _known_at_stripe(refund: Refund) -> stripe.Refund | None:
    """The refund that an old, interrupted call may have made; Stripe forgets keys after a day."""
    if refund.created_at > now() - KEY_LIFETIME:
        return None
    return next((r for r in stripe.list_refunds(refund.payment_intent_id) if r.metadata.get("refund") == refund.key), None)


def _create(refund: Refund) -> stripe.Refund:
    number = refund.order.number if refund.order else ""
    return stripe.create_refund(
        payment_intent_id=refund.payment_intent_id,
        amount_cents=refund.amount_usd_cents,
        reason="requested_by_customer",
        metadata={"order": number, "refund": refund.key},
        idempotency_key=refund.key,
    )


# --- What Stripe says of refunds, ours and others' ------------------------------------------------------------------------


def settle_refund(stripe_id: str) -> str:
    """Read one refund at Stripe and make our books agree."""
    return _book(stripe.retrieve_refund(stripe_id))


def settle_refunds_of(payment_intent_id: str) -> str:
    return "; ".join(_book(found) for found in stripe.list_refunds(payment_intent_id)) or "no refunds"


def _book(found: stripe.Refund) -> str:
    paid = LedgerEntry.objects.filter(payment_intent_id=found.payment_intent_id or "-", kind__in=MONEY_IN).first()
    if paid is None:
        return "kept aside: refund of an unknown payment"
    return _book_locked(found, order_id=paid.order_id)


@transaction.atomic
def _book_locked(found: stripe.Refund, *, order_id: int | None) -> str:
    """`order_id` is None for money that belongs to no order; the ledger's unique rows keep that from being booked twice."""
    from workflow.transitions import lock_order, tell

    order = lock_order(order_id) if order_id else None
    refund = _adopt(found, order=order)
    taken = found.status in ("pending", "succeeded", "requires_action")
    if taken and refund.stripe_id == found.id and refund.status == RefundStatus.FAILED:
        return "old news: it was read before it failed"  # failed is the end of a refund at Stripe
    booked = LedgerEntry.objects.filter(source="stripe", kind=LedgerKind.REFUND, reference=found.id).exists()
    if taken and not booked:
        _enter(refund, found, kind=LedgerKind.REFUND, amount_cents=-found.amount_cents)
    if not taken and booked:
        _enter(refund, found, kind=LedgerKind.REFUND_REVERSAL, amount_cents=found.amount_cents)
    refund.stripe_id, refund.status = found.id, _status_of(found)
    refund.last_error = (found.failure_reason or "")[:300]
    refund.save()
    if refund.status == RefundStatus.FAILED:
        text, why = gettext_noop("A refund failed at Stripe: %(why)s"), found.failure_reason or found.status
        payments.staff_task(key=f"refund-failed:{found.id}", kind="refund_failed", order=order, text=text, why=why)
    if order is not None:
        tell(order, "order.invoice", refund=refund.status)
    return f"refund {refund.status}"


def _status_of(found: stripe.Refund) -> RefundStatus:
    if found.status == "succeeded":
        return RefundStatus.SUCCEEDED
    return RefundStatus.FAILED if found.status in ("failed", "canceled") else RefundStatus.SENT


def _adopt(found: stripe.Refund, *, order: Order | None) -> Refund:
    """Our row of a refund: by its id, by our key in its metadata, or a new one for a refund made in Stripe's dashboard."""
    refund = Refund.objects.filter(stripe_id=found.id).first() or Refund.objects.filter(key=found.metadata.get("refund", "-")).first()
    if refund is not None:
        return refund
    paid = LedgerEntry.objects.filter(payment_intent_id=found.payment_intent_id, order=order).select_related("invoice").first()
    return Refund(
        order=order,
        invoice=paid.invoice if paid else None,
        payment_intent_id=found.payment_intent_id or "",
        amount_usd_cents=found.amount_cents,
        reason="made in Stripe's dashboard",
        key=payments.new_key(f"{order.number if order else 'no-order'}:dashboard"),
    )


def _enter(refund: Refund, found: stripe.Refund, *, kind: LedgerKind, amount_cents: int) -> None:
    LedgerEntry.objects.get_or_create(
        source="stripe",
        kind=kind,
        reference=found.id,
        defaults={
            "order": refund.order,
            "invoice": refund.invoice,
            "amount_cents": amount_cents,
            "currency": found.currency,
            "payment_intent_id": found.payment_intent_id or "",
            "note": refund.reason,
        },
    )

"""Disputes: a customer's bank takes a payment back, or asks about it. The order is put on hold and the case before staff; its state is
never changed by one, and a closed order stays closed.

What the bank took is booked, and booked back when the dispute is won, so that the ledger says what we really have.
"""

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_noop

from core.money import format_usd
from core.retries import retried
from integrations import stripe
from workflow import giving_back, ledger, refunds
from workflow.models import Dispute, ItemStatus, LedgerEntry, LedgerKind, Order, Refund, RefundStatus
from workflow.tasks import close_task, staff_task
from workflow.transitions import By, TransitionRefused, hold, lock_order, record, tell

#: Stripe's words for the end of a dispute
OVER = ("won", "lost", "prevented", "warning_closed")
#: the bank only asks; no money was taken
INQUIRY = "warning_"


def settle_dispute(stripe_id: str) -> str:
    """Read one dispute at Stripe and make our books agree; what was done, in words."""
    return book(stripe.retrieve_dispute(stripe_id))


def book(found: stripe.Dispute) -> str:
    """Make our books agree with a dispute as Stripe shows it. Safe to repeat, in any order."""
    paid = ledger.payment_of(found.payment_intent_id or "")
    return _book_locked(found, paid=paid)


@retried
@transaction.atomic
def _book_locked(found: stripe.Dispute, *, paid: LedgerEntry | None) -> str:
    order = lock_order(paid.order_id) if paid and paid.order_id else None
    dispute = Dispute.objects.filter(stripe_id=found.id).first()
    is_new = dispute is None
    if dispute is None:
        dispute = Dispute(stripe_id=found.id, opened_at=found.created_at, payment_intent_id=found.payment_intent_id or "")
    elif not dispute.is_open and found.status not in OVER:
        return "old news: it was read before it ended"
    ended = dispute.is_open and found.status in OVER
    known = (dispute.status, dispute.amount_cents)
    dispute.order, dispute.payment = order, paid
    dispute.amount_cents, dispute.currency, dispute.reason = found.amount_cents, found.currency, found.reason[:60]
    dispute.status, dispute.due_by = found.status[:30], found.due_by
    dispute.closed_at = now() if ended else dispute.closed_at
    dispute.save()
    moved = _enter(dispute, order=order)
    if is_new:
        _show(dispute, order=order)
    if ended:
        _end(dispute, order=order)
    if known == (dispute.status, dispute.amount_cents) and not moved:
        return f"already known: dispute {dispute.status}"
    if order is not None:
        tell(order, "order.invoice", dispute=dispute.status)
    return f"dispute {dispute.status}" if order is not None else f"dispute {dispute.status} of an unknown payment"


def _enter(dispute: Dispute, *, order: Order | None) -> bool:
    """Whether a row had to be added: what the bank took, or that it came back."""
    if dispute.payment is None:
        return False
    taken = LedgerEntry.objects.filter(source="stripe", kind=LedgerKind.DISPUTE, reference=dispute.stripe_id).exists()
    if dispute.status in ("won", "prevented"):
        wanted = LedgerKind.DISPUTE_REVERSAL if taken else None
    else:
        wanted = None if taken or dispute.status.startswith(INQUIRY) else LedgerKind.DISPUTE
    if wanted is None:
        return False
    entry = ledger.book(
        order=order,
        invoice=dispute.payment.invoice,
        kind=wanted,
        amount_cents=dispute.amount_cents if wanted == LedgerKind.DISPUTE_REVERSAL else -dispute.amount_cents,
        currency=dispute.currency,
        source="stripe",
        reference=dispute.stripe_id,
        payment_intent_id=dispute.payment_intent_id,
        note=dispute.reason,
    )
    return entry is not None


def _show(dispute: Dispute, *, order: Order | None) -> None:
    """To staff, and on the order: it stops, unless it is closed or on hold already."""
    text = gettext_noop("A payment is disputed at Stripe (%(reason)s).")
    staff_task(key=f"dispute:{dispute.stripe_id}", kind="dispute", order=order, text=text, reason=dispute.reason)
    if order is None:
        return
    try:
        with transaction.atomic():
            hold(order.pk, reason=gettext_noop("A payment is disputed at Stripe."), by=By.stripe())
    except TransitionRefused:
        facts = {"reason": dispute.reason, "amount_usd_cents": dispute.amount_cents}
        record(lock_order(order.pk), name="disputed", from_state=order.state, by=By.stripe(), facts=facts, live="order.invoice")


def _end(dispute: Dispute, *, order: Order | None) -> None:
    """Won: refunds that waited are sent. Lost: the money went back by the bank, so they are not; of a part of the payment, a person says
    what of the rest goes back. The hold stays until a person ends it."""
    close_task(f"dispute:{dispute.stripe_id}")
    text = gettext_noop("The dispute is over (%(status)s). If nothing else stands against it, end the hold.")
    staff_task(key=f"dispute-over:{dispute.stripe_id}", kind="dispute_over", order=order, text=text, status=dispute.status)
    # Without a payment's name it would be every refund that is given by hand.
    waiting = Refund.objects.filter(payment_intent_id=dispute.payment_intent_id or "-", status=RefundStatus.APPROVED)
    if dispute.status == "lost":
        declined = waiting.update(status=RefundStatus.DECLINED, note=gettext_noop("The bank took the money back by a dispute."))
    else:
        declined = 0
        for refund in waiting.select_related("order"):
            refunds.promise_sending(refund)
    if declined or (order is not None and _is_owed(dispute, order)):
        _show_what_is_left(dispute, order=order)


def _is_owed(dispute: Dispute, order: Order) -> bool:
    """Whether items left the order while the bank had the money, so that nothing went back for them."""
    gone = [item for item in order.items.all() if item.status in (ItemStatus.CANCELLED, ItemStatus.UNAVAILABLE)]
    return any(back.payment == dispute.payment for back in giving_back.of_items(order, gone))


def _show_what_is_left(dispute: Dispute, *, order: Order | None) -> None:
    left = ledger.left_cents(dispute.payment) if dispute.payment else 0
    if left:
        text = gettext_noop("The dispute is over (%(status)s) and %(usd)s of the payment are left. Decide what of it goes back.")
        said = {"status": dispute.status, "usd": format_usd(left)}
        staff_task(key=f"dispute-left:{dispute.stripe_id}", kind="dispute_over", order=order, text=text, **said)

"""Refunds at Stripe: sending what was approved, and making our books agree with what Stripe says of any refund, ours or made in its
dashboard.

A refund is booked when Stripe has taken it (pending or done) and booked back if it fails later, so our ledger always equals what
Stripe shows.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_noop

from integrations import stripe
from integrations.base import InvalidRequest, NotFound, ProviderError
from workflow import ledger, payments, refunds
from workflow.models import Dispute, LedgerEntry, LedgerKind, Order, Refund, RefundReason, RefundStatus
from workflow.tasks import staff_task
from workflow.transitions import By, lock_order, record, retried, tell

log = logging.getLogger(__name__)

KEY_LIFETIME = timedelta(hours=23)
#: final for us, whatever a late answer about them says
ENDED = (RefundStatus.REPLACED, RefundStatus.BY_HAND, RefundStatus.DECLINED)
TAKEN = ("pending", "succeeded", "requires_action")


# --- Sending --------------------------------------------------------------------------------------------------------------


def send_refunds(order_id: int) -> None:
    """Send every approved refund of an order; one that cannot be sent does not hold up the others. Raises ProviderError to try again."""
    _send_each(Refund.objects.filter(order_id=order_id))


def send_refund(refund_id: int) -> None:
    """The same for one that belongs to no order."""
    _send_each(Refund.objects.filter(pk=refund_id))


def _send_each(rows: QuerySet[Refund]) -> None:
    failure: ProviderError | None = None
    for refund in list(rows.filter(status=RefundStatus.APPROVED).select_related("order")):
        try:
            _send(refund)
        except ProviderError as error:
            failure = error
            _note_error(refund, error)
    if failure is not None:
        raise failure


def _send(refund: Refund) -> None:
    if not refund.payment_intent_id:
        refunds.by_hand_task(refund)
        return
    if Dispute.objects.filter(payment_intent_id=refund.payment_intent_id, closed_at=None).exists():
        Refund.objects.filter(pk=refund.pk).update(last_error="waits for the end of a dispute")
        return
    try:
        book(_known_at_stripe(refund) or _create(refund))
    except (InvalidRequest, NotFound) as error:
        _refused(refund, error)


def _note_error(refund: Refund, error: ProviderError) -> None:
    Refund.objects.filter(pk=refund.pk).update(last_error=f"{type(error).__name__} {error.code}: {error}"[:300])


def _known_at_stripe(refund: Refund) -> stripe.Refund | None:
    """The refund that an old, interrupted call may have made; Stripe forgets keys after a day."""
    if refund.created_at > now() - KEY_LIFETIME:
        return None
    return _find(refund)


def _find(refund: Refund) -> stripe.Refund | None:
    return next((r for r in stripe.list_refunds(refund.payment_intent_id) if r.metadata.get("refund") == refund.key), None)


def _create(refund: Refund) -> stripe.Refund:
    number = refund.order.number if refund.order else ""
    try:
        return stripe.create_refund(
            payment_intent_id=refund.payment_intent_id,
            amount_cents=refund.amount_usd_cents,
            reason="requested_by_customer",
            metadata={"order": number, "refund": refund.key},
            idempotency_key=refund.key,
        )
    except ProviderError as error:
        # A stored failure is replayed for this key for a day: the refund may have been made all the same.
        found = _find(refund) if error.code == "stored_500" else None
        if found is None:
            if error.code == "stored_500":
                _take_new_key(refund)
            raise
        return found


def _take_new_key(refund: Refund) -> None:
    """Nothing was made under the old key, and nothing ever will be: Stripe repeats its answer for a day.

    Only of two that find so: under the key of the first the refund may be made by now.
    """
    Refund.objects.filter(pk=refund.pk, key=refund.key, status=RefundStatus.APPROVED).update(
        key=payments.new_key(refund.key.rpartition(":")[0])
    )


def _refused(refund: Refund, error: ProviderError) -> None:
    """Stripe will not: the money is disputed, or went back meanwhile. Its own list is read, then a person decides."""
    if error.code == "charge_disputed" and not _is_lost(refund.payment_intent_id):
        Refund.objects.filter(pk=refund.pk).update(last_error="waits for the end of a dispute")
        _take_new_key(refund)  # Stripe keeps the refusal under the old one
        return
    settle_refunds_of(refund.payment_intent_id)
    _fail(refund.pk, why=f"{error.code}: {error}"[:300])


def _is_lost(payment_intent_id: str) -> bool:
    """Whether its dispute is over and lost, so that there is nothing left to wait for. One whose news has not come yet is not."""
    disputes = Dispute.objects.filter(payment_intent_id=payment_intent_id)
    return disputes.filter(status="lost").exists() and not disputes.filter(closed_at=None).exists()


@retried
@transaction.atomic
def _fail(refund_id: int, *, why: str) -> None:
    order_id = Refund.objects.values_list("order_id", flat=True).get(pk=refund_id)
    order = lock_order(order_id) if order_id else None
    refund = Refund.objects.get(pk=refund_id)
    if refund.status != RefundStatus.APPROVED:
        return
    refund.status, refund.last_error = RefundStatus.FAILED, why
    refund.save(update_fields=["status", "last_error"])
    _show_failure(refund, order=order, why=why)


def _show_failure(refund: Refund, *, order: Order | None, why: str) -> None:
    text = gettext_noop("A refund failed at Stripe: %(why)s")
    staff_task(key=f"refund-failed:{refund.stripe_id or refund.key}", kind="refund_failed", order=order, text=text, why=why)
    if order is not None:
        tell(order, "order.invoice", refund=str(refund.status))


# --- What Stripe says of refunds, ours and others' ------------------------------------------------------------------------


def settle_refund(stripe_id: str) -> str:
    """Read one refund at Stripe and make our books agree; what was done, in words."""
    return book(stripe.retrieve_refund(stripe_id))


def settle_refunds_of(payment_intent_id: str) -> str:
    return "; ".join(book(found) for found in stripe.list_refunds(payment_intent_id)) or "no refunds"


def book(found: stripe.Refund) -> str:
    """Make our books agree with a refund as Stripe shows it. Safe to repeat, in any order."""
    ours = _ours(found)
    paid = ours.payment if ours is not None and ours.payment is not None else ledger.payment_of(found.payment_intent_id or "")
    if paid is None:
        return "kept aside: refund of an unknown payment"
    return _book_locked(found, order_id=paid.order_id)


@retried
@transaction.atomic
def _book_locked(found: stripe.Refund, *, order_id: int | None) -> str:
    """`order_id` is None for money that belongs to no order; the ledger's unique rows keep that from being booked twice."""
    order = lock_order(order_id) if order_id else None
    refund = _ours(found) or _of_dashboard(found, order=order)
    taken = found.status in TAKEN
    if taken and refund.stripe_id == found.id and refund.status in (RefundStatus.FAILED, *ENDED):
        return "old news: it was read before it failed"  # failed is the end of a refund at Stripe
    moved = _enter(refund, found, order=order)
    before = (refund.status, refund.stripe_id)
    refund.stripe_id = found.id
    if refund.status not in ENDED:
        refund.status = _status_of(found)
    refund.last_error = (found.failure_reason or "")[:300]
    refund.save()
    if not moved and before == (refund.status, refund.stripe_id):
        return f"already known: refund {refund.status}"
    if refund.status == RefundStatus.FAILED:
        _show_failure(refund, order=order, why=found.failure_reason or found.status)
    elif order is not None:
        tell(order, "order.invoice", refund=str(refund.status))
    return f"refund {refund.status}"


def _enter(refund: Refund, found: stripe.Refund, *, order: Order | None) -> bool:
    """Whether a row had to be added to the ledger."""
    booked = LedgerEntry.objects.filter(source="stripe", kind=LedgerKind.REFUND, reference=found.id).exists()
    taken = found.status in TAKEN
    if taken == booked:
        return False
    entry = ledger.book(
        order=order,
        invoice=refund.invoice,
        kind=LedgerKind.REFUND if taken else LedgerKind.REFUND_REVERSAL,
        amount_cents=-found.amount_cents if taken else found.amount_cents,
        currency=found.currency,
        source="stripe",
        reference=found.id,
        payment_intent_id=found.payment_intent_id or "",
        note=refund.note or str(refund.reason),
    )
    return entry is not None


def _status_of(found: stripe.Refund) -> RefundStatus:
    if found.status == "succeeded":
        return RefundStatus.SUCCEEDED
    return RefundStatus.FAILED if found.status in ("failed", "canceled") else RefundStatus.SENT


def _ours(found: stripe.Refund) -> Refund | None:
    """Our row of a refund: by its id, or by our key in its metadata."""
    by_key = Refund.objects.filter(key=found.metadata.get("refund", "-"), stripe_id=None)
    return Refund.objects.filter(stripe_id=found.id).first() or by_key.first()


def _of_dashboard(found: stripe.Refund, *, order: Order | None) -> Refund:
    """A row for a refund that somebody made in Stripe's dashboard, with its line in the journal."""
    paid = ledger.payment_of(found.payment_intent_id or "")
    refund = Refund.objects.create(
        order=order,
        invoice=paid.invoice if paid else None,
        payment=paid,
        payment_intent_id=found.payment_intent_id or "",
        amount_usd_cents=found.amount_cents,
        reason=RefundReason.DASHBOARD,
        status=RefundStatus.SENT,
        key=payments.new_key(f"{order.number if order else 'no-order'}:dashboard"),
        stripe_id=found.id,
    )
    if order is not None:
        facts = {"refund_usd_cents": found.amount_cents}
        record(order, name="refund_found", from_state=order.state, by=By.stripe(), facts=facts, live="order.invoice")
    return refund

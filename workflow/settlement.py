"""What Stripe tells us, made true in our books: the inbox of webhook events and the settling of sessions.

An event is only a hint that something happened: the money facts are read again at Stripe, so the order and the number of deliveries
cannot matter. What does not match an open invoice to the cent becomes unapplied money and a task for staff, never an exception.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy, gettext_noop
from django.utils.translation import gettext_lazy as _
from django_q.tasks import async_task

from core.errors import BidangilError, Conflict
from core.errors import NotFound as Missing
from integrations import stripe
from integrations.base import BadAnswer, InvalidRequest, NotFound, ProviderError
from workflow import adjustments, disputes, ledger, payments, refunds_at_stripe, unapplied
from workflow.checkout import _closed, lock_attempt
from workflow.models import Attempt, AttemptStatus, Invoice, InvoiceKind, LedgerEntry, LedgerKind, Order, StripeEvent
from workflow.transitions import By, TransitionRefused, lock_order, perform, retried, tell

log = logging.getLogger(__name__)

#: only these of a payment intent mean that a completed session can no longer be paid; a voucher still waits for its payment
FAILED_INTENT = ("requires_payment_method", "canceled")

RECORD_OF = {InvoiceKind.ITEMS: "record_item_payment", InvoiceKind.DELIVERY: "record_delivery_payment"}


# --- The inbox ------------------------------------------------------------------------------------------------------------


class SignatureRefused(BidangilError):
    code = "signature_invalid"
    message = gettext_lazy("The signature is missing, wrong or too old.")


def receive_signed(payload: bytes, signature: str) -> None:
    """Take in what came to the webhook's address. Raises SignatureRefused (400) and stores nothing unless Stripe signed it just now."""
    try:
        event = stripe.parse_webhook(payload, signature, secrets=settings.STRIPE_WEBHOOK_SECRETS)
    except stripe.SignatureRefused as error:
        raise SignatureRefused from error
    except BadAnswer:
        event = {}
    if isinstance(event.get("id"), str) and f"{event['id']}{event.get('type')}".isascii():
        receive(event)
    else:
        log.warning("a signed webhook without an event id was kept aside")


def receive(event: Mapping[str, Any]) -> None:
    """Store a verified event and queue its settling; a second delivery of the same event changes nothing.

    A body that the database holds for no JSON (endless numbers, too deep) is kept by its name: the facts are read at Stripe anyway.
    """
    event_id = str(event["id"])[:120]
    for payload in (dict(event), {"id": event_id, "type": str(event.get("type", ""))[:80]}):
        try:
            _store_event(event_id, payload)
        except IntegrityError:
            if StripeEvent.objects.filter(event_id=event_id).exists():
                log.info("Stripe event %s came again", event_id)
                return
        else:
            return
    raise RuntimeError(f"event {event_id} could not be stored")  # no 2xx: Stripe sends it again


@transaction.atomic
def _store_event(event_id: str, payload: dict[str, Any]) -> None:
    row = StripeEvent.objects.create(event_id=event_id, type=str(payload.get("type", ""))[:80], payload=payload)
    async_task("workflow.settlement.settle_event", row.pk)


def settle_event(pk: int) -> None:
    """Act on one stored event, once. Raises ProviderError when Stripe does not answer; the sweep of the inbox tries again."""
    row = StripeEvent.objects.get(pk=pk)
    if row.settled_at:
        return
    StripeEvent.objects.filter(pk=pk).update(attempts=F("attempts") + 1)
    try:
        outcome = _not_for_us(row.payload) or _act_on(row.type, _object_of(row.payload))
    except NotFound:
        outcome = "kept aside: Stripe does not know it"
    except ProviderError as error:
        # An outage is no fault of the event, however long it lasts; what counts is a start that never ended, a refusal, a bug.
        if not isinstance(error, InvalidRequest):
            StripeEvent.objects.filter(pk=pk).update(attempts=F("attempts") - 1)
        raise
    StripeEvent.objects.filter(pk=pk, settled_at=None).update(settled_at=now(), outcome=outcome[:200])


def _not_for_us(payload: Any) -> str:
    """Why an event is kept aside unread: of Stripe's other mode, or of an account that is only connected to ours."""
    said = payload if isinstance(payload, dict) else {}
    if isinstance(said.get("livemode"), bool) and said["livemode"] != settings.STRIPE_LIVE:
        return "kept aside: of Stripe's test mode" if settings.STRIPE_LIVE else "kept aside: of Stripe's live mode"
    return "kept aside: of another account" if said.get("account") else ""


def _object_of(payload: Any) -> dict[str, Any]:
    data = payload.get("data") if isinstance(payload, dict) else None
    thing = data.get("object") if isinstance(data, dict) else None
    return thing if isinstance(thing, dict) else {}


def _act_on(kind: str, thing: dict[str, Any]) -> str:
    if kind.startswith("checkout.session.") and isinstance(thing.get("id"), str):
        return settle_session(thing["id"])
    if kind.startswith(("refund.", "charge.")):
        _settle_payment_before(thing)
    if kind.startswith("refund.") and isinstance(thing.get("id"), str):
        return refunds_at_stripe.settle_refund(thing["id"])
    if kind == "charge.refunded" and isinstance(thing.get("payment_intent"), str):
        return refunds_at_stripe.settle_refunds_of(thing["payment_intent"])
    if kind.startswith("charge.dispute.") and isinstance(thing.get("id"), str):
        return disputes.settle_dispute(thing["id"])
    return "ignored: not a type we act on"


def _settle_payment_before(thing: Mapping[str, Any]) -> None:
    """The news of a refund or a dispute was quicker than that of its payment, which must be booked before it."""
    intent = thing.get("payment_intent")
    if isinstance(intent, str) and ledger.payment_of(intent) is None:
        for session in stripe.checkout_sessions_of(intent):
            settle(session)


def settle_again(event_pk: int, *, by: By) -> None:
    """Staff let an event be settled once more; what is true already stays as it is."""
    if by.user is None or not by.user.has_perm("workflow.change_stripeevent"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    with transaction.atomic():
        if not StripeEvent.objects.filter(pk=event_pk).update(settled_at=None, attempts=0, outcome=""):
            raise Missing
        async_task("workflow.settlement.settle_event", event_pk)


# --- Sessions -------------------------------------------------------------------------------------------------------------


def settle_session(session_id: str) -> str:
    """Read a session at Stripe and make our books agree with it; what was done, in words."""
    try:
        return settle(stripe.retrieve_checkout_session(session_id))
    except NotFound:
        return "kept aside: Stripe does not know this session"


def settle(session: stripe.CheckoutSession) -> str:
    """Make our books agree with a session as Stripe shows it now."""
    attempt_id = _attempt_of(session)
    if attempt_id is None:
        return _keep_aside(session)
    if session.status == "expired":
        return _settle_expired(attempt_id, session)
    if session.status == "open":
        return "still open"
    if session.payment_status != "paid":
        return _settle_unpaid(attempt_id, session)
    return _settle_paid(attempt_id, session)


def _attempt_of(session: stripe.CheckoutSession) -> int | None:
    """By session id, else by the key that we gave it, on the session or on its payment."""
    return _known(session.id, _keys(session)) or _known(session.id, _keys_of_payment(session)) or adopt(session)


def _keys(session: stripe.CheckoutSession) -> list[str]:
    return [key for key in (session.metadata.get("attempt"), session.client_reference_id) if key]


def _keys_of_payment(session: stripe.CheckoutSession) -> list[str]:
    if _keys(session) or not session.payment_intent_id:
        return []
    key = stripe.retrieve_payment_intent(session.payment_intent_id).metadata.get("attempt")
    return [key] if key else []


def _known(session_id: str, keys: list[str]) -> int | None:
    known = Attempt.objects.filter(Q(session_id=session_id) | Q(key__in=keys, session_id=None))
    return known.values_list("pk", flat=True).first()


def adopt(session: stripe.CheckoutSession) -> int | None:
    """A session of ours that our books have lost (they were restored from a backup): its attempt is written down again, as closed, where
    its invoice is still known."""
    number, kind, invoice_number, generation = (session.metadata.get("attempt", "").split(":") + [""] * 4)[:4]
    if not (invoice_number.isascii() and invoice_number.isdigit() and generation.isascii() and generation.isdigit()):
        return None
    invoice = Invoice.objects.filter(order__number=number, kind=kind, number=int(invoice_number)).first()
    if invoice is None or Attempt.objects.filter(invoice=invoice, generation=int(generation)).exists():
        return None
    return Attempt.objects.create(
        invoice=invoice,
        generation=int(generation),
        key=session.metadata["attempt"],
        session_id=session.id,
        status=AttemptStatus.CLOSED,
        expires_at=session.expires_at,
    ).pk


def _keep_aside(session: stripe.CheckoutSession) -> str:
    """Of an order that we know (a bill that our books have lost), or of none."""
    if session.payment_status != "paid" or not session.payment_intent_id:
        return "kept aside: not a session of ours"
    order_id = Order.objects.filter(number=session.metadata.get("order", "-")).values_list("pk", flat=True).first()
    why = gettext_noop("A paid session whose invoice we do not know.") if order_id else gettext_noop("A paid session that is not of ours.")
    return _book_aside(session, order_id=order_id, why=why)


@retried
@transaction.atomic
def _book_aside(session: stripe.CheckoutSession, *, order_id: int | None, why: str) -> str:
    booked = unapplied.book(
        order=lock_order(order_id) if order_id else None,
        invoice=None,
        amount_cents=session.amount_total_cents,
        currency=session.currency,
        payment_intent_id=session.payment_intent_id or session.id,
        why=why,
    )
    return f"unapplied: {why}" if booked else "already booked"


@retried
@transaction.atomic
def _settle_expired(attempt_id: int, session: stripe.CheckoutSession) -> str:
    _order, attempt = lock_attempt(attempt_id)
    if attempt.status in (AttemptStatus.PAID, AttemptStatus.CLOSED):
        return "already closed"
    attempt.session_id, attempt.processing, attempt.status = session.id, False, AttemptStatus.CLOSING
    attempt.save()
    _closed(attempt_id)
    return "session closed"


def _settle_unpaid(attempt_id: int, session: stripe.CheckoutSession) -> str:
    """Complete but not paid: an asynchronous method is on its way, or it failed and the session can never be paid."""
    intent = stripe.retrieve_payment_intent(session.payment_intent_id) if session.payment_intent_id else None
    return _record_unpaid(attempt_id, session, processing=intent is not None and intent.status not in FAILED_INTENT)


@retried
@transaction.atomic
def _record_unpaid(attempt_id: int, session: stripe.CheckoutSession, *, processing: bool) -> str:
    order, attempt = lock_attempt(attempt_id)
    if attempt.status in (AttemptStatus.PAID, AttemptStatus.CLOSED):
        return "already closed"
    attempt.session_id, attempt.processing = session.id, processing
    attempt.status = AttemptStatus.OPEN if processing else AttemptStatus.CLOSING
    if processing:
        attempt.then_perform = None
    attempt.save()
    if not processing:
        _closed(attempt_id)
    tell(Order.objects.get(pk=order.pk), "order.invoice", kind=attempt.invoice.kind, invoice=attempt.invoice.number)
    return "payment in process" if processing else "payment failed"


@retried
@transaction.atomic
def _settle_paid(attempt_id: int, session: stripe.CheckoutSession) -> str:
    order, attempt = lock_attempt(attempt_id)
    intent = session.payment_intent_id or session.id
    if LedgerEntry.objects.filter(source="stripe", kind__in=[LedgerKind.CAPTURE, LedgerKind.UNAPPLIED], reference=intent).exists():
        return "already booked"
    attempt.session_id, attempt.payment_intent_id, attempt.url, attempt.processing = session.id, intent, "", False
    attempt.status, attempt.then_perform, attempt.request = AttemptStatus.PAID, None, {}
    attempt.save()
    why = _why_not_applied(order, attempt, session)
    if not why:
        facts = {
            "attempt": attempt.pk,
            "payment_intent": intent,
            "amount_usd_cents": session.amount_total_cents,
            "currency": session.currency,
        }
        try:
            with transaction.atomic():
                _record(order, InvoiceKind(attempt.invoice.kind), facts)
            return "payment recorded"
        except (TransitionRefused, payments.AmountMismatch, Conflict) as refused:
            why = str(refused.message)
    return _book_unapplied(order, attempt, session, why=why)


def _why_not_applied(order: Order, attempt: Attempt, session: stripe.CheckoutSession) -> str:
    """Why this money does not pay its invoice, or an empty string."""
    invoice = attempt.invoice
    if (session.amount_total_cents, session.currency) != (invoice.amount_usd_cents, invoice.currency):
        return gettext_noop("Another amount or currency than the invoice asks for.")
    if session.metadata.get("order", order.number) != order.number:
        return gettext_noop("The payment names another order.")
    payable = payments.payable_invoice(order, kind=invoice.kind)
    if payable is None or payable.pk != invoice.pk:
        return gettext_noop("The invoice was already paid, withdrawn or had run out.")
    return ""


def _record(order: Order, kind: InvoiceKind, facts: dict[str, Any]) -> None:
    if kind == InvoiceKind.ADJUSTMENT:
        adjustments.record_payment(order.pk, by=By.stripe(), **facts)
    else:
        perform(order.pk, RECORD_OF[kind], by=By.stripe(), **facts)


def _book_unapplied(order: Order, attempt: Attempt, session: stripe.CheckoutSession, *, why: str) -> str:
    unapplied.book(
        order=order,
        invoice=attempt.invoice,
        amount_cents=session.amount_total_cents,
        currency=session.currency,
        payment_intent_id=attempt.payment_intent_id,
        why=why,
    )
    tell(order, "order.invoice", kind=attempt.invoice.kind, invoice=attempt.invoice.number)
    return f"unapplied: {why}"

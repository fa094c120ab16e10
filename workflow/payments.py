"""Invoices, and the Checkout sessions (attempts) by which they are paid. The rows only; the calls to Stripe are in `checkout.py`,
what Stripe tells us is settled in `settlement.py`, money that goes back is in `refunds.py`.

Rules: one open invoice per order and kind, one open attempt per invoice, both by unique constraints. An
attempt's key is stored before the first call, so a repeated call can make no second session. All functions here run under the
order's lock.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Max
from django.utils.timezone import now
from django_q.tasks import async_task

from core.errors import Conflict
from workflow import ledger
from workflow.models import (
    Attempt,
    AttemptStatus,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    LedgerEntry,
    LedgerKind,
    Order,
    PayLink,
    Quote,
)
from workflow.pricing import Priced, last_rate

if TYPE_CHECKING:
    from workflow.transitions import By

#: an expired quote may still be paid in its grace while the rate has moved by less
LATE_PAYMENT_MOVE = Decimal("0.02")
#: what Stripe takes as a session's life, with a margin for the way there
SESSION_MIN, SESSION_MAX = timedelta(minutes=31), timedelta(hours=23, minutes=55)


class AmountMismatch(Conflict):
    """Money came that is not what the invoice asks for."""

    code = "amount_mismatch"


# --- Invoices -------------------------------------------------------------------------------------------------------------


def issue_invoice(order: Order, *, kind: str, quote: Quote, priced: Priced, pay_by: datetime | None) -> Invoice:
    """Write an open invoice with its lines; there must be no other open one of the kind."""
    invoice = Invoice.objects.create(
        order=order,
        kind=kind,
        number=order.invoices.count() + 1,
        quote=quote,
        amount_krw=priced.total_krw,
        amount_usd_cents=priced.total_usd_cents,
        pay_by=pay_by,
    )
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice,
            position=position,
            kind=line.kind,
            item=line.item,
            quantity=line.quantity,
            amount_krw=line.amount_krw,
            amount_usd_cents=line.amount_usd_cents,
            fee=line.fee,
        )
        for position, line in enumerate(priced.lines, start=1)
    )
    pay_link(order, kind=kind)
    return invoice


def pay_link(order: Order, *, kind: str) -> PayLink:
    """The order's one address for paying invoices of this kind."""
    link, _made = PayLink.objects.get_or_create(order=order, kind=kind, defaults={"token": PayLink.new_token()})
    return link


def end_invoice(order: Order, *, kind: str, status: InvoiceStatus) -> None:
    """Take back the open invoice of a kind, and an expired one whose grace ends with this; there may be none."""
    ending = [InvoiceStatus.OPEN] if status == InvoiceStatus.EXPIRED else [InvoiceStatus.OPEN, InvoiceStatus.EXPIRED]
    Invoice.objects.filter(order=order, kind=kind, status__in=ending).update(status=status)


def payable_invoice(order: Order, *, kind: str) -> Invoice | None:
    """The invoice a payment of this kind would settle: the open one, else the last one if it expired and is still good."""
    invoices = [invoice for invoice in order.invoices.all() if invoice.kind == kind]
    for invoice in reversed(invoices):
        if invoice.status == InvoiceStatus.OPEN:
            return invoice
        if invoice.status == InvoiceStatus.EXPIRED and in_grace(invoice):
            return invoice
    return None


def in_grace(invoice: Invoice) -> bool:
    """Whether an expired items invoice may still be paid at its amount: 24 hours from its deadline, while the rate has moved by less than
    2 % since."""
    grace: timedelta = settings.LATE_PAYMENT_GRACE
    if invoice.pay_by is None or invoice.pay_by + grace <= now():
        return False
    rate, quoted = last_rate(), invoice.quote.krw_per_usd
    return rate is None or abs(rate.krw_per_usd - quoted) < quoted * LATE_PAYMENT_MOVE


# --- Attempts -------------------------------------------------------------------------------------------------------------


def open_attempt(order: Order, *, kind: str) -> Attempt | None:
    """The attempt of a kind that is, or may become, payable at Stripe."""
    for invoice in order.invoices.all():
        if invoice.kind == kind:
            for attempt in invoice.attempts.all():
                if attempt.is_open:
                    return attempt
    return None


def new_attempt(invoice: Invoice) -> Attempt:
    """The next attempt of an open invoice, with everything that the call to Stripe will say, so that a repeated call says the same."""
    # Not their count: books restored from a backup may have lost one in between.
    generation = (invoice.attempts.aggregate(last=Max("generation"))["last"] or 0) + 1
    order = invoice.order
    return Attempt.objects.create(
        invoice=invoice,
        generation=generation,
        key=f"{order.number}:{invoice.kind}:{invoice.number}:{generation}",
        expires_at=_session_end(invoice),
        request=_session_request(invoice),
    )


def _session_end(invoice: Invoice) -> datetime:
    """Within what Stripe allows, and not beyond the quote if that is long enough away."""
    moment = now().replace(microsecond=0)
    latest = moment + SESSION_MAX
    wanted = min(latest, invoice.pay_by) if invoice.pay_by else latest
    return max(wanted, moment + SESSION_MIN)


def _session_request(invoice: Invoice) -> dict[str, Any]:
    from workflow.invoices import line_title

    customer = invoice.order.customer
    lines = [
        {"name": line_title(line, locale=customer.locale), "amount_cents": line.amount_usd_cents}
        for line in invoice.lines.select_related("item")
        if line.amount_usd_cents
    ]
    return {"lines": lines, "locale": customer.locale, "customer_email": customer.email}


def start_closing(attempt: Attempt, *, then_perform: Mapping[str, Any] | None) -> None:
    """Mark an attempt to be closed at Stripe; a job does it and then performs what was asked for.

    One that is being closed already is waiting since its first asking, and a timer that asks again does not replace what it waits for.
    """
    if attempt.status == AttemptStatus.CLOSING and _asked_by_timer(then_perform):
        return
    attempt.closing_since = attempt.closing_since if attempt.status == AttemptStatus.CLOSING else now()
    attempt.status = AttemptStatus.CLOSING
    attempt.then_perform = dict(then_perform) if then_perform else None
    attempt.save(update_fields=["status", "closing_since", "then_perform"])
    async_task("workflow.checkout.close_attempt", attempt.pk)


def _asked_by_timer(wanted: Mapping[str, Any] | None) -> bool:
    return bool(wanted) and (wanted or {}).get("by", {}).get("actor") == "job"


# --- Captures -------------------------------------------------------------------------------------------------------------


def book_capture(order: Order, *, kind: str, by: "By", facts: dict[str, Any]) -> Invoice:
    """Book the payment of an invoice and mark it paid.

    From Stripe the facts carry `payment_intent`, `attempt`, `amount_usd_cents`, `currency`, which must be the invoice's to the cent.
    From finance they carry the written `proof`, and the invoice's amount is booked; with `unapplied` (a ledger row) it is taken out of
    that payment. Raises AmountMismatch and changes nothing otherwise.
    """
    invoice = payable_invoice(order, kind=kind)
    if invoice is None:
        raise Conflict(code="nothing_to_pay")
    if by.actor == "stripe":
        if (facts["amount_usd_cents"], facts["currency"]) != (invoice.amount_usd_cents, invoice.currency):
            raise AmountMismatch
        Attempt.objects.filter(pk=facts["attempt"]).update(
            status=AttemptStatus.PAID, processing=False, payment_intent_id=facts["payment_intent"]
        )
    source, reference, payment_intent_id = _origin(order, invoice, by=by, facts=facts)
    facts |= {"invoice": invoice.number, "amount_usd_cents": invoice.amount_usd_cents}
    booked = ledger.book(
        order=order,
        invoice=invoice,
        kind=LedgerKind.CAPTURE,
        amount_cents=invoice.amount_usd_cents,
        source=source,
        reference=reference,
        payment_intent_id=payment_intent_id,
        note=facts.get("proof", ""),
    )
    if booked is None:
        raise Conflict(code="booked_already")
    Invoice.objects.filter(pk=invoice.pk).update(status=InvoiceStatus.PAID, paid_at=now())
    return invoice


def _origin(order: Order, invoice: Invoice, *, by: "By", facts: dict[str, Any]) -> tuple[str, str, str]:
    """Source, reference and payment intent of a capture."""
    if "unapplied" in facts:
        paid = _take_from_unapplied(facts["unapplied"], invoice)
        return paid.source, paid.reference, paid.payment_intent_id
    if by.actor == "stripe":
        return "stripe", facts["payment_intent"], facts["payment_intent"]
    return "manual", f"{order.number}:{order.last_event_number + 1}", ""


def _take_from_unapplied(entry_id: int, invoice: Invoice) -> LedgerEntry:
    """Book the invoice's sum out of a payment nobody expected; `unapplied.apply` has looked whether it is enough."""
    paid = LedgerEntry.objects.select_related("order").get(pk=entry_id)
    ledger.book(
        order=paid.order,
        invoice=invoice,
        kind=LedgerKind.APPLIED,
        amount_cents=-invoice.amount_usd_cents,
        source=paid.source,
        reference=paid.reference,
        payment_intent_id=paid.payment_intent_id,
    )
    return paid


def new_key(prefix: str) -> str:
    return f"{prefix}:{secrets.token_hex(8)}"

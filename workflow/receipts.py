"""What a receipt says: the paid invoices of one order, and what of them went back. How it looks: `receipt_pdf.py`.

A receipt is written anew from the books each time it is asked for: the same rows give the same paper, and the next payment or refund
stands on the next one. Money that paid no invoice is in no receipt; it goes back or is applied to one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Prefetch, Q
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from core.errors import Conflict
from workflow.invoices import line_title, receipt_number
from workflow.letters.moments import Zone, zone_of
from workflow.models import Invoice, InvoiceLine, InvoiceStatus, LedgerEntry, LedgerKind, Order, Refund, RefundReason, RefundStatus

#: refunds that a customer may count on: at Stripe, done, or handed over
GONE_BACK = (RefundStatus.SENT, RefundStatus.SUCCEEDED, RefundStatus.BY_HAND)


class NothingPaid(Conflict):
    code = "nothing_paid"
    message = _("Nothing of this order has been paid yet, so there is no receipt.")


@dataclass(frozen=True, kw_only=True)
class Line:
    title: str
    amount_krw: int
    amount_usd_cents: int


@dataclass(frozen=True, kw_only=True)
class Payment:
    """One paid invoice. `reference` is Stripe's name of the payment, empty for one that finance recorded by hand."""

    number: str
    kind: str
    paid_at: datetime
    reference: str
    lines: tuple[Line, ...]
    amount_krw: int
    amount_usd_cents: int
    krw_per_usd: Decimal
    rate_source: str
    rate_as_of: date


@dataclass(frozen=True, kw_only=True)
class MoneyBack:
    """A refund; `number` is the receipt's number of the payment it was taken from."""

    number: str
    at: datetime
    reason: str
    amount_usd_cents: int


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Titles, kinds and reasons are in the receipt's language already; `zone` is the customer's."""

    order_number: str
    locale: str
    zone: Zone
    customer_name: str
    customer_email: str
    recipient_name: str
    address: tuple[str, ...]
    payments: tuple[Payment, ...]
    refunds: tuple[MoneyBack, ...]

    @property
    def paid_usd_cents(self) -> int:
        return sum(payment.amount_usd_cents for payment in self.payments)

    @property
    def refunded_usd_cents(self) -> int:
        return sum(refund.amount_usd_cents for refund in self.refunds)

    @property
    def remaining_usd_cents(self) -> int:
        return self.paid_usd_cents - self.refunded_usd_cents

    @property
    def last_at(self) -> datetime:
        """When the last of what it says happened."""
        return max([*(payment.paid_at for payment in self.payments), *(refund.at for refund in self.refunds)])


def pdf_of(order_id: int, *, locale: str) -> bytes:
    from workflow.receipt_pdf import render  # brings the PDF library, which is loaded when the first receipt is asked for

    return render(receipt_of(order_id, locale=locale))


# --- From rows ------------------------------------------------------------------------------------------------------------


def receipt_of(order_id: int, *, locale: str) -> Receipt:
    """Read an order's receipt, in 5 statements; NothingPaid without a paid invoice, Order.DoesNotExist without the order."""
    order = Order.objects.select_related("customer").get(pk=order_id)
    invoices = _paid_invoices(order)
    if not invoices:
        raise NothingPaid
    booked = list(order.ledger.filter(kind__in=(LedgerKind.CAPTURE, LedgerKind.REFUND)))
    with override(locale):
        return Receipt(
            order_number=order.number,
            locale=locale,
            zone=zone_of(region=order.region, country=order.country),
            customer_name=order.customer.nickname,
            customer_email=order.customer.email,
            recipient_name=order.recipient_name,
            address=_address(order),
            payments=_payments(invoices, booked=booked, locale=locale),
            refunds=_refunds(order, invoices=invoices, booked=booked),
        )


def _paid_invoices(order: Order) -> list[Invoice]:
    lines = Prefetch("lines", InvoiceLine.objects.select_related("item").order_by("position"))
    paid = order.invoices.filter(status=InvoiceStatus.PAID)
    return list(paid.select_related("quote__policy").prefetch_related(lines).order_by("number"))


def _address(order: Order) -> tuple[str, ...]:
    region = " ".join(part for part in (order.region, order.postal_code) if part)
    town = ", ".join(part for part in (order.city, region, order.country) if part)
    return tuple(line for line in (order.line1, order.line2, town) if line)


def _payments(invoices: list[Invoice], *, booked: list[LedgerEntry], locale: str) -> tuple[Payment, ...]:
    references = {entry.invoice_id: entry.payment_intent_id for entry in booked if entry.kind == LedgerKind.CAPTURE}
    return tuple(
        Payment(
            number=receipt_number(invoice),
            kind=invoice.get_kind_display(),
            paid_at=invoice.paid_at or invoice.created_at,
            reference=references.get(invoice.pk, ""),
            lines=tuple(_line(line, locale=locale) for line in invoice.lines.all()),
            amount_krw=invoice.amount_krw,
            amount_usd_cents=invoice.amount_usd_cents,
            krw_per_usd=invoice.quote.krw_per_usd,
            rate_source=invoice.quote.rate_source,
            rate_as_of=invoice.quote.rate_as_of,
        )
        for invoice in invoices
    )


def _line(line: InvoiceLine, *, locale: str) -> Line:
    return Line(title=line_title(line, locale=locale), amount_krw=line.amount_krw, amount_usd_cents=line.amount_usd_cents)


def _refunds(order: Order, *, invoices: list[Invoice], booked: list[LedgerEntry]) -> tuple[MoneyBack, ...]:
    """What went back of these invoices, oldest first; not of payments that paid none of them."""
    numbers = {invoice.pk: receipt_number(invoice) for invoice in invoices}
    booked_at = {entry.reference: entry.booked_at for entry in booked if entry.kind == LedgerKind.REFUND}
    of_captures = Q(payment__kind=LedgerKind.CAPTURE) | Q(payment=None)
    rows = order.refunds.filter(of_captures, status__in=GONE_BACK, invoice__in=numbers).exclude(reason=RefundReason.UNAPPLIED)
    found = [_money_back(refund, number=numbers[refund.invoice_id], booked_at=booked_at) for refund in rows if refund.invoice_id]
    return tuple(sorted(found, key=lambda refund: refund.at))


def _money_back(refund: Refund, *, number: str, booked_at: Mapping[str, datetime]) -> MoneyBack:
    """Its time is when the ledger booked it: by Stripe's name of it, or by our key where it was given back by hand."""
    at = booked_at.get(refund.stripe_id or refund.key) or booked_at.get(refund.key) or refund.created_at
    return MoneyBack(number=number, at=at, reason=capfirst(refund.get_reason_display()), amount_usd_cents=refund.amount_usd_cents)

"""The order's money as its page shows it: what came and went, refunds with their lines, money nobody expected, disputes, price
differences, the margin. All from what `reading.load` has read.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from backoffice.money.amounts import money
from backoffice.money.decisions import Decision, offered
from backoffice.money.words import dispute_reason, dispute_status
from workflow import adjustments, unapplied
from workflow.invoices import line_title
from workflow.margins import left_by_payment
from workflow.models import (
    Adjustment,
    AdjustmentRoute,
    AdjustmentStatus,
    AttemptStatus,
    Dispute,
    Invoice,
    InvoiceKind,
    LedgerEntry,
    LedgerKind,
    Order,
    Refund,
    RefundStatus,
)
from workflow.transitions import By

REFUND_TONES = {
    RefundStatus.SUCCEEDED: "good",
    RefundStatus.BY_HAND: "good",
    RefundStatus.SENT: "courier",
    RefundStatus.APPROVED: "courier",
    RefundStatus.PROPOSED: "staff",
    RefundStatus.FAILED: "bad",
}
#: what the second person's name stands for
DECIDED_WORDS = {RefundStatus.DECLINED: _("declined by"), RefundStatus.BY_HAND: _("given back by")}
ADJUSTMENT_TONES = {AdjustmentStatus.OPEN: "customer", AdjustmentStatus.PAID: "good"}


@dataclass(frozen=True)
class RefundRow:
    refund: Refund
    lines: list[tuple[str, int]]
    tone: str
    decided: Any
    decisions: list[Decision]


@dataclass(frozen=True)
class UnappliedRow:
    payment: LedgerEntry
    left_cents: int
    #: the bill that it is enough for
    invoice: Invoice | None

    @property
    def sum(self) -> str:
        return money(self.left_cents, currency=self.payment.currency)

    @property
    def is_decidable(self) -> bool:
        """Here; what came in another currency is decided on in Stripe's dashboard."""
        return self.payment.currency == "usd"


@dataclass(frozen=True)
class DisputeRow:
    dispute: Dispute
    words: Any
    reason: Any
    tone: str


@dataclass(frozen=True)
class DifferenceRow:
    adjustment: Adjustment
    tone: str


@dataclass(frozen=True)
class Money:
    """Sums in cents, by the ledger."""

    paid: int
    back: int
    disputed: int
    refunds: list[RefundRow]
    unapplied: list[UnappliedRow]
    disputes: list[DisputeRow]
    differences: list[DifferenceRow]
    may_settle: bool

    @property
    def to_approve(self) -> list[RefundRow]:
        return [row for row in self.refunds if row.refund.status == RefundStatus.PROPOSED]


def money_of(order: Order, *, by: By) -> Money:
    sums, unexpected = dict.fromkeys(LedgerKind, 0), _refunds_of_unapplied(order)
    for entry in order.ledger.all():
        if entry.currency == "usd" and entry.reference not in unexpected:
            sums[LedgerKind(entry.kind)] += entry.amount_cents
    return Money(
        paid=sums[LedgerKind.CAPTURE],
        back=-(sums[LedgerKind.REFUND] + sums[LedgerKind.REFUND_REVERSAL]),
        disputed=-(sums[LedgerKind.DISPUTE] + sums[LedgerKind.DISPUTE_REVERSAL]),
        refunds=[refund_row(refund, order, by=by) for refund in order.refunds.all()],
        unapplied=_unapplied(order),
        disputes=[_dispute(dispute) for dispute in order.disputes.all()],
        differences=[DifferenceRow(one, ADJUSTMENT_TONES.get(one.status, "nobody")) for one in order.adjustments.all()],  # type: ignore[call-overload]
        may_settle=bool(by.roles & unapplied.DECIDERS),
    )


def _refunds_of_unapplied(order: Order) -> set[str]:
    """By their names in the ledger: what went back of money that paid no bill is not of what was paid."""
    unapplied_ids = {entry.pk for entry in order.ledger.all() if entry.kind == LedgerKind.UNAPPLIED}
    found = (refund for refund in order.refunds.all() if refund.payment_id in unapplied_ids)
    return {name for refund in found for name in (refund.stripe_id, refund.key) if name}


def refund_row(refund: Refund, order: Order, *, by: By) -> RefundRow:
    locale = get_language() or "en"
    known = {line.pk: line for invoice in order.invoices.all() for line in invoice.lines.all()}
    lines = [(line_title(known[one.invoice_line_id], locale=locale), one.amount_usd_cents) for one in refund.lines.all()]
    return RefundRow(
        refund=refund,
        lines=lines,
        tone=REFUND_TONES.get(RefundStatus(refund.status), "nobody"),
        decided=DECIDED_WORDS.get(RefundStatus(refund.status), _("approved by")),
        decisions=offered(refund, by=by),
    )


def _unapplied(order: Order) -> list[UnappliedRow]:
    """What nobody has decided about. Asks which bill it can pay once for each, as such money is rare."""
    left = left_by_payment(order)
    waiting = [entry for entry in order.ledger.all() if entry.kind == LedgerKind.UNAPPLIED and left[entry.pk]]
    return [UnappliedRow(entry, left[entry.pk], _payable_by(entry, order)) for entry in waiting]


def _payable_by(entry: LedgerEntry, order: Order) -> Invoice | None:
    return unapplied.invoice_for(entry, order=order) if entry.currency == "usd" else None


def _dispute(dispute: Dispute) -> DisputeRow:
    tone, words = dispute_status(dispute.status)
    return DisputeRow(dispute, words, dispute_reason(dispute.reason), tone)


# --- A price difference that was billed at once ---------------------------------------------------------------------------


@dataclass(frozen=True)
class AwaitedDifference:
    """The customer owes it, and until then its items cannot be bought."""

    invoice: Invoice
    adjustments: list[Adjustment]
    pay_url: str
    is_closing: bool
    may_withdraw: bool

    @property
    def pay_by(self) -> datetime | None:
        return self.invoice.pay_by


def awaited_difference(order: Order, *, by: By) -> AwaitedDifference | None:
    invoice = next((one for one in order.invoices.all() if one.kind == InvoiceKind.ADJUSTMENT and one.is_open), None)
    if order.difference_asked_at is None or invoice is None:
        return None
    open_ones = (one for one in order.adjustments.all() if one.is_open and one.route == AdjustmentRoute.INVOICE)
    return AwaitedDifference(
        invoice=invoice,
        adjustments=list(open_ones),
        pay_url=pay_url(order, invoice),
        is_closing=any(attempt.status == AttemptStatus.CLOSING for attempt in invoice.attempts.all()),
        may_withdraw=bool(by.roles & adjustments.SELLERS),
    )


def pay_url(order: Order, invoice: Invoice) -> str:
    """Where the customer pays an open invoice; empty for any other."""
    token = next((link.token for link in order.pay_links.all() if link.kind == invoice.kind), "")
    return f"{settings.PUBLIC_BASE_URL}/pay/{token}" if token and invoice.is_open else ""

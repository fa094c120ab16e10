"""What many payments still hold and what they could pay, in a fixed number of statements however many they are: for lists. The rules
are `ledger.left_cents` and `unapplied.invoice_for`, which say the same of one payment (a test says so).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import Sum

from workflow import payments
from workflow.ledger import NOT_TAKEN
from workflow.models import Dispute, Invoice, InvoiceKind, LedgerEntry, LedgerKind, Refund
from workflow.models.ledger import REFUND_WITHOUT_EFFECT


def left_of(rows: Iterable[LedgerEntry]) -> dict[int, int]:
    """What of each capture, or payment nobody expected, may still be given back, by its key. 3 statements."""
    rows = list(rows)
    gone: dict[int, int] = defaultdict(int)
    back = Refund.objects.filter(payment__in=rows).exclude(status__in=REFUND_WITHOUT_EFFECT).order_by().values_list("payment")
    taken = Dispute.objects.filter(payment__in=rows).exclude(NOT_TAKEN).order_by().values_list("payment")
    for pk, cents in [*back.annotate(sum=Sum("amount_usd_cents")), *taken.annotate(sum=Sum("amount_cents"))]:
        gone[pk] += cents
    for pk, cents in _applied([row for row in rows if row.kind == LedgerKind.UNAPPLIED]).items():
        gone[pk] += cents
    return {row.pk: max(0, row.amount_cents - gone[row.pk]) for row in rows}


def _applied(rows: Sequence[LedgerEntry]) -> dict[int, int]:
    """What of each payment nobody expected was made the payment of an invoice; its applied row has its source and reference."""
    if not rows:
        return {}
    found = LedgerEntry.objects.filter(
        kind=LedgerKind.APPLIED, source__in={row.source for row in rows}, reference__in=[row.reference for row in rows]
    )
    cents = {(source, reference): -cents for source, reference, cents in found.values_list("source", "reference", "amount_cents")}
    return {row.pk: cents.get((row.source, row.reference), 0) for row in rows}


def payable_by(rows: Iterable[LedgerEntry], *, left: dict[int, int]) -> dict[int, Invoice]:
    """The invoice that each payment of an order is enough for, the dearest open one; those that can pay none are left out. `rows` come
    with `order__invoices__quote`."""
    found: dict[int, Invoice] = {}
    for row in rows:
        if row.order is None or row.currency != "usd":
            continue
        payable = [payments.payable_invoice(row.order, kind=kind) for kind in InvoiceKind.values]
        fitting = [invoice for invoice in payable if invoice is not None and invoice.amount_usd_cents <= left[row.pk]]
        if fitting:
            found[row.pk] = max(fitting, key=lambda invoice: invoice.amount_usd_cents)
    return found

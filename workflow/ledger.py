"""The ledger's only writer. A row says that money moved; it is never changed, and each row of an order carries the hash of the one before.

What a payment still holds is reckoned here too: `left_cents`, what may still be given back of it.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, Sum
from django.utils.timezone import now

from workflow.models import Dispute, Invoice, LedgerEntry, LedgerKind, Order, Refund
from workflow.models.ledger import REFUND_WITHOUT_EFFECT

#: money that a customer's bank asks about or that came back to us is still here
NOT_TAKEN = Q(status="won") | Q(status="prevented") | Q(status__startswith="warning_")


def book(
    *,
    order: Order | None,
    kind: LedgerKind,
    amount_cents: int,
    source: str,
    reference: str,
    invoice: Invoice | None = None,
    currency: str = "usd",
    payment_intent_id: str = "",
    note: str = "",
) -> LedgerEntry | None:
    """Add a row, once per (source, kind, reference); None if it is there already. The order's lock must be held."""
    if LedgerEntry.objects.filter(source=source, kind=kind, reference=reference).exists():
        return None
    number, previous = _next_of(order)
    entry = LedgerEntry(
        order=order,
        invoice=invoice,
        number=number,
        kind=kind,
        amount_cents=amount_cents,
        currency=currency,
        source=source,
        reference=reference,
        payment_intent_id=payment_intent_id,
        note=note[:500],
        booked_at=now(),
        previous_hash=previous,
    )
    entry.hash = entry.digest()
    entry.save(force_insert=True)
    if order is not None:
        order.ledger_count = number
        Order.objects.filter(pk=order.pk).update(ledger_count=number)
    return entry


def _next_of(order: Order | None) -> tuple[int, str]:
    """Number and previous hash of the order's next row: read from the rows, as an instance may be older than the lock."""
    if order is None:
        return 0, ""
    last: Any = LedgerEntry.objects.filter(order=order).order_by("-number").values_list("number", "hash").first()
    return (last[0] + 1, last[1]) if last else (1, "")


def left_cents(payment: LedgerEntry) -> int:
    """What of a capture, or of a payment nobody expected, may still be given back.

    That is what came, less what went back or is on its way, what was applied to an invoice, and what the bank took by a dispute.
    """
    back = _sum(Refund.objects.filter(payment=payment).exclude(status__in=REFUND_WITHOUT_EFFECT), "amount_usd_cents")
    taken = _sum(Dispute.objects.filter(payment=payment).exclude(NOT_TAKEN), "amount_cents")
    applied = 0
    if payment.kind == LedgerKind.UNAPPLIED:
        rows = LedgerEntry.objects.filter(kind=LedgerKind.APPLIED, source=payment.source, reference=payment.reference)
        applied = -_sum(rows, "amount_cents")
    return max(0, payment.amount_cents - applied - back - taken)


def _sum(rows: Any, field: str) -> int:
    return int(rows.order_by().aggregate(sum=Sum(field))["sum"] or 0)


def payment_of(payment_intent_id: str) -> LedgerEntry | None:
    """The row by which a payment came in: its capture where it has one, else as nobody's."""
    rows: Iterable[LedgerEntry] = LedgerEntry.objects.filter(
        payment_intent_id=payment_intent_id or "-", source="stripe", kind__in=[LedgerKind.CAPTURE, LedgerKind.UNAPPLIED]
    ).select_related("order", "invoice")
    return min(rows, key=lambda row: (row.kind != LedgerKind.CAPTURE, row.pk), default=None)

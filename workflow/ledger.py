"""The ledger's only writer. A row says that money moved; it is never changed, and each row of an order carries the hash of the one before.

What a payment still holds is reckoned here too: `left_cents`, what may still be given back of it.
"""

from typing import Any

from django.db.models import Sum
from django.utils.timezone import now

from workflow.models import Invoice, LedgerEntry, LedgerKind, Order, Refund
from workflow.models.payments import REFUND_WITHOUT_EFFECT


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
    """Number and previous hash of the order's next row. Read under the order's lock, not from an instance that may be older."""
    if order is None:
        return 0, ""
    last: Any = LedgerEntry.objects.filter(order=order).order_by("-number").values_list("number", "hash").first()
    return (last[0] + 1, last[1]) if last else (1, "")


def left_cents(payment: LedgerEntry) -> int:
    """What of a capture or of a payment nobody expected is still here: less what went back or is on its way, and what was applied."""
    back = Refund.objects.filter(payment=payment).exclude(status__in=REFUND_WITHOUT_EFFECT).aggregate(sum=Sum("amount_usd_cents"))
    applied = 0
    if payment.kind == LedgerKind.UNAPPLIED:
        rows = LedgerEntry.objects.filter(kind=LedgerKind.APPLIED, source=payment.source, reference=payment.reference)
        applied = rows.aggregate(sum=Sum("amount_cents"))["sum"] or 0
    return payment.amount_cents + applied - (back["sum"] or 0)

"""What must be true when all is settled, compared with the sandbox's own books and reckoned without the product's sums.

Each check yields one line per fault, as the invariants do; those are walked too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from django.db.models import Q, Sum

from core.notices.models import Notice
from core.outbox.models import Effect as EffectRow
from workflow import invariants
from workflow.models import Adjustment, Attempt, Dispute, Invoice, LedgerEntry, Order, OrderEvent, Refund, RefundLine, StripeEvent
from workflow.process import CLOSED, State

Json = dict[str, Any]
#: money whose way back is decided: it went, it is on its way, or a person has to give it back
GOES_BACK = ("approved", "sent", "succeeded", "failed", "by_hand", "proposed")


def faults(books: Json) -> list[str]:
    found = [f"{invariant.name}: {line}" for invariant in invariants.INVARIANTS for line in invariant.check()]
    for check in (payments_agree, disputes_agree, nothing_came_twice, nobody_got_more_than_they_paid, all_is_done, orders_agree):
        found += [f"{check.__name__}: {line}" for line in check(books)]
    return found + list(at_any_moment(books))


def at_any_moment(books: Json) -> Iterator[str]:
    """No invoice can be paid twice, and what was withdrawn or ran out can no longer be paid at all; only an order that ends closes its
    sessions after it."""
    live = Counter(s["metadata"]["attempt"].rpartition(":")[0] for s in books["sessions"] if s["status"] == "open")
    yield from (f"{invoice}: {count} sessions can be paid" for invoice, count in live.items() if count > 1)
    over = Invoice.objects.filter(status__in=["void", "expired"]).exclude(order__state__in=CLOSED)
    for number, kind, count, status in over.values_list("order__number", "kind", "number", "status"):
        if f"{number}:{kind}:{count}" in live:
            yield f"{number}:{kind}:{count} is {status} and can be paid"


def _booked(*kinds: str) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for intent, cents in LedgerEntry.objects.filter(source="stripe", kind__in=kinds).values_list("payment_intent_id", "amount_cents"):
        sums[intent] += cents
    return sums


def payments_agree(books: Json) -> Iterator[str]:
    """Per payment: what Stripe took in and gave back is what our ledger says, to the cent."""
    came, back = _booked("capture", "unapplied", "applied"), _booked("refund", "refund_reversal")
    for charge in books["charges"]:
        intent = charge["payment_intent"]
        if came.pop(intent, 0) != charge["amount_captured"]:
            yield f"{intent}: {charge['amount_captured']} cents were taken"
        if -back.pop(intent, 0) != charge["amount_refunded"]:
            yield f"{intent}: {charge['amount_refunded']} cents went back"
    yield from (f"{intent}: is in no book of Stripe's" for intent in {**came, **back})


def disputes_agree(books: Json) -> Iterator[str]:
    taken = {dispute["id"]: 0 if dispute["status"] == "won" else dispute["amount"] for dispute in books["disputes"]}
    ours = dict(LedgerEntry.objects.filter(kind__startswith="dispute").values_list("reference").annotate(sum=Sum("amount_cents")))
    for dispute, cents in taken.items():
        if -ours.pop(dispute, 0) != cents:
            yield f"{dispute}: the bank took {cents} cents"
    yield from (f"{dispute}: is in no book of Stripe's" for dispute in ours)


def nothing_came_twice(books: Json) -> Iterator[str]:
    for key, count in Counter(Notice.objects.values_list("key", "channel", "recipient")).items():
        if count > 1:
            yield f"{key}: {count} notices"
    for key, count in Counter(refund["metadata"].get("refund") for refund in books["refunds"]).items():
        if key and count > 1:
            yield f"{key}: {count} refunds at Stripe"
    for key, count in Counter(session["metadata"]["attempt"] for session in books["sessions"]).items():
        if count > 1:
            yield f"{key}: {count} sessions at Stripe"
    paid = Invoice.objects.annotate(captured=Sum("ledger__amount_cents", filter=Q(ledger__kind="capture")))
    for number, captured, amount in paid.values_list("pk", "captured", "amount_usd_cents"):
        if captured not in (None, amount):
            yield f"invoice {number}: {captured} of {amount} cents captured"


def nobody_got_more_than_they_paid(books: Json) -> Iterator[str]:
    """By order in our books, by payment at Stripe, and by line of an invoice."""
    for order in Order.objects.all():
        rows = LedgerEntry.objects.filter(order=order).exclude(kind__startswith="dispute")
        if (left := sum(rows.values_list("amount_cents", flat=True))) < 0:
            yield f"{order.number}: {-left} cents more went back than came"
    for charge in books["charges"]:
        if charge["amount_refunded"] > charge["amount_captured"]:
            yield f"{charge['id']}: more went back than came"
    lines = RefundLine.objects.filter(refund__status__in=GOES_BACK).exclude(refund__status="failed")
    for line, billed, back in lines.values_list("invoice_line", "invoice_line__amount_usd_cents").annotate(Sum("amount_usd_cents")):
        if back > billed:
            yield f"invoice line {line}: {back} of {billed} cents went back"


def all_is_done(books: Json) -> Iterator[str]:
    """Whatever was promised happened."""
    for effect in EffectRow.objects.filter(done_at=None):
        yield f"{effect.name} of {effect.subject}: {effect.last_error.strip().splitlines()[-1:]}"
    yield from (f"{event.event_id} ({event.type}) is not settled" for event in StripeEvent.objects.filter(settled_at=None))
    yield from (f"{attempt.key}: {attempt.status}" for attempt in Attempt.objects.filter(status__in=["created", "closing"]))
    disputed = Dispute.objects.values("payment_intent_id")
    for refund in Refund.objects.filter(status="approved").exclude(payment_intent_id="").exclude(payment_intent_id__in=disputed):
        yield f"{refund.key} was approved and never sent"


def orders_agree(books: Json) -> Iterator[str]:
    """An order that waits for a payment has an invoice to pay, one that is over has none, and an untouched one gave everything back."""
    open_kinds = set(Invoice.objects.filter(status="open").values_list("order_id", "kind"))
    billed = set(Adjustment.objects.filter(route="invoice", status="open").values_list("order_id", flat=True))
    for order in Order.objects.all():
        wanted = {
            "items": order.state == State.AWAITING_ITEM_PAYMENT,
            "delivery": order.state == State.AWAITING_DELIVERY_PAYMENT,
            "adjustment": order.difference_asked_at is not None,
        }
        for kind, is_wanted in wanted.items():
            if ((order.pk, kind) in open_kinds) != is_wanted:
                yield f"{order.number} is {order.state}, and its {kind} invoice is {'missing' if is_wanted else 'open'}"
        if (order.pk in billed) != wanted["adjustment"]:
            yield f"{order.number}: price differences are billed and nobody waits for them, or the other way round"
        if order.state == State.CANCELLED and (kept := _kept(order)):
            yield f"{order.number}: nothing was bought, and {kept} cents did not go back"


def _kept(order: Order) -> int:
    """Cents that an order kept which ended before anything was bought; 0 where a bank or a second person had a say in it."""
    begun = OrderEvent.objects.filter(order=order, name__in=["buy_items", "mark_items_purchased"]).exists()
    refunds = Refund.objects.filter(order=order)
    if begun or order.disputes.exists() or refunds.filter(status="declined").exists():
        return 0
    came = LedgerEntry.objects.filter(order=order, kind__in=["capture", "unapplied", "applied"])
    back = sum(refunds.filter(status__in=GOES_BACK).values_list("amount_usd_cents", flat=True))
    return max(0, sum(came.values_list("amount_cents", flat=True)) - back)

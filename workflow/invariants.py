"""What must hold, always, checked on the whole database and at Stripe.

Each check yields one line per fault. `INVARIANTS` is the list that `manage.py verify_invariants` walks.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, F, Q, Sum
from django.utils.timezone import now

from core.notices.models import Notice
from integrations import stripe
from workflow import append_only, audit, storage, stuck
from workflow.models import (
    Attempt,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    InvoiceStatus,
    Item,
    ItemStatus,
    LedgerEntry,
    LedgerKind,
    LineKind,
    Order,
    Refund,
    RefundLine,
    RefundStatus,
    StaffTask,
)
from workflow.models.ledger import MONEY_BACK, MONEY_IN, REFUND_WITHOUT_EFFECT
from workflow.models.orders import DEAD
from workflow.models.payments import OPEN_ATTEMPT
from workflow.process import State

Check = Callable[[], Iterator[str]]

AFTER_ITEMS_PAID = (
    State.ITEMS_PAID,
    State.ITEMS_PURCHASED,
    State.AT_WAREHOUSE,
    State.AWAITING_DELIVERY_PAYMENT,
    State.DELIVERY_PAID,
    State.SHIPPED,
    State.DELIVERED,
    State.COMPLETED,
    State.RETURNED,
)
AFTER_DELIVERY_PAID = (State.DELIVERY_PAID, State.SHIPPED, State.DELIVERED, State.COMPLETED, State.RETURNED)
AFTER_SHIPPED = (State.SHIPPED, State.DELIVERED, State.COMPLETED, State.RETURNED)


@dataclass(frozen=True)
class Invariant:
    number: int
    name: str
    check: Check
    #: cannot be checked while this provider does not answer
    needs: str = ""


# --- 1 and 2, at Stripe ---------------------------------------------------------------------------------------------------


def _oldest() -> datetime:
    """A day and an hour before our first attempt or booking: a session may have been opened that long before it was paid."""
    first = [
        Attempt.objects.order_by("pk").values_list("created_at", flat=True).first(),
        LedgerEntry.objects.order_by("pk").values_list("booked_at", flat=True).first(),
    ]
    return min((moment for moment in first if moment), default=now()) - timedelta(hours=25)


def ledger_equals_stripe() -> Iterator[str]:
    """Per payment: captured and refunded in our ledger = at Stripe, to the cent; and no paid session of ours is unknown to us."""
    captured, refunded = _ledger_by_payment()
    there = {
        session.payment_intent_id: session.amount_total_cents
        for session in stripe.iter_checkout_sessions(created_after=_oldest())
        if session.payment_status == "paid" and session.payment_intent_id and (_is_ours(session) or session.payment_intent_id in captured)
    }
    back: dict[str, int] = defaultdict(int)
    for refund in stripe.iter_refunds(created_after=_oldest()):
        if refund.status not in ("failed", "canceled"):
            back[refund.payment_intent_id or ""] += refund.amount_cents
    for payment in sorted(set(there) | set(captured)):
        if there.get(payment, 0) != captured.get(payment, 0):
            yield f"{payment}: {there.get(payment, 0)} cents paid at Stripe, {captured.get(payment, 0)} in the ledger"
        if back.get(payment, 0) != refunded.get(payment, 0):
            yield f"{payment}: {back.get(payment, 0)} cents refunded at Stripe, {refunded.get(payment, 0)} in the ledger"


def _is_ours(session: stripe.CheckoutSession) -> bool:
    """The account may serve others too; their payments concern us only where they are in our ledger."""
    return "attempt" in session.metadata


def _ledger_by_payment() -> tuple[dict[str, int], dict[str, int]]:
    rows = LedgerEntry.objects.filter(source="stripe").values_list("payment_intent_id", "kind").annotate(sum=Sum("amount_cents"))
    captured: dict[str, int] = defaultdict(int)
    refunded: dict[str, int] = defaultdict(int)
    for payment, kind, cents in rows:
        if kind in MONEY_IN:
            captured[payment] += cents
        elif kind in MONEY_BACK:
            refunded[payment] -= cents
    return captured, refunded


def one_open_session_at_stripe() -> Iterator[str]:
    """At most one open session per invoice at Stripe, and none that we do not know."""
    live = [s for s in stripe.iter_checkout_sessions(created_after=_oldest()) if s.status == "open" and _is_ours(s)]
    per_invoice = Counter(str(session.metadata["attempt"]).rpartition(":")[0] for session in live)
    yield from (f"{invoice}: {count} open sessions at Stripe" for invoice, count in per_invoice.items() if count > 1)
    known = set(Attempt.objects.filter(status__in=OPEN_ATTEMPT).values_list("key", flat=True))
    yield from (f"{s.id} is open at Stripe and not here" for s in live if s.metadata["attempt"] not in known)


def one_open_attempt_here() -> Iterator[str]:
    doubles = Attempt.objects.filter(status__in=OPEN_ATTEMPT).values("invoice").annotate(n=Count("pk")).filter(n__gt=1)
    yield from (f"invoice {row['invoice']}: {row['n']} open attempts" for row in doubles)


# --- 3 State and ledger ---------------------------------------------------------------------------------------------------


def state_and_ledger_agree() -> Iterator[str]:
    yield from _unpaid(AFTER_ITEMS_PAID, InvoiceKind.ITEMS)
    yield from _unpaid(AFTER_DELIVERY_PAID, InvoiceKind.DELIVERY)
    paid = Invoice.objects.filter(status=InvoiceStatus.PAID)
    captures = dict(LedgerEntry.objects.filter(kind=LedgerKind.CAPTURE).values_list("invoice").annotate(sum=Sum("amount_cents")))
    for pk, amount in paid.values_list("pk", "amount_usd_cents").iterator():
        if captures.pop(pk, None) != amount:
            yield f"invoice {pk} is paid, but the ledger has another sum"
    yield from (f"invoice {pk} has a capture and is not paid" for pk in captures)
    yield from _unseen_money()
    yield from _refunded_too_much()
    yield from _lines_and_refunds()


def _unpaid(states: tuple[State, ...], kind: InvoiceKind) -> Iterator[str]:
    paid = Invoice.objects.filter(kind=kind, status=InvoiceStatus.PAID).values("order_id")
    for number in Order.objects.filter(state__in=states).exclude(pk__in=paid).values_list("number", flat=True).iterator():
        yield f"{number} went on without a paid {kind.value} invoice"


def _unseen_money() -> Iterator[str]:
    unapplied = set(LedgerEntry.objects.filter(kind=LedgerKind.UNAPPLIED).values_list("reference", flat=True))
    shown = set(StaffTask.objects.filter(kind="unapplied_money").values_list("key", flat=True))
    yield from (f"{money}: unapplied and no staff task" for money in unapplied if f"unapplied:{money}"[:120] not in shown)


def _refunded_too_much() -> Iterator[str]:
    sums = LedgerEntry.objects.exclude(payment_intent_id="").values("payment_intent_id").annotate(left=Sum("amount_cents"))
    yield from (f"{row['payment_intent_id']}: more went back than came" for row in sums.filter(left__lt=0))
    # One that failed before we heard of it was never booked, and need not be, whatever became of it afterwards.
    for refund in (
        Refund.objects.filter(stripe_id__isnull=False)
        .exclude(status__in=(*REFUND_WITHOUT_EFFECT, RefundStatus.BY_HAND))
        .exclude(stripe_id__in=LedgerEntry.objects.filter(kind=LedgerKind.REFUND).values("reference"))
    ):
        yield f"{refund.key}: at Stripe and not in the ledger"


def _lines_and_refunds() -> Iterator[str]:
    """A refund is the sum of its lines, and no line goes back more than once."""
    sums = Refund.objects.annotate(of_lines=Sum("lines__amount_usd_cents")).exclude(of_lines=None).exclude(of_lines=F("amount_usd_cents"))
    yield from (f"{refund.key}: its lines are another sum" for refund in sums)
    gone = RefundLine.objects.exclude(refund__status__in=REFUND_WITHOUT_EFFECT).values("invoice_line", "invoice_line__amount_usd_cents")
    for row in gone.annotate(back=Sum("amount_usd_cents")).filter(back__gt=F("invoice_line__amount_usd_cents")).order_by():
        yield f"invoice line {row['invoice_line']}: more went back than was billed"


# --- 4 to 8 ---------------------------------------------------------------------------------------------------------------


def one_notice_per_recipient() -> Iterator[str]:
    doubles = Notice.objects.values("key", "channel", "recipient").annotate(n=Count("pk")).filter(n__gt=1)
    yield from (f"{row['key']}: {row['n']} notices by {row['channel']} to one recipient" for row in doubles)


def every_sent_item_has_a_parcel() -> Iterator[str]:
    """A parcel of its own order that was not taken apart; what is lost is lost with its parcel."""
    sent = Item.objects.filter(order__state__in=AFTER_SHIPPED).exclude(status__in=DEAD)
    sent = sent.exclude(order__state=State.RETURNED, status=ItemStatus.INSPECTED)  # received back, to be packed again or given up
    taken_apart = Q(parcel__closed_at__isnull=False, parcel__lost_at=None)
    loose = sent.filter(Q(parcel=None) | ~Q(parcel__order=F("order")) | taken_apart)
    yield from (f"item {pk} was sent in no parcel" for pk in loose.values_list("pk", flat=True).iterator())


def delivery_bills_agree_with_the_storage_clock() -> Iterator[str]:
    """One open delivery bill at most, and no day of storage on it that the clock has not counted."""
    bills = Invoice.objects.filter(kind=InvoiceKind.DELIVERY, status=InvoiceStatus.OPEN)
    doubles = bills.order_by().values("order").annotate(n=Count("pk")).filter(n__gt=1)
    yield from (f"order {row['order']}: {row['n']} open delivery invoices" for row in doubles)
    lines = InvoiceLine.objects.filter(invoice__in=bills, kind=LineKind.STORAGE).select_related("invoice__order", "invoice__quote__policy")
    for line in lines.iterator(chunk_size=500):
        seen = storage.storage_of(line.invoice.order, policy=line.invoice.quote.policy)
        if seen is None or line.quantity > seen.fee_days:
            yield f"{line.invoice.order.number}: {line.quantity} days of storage billed, the clock has {seen.fee_days if seen else 0}"


def journal_and_ledger_are_append_only() -> Iterator[str]:
    """The triggers are on, and nobody has gone around them."""
    yield from audit.broken_ledger_rows()
    yield from (f"the trigger {name} is missing" for name in append_only.missing(connection))


def nothing_is_late_unseen() -> Iterator[str]:
    shown = set(StaffTask.objects.filter(kind=stuck.KIND, done_at=None).values_list("key", flat=True))
    late = stuck.undone_since(now() - stuck.TOO_LATE)
    yield from (f"{undone.key}: undone and no staff task" for undone in late if undone.key not in shown)


INVARIANTS = (
    Invariant(1, "ledger equals Stripe", ledger_equals_stripe, needs="stripe"),
    Invariant(2, "one open session per invoice here", one_open_attempt_here),
    Invariant(2, "one open session per invoice at Stripe", one_open_session_at_stripe, needs="stripe"),
    Invariant(3, "state and ledger agree", state_and_ledger_agree),
    Invariant(4, "one event per change, without gaps", audit.broken_rows),
    Invariant(5, "one notice per event, channel and recipient", one_notice_per_recipient),
    Invariant(6, "every sent item is in a parcel", every_sent_item_has_a_parcel),
    Invariant(6, "delivery bills agree with the storage clock", delivery_bills_agree_with_the_storage_clock),
    Invariant(7, "journal and ledger are append-only", journal_and_ledger_are_append_only),
    Invariant(8, "nothing undone is unseen", nothing_is_late_unseen),
)

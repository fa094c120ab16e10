"""Who is to be reminded of what, and when. Each reminder is one notice by its unique key, so a repeated or late run says nothing twice.

After a pause of ours only the latest reminder that is due goes out, never the ones it overtakes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from core.notices import Letter
from workflow import storage
from workflow.letters import reminding
from workflow.letters.about import About
from workflow.models import Attempt, AttemptStatus, Inspection, Invoice, InvoiceKind, InvoiceStatus, Order
from workflow.process import CLOSED, State
from workflow.storage import Storage

#: how long before the end of a quote
BEFORE_END = (timedelta(hours=24), timedelta(hours=6))
#: a quote is not followed by its own reminder at once
QUIET_AT_FIRST = timedelta(hours=2)
#: how long after a delivery invoice, after a question
AFTER_DELIVERY_INVOICE = (timedelta(days=2), timedelta(days=5))
AFTER_QUESTION = (timedelta(days=1), timedelta(days=3), timedelta(days=7))
#: after the last reminder a person takes over
QUESTION_TO_STAFF = timedelta(days=8)


LETTERS = {
    InvoiceKind.ITEMS: reminding.items_unpaid,
    InvoiceKind.DELIVERY: reminding.delivery_unpaid,
    InvoiceKind.ADJUSTMENT: reminding.difference_unpaid,
}


STORAGE_LETTERS = {"storage_free": reminding.storage_free, "storage_end": reminding.storage_end}


@dataclass(frozen=True)
class Reminder:
    key: str
    kind: str
    order: Order
    invoice: Invoice | None = None
    #: of a notice about storage: its clock, and how many days ahead of the step it is
    storage: Storage | None = None
    lead: int = 0

    def letter(self) -> Letter:
        about = About(self.order, self.order.customer.locale)
        if self.storage is not None:
            return STORAGE_LETTERS[self.kind](about, self.storage, self.lead)
        if self.invoice is None:
            return reminding.question_open(about)
        return LETTERS[InvoiceKind(self.invoice.kind)](about, self.invoice)


def due(now: datetime) -> Iterator[Reminder]:
    """The latest due reminder of everything that waits on a customer, whether or not it was written already."""
    yield from _items_unpaid(now)
    yield from _delivery_unpaid(now)
    yield from _difference_unpaid(now)
    yield from _questions(now)
    yield from _storage(now)


def _open_invoices(kind: str, state: str) -> QuerySet[Invoice]:
    """What customers of orders in motion have to pay; a payment that is being processed needs no reminder."""
    processing = Attempt.objects.filter(processing=True, status=AttemptStatus.OPEN).values("invoice_id")
    waiting = Invoice.objects.filter(kind=kind, status=InvoiceStatus.OPEN, order__state=state, order__hold_reason="")
    return waiting.exclude(pk__in=processing).select_related("order__customer")


def _items_unpaid(now: datetime) -> Iterator[Reminder]:
    ending = _open_invoices(InvoiceKind.ITEMS, State.AWAITING_ITEM_PAYMENT)
    soon = Q(order__pay_by__gt=now, order__pay_by__lte=now + max(BEFORE_END))
    for invoice in ending.filter(soon, created_at__lte=now - QUIET_AT_FIRST).iterator(chunk_size=500):
        assert invoice.order.pay_by is not None
        yield _of_invoice(invoice, kind="items_unpaid", step=_before_end(invoice.order.pay_by, now))


def _difference_unpaid(now: datetime) -> Iterator[Reminder]:
    ending = _open_invoices(InvoiceKind.ADJUSTMENT, State.ITEMS_PAID)
    soon = Q(pay_by__gt=now, pay_by__lte=now + max(BEFORE_END))
    for invoice in ending.filter(soon, created_at__lte=now - QUIET_AT_FIRST).iterator(chunk_size=500):
        assert invoice.pay_by is not None
        yield _of_invoice(invoice, kind="difference_unpaid", step=_before_end(invoice.pay_by, now))


def _delivery_unpaid(now: datetime) -> Iterator[Reminder]:
    waiting = _open_invoices(InvoiceKind.DELIVERY, State.AWAITING_DELIVERY_PAYMENT)
    for invoice in waiting.filter(created_at__lte=now - min(AFTER_DELIVERY_INVOICE)).iterator(chunk_size=500):
        yield _of_invoice(invoice, kind="delivery_unpaid", step=_days(now - invoice.created_at, AFTER_DELIVERY_INVOICE))


def _of_invoice(invoice: Invoice, *, kind: str, step: str) -> Reminder:
    return Reminder(key=f"{invoice.order.subject}:invoice-{invoice.number}:{kind}:{step}", kind=kind, order=invoice.order, invoice=invoice)


def _questions(now: datetime) -> Iterator[Reminder]:
    for order in _asked(now - min(AFTER_QUESTION)).iterator(chunk_size=500):
        assert order.asked_at is not None
        step = _days(now - order.asked_at, AFTER_QUESTION)
        yield Reminder(key=f"{order.subject}:{question_key(order)}:question_open:{step}", kind="question_open", order=order)


def unanswered(now: datetime) -> QuerySet[Order]:
    """Orders whose question went unanswered through all reminders: staff's turn. Those about inspections have a task of their own."""
    about_inspections = Inspection.objects.filter(item__order=OuterRef("pk"), ended_at=None, asked_at=OuterRef("asked_at"))
    return _asked(now - QUESTION_TO_STAFF).exclude(Exists(about_inspections))


def _asked(before: datetime) -> QuerySet[Order]:
    waiting = Order.objects.filter(asked_at__lte=before).exclude(question="").exclude(state__in=CLOSED)
    return waiting.select_related("customer").order_by("pk")


# --- Storage --------------------------------------------------------------------------------------------------------------


def _storage(now: datetime) -> Iterator[Reminder]:
    """What lies ahead of every order whose clock runs: the end of the free days, then the end of storage."""
    for order, seen in storage.running(now, within=timedelta(days=max(storage.LEADS))):
        for kind, days in _steps(seen):
            left = timedelta(days=days) - seen.used
            if timedelta() < left <= timedelta(days=max(storage.LEADS)):
                lead = min(lead for lead in storage.LEADS if left <= timedelta(days=lead))
                yield Reminder(key=storage_key(order, kind, days, lead), kind=kind, order=order, storage=seen, lead=lead)


def _steps(seen: Storage) -> Iterator[tuple[str, int]]:
    if seen.terms.has_fee:
        yield "storage_free", seen.terms.free_days
    yield "storage_end", seen.terms.max_days


def storage_key(order: Order, kind: str, days: int, lead: int) -> str:
    """Of one step of one stay with us; days that staff grant make another step of it."""
    return f"{order.subject}:{storage.stay(order)}:{kind}:{days}:{lead}d"


def question_key(order: Order) -> str:
    """Names one question; an order may be asked many."""
    assert order.asked_at is not None
    return f"question-{int(order.asked_at.timestamp())}"


def _days(passed: timedelta, steps: Sequence[timedelta]) -> str:
    return f"{max(step for step in steps if step <= passed).days}d"


def _before_end(end: datetime, now: datetime) -> str:
    lead = min(lead for lead in BEFORE_END if end - now <= lead)
    return f"{int(lead.total_seconds() // 3600)}h"

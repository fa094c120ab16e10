"""What the order page shows: one order with everything that belongs to it, in a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Prefetch
from django.http import Http404, HttpRequest
from django.utils.timezone import now
from django.utils.translation import get_language

from backoffice.access import acting
from backoffice.orders import beside
from backoffice.orders.history import happening
from backoffice.orders.journey import journey
from backoffice.orders.next_move import entries_open, next_move
from backoffice.words import SCAN_TONES, SCAN_WORDS, TURNS, WAITS_WORDS, tone_of
from core.outbox.models import Effect
from workflow.invoices import line_title
from workflow.models import (
    Attempt,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    Item,
    LedgerKind,
    Order,
    OrderEvent,
    Parcel,
    RefundStatus,
    StaffTask,
    TrackingEvent,
)

#: the history shows this many events, the rest behind one click
EVENTS_SHOWN = 8


def load(order_id: int) -> Order:
    """The order with what its page, the guards and the forms look at; 404 if there is none."""
    order = (
        Order.objects.select_related("customer", "rate_at_request")
        .prefetch_related(
            "items",
            Prefetch("parcels__scans", TrackingEvent.objects.order_by("-at", "-id")),
            Prefetch("invoices", Invoice.objects.select_related("quote__policy").order_by("number")),
            Prefetch("invoices__lines", InvoiceLine.objects.select_related("item").order_by("position")),
            Prefetch("invoices__attempts", Attempt.objects.order_by("generation")),
            "refunds",
            "ledger",
            "pay_links",
            Prefetch("events", OrderEvent.objects.select_related("user").order_by("-number")),
            Prefetch("tasks", StaffTask.objects.filter(done_at=None).order_by("created_at")),
        )
        .filter(pk=order_id)
        .first()
    )
    if order is None:
        raise Http404
    return order


def context(request: HttpRequest, order: Order) -> dict[str, Any]:
    by = acting(request)
    events = [happening(event) for event in order.events.all()]
    return {
        **heading(order),
        "next": next_move(order, by=by),
        "entries": entries_open(order, by=by),
        "beside": beside.offered(order, by=by),
        "items": [ItemRow(item, parcels=order.parcels.all()) for item in order.items.all()],
        "invoices": [InvoiceCard.of(invoice, order) for invoice in reversed(order.invoices.all())],
        "parcels": [ParcelCard(parcel, order.items.all()) for parcel in order.parcels.all()],
        "money": money_of(order),
        "tasks": order.tasks.all(),
        "stuck": list(Effect.objects.filter(subject=order.subject, done_at=None, quarantined_at__isnull=False).order_by("pk")),
        "events": events[:EVENTS_SHOWN],
        "earlier_events": events[EVENTS_SHOWN:],
        "now": now(),
    }


def heading(order: Order) -> dict[str, Any]:
    """What every page about the order begins with."""
    return {
        "order": order,
        "original": order,  # the name of it in the header's trail
        "turn": TURNS[order.state],
        "tone": tone_of(order.state, order.waiting_on),
        "waiting_on": WAITS_WORDS[order.waiting_on],
        "waits": str(order.waiting_on),
        "journey": journey(order),
    }


def changed_since(order: Order, version: int | None) -> list[Any]:
    """What happened after the version a person looked at, oldest first. Every change has one event and adds one to the version."""
    if version is None:
        return []
    return [happening(event) for event in reversed(order.events.all()) if event.number >= version]


# --- Items ----------------------------------------------------------------------------------------------------------------


class ItemRow:
    def __init__(self, item: Item, *, parcels: Iterable[Parcel]) -> None:
        self.item = item
        self.parcel = next((parcel for parcel in parcels if parcel.pk == item.parcel_id), None)


# --- Money ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InvoiceCard:
    invoice: Invoice
    lines: list[tuple[str, InvoiceLine]]
    pay_url: str
    attempts: list[Attempt]
    tone: str

    TONES = {InvoiceStatus.OPEN: "customer", InvoiceStatus.PAID: "good", InvoiceStatus.VOID: "nobody", InvoiceStatus.EXPIRED: "nobody"}

    @classmethod
    def of(cls, invoice: Invoice, order: Order) -> "InvoiceCard":
        locale = get_language() or "en"
        token = next((link.token for link in order.pay_links.all() if link.kind == invoice.kind), "")
        return cls(
            invoice=invoice,
            lines=[(line_title(line, locale=locale), line) for line in invoice.lines.all()],
            pay_url=f"{settings.PUBLIC_BASE_URL}/pay/{token}" if token and invoice.is_open else "",
            attempts=list(invoice.attempts.all()),
            tone=cls.TONES.get(invoice.status, "nobody"),  # type: ignore[call-overload]
        )

    @property
    def is_past(self) -> bool:
        return self.invoice.status in (InvoiceStatus.VOID, InvoiceStatus.EXPIRED)


def money_of(order: Order) -> dict[str, Any]:
    """In cents: paid, gone back, and what nobody expected; with the refunds behind it."""
    sums = dict.fromkeys(LedgerKind, 0)
    for entry in order.ledger.all():
        sums[LedgerKind(entry.kind)] += entry.amount_cents
    refunds = list(order.refunds.all())
    return {
        "paid": sums[LedgerKind.CAPTURE],
        "back": -(sums[LedgerKind.REFUND] + sums[LedgerKind.REFUND_REVERSAL]),
        "unapplied": sums[LedgerKind.UNAPPLIED],
        "refunds": refunds,
        "to_approve": [refund for refund in refunds if refund.status == RefundStatus.PROPOSED],
    }


# --- Parcels --------------------------------------------------------------------------------------------------------------


class ParcelCard:
    def __init__(self, parcel: Parcel, items: Iterable[Item]) -> None:
        self.parcel = parcel
        self.items = [item for item in items if item.parcel_id == parcel.pk]
        self.scans = [(scan, SCAN_WORDS.get(scan.status, scan.status)) for scan in parcel.scans.all()]
        self.status = SCAN_WORDS.get(parcel.status, parcel.status)
        self.tone = SCAN_TONES.get(parcel.status, "courier")

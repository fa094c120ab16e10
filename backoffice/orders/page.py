"""What the order page shows: one order with everything that belongs to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.timezone import now

from backoffice.access import acting
from backoffice.orders import beside, hint_badges, inspecting, storing
from backoffice.orders.after_payment import DearerDialog, SoldOutDialog
from backoffice.orders.bills import changed_lines, titled
from backoffice.orders.desk import Desk
from backoffice.orders.history import happening
from backoffice.orders.money import awaited_difference, money_of, pay_url
from backoffice.orders.next_move import entries_open, next_move
from backoffice.orders.reading import heading
from backoffice.orders.refunding import RefundDialog
from backoffice.privacy import Personal, sees, shown
from backoffice.words import SCAN_TONES, SCAN_WORDS
from core.outbox.models import Effect
from workflow import assigning, labels, packing, road, work
from workflow.invoices import Change, Changes, what_changed
from workflow.margins import margin_of
from workflow.models import Attempt, Invoice, InvoiceLine, InvoiceStatus, Item, Order, Parcel, ParcelLabel, StaffTask, TrackingEvent

#: the history shows this many events, the rest behind one click
EVENTS_SHOWN = 8
#: of a parcel's scans, likewise
SCANS_SHOWN = 4
#: tasks that have their own place and buttons on the page
ELSEWHERE = frozenset({"refund_to_approve", "unapplied_money", "customer_message"})
DIALOGS = (RefundDialog(), SoldOutDialog(), DearerDialog(), *storing.DIALOGS)


def context(request: HttpRequest, order: Order) -> dict[str, Any]:
    by = acting(request)
    hint_badges.attach(order)
    names = assigning.names_of(_given_to(order))
    desk = Desk(order, by=by)
    timeline = desk.timeline(happening(event, names=names) for event in order.events.all())
    entries, panels = entries_open(order, by=by), inspecting.panels(order, by=by)
    return {
        **heading(order),
        "next": next_move(order, by=by),
        "entries": entries,
        #: the screening form shows the hints itself
        "shows_hints": not any(entry.is_main and entry.task is work.SCREEN for entry in entries),
        "beside": beside.offered(order, by=by),
        "desk": desk,
        "recipient": recipient(request, order),
        "items": [ItemRow(item, parcels=order.parcels.all(), panel=panels.get(item.pk)) for item in order.items.all()],
        "may_ask_about": any(panel.may_ask for panel in panels.values()),
        "invoices": [InvoiceCard.of(invoice, order) for invoice in reversed(order.invoices.all())],
        "parcels": [ParcelCard(parcel, order.items.all(), tasks=order.tasks.all()) for parcel in order.parcels.all()],
        "rests": [beside.rest_words(rest) for rest in work.waits_for(order)],
        "loose": packing.loose_items(order) if order.parcels.all() else [],
        "track_url": track_url(order),
        "money": money_of(order, by=by),
        "difference": awaited_difference(order, by=by),
        "dialogs": [dialog for dialog in DIALOGS if dialog.makes_sense(order, by=by)],
        "storage": storing.storage_words(order),
        "margin": margin_of(order) if request.user.has_perm("workflow.view_ledgerentry") else None,
        "tasks": [task for task in order.tasks.all() if task.kind not in ELSEWHERE],
        "stuck": list(Effect.objects.filter(subject=order.subject, done_at=None, quarantined_at__isnull=False).order_by("pk")),
        "timeline": timeline[:EVENTS_SHOWN],
        "earlier": timeline[EVENTS_SHOWN:],
        "now": now(),
    }


def track_url(order: Order) -> str:
    """What the customer sees of the parcels; empty before the order was shipped."""
    link = getattr(order, "track_link", None)
    return road.track_url(link.token if link else None)


def _given_to(order: Order) -> list[int]:
    return [event.facts["to"] for event in order.events.all() if event.name == "give" and "to" in event.facts]


def recipient(request: HttpRequest, order: Order) -> dict[str, Any]:
    """Who gets the parcels, as far as this person reads personal data."""
    lines = (order.line1, order.line2, f"{order.city}, {order.region} {order.postal_code}", order.country)
    address = [line for line in lines if line] if sees(request, Personal.ADDRESS) else [f"{order.region} {order.country}".strip()]
    return {
        "name": shown(request, Personal.NAME, order.recipient_name),
        "address": address,
        "phone": shown(request, Personal.PHONE, order.recipient_phone),
        "email": shown(request, Personal.EMAIL, order.customer.email),
    }


# --- Items ----------------------------------------------------------------------------------------------------------------


class ItemRow:
    def __init__(self, item: Item, *, parcels: Iterable[Parcel], panel: inspecting.Panel | None) -> None:
        self.item, self.panel = item, panel
        self.parcel = next((parcel for parcel in parcels if parcel.pk == item.parcel_id), None)


# --- Invoices -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InvoiceCard:
    invoice: Invoice
    lines: list[tuple[str, InvoiceLine]]
    pay_url: str
    attempts: list[Attempt]
    tone: str
    changes: Changes | None
    changed: list[tuple[str, Change]]

    TONES = {InvoiceStatus.OPEN: "customer", InvoiceStatus.PAID: "good", InvoiceStatus.VOID: "nobody", InvoiceStatus.EXPIRED: "nobody"}

    @classmethod
    def of(cls, invoice: Invoice, order: Order) -> "InvoiceCard":
        changes = what_changed(invoice, among=order.invoices.all())
        return cls(
            invoice=invoice,
            lines=titled(invoice.lines.all()),
            pay_url=pay_url(order, invoice),
            attempts=list(invoice.attempts.all()),
            tone=cls.TONES.get(invoice.status, "nobody"),  # type: ignore[call-overload]
            changes=changes,
            changed=changed_lines(changes),
        )

    @property
    def is_past(self) -> bool:
        return self.invoice.status in (InvoiceStatus.VOID, InvoiceStatus.EXPIRED)


# --- Parcels --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EarlierLabel:
    """A label that a parcel had before, with what the courier said of it."""

    label: ParcelLabel
    scans: list[tuple[TrackingEvent, Any]]


class ParcelCard:
    """One parcel as the warehouse looks at it: what lies in it, where it is, how the asking goes, and what it was labelled with before."""

    def __init__(self, parcel: Parcel, items: Iterable[Item], *, tasks: Iterable[StaffTask] = ()) -> None:
        self.parcel = parcel
        self.items = [item for item in items if item.parcel_id == parcel.pk]
        self.scans = [said(scan) for scan in parcel.scans.all() if labels.is_of_present_label(scan, parcel)]
        self.status = SCAN_WORDS.get(parcel.status, parcel.status)
        self.tone = SCAN_TONES.get(parcel.status, "courier")
        self.doubts = [] if parcel.handed_over_at else packing.doubts(parcel, items=len(self.items))
        self.contradicts = any(task.key.startswith(f"contradiction:{parcel.pk}:") for task in tasks)
        self.asks = parcel.next_poll_at is not None

    @property
    def sides(self) -> str:
        """`30 × 20 × 10 cm`, or nothing where only a volume is known."""
        parcel = self.parcel
        return f"{parcel.length_cm} × {parcel.width_cm} × {parcel.height_cm} cm" if parcel.length_cm else ""

    @property
    def newest(self) -> list[tuple[TrackingEvent, Any]]:
        return self.scans[:SCANS_SHOWN]

    @property
    def older(self) -> list[tuple[TrackingEvent, Any]]:
        return self.scans[SCANS_SHOWN:]

    @property
    def present(self) -> ParcelLabel | None:
        return next((label for label in reversed(self.parcel.labels.all()) if label.until is None), None)

    @property
    def earlier(self) -> list[EarlierLabel]:
        """The latest first. Their scans are told apart by the number they were asked for."""
        gone = [label for label in reversed(self.parcel.labels.all()) if label.until is not None]
        scans = [scan for scan in self.parcel.scans.all() if not labels.is_of_present_label(scan, self.parcel)]
        return [EarlierLabel(label, [said(scan) for scan in scans if scan.tracking_number == label.tracking_number]) for label in gone]


def said(scan: TrackingEvent) -> tuple[TrackingEvent, Any]:
    return scan, SCAN_WORDS.get(scan.status, scan.status)

"""An order as its customer sees it: the answer's schemas, and how they are filled from the rows of `workflow.queries`."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.conf import settings
from pydantic import Field

from core.accounts.models import User
from customer_api.schema import Out, language
from workflow import photos, road, transitions
from workflow.invoices import Change, Changes, line_title, what_changed
from workflow.models import Inspection, Invoice, InvoiceKind, InvoiceLine, Item, Order, Parcel, Photo, TrackingEvent
from workflow.process import State, Step
from workflow.storage import storage_of
from workflow.transitions import By


class StepOut(Out):
    step: int
    label: str
    done: bool


class PhotoOut(Out):
    url: str
    small_url: str
    expires_at: datetime = Field(description="The addresses are signed and hold until then; read the order anew for later ones.")


class InspectionOut(Out):
    """What we found when we looked at the item; the latest look."""

    number: int = Field(description="Counts the looks at this item.")
    verdict: str = Field(description="`ok`, `wrong`, `damaged`, `missing` or `prohibited`.")
    verdict_label: str
    note: str
    at: datetime
    photos: list[PhotoOut]
    asked: bool = Field(description="Answer with `POST …/items/{position}/inspection` while `outcome` and `choice` are empty.")
    answer_by: datetime | None
    choice: str = Field(description="The answer: `keep`, `return` or `other`; empty until there is one.")
    answer: str = Field(description="What was written with the choice.")
    outcome: str = Field(description="What became of it; empty while it is open.")


class ItemOut(Out):
    position: int
    url: str
    options: str
    quantity: int
    note: str
    status: str
    status_label: str
    name: str
    screening_note: str
    price_krw: int | None
    line_krw: int | None
    inspection: InspectionOut | None


class AddressOut(Out):
    line1: str
    line2: str
    city: str
    state: str
    postal_code: str
    country: str


class RecipientOut(Out):
    name: str
    phone: str


class LineOut(Out):
    kind: str
    title: str
    quantity: int
    amount_krw: int
    amount_usd_cents: int


class LineChangeOut(Out):
    kind: str
    title: str
    was_krw: int | None = Field(description="Null where the earlier version had no such line; the next fields likewise.")
    was_usd_cents: int | None
    now_krw: int | None
    now_usd_cents: int | None


class ChangesOut(Out):
    replaces: int = Field(description="The number of the invoice that this one replaced.")
    lines: list[LineChangeOut] = Field(description="Only lines that differ.")
    was_krw: int
    was_usd_cents: int
    now_krw: int
    now_usd_cents: int
    was_krw_per_usd: str
    now_krw_per_usd: str


class InvoiceOut(Out):
    kind: str
    number: int
    status: str
    lines: list[LineOut]
    amount_krw: int
    amount_usd_cents: int
    pay_by: datetime | None
    paid_at: datetime | None
    pay_url: str | None = Field(description="The page where an invoice of this kind can be paid; valid through all versions of the quote.")
    changes: ChangesOut | None = Field(description="What is other than on the version before it; null for a first version.")


class ScanOut(Out):
    at: datetime
    status: str
    status_label: str
    text: str
    place: str


class ShipmentOut(Out):
    position: int
    items: list[int] = Field(description="The positions of the items in this parcel.")
    courier: str
    courier_label: str
    tracking_number: str
    tracking_url: str = Field(description="The parcel's page at its courier.")
    status: str
    status_label: str
    status_since: datetime | None = Field(description="By the courier's clock.")
    handed_over_at: datetime | None
    delivered_at: datetime | None
    closed_at: datetime | None = Field(description="Of a parcel that came back and was taken apart.")
    track_url: str | None = Field(description="The public page of all parcels, good for whoever has it; null before the order is shipped.")
    events: list[ScanOut] | None = Field(
        description="What the courier said of the present number, newest first, at most 50; null in lists."
    )


class Totals(Out):
    paid_usd_cents: int
    refunded_usd_cents: int
    due_usd_cents: int


class QuotedRate(Out):
    krw_per_usd: str
    source: str
    as_of: date


class Milestones(Out):
    approved_at: datetime | None
    quoted_at: datetime | None
    items_paid_at: datetime | None
    purchased_at: datetime | None
    received_at: datetime | None
    delivery_quoted_at: datetime | None
    delivery_paid_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    closed_at: datetime | None


class Can(Out):
    """What the customer may do now."""

    change: bool
    cancel: bool
    renew: bool
    confirm_delivery: bool


class StorageOut(Out):
    """What lies with us: the clock runs while the move is the customer's, and stands while we work."""

    days: int = Field(description="Days begun so far.")
    free_days: int
    fee_krw: int = Field(description="What it costs so far; a line of the delivery invoice, which may have fewer days for some hours.")
    free_until: datetime | None = Field(description="If the clock goes on running; null while it stands. The next field likewise.")
    ends_at: datetime | None


class OrderOut(Out):
    number: str
    state: str
    state_label: str
    step: int
    steps: list[StepOut]
    waiting_on: str
    hold: bool
    question: str
    note: str
    items: list[ItemOut]
    address: AddressOut
    recipient: RecipientOut
    invoices: list[InvoiceOut]
    shipments: list[ShipmentOut]
    storage: StorageOut | None = Field(description="Null where nothing lies with us.")
    totals: Totals
    exchange_rate: QuotedRate | None = Field(
        description="The rate of the last quote; before one, today's rate when the order was requested."
    )
    requested_at: datetime
    pay_by: datetime | None
    milestones: Milestones
    closed_reason: str
    can: Can


#: the fields that the row has under the same name
OF_PARCEL = (
    "position", "courier", "tracking_number", "tracking_url", "status", "status_since", "handed_over_at", "delivered_at", "closed_at",
)  # fmt: skip

# --- From rows ------------------------------------------------------------------------------------------------------------


def order_out(order: Order, *, user: User, scans: bool = False) -> OrderOut:
    """`order` as `workflow.queries` gives it; nothing is asked of the database."""
    invoices = list(order.invoices.all())
    return OrderOut(
        number=order.number,
        state=order.state,
        state_label=state_label(order.state),
        step=int(order.step),
        steps=[StepOut(step=int(step), label=str(step.label), done=step <= order.step) for step in Step],
        waiting_on=order.waiting_on,
        hold=bool(order.hold_reason),
        question=order.question,
        note=order.note,
        items=[_item(item) for item in order.items.all()],
        address=AddressOut(state=order.region, **_same(order, AddressOut, "state")),
        recipient=RecipientOut(name=order.recipient_name, phone=order.recipient_phone),
        invoices=[_invoice(invoice, among=invoices) for invoice in invoices],
        shipments=[
            _shipment(parcel, among=order.items.all(), token=order.track_token, scans=scans)  # type: ignore[attr-defined]
            for parcel in order.parcels.all()
        ],
        storage=_storage(order),
        totals=_totals(order, invoices),
        exchange_rate=_rate(order, invoices),
        requested_at=order.requested_at,
        pay_by=order.pay_by,
        milestones=Milestones(**_same(order, Milestones)),
        closed_reason=order.closed_reason,
        can=_can(order, user=user),
    )


def state_label(state: str) -> str:
    return str(State(state).label) if state else ""


def _same(row: Any, out: type[Out], *but: str) -> dict[str, Any]:
    """The fields of `out` that the row has under the same name."""
    return {name: getattr(row, name) for name in out.model_fields if name not in but}


def _item(item: Item) -> ItemOut:
    inspection = _inspection(item.inspected_as)  # type: ignore[attr-defined]
    return ItemOut(status_label=item.get_status_display(), inspection=inspection, **_same(item, ItemOut, "status_label", "inspection"))


def _inspection(found: Inspection | None) -> InspectionOut | None:
    if found is None:
        return None
    return InspectionOut(
        verdict_label=found.get_verdict_display(),
        photos=[_photo(photo) for photo in found.photos.all()],
        asked=found.asked_at is not None,
        **_same(found, InspectionOut, "verdict_label", "photos", "asked"),
    )


def _photo(photo: Photo) -> PhotoOut:
    base = settings.PUBLIC_BASE_URL
    url, small_url = photos.signed_url(photo), photos.signed_url(photo, small=True)
    return PhotoOut(url=base + url, small_url=base + small_url, expires_at=photos.link_ends_at())


def _invoice(invoice: Invoice, *, among: list[Invoice]) -> InvoiceOut:
    token = invoice.pay_token  # type: ignore[attr-defined]
    return InvoiceOut(
        kind=invoice.kind,
        number=invoice.number,
        status=invoice.status,
        lines=[line_out(line) for line in invoice.lines.all()],
        amount_krw=invoice.amount_krw,
        amount_usd_cents=invoice.amount_usd_cents,
        pay_by=invoice.pay_by,
        paid_at=invoice.paid_at,
        pay_url=f"{settings.PUBLIC_BASE_URL}/pay/{token}" if token else None,
        changes=_changes(what_changed(invoice, among=among)),
    )


def _changes(changes: Changes | None) -> ChangesOut | None:
    if changes is None:
        return None
    return ChangesOut(
        replaces=changes.number,
        lines=[_change(change) for change in changes.lines],
        was_krw=changes.was.krw,
        was_usd_cents=changes.was.usd_cents,
        now_krw=changes.now.krw,
        now_usd_cents=changes.now.usd_cents,
        was_krw_per_usd=str(changes.was.krw_per_usd),
        now_krw_per_usd=str(changes.now.krw_per_usd),
    )


def _change(change: Change) -> LineChangeOut:
    was, now = change.was, change.now
    return LineChangeOut(
        kind=change.line.kind,
        title=line_title(change.line, locale=language()),
        was_krw=was.amount_krw if was else None,
        was_usd_cents=was.amount_usd_cents if was else None,
        now_krw=now.amount_krw if now else None,
        now_usd_cents=now.amount_usd_cents if now else None,
    )


def line_out(line: InvoiceLine) -> LineOut:
    return LineOut(title=line_title(line, locale=language()), **_same(line, LineOut, "title"))


def _shipment(parcel: Parcel, *, among: Iterable[Item], token: str | None, scans: bool) -> ShipmentOut:
    return ShipmentOut(
        items=[item.position for item in among if item.parcel_id == parcel.pk],
        courier_label=road.courier_label(parcel),
        status_label=road.words_of(parcel),
        track_url=road.track_url(token) or None,
        events=[_scan(scan) for scan in parcel.newest_scans] if scans else None,  # type: ignore[attr-defined]
        **{name: getattr(parcel, name) for name in OF_PARCEL},
    )


def _scan(scan: TrackingEvent) -> ScanOut:
    return ScanOut(status_label=road.status_words(scan.status), **_same(scan, ScanOut, "status_label"))


def _storage(order: Order) -> StorageOut | None:
    seen = storage_of(order)
    if seen is None:
        return None
    return StorageOut(
        days=seen.days, free_days=seen.terms.free_days, fee_krw=seen.fee_krw, free_until=seen.free_until, ends_at=seen.ends_at
    )


def _totals(order: Order, invoices: list[Invoice]) -> Totals:
    return Totals(
        paid_usd_cents=order.paid_cents,  # type: ignore[attr-defined]
        refunded_usd_cents=order.refunded_cents,  # type: ignore[attr-defined]
        due_usd_cents=sum(invoice.amount_usd_cents for invoice in invoices if invoice.is_open),
    )


def _rate(order: Order, invoices: list[Invoice]) -> QuotedRate | None:
    quoted = [invoice.quote for invoice in invoices if invoice.kind == InvoiceKind.ITEMS]
    if quoted:
        return QuotedRate(krw_per_usd=str(quoted[-1].krw_per_usd), source=quoted[-1].rate_source, as_of=quoted[-1].rate_as_of)
    rate = order.rate_at_request
    return QuotedRate(krw_per_usd=str(rate.krw_per_usd), source=rate.source, as_of=rate.as_of) if rate else None


def _can(order: Order, *, user: User) -> Can:
    ready = {move.spec.name for move in transitions.moves(order, by=By.customer(user)) if move.is_ready}
    return Can(
        change=order.state == State.QUOTE_REQUESTED,
        cancel="cancel" in ready,
        renew="renew_quote" in ready,
        confirm_delivery="complete" in ready,
    )

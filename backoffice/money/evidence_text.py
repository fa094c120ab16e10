"""The evidence as plain text, to be pasted at Stripe. In English whoever copies it, as Stripe and the banks read it; times in UTC."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from django.utils.translation import override

from backoffice.money.amounts import money
from backoffice.money.evidence import Evidence
from backoffice.privacy import Personal
from backoffice.words import SCAN_WORDS, courier_name
from core.notices.models import Channel, Notice
from workflow.models import Item, Parcel, RefundReason

#: a customer's datum, or its mask (`backoffice.privacy.shown`, for whoever reads)
Hide = Callable[[Personal, str], str]


def of(found: Evidence, hide: Hide) -> str:
    """Sections with a title each; an empty one is left out."""
    with override("en"):
        sections = [(title, list(lines)) for title, lines in _sections(found, hide)]
    return "\n\n".join("\n".join([title.upper(), *lines]) for title, lines in sections if lines)


def _sections(found: Evidence, hide: Hide) -> Iterator[tuple[str, Iterable[str]]]:
    yield "Dispute", _dispute(found)
    if found.order is None:
        return
    yield "Customer", _customer(found, hide)
    yield "What was ordered and approved", _ordered(found)
    yield "Invoices and payments", _paid(found)
    yield "Questions to the customer", _questions(found)
    yield "Notices sent to the customer", _notices(found, hide)
    yield "Delivery", _delivery(found)
    yield "Refunds", _refunds(found)


def _dispute(found: Evidence) -> Iterator[str]:
    dispute = found.dispute
    yield f"Dispute: {dispute.stripe_id} ({dispute.reason.replace('_', ' ')})"
    yield f"Payment: {dispute.payment_intent_id or '-'}"
    yield f"Amount: {money(dispute.amount_cents, currency=dispute.currency)}"
    if found.order is not None:
        yield f"Order: {found.order.number}, requested {_at(found.order.requested_at)}"


def _customer(found: Evidence, hide: Hide) -> Iterator[str]:
    order = found.order
    assert order is not None
    yield f"Name: {hide(Personal.NAME, order.recipient_name)}"
    yield f"E-mail: {hide(Personal.EMAIL, order.customer.email)}"
    yield f"Account: {order.customer.nickname}, since {_at(order.customer.joined_at)}"
    yield f"Earlier orders: {found.earlier_orders}, of which delivered: {found.earlier_delivered}"
    place = (order.line1, order.line2, order.city, f"{order.region} {order.postal_code}".strip(), order.country)
    yield f"Delivery address given by the customer: {hide(Personal.ADDRESS, ', '.join(part for part in place if part))}"


def _ordered(found: Evidence) -> Iterator[str]:
    for item in found.items:
        yield f"{item.position}. {item} × {item.quantity} ({item.get_status_display()})"
        yield from _told(item)
    for name, words in (("approve_quote", "Request approved by us"), ("confirm_item_prices", "Prices sent to the customer")):
        if event := found.event(name):
            yield f"{words}: {_at(event.at)}"


def _told(item: Item) -> Iterator[str]:
    if item.options:
        yield f"   Options: {item.options}"
    yield f"   Product page given by the customer: {item.url}"


def _paid(found: Evidence) -> Iterator[str]:
    for invoice, lines in found.lines("en"):
        yield f"{invoice}: {money(invoice.amount_usd_cents)}, issued {_at(invoice.created_at)}, paid {_at(invoice.paid_at)}"
        yield from (f"   {title}: {money(line.amount_usd_cents)}" for title, line in lines)
    for entry in found.entries:
        said = money(entry.amount_cents, currency=entry.currency)
        yield f"{_at(entry.booked_at)}  {entry.get_kind_display()}  {said}  {entry.payment_intent_id or entry.reference}"


def _questions(found: Evidence) -> Iterator[str]:
    for event, words in found.questions:
        yield f"{_at(event.at)}  {'We asked the customer' if event.name == 'ask' else 'Settled'}"
        yield from (f"   {line}" for line in words.strip().splitlines() if line.strip())


def _notices(found: Evidence, hide: Hide) -> Iterator[str]:
    for notice in found.notices:
        when = f"sent {_at(notice.sent_at)}" if notice.sent_at else str(notice.get_status_display())
        yield f"{when}  {notice.get_channel_display()} to {to(notice, hide)}: {said_in(notice)}"


def to(notice: Notice, hide: Hide) -> str:
    return hide(Personal.EMAIL if notice.channel == Channel.EMAIL else Personal.PHONE, notice.recipient)


def said_in(notice: Notice) -> str:
    """An SMS has no subject; its first line says it."""
    return notice.subject or next(iter(notice.text.strip().splitlines()), "")[:200]


def _delivery(found: Evidence) -> Iterator[str]:
    for parcel in found.parcels:
        yield from _parcel(parcel)
    if found.delivery_proof:
        yield f"Delivery recorded by hand, proof: {found.delivery_proof}"


def _parcel(parcel: Parcel) -> Iterator[str]:
    yield f"Parcel {parcel.position}: {courier_name(parcel.courier) or 'no courier yet'} {parcel.tracking_number}".strip()
    yield f"   Items: {', '.join(str(item) for item in parcel.items.all())}"
    if parcel.tracking_url:
        yield f"   Tracking: {parcel.tracking_url}"
    for scan in parcel.scans.all():
        place = f" ({scan.place})" if scan.place else ""
        yield f"   {_at(scan.at)}  {SCAN_WORDS.get(scan.status, scan.status)}{place} {scan.text}".rstrip()
    if parcel.delivered_at:
        yield f"   DELIVERED {_at(parcel.delivered_at)}"


def _refunds(found: Evidence) -> Iterator[str]:
    labels = dict(RefundReason.choices)
    for refund in found.refunds:
        why = labels.get(refund.reason, refund.reason)
        said = f"{why}, {refund.get_status_display()}  {refund.stripe_id or ''}".rstrip()
        yield f"{_at(refund.created_at)}  {money(refund.amount_usd_cents)}  {said}"


def _at(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "-"

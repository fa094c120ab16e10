"""The bill that a move will make, before it is made, and what is other on it than on the version before."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import get_language, gettext

from core.errors import BidangilError
from workflow import pricing
from workflow.guards import live_items
from workflow.invoices import Bill, Change, Changes, compare, draft_bill, line_title, version_before
from workflow.models import InvoiceKind, InvoiceLine, Order


@dataclass(frozen=True)
class BillPreview:
    lines: list[tuple[str, InvoiceLine]]
    bill: Bill
    #: where the rate comes from
    source: str
    changes: Changes | None
    changed: list[tuple[str, Change]]


def titled(lines: Any) -> list[tuple[str, Any]]:
    locale = get_language() or "en"
    return [(line_title(line, locale=locale), line) for line in lines]


def changed_lines(changes: Changes | None) -> list[tuple[str, Change]]:
    locale = get_language() or "en"
    return [(line_title(change.line, locale=locale), change) for change in changes.lines] if changes else []


def preview(order: Order, *, transition: str) -> BillPreview | None:
    """By the very functions that write the bill; None where the move makes none, or what it needs is missing."""
    return BILLS[transition](order) if transition in BILLS else None


def _items(order: Order) -> BillPreview | None:
    rate = pricing.usable_rate()
    if rate is None or not any(item.price_krw for item in live_items(order)):
        return None
    source = f"{rate.source}, {rate.as_of:%Y-%m-%d}"
    return _preview(order, InvoiceKind.ITEMS, pricing.items_quote(order, rate=rate), krw_per_usd=rate.krw_per_usd, source=source)


def _delivery(order: Order) -> BillPreview | None:
    if not order.delivery_fee_krw:
        return None
    try:
        quote = pricing.paid_quote(order)
    except BidangilError:
        return None
    source = f"{gettext('quote')} v{quote.version}"
    return _preview(order, InvoiceKind.DELIVERY, pricing.delivery_quote(order), krw_per_usd=quote.krw_per_usd, source=source)


def _preview(order: Order, kind: str, priced: pricing.Priced, *, krw_per_usd: Decimal, source: str) -> BillPreview:
    bill = draft_bill(priced, krw_per_usd=krw_per_usd)
    earlier = version_before(order.invoices.all(), kind=kind)
    changes = compare(earlier, bill) if earlier else None
    return BillPreview(lines=titled(bill.lines), bill=bill, source=source, changes=changes, changed=changed_lines(changes))


#: asking for a quote again makes no bill by itself, and shows what it would be at today's rate
BILLS: dict[str, Callable[[Order], BillPreview | None]] = {
    "confirm_item_prices": _items,
    "renew_quote": _items,
    "confirm_delivery_fee": _delivery,
}

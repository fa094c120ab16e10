"""How invoices read, the same in the API, the admin, mails, receipts, the pay page and at Stripe; and what a new version changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from core.money import format_krw
from workflow.models import Invoice, InvoiceLine, InvoiceStatus, Item, LineKind, Quote
from workflow.pricing import Line, Priced


def receipt_number(invoice: Invoice) -> str:
    """`BD-7K3QM-9XW2A-1`: of a paid invoice, for good."""
    return f"{invoice.order.number}-{invoice.number}"


def line_title(line: InvoiceLine | Line, *, locale: str) -> str:
    """`Red socks × 2`, `Service fee 4%`; at most 250 characters, as Stripe shows no more of it anyway."""
    with override(locale):
        return _title(line)[:250]


def _title(line: InvoiceLine | Line) -> str:
    if line.kind in (LineKind.SERVICE_FEE, LineKind.CARD_FEE):
        return _fee_title(line.kind, _terms(line), amount_krw=line.amount_krw)
    if line.kind == LineKind.ITEM and line.item is not None:
        return f"{line.item} × {line.quantity}" if line.quantity > 1 else str(line.item)
    if line.kind == LineKind.STORAGE:
        return ngettext("Storage, %(days)s day", "Storage, %(days)s days", line.quantity) % {"days": line.quantity}
    if line.kind == LineKind.DIFFERENCE and line.item is not None:
        return _("Price difference: %(item)s") % {"item": line.item}
    return str(LineKind(line.kind).label)


def _fee_title(kind: str, terms: dict[str, Any], *, amount_krw: int) -> str:
    """`Service fee 4% + ₩1,000`, `Card fee (minimum ₩3,000)`"""
    words = {"percent": _in_words(terms, amount_krw=amount_krw)}
    return _("Service fee %(percent)s") % words if kind == LineKind.SERVICE_FEE else _("Card fee %(percent)s") % words


def _in_words(terms: dict[str, Any], *, amount_krw: int) -> str:
    if terms["is_minimum"]:
        return _("(minimum %(sum)s)") % {"sum": format_krw(amount_krw)}
    return fee_words(terms["bp"], flat_krw=terms["flat_krw"])


def fee_words(basis_points: int, *, flat_krw: int) -> str:
    """`4%`, `4% + ₩1,000`, `₩1,000`"""
    if not flat_krw:
        return percent(basis_points)
    return f"{percent(basis_points)} + {format_krw(flat_krw)}" if basis_points else format_krw(flat_krw)


def _terms(line: InvoiceLine | Line) -> dict[str, Any]:
    """Lines made before they kept their terms have no more than the percentage of their quote's policy."""
    if line.fee is not None:
        return dict(line.fee)
    assert isinstance(line, InvoiceLine)
    policy = line.invoice.quote.policy
    return {
        "bp": policy.service_fee_bp if line.kind == LineKind.SERVICE_FEE else policy.card_fee_bp,
        "flat_krw": 0,
        "is_minimum": False,
    }


def percent(basis_points: int) -> str:
    """400 -> `4%`, 250 -> `2.5%`."""
    return f"{basis_points / 100:g}%"


# --- What a new version changed -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bill:
    """An invoice, or what would be one: its lines and the rate they were reckoned at."""

    lines: tuple[InvoiceLine, ...]
    krw_per_usd: Decimal

    @property
    def krw(self) -> int:
        return sum(line.amount_krw for line in self.lines)

    @property
    def usd_cents(self) -> int:
        return sum(line.amount_usd_cents for line in self.lines)


def bill_of(invoice: Invoice) -> Bill:
    return Bill(lines=tuple(invoice.lines.all()), krw_per_usd=invoice.quote.krw_per_usd)


def draft_bill(priced: Priced, *, krw_per_usd: Decimal) -> Bill:
    """What `priced` will be once it is an invoice; nothing is saved."""
    invoice = Invoice(quote=Quote(krw_per_usd=krw_per_usd, policy=priced.policy))
    lines = (
        InvoiceLine(
            invoice=invoice,
            kind=line.kind,
            item=line.item,
            quantity=line.quantity,
            amount_krw=line.amount_krw,
            amount_usd_cents=line.amount_usd_cents,
            fee=line.fee,
        )
        for line in priced.lines
    )
    return Bill(lines=tuple(lines), krw_per_usd=krw_per_usd)


@dataclass(frozen=True)
class Change:
    """One line before and now, at least one of them; None where the bill has no such line."""

    was: InvoiceLine | None
    now: InvoiceLine | None

    @property
    def line(self) -> InvoiceLine:
        """The one to name it by."""
        line = self.now or self.was
        assert line is not None
        return line

    @property
    def item(self) -> Item | None:
        return self.line.item

    @property
    def is_new_price(self) -> bool:
        """It differs in won; otherwise only the rate moved its dollars."""
        return (self.was and self.was.amount_krw) != (self.now and self.now.amount_krw)


@dataclass(frozen=True)
class Changes:
    """The lines that differ in won or cents; both bills have the totals and the rates."""

    was: Bill
    now: Bill
    lines: tuple[Change, ...]
    #: the invoice that was replaced
    number: int

    @property
    def is_new_rate(self) -> bool:
        return self.was.krw_per_usd != self.now.krw_per_usd


def what_changed(invoice: Invoice, *, among: Iterable[Invoice] | None = None) -> Changes | None:
    """What is other than on the version that the customer may have in another mail; None for a first version.

    `among` are the order's invoices with their lines and quotes, where somebody has read them; nothing more is asked then.
    """
    if among is None:
        among = Invoice.objects.filter(order=invoice.order_id, kind=invoice.kind).select_related("quote").prefetch_related("lines__item")
        prefetch_related_objects([invoice], "lines__item")
    earlier = version_before(among, kind=invoice.kind, number=invoice.number)
    return compare(earlier, bill_of(invoice)) if earlier else None


def version_before(among: Iterable[Invoice], *, kind: str, number: int | None = None) -> Invoice | None:
    """The last invoice of a kind (before this number); none where it was paid, as what follows is then another bill, not a newer one."""
    found = (one for one in among if one.kind == kind and (number is None or one.number < number))
    last = max(found, key=lambda one: one.number, default=None)
    return last if last is not None and last.status != InvoiceStatus.PAID else None


def compare(earlier: Invoice, now: Bill) -> Changes:
    """In the order of the new bill, then what it has no more."""
    was = bill_of(earlier)
    before, after = _by_subject(was), _by_subject(now)
    pairs = (Change(was=before.get(key), now=after.get(key)) for key in {**after, **before})
    return Changes(was=was, now=now, lines=tuple(pair for pair in pairs if _differs(pair)), number=earlier.number)


def _by_subject(bill: Bill) -> dict[tuple[str, int | None], InvoiceLine]:
    return {(line.kind, line.item_id): line for line in bill.lines}


def _differs(pair: Change) -> bool:
    if pair.was is None or pair.now is None:
        return True
    return (pair.was.amount_krw, pair.was.amount_usd_cents) != (pair.now.amount_krw, pair.now.amount_usd_cents)

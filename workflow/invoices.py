"""How invoices read, the same in the API, the admin, mails, receipts, the pay page and at Stripe."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from core.money import format_krw
from workflow.models import Invoice, InvoiceLine, LineKind
from workflow.pricing import Line


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

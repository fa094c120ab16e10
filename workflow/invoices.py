"""How invoices read, the same in the API, the admin, mails, receipts, the pay page and at Stripe."""

from django.utils.translation import gettext as _
from django.utils.translation import override

from workflow.models import FeePolicy, Invoice, InvoiceLine, LineKind


def receipt_number(invoice: Invoice) -> str:
    """`BD-7K3QM-9XW2A-1`: of a paid invoice, for good."""
    return f"{invoice.order.number}-{invoice.number}"


def line_title(line: InvoiceLine, *, locale: str) -> str:
    """`Red socks × 2`, `Service fee 4%`; at most 250 characters, as Stripe shows no more of it anyway."""
    with override(locale):
        if line.kind == LineKind.ITEM and line.item is not None:
            name = str(line.item)
            return f"{name} × {line.quantity}"[:250] if line.quantity > 1 else name[:250]
        if line.kind in (LineKind.SERVICE_FEE, LineKind.CARD_FEE):
            return fee_title(line.kind, policy=line.invoice.quote.policy)
        return str(line.get_kind_display())


def fee_title(kind: str, *, policy: FeePolicy) -> str:
    """In the language that is active."""
    if kind == LineKind.SERVICE_FEE:
        return _("Service fee %(percent)s") % {"percent": percent(policy.service_fee_bp)}
    return _("Card fee %(percent)s") % {"percent": percent(policy.card_fee_bp)}


def percent(basis_points: int) -> str:
    """400 -> `4%`, 250 -> `2.5%`."""
    return f"{basis_points / 100:g}%"

"""What of which payment would go back, for the dialogs that say so before it is sent."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import get_language

from workflow import giving_back
from workflow.giving_back import Back
from workflow.invoices import line_title
from workflow.models import LedgerKind, Order


def goes_back(order: Order, backs: Iterable[Back]) -> dict[str, Any]:
    """The payments with what of their lines goes back, and the sum in cents."""
    backs, locale = list(backs), get_language() or "en"
    return {
        "payments": [(back, [(line_title(part.line, locale=locale), part.amount_usd_cents) for part in back.parts]) for back in backs],
        "total": giving_back.total_cents(backs),
        "was_paid": any(entry.kind == LedgerKind.CAPTURE for entry in order.ledger.all()),
    }

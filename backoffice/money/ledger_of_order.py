"""One order's rows of the ledger, oldest first: what was there after each, and what every payment still holds."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from workflow import holdings
from workflow.models import LedgerEntry, LedgerKind, Order

PAYMENTS = (LedgerKind.CAPTURE, LedgerKind.UNAPPLIED)


@dataclass(frozen=True)
class Row:
    """`balance_cents` is what there was of the row's currency after it; `left_cents` is of payments only."""

    entry: LedgerEntry
    balance_cents: int
    left_cents: int | None


def statement(order: Order) -> dict[str, Any]:
    """What the page shows. A fixed number of statements."""
    entries = list(LedgerEntry.objects.filter(order=order).prefetch_related("invoice").order_by("number", "pk"))
    left = holdings.left_of([entry for entry in entries if entry.kind in PAYMENTS])
    balances: dict[str, int] = defaultdict(int)
    rows = []
    for entry in entries:
        balances[entry.currency] += entry.amount_cents
        rows.append(Row(entry, balances[entry.currency], left.get(entry.pk)))
    return {"rows": rows, "balances": sorted(balances.items(), key=lambda one: (one[0] != "usd", one[0]))}

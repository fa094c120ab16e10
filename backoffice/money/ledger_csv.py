"""Rows of the ledger as a CSV file that a spreadsheet opens: UTF-8 with its mark, safe from formulas, written while it is read.

Read in batches by key rather than with one cursor: the driver of MySQL would fetch all rows of a cursor into memory first.
"""

import csv
import re
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.timezone import localdate, localtime
from django.utils.translation import get_language, gettext, override
from django.utils.translation import gettext_lazy as _

from backoffice.money.amounts import plain_amount
from backoffice.money.words import note_words
from workflow.models import LedgerEntry
from workflow.spreadsheets import harmless

MOST_ROWS, BATCH = 100_000, 2_000
COLUMNS = (
    _("number"), _("booked (Seoul)"), _("booked (UTC)"), _("order"), _("invoice"), _("kind"), _("amount"), _("currency"), _("source"),
    _("reference"), _("payment intent"), _("note"),
)  # fmt: skip


def answer(rows: QuerySet[LedgerEntry], *, name: str) -> StreamingHttpResponse:
    safe_name = re.sub(r"[^0-9A-Za-z-]+", "-", name).strip("-") or localdate().isoformat()
    headers = {"Content-Disposition": f'attachment; filename="ledger-{safe_name}.csv"', "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(lines(rows), content_type="text/csv; charset=utf-8", headers=headers)


def lines(rows: QuerySet[LedgerEntry]) -> Iterator[bytes]:
    """The file's lines, in the language of whoever asked for it."""
    language = get_language()
    writer = csv.writer(Line())
    with override(language):
        yield "\ufeff".encode() + writer.writerow([str(column) for column in COLUMNS])
    for count, entry in enumerate(oldest_first(rows)):
        with override(language):
            if count == MOST_ROWS:
                yield writer.writerow([_cut(entry)])
                return
            yield writer.writerow([harmless(str(cell)) for cell in cells(entry)])


def oldest_first(rows: QuerySet[LedgerEntry]) -> Iterator[LedgerEntry]:
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield from batch
        last = batch[-1].pk


def cells(entry: LedgerEntry) -> list[Any]:
    return [
        entry.number,
        localtime(entry.booked_at).strftime("%Y-%m-%d %H:%M:%S"),
        entry.booked_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        entry.order.number if entry.order else "",
        entry.invoice or "",
        entry.get_kind_display(),
        plain_amount(entry.amount_cents, currency=entry.currency),
        entry.currency.upper(),
        entry.source,
        entry.reference,
        entry.payment_intent_id,
        note_words(entry.note),
    ]


def _cut(entry: LedgerEntry) -> str:
    day = localtime(entry.booked_at).strftime("%Y-%m-%d")
    words = gettext("The file ends here: it takes %(most)s rows. Export the rest from %(day)s on.")
    return words % {"most": f"{MOST_ROWS:,}", "day": day}


class Line:
    """Where the csv writer writes to: gives back the line instead of keeping it."""

    def write(self, line: str) -> bytes:
        return line.encode()

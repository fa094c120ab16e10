"""Files to fill in: empty, or with what waits; and the rows that had errors. Safe from formulas, read back to the same values."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import tablib
from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import get_language, gettext
from import_export.formats.base_formats import XLSX

from backoffice.exports.cells import IMPOSSIBLE
from workflow.imports import waiting
from workflow.imports.files import MOST_ROWS
from workflow.imports.kind import Kind
from workflow.models import ImportBatch, RowOutcome
from workflow.spreadsheets import harmless

SAMPLES = {"prices": "prices.csv", "tracking": "tracking.csv", "arrivals": "arrivals.xlsx"}
FORMS = {"csv": "text/csv; charset=utf-8", "xlsx": XLSX.CONTENT_TYPE}


def answer(kind: Kind, *, form: str, is_filled: bool) -> HttpResponse:
    language = get_language() or "en"
    columns = [column for column in kind.columns if is_filled or not column.is_shown_only]
    header = [column.label(language) for column in columns]
    rows = ([found.get(column.name, "") for column in columns] for found in (waiting.rows(kind, most=MOST_ROWS) if is_filled else ()))
    name = f"{kind.code}-{'waiting' if is_filled else 'template'}.{form}"
    return _download(_csv(header, rows) if form == "csv" else _xlsx(header, rows), form=form, name=name)


def sample(kind: Kind) -> HttpResponse:
    """A filled example from `fixtures/`; its order numbers are nobody's."""
    path = settings.BASE_DIR / "fixtures" / SAMPLES[str(kind.code)]
    return _download(path.read_bytes(), form=path.suffix[1:], name=path.name)


def errors_of(batch: ImportBatch) -> HttpResponse:
    """Row number, order, position and why: to be corrected in the file that was brought."""
    rows = batch.rows.filter(outcome__in=(RowOutcome.BAD, RowOutcome.SKIPPED, RowOutcome.KEPT)).order_by("number")
    header = [gettext("row"), gettext("order"), gettext("position"), gettext("error")]
    found = rows.values_list("number", "order_number", "position", "error")
    return _download(_csv(header, found), form="csv", name=f"import-{batch.pk}-errors.csv")


def _download(content: bytes, *, form: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return HttpResponse(content, content_type=FORMS[form], headers=headers)


def _safe(cells: Iterable[Any]) -> Iterator[str]:
    return (harmless("" if cell is None else str(cell)) for cell in cells)


def _csv(header: list[str], rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(_safe(cells) for cells in rows)
    return ("\ufeff" + text.getvalue()).encode()


def _xlsx(header: list[str], rows: Iterable[Iterable[Any]]) -> bytes:
    data = tablib.Dataset(headers=header)
    for cells in rows:
        data.append([IMPOSSIBLE.sub("", cell) for cell in _safe(cells)])
    return XLSX().export_data(data)

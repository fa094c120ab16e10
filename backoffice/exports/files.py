"""The two formats. Both are written while rows are read in batches by key; the memory they take does not grow with the rows.

One cursor over all rows would not do: the driver of MySQL fetches everything it finds first.
"""

import csv
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.timezone import localdate
from django.utils.translation import get_language, override

from backoffice.exports.cells import for_csv, for_xlsx
from backoffice.exports.lists import Column, Export

BATCH = 1_000
#: an XLSX is finished before its first byte can be sent
MOST_IN_XLSX = 20_000
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def answer(request: HttpRequest, export: Export, keys: "array[int]", columns: list[Column], *, file_format: str) -> HttpResponseBase:
    name = f"{export.name}-{localdate().isoformat()}.{file_format}"
    made: HttpResponseBase
    if file_format == "xlsx":
        made = FileResponse(_xlsx(request, export, keys, columns), content_type=XLSX_TYPE)
    else:
        made = StreamingHttpResponse(csv_parts(request, export, keys, columns), content_type="text/csv; charset=utf-8")
    made["Content-Disposition"] = f'attachment; filename="{name}"'
    made["Cache-Control"] = "private, no-store"
    return made


def batches(export: Export, keys: "array[int]") -> Iterator[list[Any]]:
    """The rows in the order of their keys; one that is gone meanwhile is left out. The same number of statements a batch."""
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH].tolist()
        found = export.rows().in_bulk(some)
        yield [found[key] for key in some if key in found]


# --- CSV ------------------------------------------------------------------------------------------------------------------


def csv_parts(request: HttpRequest, export: Export, keys: "array[int]", columns: list[Column]) -> Iterator[bytes]:
    """UTF-8 with its mark, by which Excel knows Korean; in the language of whoever asked for it."""
    language = get_language()
    with override(language):
        yield "\ufeff".encode() + csv_lines([[for_csv(str(column.label)) for column in columns]])
    for rows in batches(export, keys):
        with override(language):  # not around the yield: the thread serves others meanwhile
            part = csv_lines([for_csv(column.value(row, request)) for column in columns] for row in rows)
        yield part


def csv_lines(rows: Iterable[list[str]]) -> bytes:
    said = _Said()
    csv.writer(said).writerows(rows)
    return "".join(said.parts).encode("utf-8", "replace")


class _Said:
    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, line: str) -> None:
        self.parts.append(line)


# --- XLSX -----------------------------------------------------------------------------------------------------------------


def _xlsx(request: HttpRequest, export: Export, keys: "array[int]", columns: list[Column]) -> Any:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet(export.name)
    sheet.freeze_panes = "A2"
    for place, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = column.width

    def cell(value: Any, **look: Any) -> Any:
        made = WriteOnlyCell(sheet, value=value)
        for name, said in look.items():
            setattr(made, name, said)
        return made

    sheet.append([cell(for_xlsx(str(column.label)), font=Font(bold=True)) for column in columns])
    for rows in batches(export, keys):
        for row in rows:
            said = (for_xlsx(column.value(row, request)) for column in columns)
            sheet.append([cell(value, number_format="#,##0.00") if isinstance(value, Decimal) else value for value in said])
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the answer it is sent by
    book.save(file)
    file.seek(0)
    return file

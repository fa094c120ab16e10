"""The rows of a checked file as texts: CSV in the encodings and with the separators that spreadsheets in Korea write, or XLSX.

Nothing here knows what the columns mean.
"""

import codecs
import csv
import io
import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import Invalid
from workflow.imports.files import MOST_COLUMNS, MOST_RAW_ROWS, MOST_ROWS, UnsupportedFile

SEPARATORS = (",", ";", "\t")
#: above it a spreadsheet's number has lost its last digits
EXACT_BELOW = 10**15


@dataclass(frozen=True)
class Sheet:
    """`rows` are (number as a spreadsheet counts, texts), blank ones left out; the first is the header."""

    rows: Iterator[tuple[int, list[str]]]
    read_as: str


def opened(content: bytes, *, kind: str, fits: Callable[[list[str]], int]) -> Sheet:
    """`fits` says how many of a header's columns are known: the separator under which most are is the file's."""
    if kind == "xlsx":
        return Sheet(rows=_limited(_cells_of(content)), read_as="XLSX")
    text, encoding = decoded(content)
    separator = max(SEPARATORS, key=lambda one: fits(_first_line(text, one)))
    shown = "TAB" if separator == "\t" else separator
    return Sheet(rows=_limited(_lines(text, separator)), read_as=f"CSV · {encoding} · {shown}")


def _limited(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    count = 0
    for number, cells in enumerate(rows, start=1):
        while cells and not cells[-1].strip():
            cells.pop()
        if len(cells) > MOST_COLUMNS:
            raise Invalid(_("The file has more than %(most)s columns.") % {"most": MOST_COLUMNS}, field="file")
        count += bool(cells)
        if count > MOST_ROWS + 1 or number > MOST_RAW_ROWS:
            raise Invalid(_("The file has more than %(most)s rows. Split it.") % {"most": f"{MOST_ROWS:,}"}, field="file")
        if cells:
            yield number, cells


# --- CSV ------------------------------------------------------------------------------------------------------------------


def decoded(content: bytes) -> tuple[str, str]:
    """The text, and the encoding it is in: by its mark, else UTF-8 if it is valid, else CP949 (what Korean Windows writes)."""
    for mark, encoding, label in (
        (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
        (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
        (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
    ):
        if content.startswith(mark):
            return _clean(_decode(content, encoding)), label
    for encoding, label in (("utf-8", "UTF-8"), ("cp949", "CP949")):
        try:
            return _clean(content.decode(encoding)), label
        except UnicodeDecodeError:
            continue
    raise Invalid(_("The file's letters cannot be read. Save it as “CSV UTF-8”."), field="file")


def _decode(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise Invalid(_("The file's letters cannot be read. Save it as “CSV UTF-8”."), field="file") from None


def _clean(text: str) -> str:
    if "\x00" in text:
        raise UnsupportedFile(_("The file's name ends in .csv, but it holds something else."))
    return text


def _first_line(text: str, separator: str) -> list[str]:
    """Of as many lines as a file may have, and so many of its cells that more than may be are seen to be more."""
    lines = itertools.islice(_lines(text, separator), MOST_RAW_ROWS)
    return next((cells[: MOST_COLUMNS + 1] for cells in lines if any(cell.strip() for cell in cells)), [])


def _lines(text: str, separator: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from reader
    except csv.Error:
        where = {"row": reader.line_num}
        raise Invalid(_("Line %(row)s of the file is not proper CSV: a quotation mark is not closed?") % where, field="file") from None


# --- XLSX -----------------------------------------------------------------------------------------------------------------


def _cells_of(content: bytes) -> Iterator[list[str]]:
    """The first sheet. A formula counts as the value that was last worked out for it."""
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions it does not know
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            for row in book.worksheets[0].iter_rows(max_col=MOST_COLUMNS + 1, values_only=True):
                yield [as_text(value) for value in row]
    except Invalid:
        raise
    except Exception:  # whatever a hand-made workbook makes openpyxl stumble over
        raise UnsupportedFile(_("The file's name ends in .xlsx, but it is no workbook, or it is damaged.")) from None


def as_text(value: Any) -> str:
    """A cell's value as a person would have typed it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _number(value: int | float) -> str:
    if abs(value) >= EXACT_BELOW:
        return f"{value:e}"  # shortened already; `cells.py` says so
    return str(int(value)) if value == int(value) else str(value)

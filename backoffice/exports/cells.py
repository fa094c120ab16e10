"""A value as a cell that no spreadsheet takes for a formula, and back again.

Numbers are numbers, negative ones too. A text that could be a formula gets an apostrophe before it, in both formats, and so does one
that already looks like that (`workflow/spreadsheets.py`, through which the imports read cells again).
"""

import re
from datetime import datetime
from decimal import Decimal

from django.utils.timezone import localtime

from workflow.spreadsheets import harmless

Value = str | int | Decimal | datetime | None
#: XML, and so XLSX, has no place for these
IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: the most that a cell of a spreadsheet holds
MOST_LETTERS = 32_767


def for_csv(value: Value) -> str:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, datetime):
        return localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    return "" if value is None else str(value)


def for_xlsx(value: Value) -> str | int | Decimal | datetime | None:
    """Times in Seoul: a spreadsheet knows no zones."""
    if isinstance(value, str):
        return harmless(IMPOSSIBLE.sub("", value))[:MOST_LETTERS] or None
    return localtime(value).replace(tzinfo=None, microsecond=0) if isinstance(value, datetime) else value

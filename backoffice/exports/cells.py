"""A value as a cell that no spreadsheet takes for a formula, and back again.

Numbers are numbers, negative ones too. A text that could be a formula gets an apostrophe before it, in both formats, and so does one
that already looks like that: `original` gives back exactly what `harmless` was given, and the imports read cells through it.
"""

import re
from datetime import datetime
from decimal import Decimal

from django.utils.timezone import localtime

Value = str | int | Decimal | datetime | None
#: a spreadsheet reads what begins with these as a formula, or (|) hands it to a program; the wide ones are typed in East Asia
STARTS = "=+-@|\uff1d\uff0b\uff0d\uff20\uff5c"
#: what spreadsheets, or people's eyes, pass over: spaces, control characters, marks without a width
UNSEEN = r"\s\x00-\x1f\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff"
RISKY = re.compile(rf"[\t\r\n]|[{UNSEEN}]*[{re.escape(STARTS)}]")
#: XML, and so XLSX, has no place for these
IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: the most that a cell of a spreadsheet holds
MOST_LETTERS = 32_767


def harmless(text: str) -> str:
    return f"'{text}" if _is_risky(text) else text


def original(cell: str) -> str:
    """The text that `harmless` made this cell of."""
    return cell[1:] if cell.startswith("'") and _is_risky(cell) else cell


def _is_risky(text: str) -> bool:
    return bool(RISKY.match(text.lstrip("'")))


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

"""Cells that spreadsheets could take for formulas: an apostrophe goes before them on the way out and comes off on the way in.

A text that already looks like that gets one too: `as_typed` gives back exactly what `harmless` was given.
"""

import re

#: a spreadsheet reads what begins with these as a formula, or (|) hands it to a program; the wide ones are typed in East Asia
STARTS = "=+-@|\uff1d\uff0b\uff0d\uff20\uff5c"
#: what spreadsheets, or people's eyes, pass over: spaces, control characters, marks without a width
UNSEEN = r"\s\x00-\x1f\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff"
RISKY = re.compile(rf"[\t\r\n]|[{UNSEEN}]*[{re.escape(STARTS)}]")


def harmless(text: str) -> str:
    return f"'{text}" if _is_risky(text) else text


def as_typed(cell: str) -> str:
    """The text that `harmless` made this cell of."""
    return cell[1:] if cell.startswith("'") and _is_risky(cell) else cell


def _is_risky(text: str) -> bool:
    return bool(RISKY.match(text.lstrip("'")))

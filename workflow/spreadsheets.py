"""Cells that spreadsheets could take for formulas: an apostrophe goes before them on the way out and comes off on the way in."""

import re

#: a spreadsheet reads what begins with these as a formula, or (|) hands it to a program; the wide ones are typed in East Asia
DANGEROUS = "=+-@|\t\r\n＝＋－＠"
PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def harmless(text: str) -> str:
    """What a spreadsheet could take for a formula gets an apostrophe before it; plain numbers stay numbers."""
    return f"'{text}" if _is_risky(text) else text


def as_typed(text: str) -> str:
    """The other way round, for cells of our own files that come back."""
    return text[1:] if text[:1] == "'" and _is_risky(text[1:]) else text


def _is_risky(text: str) -> bool:
    begins = text[:1] in DANGEROUS or text.lstrip()[:1] in DANGEROUS
    return bool(text.strip()) and begins and not PLAIN_NUMBER.fullmatch(text)

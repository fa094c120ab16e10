"""Telephone numbers as people write them, made international (E.164) where that is certain."""

import re

_MARKS = re.compile(r"[\s().\-/\u2010-\u2015]+")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")
_KOREAN_MOBILE = re.compile(r"01[016789][0-9]{7,8}")
_AMERICAN = re.compile(r"1?([2-9][0-9]{2}[2-9][0-9]{6})")


def e164(text: str, *, country: str) -> str:
    """`010-1234-5678` -> `+821012345678`, `(714) 555-0100` in the U.S. -> `+17145550100`; empty where we would have to guess."""
    number = _MARKS.sub("", text)
    if number.startswith("00"):
        number = f"+{number[2:]}"
    if number.startswith("+820"):
        number = f"+82{number[4:]}"
    if _INTERNATIONAL.fullmatch(number):
        return number
    if _KOREAN_MOBILE.fullmatch(number):
        return f"+82{number[1:]}"
    american = _AMERICAN.fullmatch(number) if country in {"US", "CA", "PR"} else None
    return f"+1{american[1]}" if american else ""

"""Tracking numbers as people type them: one spelling, and the check digits that couriers share.

The rules are those of the tracking_number_data collection (MIT, Jeff Keen) and of the UPU's standard S10. Some live numbers break
them, so a refusal is advice that staff may overrule. What each courier's numbers look like stands in its own module (fedex.py), and
which courier a number looks like is asked of `couriers.guess_couriers`.
"""

import re
import unicodedata

MAX_CHARS = 40
S10 = re.compile(r"(?P<service>[A-Z]{2})(?P<serial>\d{8})(?P<check>\d)(?P<country>[A-Z]{2})", re.ASCII)
S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


def normalise(number: str) -> str:
    """Capital letters and digits only: full-width letters, spaces, hyphens and invisible marks are how people paste numbers."""
    if number.isascii() and number.isalnum():
        return number.upper()[:MAX_CHARS]
    plain = unicodedata.normalize("NFKC", number).upper()
    return "".join(letter for letter in plain if letter.isalnum())[:MAX_CHARS]


def is_s10(number: str) -> bool:
    parts = S10.fullmatch(number)
    if not parts:
        return False
    rest = weighted(parts["serial"], S10_WEIGHTS) % 11
    return int(parts["check"]) == {0: 5, 1: 0}.get(rest, 11 - rest)


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def is_mod10(number: str) -> bool:
    """GS1: from the right, every second digit counts three times, the check digit itself once."""
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(number))) % 10 == 0


def mod10_ups(serial: str) -> int:
    """The check digit over letters and digits: from the left every second counts twice, and a letter stands for a digit (A = 2)."""
    values = (int(sign) if sign.isdigit() else (ord(sign) - 3) % 10 for sign in serial)
    return -sum(value * (2 if place % 2 else 1) for place, value in enumerate(values)) % 10

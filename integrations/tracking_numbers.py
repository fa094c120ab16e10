"""Tracking numbers as people type them: one spelling, check digits, and which courier a number looks like.

The rules are those of the tracking_number_data collection (MIT, Jeff Keen) and of the UPU's standard S10. Some live numbers break
them, so a refusal here is advice that staff may overrule. A new courier adds one line to `RULES`.
"""

import re
import unicodedata
from collections.abc import Callable

MAX_CHARS = 40
S10 = re.compile(r"(?P<service>[A-Z]{2})(?P<serial>\d{8})(?P<check>\d)(?P<country>[A-Z]{2})", re.ASCII)
S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
EXPRESS_WEIGHTS = (3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)
GROUND_DIGITS = 15


def normalise(number: str) -> str:
    """Capital letters and digits only: full-width letters, spaces, hyphens and invisible marks are how people paste numbers."""
    if number.isascii() and number.isalnum():
        return number.upper()[:MAX_CHARS]
    plain = unicodedata.normalize("NFKC", number).upper()
    return "".join(letter for letter in plain if letter.isalnum())[:MAX_CHARS]


def is_valid(courier: str, number: str) -> bool:
    """Format and check digit, for a courier that has a rule here; False for any other."""
    return courier in RULES and RULES[courier](normalise(number))


def guess_courier(number: str) -> str | None:
    return next((courier for courier in RULES if is_valid(courier, number)), None)


def is_ems(number: str) -> bool:
    """An S10 number of Korea Post's express service (EG…KR). EMS Premium travels with UPS and has UPS's numbers."""
    return is_s10(number) and number.startswith("E") and number.endswith("KR")


def is_s10(number: str) -> bool:
    parts = S10.fullmatch(number)
    if not parts:
        return False
    rest = _weighted(parts["serial"], S10_WEIGHTS) % 11
    return int(parts["check"]) == {0: 5, 1: 0}.get(rest, 11 - rest)


def is_fedex(number: str) -> bool:
    """Express (12 digits), Ground (15, or 22 beginning with 96, whose last 15 are the Ground number), SSCC (20)."""
    if not (number.isascii() and number.isdigit()) or not number.strip("0"):
        return False
    if len(number) == 12:
        return int(number[-1]) == _weighted(number[:-1], EXPRESS_WEIGHTS) % 11 % 10
    if len(number) == 22:
        return number.startswith("96") and _is_mod10(number[-GROUND_DIGITS:])
    return len(number) in {GROUND_DIGITS, 20} and _is_mod10(number)


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _is_mod10(number: str) -> bool:
    """GS1: from the right, every second digit counts three times, the check digit itself once."""
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(number))) % 10 == 0


RULES: dict[str, Callable[[str], bool]] = {"ems": is_ems, "fedex": is_fedex}

"""What the texts in a row mean. Each function gives a value, or raises `CellError` with words for the person who typed it."""

import re
import unicodedata
from decimal import ROUND_CEILING, Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from integrations.couriers import COURIERS, guess_couriers
from integrations.tracking_numbers import normalise
from workflow.lookup import normalise_number

WHOLE = re.compile(r"[0-9]{1,3}(,[0-9]{3})+|[0-9]{1,15}")
SHORTENED = re.compile(r"[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+")
DECIMAL = re.compile(r"([0-9]{1,3}(,[0-9]{3})+|[0-9]{1,9})([.][0-9]{1,3})?")
YES = frozenset({"yes", "y", "1", "true", "o", "ok", "예", "네", "도착", "입고", "완료", "검수", "검수완료", "v", "✓", "✔"})
NO = frozenset({"no", "n", "0", "false", "x", "아니오", "아니요", "미도착", "미입고", "-"})


class CellError(Exception):
    """The words why a cell cannot be read."""


def plain(text: str) -> str:
    """Full-width letters and digits as ordinary ones, one kind of blank, none around it."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def order_number(text: str) -> str:
    if not plain(text):
        raise CellError(_("The order number is missing."))
    number = normalise_number(plain(text))
    if not number:
        raise CellError(_("“%(text)s” is not an order number; they look like BD-XXXXX-XXXXX.") % {"text": plain(text)[:40]})
    return number


def position(text: str) -> int:
    said = plain(text).removeprefix("#")
    if not said:
        raise CellError(_("The item's number within the order is missing."))
    if not re.fullmatch(r"[0-9]{1,4}", said) or not int(said):
        raise CellError(_("“%(text)s” is not an item's number; they are 1, 2, 3 …") % {"text": said[:40]})
    return int(said)


def won(text: str) -> int:
    """`12,000`, `₩12,000`, `12000원`, `１２３`; never a guess."""
    said = plain(text)
    bare = re.sub(r"^(₩|KRW)\s*|\s*(원|KRW|won)$", "", said, flags=re.IGNORECASE).strip()
    if not bare:
        raise CellError(_("The price is missing."))
    return _whole(bare, said=said)


def grams(text: str) -> int:
    """`1200`, `1,200 g`, `1.2kg`."""
    said = plain(text)
    match = re.fullmatch(r"(.*?)\s*(g|그램|kg|킬로)?", said, flags=re.IGNORECASE)
    bare, unit = (match[1], (match[2] or "g").lower()) if match else (said, "g")
    if unit in ("kg", "킬로"):
        return int((_decimal(bare, said=said) * 1000).to_integral_value(ROUND_CEILING))
    return _whole(bare, said=said)


def cubic_cm(text: str) -> int:
    said = plain(text)
    return _whole(re.sub(r"\s*(cm3|cm³|cc|㎤)$", "", said, flags=re.IGNORECASE), said=said)


def size_cm(text: str) -> int:
    """`30x20x10`, `30 × 20 × 10 cm`, `30*20*10`: the volume in cubic centimetres, rounded up."""
    length, width, height = _sides(text)
    return int((length * width * height).to_integral_value(ROUND_CEILING))


def sides_cm(text: str) -> list[int] | None:
    """The same three sides where all are whole; None where the volume says more than they."""
    sides = _sides(text)
    return [int(side) for side in sides] if all(side == int(side) for side in sides) else None


def _sides(text: str) -> tuple[Decimal, Decimal, Decimal]:
    said = plain(text)
    sides = re.split(r"\s*[x×*✕X]\s*", re.sub(r"\s*cm$", "", said, flags=re.IGNORECASE))
    if len(sides) != 3:
        raise CellError(_("“%(text)s” is not a size; write length × width × height in cm, such as 30x20x10.") % {"text": said[:40]})
    length, width, height = (_decimal(re.sub(r"\s*cm$", "", side), said=said) for side in sides)
    return length, width, height


def yes(text: str) -> bool:
    said = plain(text).lower()
    if said in YES or re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}.*", said):
        return True
    if not said or said in NO:
        return False
    raise CellError(_("“%(text)s” is neither yes nor no.") % {"text": said[:40]})


def tracking_number(text: str) -> str:
    said = plain(text)
    if SHORTENED.fullmatch(said):
        raise CellError(_shortened(said))
    number = normalise(said)
    if not number:
        raise CellError(_("The tracking number is missing."))
    return number


def courier(text: str, *, number: str) -> str:
    """By its name in English or Korean; where none is said, the one whose numbers look like this."""
    said = re.sub(r"[^0-9a-z가-힣]", "", plain(text).lower())
    named = [code for code, one in COURIERS.items() if said in (code, *one.also_called)] if said else guess_couriers(number)
    if named:
        return named[0]
    known = ", ".join(str(one.label) for one in COURIERS.values())
    if said:
        raise CellError(_("“%(text)s” is not a courier of ours: %(known)s.") % {"text": plain(text)[:40], "known": known})
    raise CellError(_("Which courier? The number fits none of ours: %(known)s.") % {"known": known})


def _whole(bare: str, *, said: str) -> int:
    if WHOLE.fullmatch(bare):
        return int(bare.replace(",", ""))
    raise CellError(_why_not_whole(bare, said=said[:40]))


def _why_not_whole(bare: str, *, said: str) -> Any:
    if SHORTENED.fullmatch(bare):
        return _shortened(said)
    if bare.startswith(("-", "−", "(")):
        return _("“%(text)s” is less than nothing.") % {"text": said}
    if re.fullmatch(r"[0-9,]+\.[0-9]+", bare):
        return _("“%(text)s” has decimals; a whole number is needed.") % {"text": said}
    return _("“%(text)s” is not a whole number.") % {"text": said}


def _shortened(said: str) -> Any:
    return _("“%(text)s” was shortened by a spreadsheet. Format the column as text and type all digits.") % {"text": said}


def _decimal(bare: str, *, said: str) -> Decimal:
    if DECIMAL.fullmatch(bare.strip()):
        return Decimal(bare.strip().replace(",", ""))
    raise CellError(_("“%(text)s” is not a number.") % {"text": said[:40]})

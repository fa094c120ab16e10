"""The text types of every request: what a person may write into a field, and in which form it is stored.

One rule for all of them: Unicode NFC, no NUL, no lone surrogates, no control characters, none of the signs that turn the direction of
what follows (a product name must not rewrite the line it stands in), and no longer than the column it goes to.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from core.errors import Invalid
from workflow.product_urls import MAX_LENGTH as URL_LENGTH
from workflow.product_urls import check_product_url

#: embeddings, overrides and isolates of the bidirectional algorithm
BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: categories that no field takes: control, surrogate, line and paragraph separator
REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})


def refusal(code: str) -> PydanticCustomError:
    """What people read for it is in problems.MESSAGES."""
    return PydanticCustomError(code, "refused")  # type: ignore[arg-type]


def cleaned(text: str, *, lines: bool) -> str:
    """The text as it is stored; raises where it holds a sign that no field takes. `lines`: line breaks may stay."""
    if lines:
        text = text.replace("\r\n", "\n").replace("\t", " ")
    for char in text:
        if unicodedata.category(char) in REFUSED and not (lines and char == "\n"):
            raise refusal("text_not_allowed")
    if BIDI_CONTROLS.search(text):
        raise refusal("text_not_allowed")
    return unicodedata.normalize("NFC", text).strip()


def text(*, longest: int, shortest: int = 0, lines: bool = False, then: Callable[[str], str] | None = None) -> Any:
    """A field type; lengths in characters, counted after normalising, since a few letters grow by it."""

    def check(value: str) -> str:
        value = cleaned(value, lines=lines)
        if len(value) > longest:
            raise PydanticCustomError("string_too_long", "too long", {"max_length": longest})
        if len(value) < shortest:
            raise PydanticCustomError("string_too_short", "too short", {"min_length": shortest})
        return then(value) if then else value

    return Annotated[str, StringConstraints(min_length=shortest, max_length=longest), AfterValidator(check)]


def _email(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError:
        raise refusal("email_invalid") from None
    return value


def _nickname(value: str) -> str:
    """It stands in addresses (/nicknames/…, /profiles/…): no slash, something to read, nothing invisible but emoji's joiner."""
    if "/" in value or not any(char.isalnum() for char in value):
        raise refusal("nickname_not_allowed")
    if any(unicodedata.category(char) == "Cf" and char != "\u200d" for char in value):
        raise refusal("nickname_not_allowed")
    return value


def _phone(value: str) -> str:
    if not re.fullmatch(r"\+?[0-9][0-9 ().-]{5,18}", value) or len(re.sub(r"\D", "", value)) < 7:
        raise refusal("phone_invalid")
    return value


def _own_phone(value: str) -> str:
    """A number we send to: international, as `+` and digits; empty to remove it."""
    number = re.sub(r"[ ().-]", "", value)
    if number and not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        raise refusal("phone_not_international")
    return number


def _country(value: str) -> str:
    if not re.fullmatch("[A-Z]{2}", value):
        raise refusal("country_invalid")
    return value


def _product_url(value: str) -> str:
    try:
        check_product_url(value, field="url")
    except Invalid as refused:
        raise refusal(refused.code) from None
    return value


Email = text(longest=254, shortest=3, then=_email)
Nickname = text(longest=40, shortest=1, then=_nickname)
Phone = text(longest=20, shortest=7, then=_phone)
OwnPhone = text(longest=20, then=_own_phone)
Country = text(longest=2, shortest=2, then=_country)
#: passwords are taken as typed: no trimming, no normalising; the longest is refused before any hashing
Password = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(lambda value: _without_surrogates(value))]
ProductUrl = Annotated[str, StringConstraints(min_length=8, max_length=URL_LENGTH), AfterValidator(_product_url)]


def _without_surrogates(value: str) -> str:
    if any(unicodedata.category(char) == "Cs" for char in value):
        raise refusal("text_not_allowed")
    return value

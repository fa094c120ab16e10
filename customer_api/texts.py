"""The text types of every request: what a person may write into a field, and in which form it is stored.

One rule for all of them: Unicode NFC, no NUL, no lone surrogates, no control characters, none of the signs that turn the direction of
what follows (a product name must not rewrite the line it stands in), and no longer than the column it goes to.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import PydanticCustomError, core_schema

from core.errors import Invalid
from workflow.product_urls import MAX_LENGTH as URL_LENGTH
from workflow.product_urls import check_product_url

#: embeddings, overrides and isolates of the bidirectional algorithm
BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: categories that no field takes: control, surrogate, line and paragraph separator
REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})


def refusal(code: str) -> PydanticCustomError:
    """What people read for it is in problems.MESSAGES."""
    return PydanticCustomError(code, "refused")


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


@dataclass(frozen=True, kw_only=True)
class Text:
    """`Annotated[str, Text(longest=40)]`; lengths in characters, counted again after normalising, since a few letters grow by it."""

    longest: int
    shortest: int = 0
    lines: bool = False
    then: Callable[[str], str] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        plain = core_schema.str_schema(min_length=self.shortest, max_length=self.longest)
        return core_schema.no_info_after_validator_function(self.check, plain)

    def check(self, value: str) -> str:
        value = cleaned(value, lines=self.lines)
        if len(value) > self.longest:
            raise PydanticCustomError("string_too_long", "too long", {"max_length": self.longest})
        if len(value) < self.shortest:
            raise PydanticCustomError("string_too_short", "too short", {"min_length": self.shortest})
        return self.then(value) if self.then else value


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


Email = Annotated[str, Text(longest=254, shortest=3, then=_email)]
Nickname = Annotated[str, Text(longest=40, shortest=1, then=_nickname)]
Phone = Annotated[str, Text(longest=20, shortest=7, then=_phone)]
OwnPhone = Annotated[str, Text(longest=20, then=_own_phone)]
Country = Annotated[str, Text(longest=2, shortest=2, then=_country)]
#: passwords are taken as typed: no trimming, no normalising; the longest is refused before any hashing
Password = Annotated[str, Field(min_length=1, max_length=256)]
ProductUrl = Annotated[str, StringConstraints(min_length=8, max_length=URL_LENGTH), AfterValidator(_product_url)]

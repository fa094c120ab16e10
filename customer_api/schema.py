"""The base of every request and answer: strict in what it takes, plain in what it gives."""

from typing import Any, Generic, TypeVar

from django.utils.translation import get_language
from pydantic import BaseModel, ConfigDict, Field

Thing = TypeVar("Thing")


def language() -> str:
    """`ko` or `en`: the caller's language, as LocaleMiddleware has found it."""
    return "ko" if (get_language() or "").startswith("ko") else "en"


class In(BaseModel):
    """A request's body: unknown fields are refused, and nothing is converted (`"5"` is no number)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def given(self) -> dict[str, Any]:
        """Only what the caller sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Change(In):
    """The body of a PATCH: what is absent stays as it is. The defaults of its fields are never used, see `given()`."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class Out(BaseModel):
    """An answer. Built by hand from rows, field by field, so that nothing leaves the house by accident."""

    model_config = ConfigDict(extra="forbid")


class Nothing(In):
    """The body of a POST that says all in its address: absent, or `{}`."""


class Page(Out, Generic[Thing]):
    items: list[Thing]
    next_cursor: str | None = Field(description="Give it as `cursor` to get the next page; null on the last one.")

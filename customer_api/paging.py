"""Lists: `?limit=` and `?cursor=`, answered as `{"items": […], "next_cursor": …}`, by keyset and never by counting.

A cursor is the last row's key, signed: opaque to callers, and good only for the list it came from.
"""

from collections.abc import Iterable
from typing import Annotated

from django.core.signing import BadSignature, Signer
from django.http import HttpRequest
from pydantic import BaseModel, Field

from core.errors import Invalid
from customer_api.problems import MESSAGES

_signer = Signer(salt="customer_api.cursor", sep=".")


class Paging(BaseModel):
    """The query of a list; a list with filters inherits from it."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str | None, Field(max_length=200)] = None


def refuse_unknown(request: HttpRequest, known: type[Paging]) -> None:
    """A misspelt filter must not show everything."""
    for name in request.GET:
        if name not in known.model_fields:
            raise Invalid(
                MESSAGES["extra_forbidden"], code="extra_forbidden", field=name.encode("ascii", "backslashreplace").decode()[:100]
            )


def cursor_for(name: str, key: int) -> str:
    return _signer.sign(f"{name}-{key}")


def key_of(name: str, cursor: str | None) -> int | None:
    """The row's key in a cursor of the list `name`; None for the first page."""
    if cursor is None:
        return None
    try:
        said, _dash, key = _signer.unsign(cursor).partition("-")
    except BadSignature:
        said, key = "", ""
    if said != name or not key.isdigit():
        raise Invalid(MESSAGES["cursor_invalid"], code="cursor_invalid", field="cursor")
    return int(key)


def next_cursor(name: str, keys: Iterable[int], *, limit: int) -> str | None:
    """From the keys of one row more than the page shows; None when there was no such row."""
    keys = list(keys)
    return cursor_for(name, keys[limit - 1]) if len(keys) > limit else None

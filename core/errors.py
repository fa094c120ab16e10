"""The one error base for people. Machines' errors (a provider that does not answer) are `integrations.base.ProviderError`.

Both doors turn a `BidangilError` into their own form of answer: problem+json for customers (customer_api/problems.py), a message
for staff (backoffice). Raise the narrowest class; `code` is part of the public contract, `message` is translated text.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _


class BidangilError(Exception):
    """Something a person asked for cannot be done; `status_code` is the HTTP status it answers with."""

    status_code = 400
    code = "bad_request"
    message: Any = _("The request cannot be handled.")

    def __init__(
        self,
        message: Any = None,
        *,
        code: str | None = None,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message if message is not None else self.message
        self.code = code or self.code
        self.field = field
        self.headers = dict(headers or {})
        super().__init__(self.message)

    def __str__(self) -> str:
        return str(self.message)


class NotFound(BidangilError):
    """Also for things of other people: both answer alike."""

    status_code = 404
    code = "not_found"
    message = _("There is nothing here.")


class Conflict(BidangilError):
    status_code = 409
    code = "conflict"
    message = _("This is not possible right now.")


class Invalid(BidangilError):
    """A value of the request is wrong; `field` names it."""

    status_code = 422
    code = "invalid"
    message = _("A value is not valid.")


class TooManyRequests(BidangilError):
    status_code = 429
    code = "too_many_requests"
    message = _("Too many requests. Please try again later.")

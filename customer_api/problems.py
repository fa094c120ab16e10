"""Every error the customers' door answers with: RFC 9457 problem+json, in the caller's language, never HTML.

Raise a `BidangilError` (core/errors.py) and it becomes one; what django-ninja, pydantic and the database raise is translated here. The
same form for what never reaches an endpoint is made by door.py (unknown address, wrong method) and core/web/problems.py.
"""

import errno
import logging
import sys
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import defaults
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from core.errors import BidangilError, NotFound

log = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"

#: what people read for a value that was refused, by pydantic's code or ours; `%(...)s` are filled from the refusal
MESSAGES: Mapping[str, Any] = {
    "missing": gettext_lazy("This field is needed."),
    "extra_forbidden": gettext_lazy("There is no such field."),
    "string_type": gettext_lazy("This must be text."),
    "string_too_long": gettext_lazy("At most %(max_length)s characters."),
    "string_too_short": gettext_lazy("At least %(min_length)s characters."),
    "int_type": gettext_lazy("This must be a whole number."),
    "int_parsing": gettext_lazy("This must be a whole number."),
    "int_from_float": gettext_lazy("This must be a whole number."),
    "bool_type": gettext_lazy("This must be true or false."),
    "bool_parsing": gettext_lazy("This must be true or false."),
    "greater_than_equal": gettext_lazy("At least %(ge)s."),
    "less_than_equal": gettext_lazy("At most %(le)s."),
    "literal_error": gettext_lazy("One of: %(expected)s."),
    "list_type": gettext_lazy("This must be a list."),
    "too_long": gettext_lazy("At most %(max_length)s entries."),
    "too_short": gettext_lazy("At least %(min_length)s entries."),
    "model_type": gettext_lazy("This must be an object."),
    "text_not_allowed": gettext_lazy("This text contains characters that are not allowed."),
    "email_invalid": gettext_lazy("This is not an e-mail address."),
    "nickname_not_allowed": gettext_lazy("A nickname has at least one letter or digit and no slash."),
    "phone_invalid": gettext_lazy("This is not a telephone number."),
    "phone_not_international": gettext_lazy("Please give the number with its country code, such as +12135550123."),
    "country_invalid": gettext_lazy("A country is given by two capital letters, such as US."),
    "url_not_allowed": gettext_lazy("Please give the product's full public web address (http or https)."),
    "address_choice": gettext_lazy("Please give either an address or the id of one in your address book."),
    "recipient_missing": gettext_lazy("Please say who receives the parcel and their telephone number."),
    "cursor_invalid": gettext_lazy("This cursor is not one of ours."),
}
#: pydantic's names that are the same to a caller
SAME = {
    "model_attributes_type": "model_type",
    "dict_type": "model_type",
    "int_parsing_size": "int_parsing",
    "string_unicode": "text_not_allowed",
}


def problem(
    status: int,
    code: str,
    detail: Any,
    *,
    errors: Iterable[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(detail),
        "code": code,
        "errors": [{name: str(value) for name, value in error.items()} for error in errors],
    }
    answer = HttpResponse(orjson.dumps(body), status=status, content_type=CONTENT_TYPE)
    answer["Cache-Control"] = "no-store"
    for name, value in (headers or {}).items():
        answer[name] = value
    return answer


def of_error(error: BidangilError) -> HttpResponse:
    errors = [{"field": error.field, "code": error.code, "message": error.message}] if error.field else []
    return problem(error.status_code, error.code, error.message, errors=errors, headers=error.headers)


# --- What the machinery raises --------------------------------------------------------------------------------------------


def of_validation(error: ValidationError) -> HttpResponse:
    """One entry per refused value. The problem's own code is theirs where they agree."""
    errors = [_entry(found) for found in error.errors[:50]]
    codes = {entry["code"] for entry in errors}
    code = codes.pop() if len(codes) == 1 else "invalid"
    return problem(422, code, _("Some values are not valid."), errors=errors)


def _entry(found: Mapping[str, Any]) -> dict[str, str]:
    kind = SAME.get(found["type"], found["type"])
    message = MESSAGES.get(kind)
    facts = found.get("ctx", {})
    if "expected" in facts:
        facts = {"expected": facts["expected"].replace(" or ", ", ")}  # pydantic's one English word in it
    try:
        text = str(message) % facts if message else _("This value is not valid.")
    except KeyError:
        text = _("This value is not valid.")
    return {"field": _field(found["loc"]), "code": kind, "message": text}


def _field(location: Iterable[Any]) -> str:
    """`("body", "order", "items", 0, "url")` -> `items.0.url`; a made-up name cannot break the answer."""
    source, *path = (str(part) for part in location)
    if source == "body":
        path = path[1:] or ["body"]
    return ".".join(path).encode("ascii", "backslashreplace").decode()[:200]


def not_authenticated() -> HttpResponse:
    return problem(401, "not_authenticated", _("Please sign in."), headers={"WWW-Authenticate": "Bearer"})


def not_found() -> HttpResponse:
    return of_error(NotFound())


def method_not_allowed(allowed: str) -> HttpResponse:
    return problem(405, "method_not_allowed", _("This method is not allowed here."), headers={"Allow": allowed})


def bad_request() -> HttpResponse:
    return problem(400, "bad_request", _("The request cannot be handled."))


def too_large() -> HttpResponse:
    return problem(413, "body_too_large", _("The request is too large."))


def unavailable() -> HttpResponse:
    """The database is locked, gone, or gave up one of two transactions that waited for each other; trying again may do."""
    return problem(503, "unavailable", _("Busy right now. Please try again in a moment."), headers={"Retry-After": "1"})


def out_of_space() -> HttpResponse:
    return problem(507, "out_of_space", _("The upload cannot be stored right now."), headers={"Retry-After": "60"})


def internal_error() -> HttpResponse:
    return problem(500, "internal_error", _("Something went wrong on our side."))


def of_exception(error: BaseException) -> HttpResponse:
    """The answer to anything that was raised; what nobody expected is logged and told nothing about."""
    match error:
        case HttpError() if isinstance(error.__cause__, BidangilError):
            return of_error(error.__cause__)  # our own parser's words, wrapped by django-ninja
        case BidangilError():
            return of_error(error)
        case ValidationError():
            return of_validation(error)
        case AuthenticationError():
            return not_authenticated()
        case Http404():
            return not_found()
        case RequestDataTooBig():
            return too_large()
        case HttpError() | SuspiciousOperation() | BadRequest() | UnreadablePostError():
            return bad_request()
        case PermissionDenied():
            return problem(403, "forbidden", _("You may not do this."))
        case OperationalError() | InterfaceError():
            log.warning("the database did not answer: %s", type(error).__name__, exc_info=error)
            return unavailable()
    log.error("an endpoint failed", exc_info=error)
    return internal_error()


def install(api: NinjaAPI) -> None:
    """One handler for everything an endpoint of `api` raises."""
    for kind in (Exception, HttpError, ValidationError, Http404):
        api.add_exception_handler(kind, lambda request, error: of_exception(error))  # type: ignore[arg-type]


# --- What fails before a view, in middleware: core/urls.py names these as its handler400, 403, 404 and 500 ------------------


def is_ours(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/webhooks/"))


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return bad_request() if is_ours(request) else defaults.bad_request(request, exception)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return of_exception(PermissionDenied()) if is_ours(request) else defaults.permission_denied(request, exception)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return not_found() if is_ours(request) else defaults.page_not_found(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    error = sys.exc_info()[1]
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):  # an upload is put aside before any view
        return out_of_space() if is_ours(request) else HttpResponse(_("The upload cannot be stored right now."), status=507)
    if not is_ours(request):
        return defaults.server_error(request)
    # Django has logged it; a session that could not be read or saved is the database's fault, not ours.
    return unavailable() if isinstance(error, OperationalError | InterfaceError) else internal_error()

"""What every request under /api passes before and after its endpoint: size and kind of the body, CORS, wrong methods, no caching.

django-ninja answers unknown methods with text and reads any content type as JSON; this is where both become problem+json.
"""

import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from ninja.parser import Parser

from core.errors import BidangilError, Invalid
from customer_api import problems

View = Callable[..., HttpResponse]
#: what a page of another, allowed origin may read of an answer and send with a request
EXPOSED = "ETag, Event-Stream-Position, Idempotency-Key, Retry-After, X-CSRFToken, X-Request-ID"
ACCEPTED = "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-CSRFToken"


class NotJson(BidangilError):
    status_code = 415
    code = "not_json"
    message = _("Please send JSON, with the content type application/json.")


class Malformed(BidangilError):
    code = "malformed_json"
    message = _("The body is not valid JSON.")


class JsonParser(Parser):
    """UTF-8 JSON objects only: no NaN, no other encodings, no arrays or bare values."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        try:
            body = json.loads(request.body.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise Malformed from None
        if not isinstance(body, dict):
            raise Invalid(problems.MESSAGES["model_type"], code="model_type", field="body")
        return body


def _no_constant(name: str) -> None:
    raise ValueError(name)


def door(view: View) -> View:
    """Wrap one view of the API."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = _preflight(request) or _refusal(request) or _answer(view, request, *args, **kwargs)
        if "Cache-Control" not in answer:
            answer["Cache-Control"] = "no-store"
        return _with_cors(request, answer)

    guarded.csrf_exempt = True  # type: ignore[attr-defined]  # sessions are checked in security.py, tokens need none
    return guarded


def unknown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Every address under /api that is none."""
    raise Http404


def _answer(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    method = request.method
    if method == "HEAD":
        request.method = "GET"  # the server sends the head of its answer only
    try:
        answer = view(request, *args, **kwargs)
    except Exception as error:  # whatever it is: nothing under /api answers with a page
        return problems.of_exception(error)
    finally:
        request.method = method
    if answer.status_code == 405:
        return problems.method_not_allowed(answer["Allow"])
    return answer


def _refusal(request: HttpRequest) -> HttpResponse | None:
    """Bodies that are too large or no JSON, before anybody reads them."""
    length = request.headers.get("Content-Length") or "0"
    if not re.fullmatch("[0-9]{1,18}", length):
        return problems.bad_request()
    if int(length) > settings.MAX_JSON_BODY_BYTES:
        return problems.too_large()
    if int(length) and request.content_type != "application/json":
        return problems.of_error(NotJson())
    return None


# --- CORS: pages of the origins in CORS_ALLOWED_ORIGINS may call us with their visitor's session ----------------------------


def _allowed_origin(request: HttpRequest) -> str | None:
    origin = request.headers.get("Origin")
    return origin if origin in settings.CORS_ALLOWED_ORIGINS else None


def _preflight(request: HttpRequest) -> HttpResponse | None:
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers or not _allowed_origin(request):
        return None
    answer = HttpResponse(status=204)
    answer["Access-Control-Allow-Methods"] = "GET, POST, PATCH, PUT, DELETE"
    answer["Access-Control-Allow-Headers"] = ACCEPTED
    answer["Access-Control-Max-Age"] = "600"
    return answer


def _with_cors(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    origin = _allowed_origin(request)
    if origin:
        answer["Access-Control-Allow-Origin"] = origin
        answer["Access-Control-Allow-Credentials"] = "true"
        answer["Access-Control-Expose-Headers"] = EXPOSED
    if settings.CORS_ALLOWED_ORIGINS:
        patch_vary_headers(answer, ["Origin"])
    return answer

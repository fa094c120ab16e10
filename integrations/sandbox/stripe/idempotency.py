"""Idempotency keys: the first result of a key is kept for 24 hours and answered again, a 500 included; a key serves one request only."""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from integrations.sandbox.books import Books
from integrations.sandbox.stripe.errors import StripeRefusal, invalid
from integrations.sandbox.stripe.parameters import Parameters

KEY_DOCUMENT = "stripe_key"
KEPT_SECONDS = 24 * 3600
LONGEST_KEY = 255


@dataclass(frozen=True)
class Result:
    status: int
    body: dict[str, Any]
    request_id: str
    replayed: bool = False


def key_of(request: Request) -> str | None:
    """Only POSTs know keys; on a GET Stripe ignores them."""
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        raise invalid(f"Idempotency key must be between 1 and {LONGEST_KEY} characters long.")
    return key


def stored_result(books: Books, key: str, *, path: str, parameters: Parameters) -> Result | None:
    kept = books.get(KEY_DOCUMENT, key)
    if kept is None or kept["created"] < time.time() - KEPT_SECONDS:
        return None
    if kept["path"] != path:
        raise _misused(
            f"Keys for idempotent requests can only be used for the same endpoint they were first used for ('{kept['path']}' vs '{path}').",
            key,
        )
    if kept["fingerprint"] != _fingerprint(parameters):
        raise _misused("Keys for idempotent requests can only be used with the same parameters they were first used with.", key)
    return Result(status=kept["status"], body=kept["body"], request_id=kept["request_id"], replayed=True)


def store_result(books: Books, key: str, result: Result, *, path: str, parameters: Parameters) -> None:
    kept = {"path": path, "fingerprint": _fingerprint(parameters), "created": time.time()}
    books.put(KEY_DOCUMENT, key, kept | {"status": result.status, "body": result.body, "request_id": result.request_id})


def _misused(message: str, key: str) -> StripeRefusal:
    return StripeRefusal(
        f"{message} Try using a key other than '{key}' if you meant to execute a different request.",
        kind="idempotency_error",
        executed=False,
    )


def _fingerprint(parameters: Parameters) -> str:
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()


class OneAtATime:
    """Two requests with the same key at the same time: the second one gets a 409. Stands before the faults, so that an answer that is
    held back counts as still under way, until its caller hangs up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._under_way: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = Request(scope).headers.get("idempotency-key") if scope["method"] == "POST" else None
        if key is None:
            await self._app(scope, receive, send)
            return
        if key in self._under_way:
            await _busy(key)(scope, receive, send)
            return
        self._under_way.add(key)
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way.discard(key)


def _busy(key: str) -> JSONResponse:
    refusal = StripeRefusal(
        f"There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other "
        f"request is still going through): {key}. Please try again later.",
        kind="idempotency_error",
        code="idempotency_key_in_use",
    )
    return JSONResponse(refusal.body(), status_code=409, headers={"Stripe-Should-Retry": "true"})

"""Failures on order, and the record of what was asked.

`Faults` is the list that POST /_control/faults fills. `FaultGate` stands before each service: it looks for a fault that fits the request
and plays it. `Recorder` stands before all of them and writes every request to the books (GET /_control/requests).

The modes: "500", "401", "429", "html", "garbage", "reset" and "hang" keep the request from the service, nothing is made. "slow" waits and
then goes on as usual, or into the next fault that fits; any number of requests wait at the same time. "created_then_500" and
"created_then_hang" let the service do its work and then lose the answer. A held answer is let go early by /_control/reset, and dropped
as soon as the caller has gone away.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integrations.sandbox.books import Books, Condition, Document
from integrations.sandbox.connections import drop_connection

MODES = ("500", "401", "429", "hang", "reset", "created_then_500", "created_then_hang", "html", "garbage", "slow")
MADE_FIRST = ("created_then_500", "created_then_hang")
SERVICES = ("stripe", "fedex", "ups", "ems", "sens", "twilio", "fx", "mail")
DEFAULT_SECONDS = {"hang": 30.0, "created_then_hang": 30.0, "slow": 3.0, "429": 1.0}
KEPT_REQUESTS = 5000
KEPT_BODY = 20_000
FAULT_KEY, BODY_KEY = "sandbox.fault", "sandbox.body"

HTML_ANSWER = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body>We will be back shortly.</body></html>"
HALF_AN_ANSWER = '{"transactionId": "5b1f7f0d", "output": {"completeTrackResults": [{"trackingNumber": "'
TRIM_EVERY = 100


@dataclass
class Fault:
    service: str
    mode: str
    path: str = ""
    """Part of the address, optionally with the method before it: "/refunds" or "POST /v1/checkout"."""
    seconds: float | None = None
    times: int | None = None
    """How many requests it meets; None: until /_control/reset."""
    number: str = ""
    """Only requests that name this (a tracking number, say) in their address or body: one poisonous parcel spoils its whole batch."""
    used: int = 0
    id: str = field(default_factory=lambda: f"fault_{uuid4().hex[:12]}")

    def fits(self, *, service: str, method: str, path: str, said: bytes = b"") -> bool:
        left = self.times is None or self.used < self.times
        wanted_method, space, wanted_path = self.path.rpartition(" ")
        here = self.service == service and wanted_path in path and (not space or wanted_method.upper() == method)
        return left and here and self.number.encode() in said

    def as_document(self) -> Document:
        return asdict(self)

    @property
    def hold_seconds(self) -> float:
        return DEFAULT_SECONDS.get(self.mode, 0.0) if self.seconds is None else self.seconds


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._released = asyncio.Event()

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        """Forgets all faults and lets go of every held answer."""
        self._faults.clear()
        self._released.set()
        self._released = asyncio.Event()

    def take(self, *, service: str, method: str, path: str, said: bytes = b"", slow: bool | None = None) -> Fault | None:
        """The first that fits; told so, only among the slow ones or among the others. `said` is what the request names."""
        for fault in self._faults:
            if slow in (None, fault.mode == "slow") and fault.fits(service=service, method=method, path=path, said=said):
                fault.used += 1
                return fault
        return None

    def as_documents(self) -> list[Document]:
        return [fault.as_document() for fault in self._faults]

    async def hold(self, seconds: float, *, gone: "asyncio.Task[Any] | None" = None) -> bool:
        """Waits; True when the caller has gone away meanwhile."""
        released = asyncio.ensure_future(self._released.wait())
        waited = [released, gone] if gone is not None else [released]
        try:
            await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            released.cancel()
        return gone is not None and gone.done()


ErrorAnswer = Callable[[str, Fault], Response]
"""A service's own way to say 500, 401 and 429: `(mode, fault) -> Response`."""


class FaultGate:
    def __init__(self, app: ASGIApp, *, service: str, faults: Faults, error_answer: ErrorAnswer) -> None:
        self._app = app
        self._service = service
        self._faults = faults
        self._error_answer = error_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        slow, fault = self._take(scope, slow=True), self._take(scope, slow=False)
        scope[FAULT_KEY] = fault or slow
        if slow is not None:
            await self._faults.hold(slow.hold_seconds)
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.mode in MADE_FIRST:
            await self._lose_the_answer(fault, scope, receive, send)
        else:
            await self._refuse(fault, scope, receive, send)

    def _take(self, scope: Scope, *, slow: bool) -> Fault | None:
        said = scope["path"].encode() + b"?" + scope["query_string"] + b"\n" + scope.get(BODY_KEY, b"")
        return self._faults.take(service=self._service, method=scope["method"], path=scope["path"], said=said, slow=slow)

    async def _refuse(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.mode in ("500", "401", "429"):
            await self._answer_error(fault.mode, fault, scope, receive, send)
        elif fault.mode == "html":
            await HTMLResponse(HTML_ANSWER)(scope, receive, send)
        elif fault.mode == "garbage":
            await Response(HALF_AN_ANSWER, media_type="application/json")(scope, receive, send)
        else:
            if fault.mode == "hang":
                await self._hold_for_caller(fault, receive)
            await drop_connection(scope)

    async def _lose_the_answer(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(scope, receive, keep)
        if fault.mode == "created_then_500":
            await self._answer_error("500", fault, scope, receive, send)
        elif await self._hold_for_caller(fault, receive):
            await drop_connection(scope)
        else:
            for message in kept:
                await send(message)

    async def _answer_error(self, mode: str, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._error_answer(mode, fault)
        if mode == "429":
            answer.headers["Retry-After"] = str(max(1, round(fault.hold_seconds)))
        await answer(scope, receive, send)

    async def _hold_for_caller(self, fault: Fault, receive: Receive) -> bool:
        gone = asyncio.ensure_future(_caller_is_gone(receive))
        try:
            return await self._faults.hold(fault.hold_seconds, gone=gone)
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone


async def _caller_is_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Recorder:
    """Writes down each request to a service when it comes, and what was answered when it went."""

    def __init__(self, app: ASGIApp, *, service: str, books: Books) -> None:
        self._app = app
        self._service = service
        self._books = books
        self._since_trim = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = scope[BODY_KEY] = await Request(scope, receive).body()
        record = self._begin(scope, body)
        started = time.monotonic()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                record["status"] = message["status"]
            await send(message)

        try:
            await self._app(scope, _replay(body, receive), watch)
        finally:
            fault = scope.get(FAULT_KEY)
            record["fault"] = fault.mode if fault else None
            record["duration_ms"] = round((time.monotonic() - started) * 1000)
            self._books.put("request", record["id"], record)

    def _begin(self, scope: Scope, body: bytes) -> Document:
        record: Document = {
            "id": f"in_{uuid4().hex}",
            "service": self._service,
            "at": datetime.now(UTC).isoformat(),
            "method": scope["method"],
            "path": scope["path"].removeprefix(f"/{self._service}"),
            "query": scope["query_string"].decode("latin-1"),
            "headers": _shown_headers(scope),
            "body": body[:KEPT_BODY].decode("utf-8", "replace"),
            "status": None,
            "fault": None,
            "duration_ms": None,
        }
        self._books.put("request", record["id"], record)
        self._trim_now_and_then()
        return record

    def _trim_now_and_then(self) -> None:
        """Not each time: finding the oldest one to keep reads past all that are kept."""
        self._since_trim += 1
        if self._since_trim >= TRIM_EVERY:
            self._since_trim = 0
            self._books.trim("request", keep=KEPT_REQUESTS)


def recorded_requests(books: Books, *, service: str | None) -> list[Document]:
    """Oldest first, as they came."""
    where = [Condition("service", "=", service)] if service else []
    return books.find("request", where=where, oldest_first=True)


def _shown_headers(scope: Scope) -> dict[str, str]:
    """All headers, with credentials cut to what helps to find a mistake."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if "authorization" in headers:
        kind, _, value = headers["authorization"].partition(" ")
        headers["authorization"] = f"{kind} {value[:8]}…"
    return headers


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body was read for the record; hand it out once more, then whatever the connection tells (a disconnect)."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay

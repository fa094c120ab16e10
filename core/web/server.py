"""uvicorn as `manage.py web` runs it: limits on headers and slow connections, and refusals in the house's form.

uvicorn (with httptools) waits for ever for the rest of a request's headers, of any size, and answers nonsense with plain text.
"""

import asyncio
import uuid
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from core.web.problems import Problem

HEADERS_S = 15.0
HEADERS_BYTES = 64 * 1024
KEEP_ALIVE_S = 15
#: Uvicorn's own patience with open requests at the stop; streams end by themselves (core/asgi.py).
GRACE_S = 3


class Protocol(HttpToolsProtocol):
    """One connection. The clock runs from its first byte (or its opening) until a request's headers are complete."""

    _waiting: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _in_headers = True

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > HEADERS_BYTES and not self.transport.is_closing():
            self._refuse(Problem(431, "headers_too_large"))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._waiting is None:
            self._expect_headers()

    def on_headers_complete(self) -> None:
        self._headers_came()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_headers, self._header_bytes = True, 0

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem(400, "malformed_request"))

    def _expect_headers(self) -> None:
        self._in_headers, self._header_bytes = True, 0
        self._waiting = self.loop.call_later(HEADERS_S, self._headers_late)

    def _headers_came(self) -> None:
        self._in_headers = False
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _headers_late(self) -> None:
        if self._header_bytes and not self.transport.is_closing():
            self._refuse(Problem(408, "request_timeout"))
        self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Before any application: no scope, so no language but English. Nothing when an answer is already under way."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            headers, body = problem.response("en")
            headers += [(b"connection", b"close"), (b"x-request-id", uuid.uuid4().hex.encode())]
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
            self.transport.write(STATUS_LINE[problem.status] + lines + b"\r\n" + body)
        if self.cycle is not None:  # whatever it still wants to say is not for this connection
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


def serve(*, host: str, port: int) -> None:
    """Runs until SIGINT or SIGTERM."""
    config = uvicorn.Config(
        "core.asgi:application",
        host=host,
        port=port,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=2048,
    )
    uvicorn.Server(config).run()

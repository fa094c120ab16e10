"""The front door: sends a request to the streams or to Django, puts its id on the answer, and answers for both when they cannot."""

import asyncio
import logging
import re
import signal
import threading
import time
import uuid
from types import FrameType
from typing import Any

from core.web.bodies import ClientGone
from core.web.problems import Problem, Receive, Scope, Send, answer, header
from core.web.site import Site, WSGIApp
from core.web.streams import PATHS, EventStreams

log = logging.getLogger(__name__)
access_log = logging.getLogger("core.access")
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: What follows is as good as a password.
SECRET_PATH = re.compile(r"^(/(?:pay|photos|track)/)[^/]+")


class FrontDoor:
    def __init__(self, django: WSGIApp) -> None:
        self.streams = EventStreams()
        self.site = Site(django)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = request_id_of(scope)
        reply = Reply(send, request_id)
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"x-request-id"] + [(b"x-request-id", request_id)]
        started = time.monotonic()
        handler = self.streams if scope["path"] in PATHS else self.site
        try:
            await handler(scope, receive, reply)
        except ClientGone:
            reply.status = 499
        except Problem as problem:
            await reply.problem(problem, scope)
        except Exception:
            log.exception("request %s failed outside Django", request_id.decode())
            await reply.problem(Problem(500, "internal_error"), scope)
        finally:
            path = SECRET_PATH.sub(r"\1…", scope["path"])
            took_ms = (time.monotonic() - started) * 1000
            access_log.info("%s %s %d %.0f ms %s", scope["method"], path, reply.status, took_ms, request_id.decode())

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        stop_on_signals(self.streams)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.streams.stop()
        await send({"type": "lifespan.shutdown.complete"})


class Reply:
    """`send` that puts the request's id on the answer and remembers whether one has begun."""

    def __init__(self, inner: Send, request_id: bytes) -> None:
        self.inner = inner
        self.request_id = request_id
        self.status = 0

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [pair for pair in message.get("headers", []) if pair[0] != b"x-request-id"]
            message = {**message, "headers": [*headers, (b"x-request-id", self.request_id)]}
        await self.inner(message)

    async def problem(self, problem: Problem, scope: Scope) -> None:
        """Too late once an answer has begun: the server then closes the connection, which the client sees as broken."""
        if not self.status:
            await answer(problem, scope, self)


def request_id_of(scope: Scope) -> bytes:
    given = header(scope, b"x-request-id") or ""
    return (given if SANE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex).encode()


def stop_on_signals(streams: EventStreams) -> None:
    """Streams end when the server is told to stop, not when it asks them: it waits for open connections before it does."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def stop(received: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(streams.stop)
            if callable(before):
                before(received, frame)

        signal.signal(number, stop)

"""The two event streams: who may open one, and its life until it ends. The news itself comes from `core.events.Reader`.

An open stream is a task on the event loop: no thread, no database connection (the few questions about a person are asked in two
threads that all streams share). It ends after ten minutes, when its person may no longer see it, when its reader
is too slow, and at once when the server is told to stop; the client comes back with the last id it saw and misses nothing.
"""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.http import parse_cookie

from core import events
from core.accounts.authentication import Person, person_for
from core.events import Listener, Message, Reader, Resumption
from core.web.problems import Headers, Problem, Receive, Scope, Send, header
from core.web.site import patient

MOST_PER_PERSON = 5
KEEP_ALIVE_S = 15.0
#: Contract: a stream ends within 60 s of a logout; the check itself may take its time.
RECHECK_S = 45.0
RECHECK_AGAIN_S = 5.0
LIFETIME_S = 600.0

CUSTOMERS, STAFF = "/api/v1/events", "/admin/events"
PATHS = frozenset({CUSTOMERS, STAFF})
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Credentials:
    """What a request shows of its person: apps a token, browsers a session; staff only a session."""

    session_key: str | None
    bearer: str | None

    @classmethod
    def of(cls, scope: Scope) -> "Credentials":
        cookies = parse_cookie(header(scope, b"cookie") or "")
        scheme, _, token = (header(scope, b"authorization") or "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" and scope["path"] != STAFF else ""
        return cls(session_key=cookies.get(settings.SESSION_COOKIE_NAME) or None, bearer=bearer or None)

    def person(self) -> Person | None:
        return person_for(session_key=self.session_key, bearer=self.bearer)


class EventStreams:
    """All open streams of this process."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._seats: Counter[int] = Counter()
        self._open: set[Listener] = set()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="stream-checks")
        self.stopping = False

    def stop(self) -> None:
        """On the event loop: every stream ends now, and none begins."""
        self.stopping = True
        for listener in self._open:
            listener.wake.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            raise Problem(405, "method_not_allowed", headers=[(b"allow", b"GET")])
        if self.stopping:
            raise busy(1)
        try:
            await self._serve(scope, receive, patient(send))
        except DatabaseError:
            raise busy(5) from None

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        admission = await self._ask(admit, scope)
        with self._seat(admission.person.id):
            listener = Listener(channel=admission.channel, last=admission.resumption.start)
            self._open.add(listener)
            gone = asyncio.ensure_future(disconnected(receive))
            gone.add_done_callback(lambda _task: listener.wake.set())
            try:
                await send({"type": "http.response.start", "status": 200, "headers": stream_headers(scope, listener.last)})
                await write(send, opening(admission.resumption))
                if await self._replay(admission.missed, listener, send, gone):
                    self._reader.follow(listener)
                    await self._live(listener, send, gone, admission)
            finally:
                gone.cancel()
                self._open.discard(listener)
                self._reader.leave(listener)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _replay(self, page: list[Message], listener: Listener, send: Send, gone: "asyncio.Future[None]") -> bool:
        """What was missed, page by page at the reader's own pace; False when the stream ended meanwhile."""
        while page and not (gone.done() or self.stopping):
            listener.last = page[-1].eid
            await write(send, b"".join(message.text for message in page))
            # A page that is not full was the last: what came since is the reader's.
            full = len(page) == events.PAGE
            page = await self._ask(events.messages_after, {listener.channel: listener.last}) if full else []
        return not (gone.done() or self.stopping)

    async def _live(self, listener: Listener, send: Send, gone: "asyncio.Future[None]", admission: "Admission") -> None:
        ends_at = time.monotonic() + LIFETIME_S
        speak_at = time.monotonic() + KEEP_ALIVE_S
        check_at = time.monotonic() + RECHECK_S
        while not (gone.done() or self.stopping or listener.overflowed):
            await woken(listener, at=min(ends_at, speak_at, check_at))
            now = time.monotonic()
            if now >= ends_at:
                return
            if now >= check_at:
                again = await self._still(admission)
                if again is False:
                    return
                check_at = now + (RECHECK_S if again else RECHECK_AGAIN_S)
            if news := listener.take():
                await write(send, news)
            elif now >= speak_at:
                await write(send, b": keep-alive\n\n")
            else:
                continue
            speak_at = now + KEEP_ALIVE_S

    async def _still(self, admission: "Admission") -> bool | None:
        """May the person still see the stream? None while the database does not say (nothing flows then either)."""
        try:
            return await self._ask(admission.credentials.person) == admission.person
        except DatabaseError:
            return None

    @contextmanager
    def _seat(self, person_id: int) -> Iterator[None]:
        if self._seats[person_id] >= MOST_PER_PERSON:
            raise Problem(429, "too_many_streams", headers=[(b"retry-after", b"30")])
        self._seats[person_id] += 1
        try:
            yield
        finally:
            self._seats[person_id] -= 1
            if not self._seats[person_id]:
                del self._seats[person_id]

    async def _ask(self, question: Callable[..., Answer], *arguments: Any) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, between_requests, question, *arguments)


@dataclass(frozen=True)
class Admission:
    """Whose stream it is, where it starts, and the first page of what was missed."""

    credentials: Credentials
    person: Person
    channel: str
    resumption: Resumption
    missed: list[Message]


def admit(scope: Scope) -> Admission:
    """Everything a new stream asks the database, at one go; raises a Problem for who may not."""
    credentials = Credentials.of(scope)
    person = credentials.person()
    if person is None:
        raise Problem(401, "not_authenticated", headers=[(b"www-authenticate", b"Bearer")])
    if scope["path"] == STAFF and not person.sees_orders:
        raise Problem(403, "forbidden")
    channel = events.STAFF_CHANNEL if scope["path"] == STAFF else events.user_channel(person.id)
    asked = last_event_id(scope)
    resumption = events.resume(channel, asked)
    missed = events.messages_after({channel: resumption.start}) if asked is not None else []
    return Admission(credentials, person, channel, resumption, missed)


def between_requests(question: Callable[..., Answer], *arguments: Any) -> Answer:
    """In one of the two threads: their connections are kept and renewed as those of Django's own threads are."""
    close_old_connections()
    try:
        return question(*arguments)
    finally:
        close_old_connections()


def last_event_id(scope: Scope) -> int | None:
    """The header before the parameter: a browser that reconnects sends the newer one in the header."""
    asked = header(scope, b"last-event-id")
    if not asked:
        parameters = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=100)
        asked = parameters.get("last_event_id", [""])[0]
    if not asked:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", asked):
        raise Problem(400, "invalid_last_event_id")
    return int(asked)


def stream_headers(scope: Scope, start: int) -> Headers:
    headers = [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-cache, no-store, no-transform"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
        (b"event-stream-position", str(start).encode()),
    ]
    origin = header(scope, b"origin")
    if origin is not None and origin in settings.CORS_ALLOWED_ORIGINS:
        headers += [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"Origin"),
        ]
    return headers


def opening(resumption: Resumption) -> bytes:
    text = b"retry: 2000\n\n"
    if resumption.reset:
        text += events.encode("reset", json.dumps({"position": resumption.start}), resumption.start)
    return text


def busy(seconds: int) -> Problem:
    return Problem(503, "unavailable", headers=[(b"retry-after", str(seconds).encode())])


async def write(send: Send, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})


async def disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def woken(listener: Listener, *, at: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, at - time.monotonic())):
            await listener.wake.wait()
    except TimeoutError:
        pass

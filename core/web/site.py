"""Django's WSGI handler in a bounded pool of threads: database connections live on, and the event loop stays free.

a2wsgi carries the request across. What it would get wrong is put right here before: the body comes as a file that is already
whole, with its true length; bytes outside ASCII in the query are escaped; headers with an underscore, which would pass for those
with a hyphen, are dropped.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote_from_bytes

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.http import parse_cookie

from core.accounts.authentication import person_for
from core.web.bodies import Body, is_for_photos, read_body
from core.web.problems import Headers, Problem, Receive, Scope, Send, header

WSGIApp = Callable[..., Iterable[bytes]]

THREADS = 8
#: Requests that wait for a thread or have one; more are told to come back.
MOST_AT_ONCE = 256
#: Pieces of one answer that may wait for a slow reader before its thread waits too; files are sent in pieces of 4 KB.
PIECES_AHEAD = 1024
SEND_S = 30.0
QUERY_SAFE = "".join(chr(code) for code in range(0x21, 0x7F))


class Site:
    def __init__(self, app: WSGIApp, *, threads: int = THREADS) -> None:
        self._app = app
        self._inside = 0
        handler: Any = self._with_body
        self._wsgi = WSGIMiddleware(handler, workers=threads, send_queue_size=PIECES_AHEAD)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(scope, receive, from_staff=is_for_photos(scope) and await asyncio.to_thread(sees_orders, scope))
        try:
            if self._inside >= MOST_AT_ONCE:
                raise Problem(503, "unavailable", headers=[(b"retry-after", b"1")])
            self._inside += 1
            try:
                await self._wsgi(prepared(scope, body), receive, patient(send))  # type: ignore[arg-type]
            finally:
                self._inside -= 1
        finally:
            body.file.close()

    def _with_body(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"] = environ["asgi.scope"]["bidangil.body"]
        return self._app(environ, start_response)


def sees_orders(scope: Scope) -> bool:
    """Whether somebody of staff is signed in: a stranger's hundred megabytes are not even put aside. While the database does not say,
    the ordinary limit holds."""
    session_key = parse_cookie(header(scope, b"cookie") or "").get(settings.SESSION_COOKIE_NAME)
    close_old_connections()
    try:
        person = person_for(session_key=session_key or None, bearer=None)
        return person is not None and person.sees_orders
    except DatabaseError:
        return False
    finally:
        close_old_connections()


def prepared(scope: Scope, body: Body) -> Scope:
    """The scope as a WSGI server would have understood it."""
    dropped = (b"content-length", b"transfer-encoding")
    headers: Headers = [(name, value) for name, value in scope["headers"] if name not in dropped and b"_" not in name]
    headers.append((b"content-length", str(body.length).encode()))
    query = quote_from_bytes(scope["query_string"], safe=QUERY_SAFE).encode()
    return {**scope, "headers": headers, "query_string": query, "bidangil.body": body.file}


def patient(send: Send) -> Send:
    """A reader that takes nothing for `SEND_S` is cut off; what is left for it is thrown away, so that no thread waits."""
    lost = False

    async def sending(message: Any) -> None:
        nonlocal lost
        if lost:
            return
        try:
            async with asyncio.timeout(SEND_S):
                await send(message)
        except TimeoutError:
            lost = True
            cut_off(send)

    return sending


def cut_off(send: Send) -> None:
    """Ends the connection now. Merely returning would wait for a stuck reader to take what is still buffered for it."""
    while hasattr(send, "inner"):
        send = send.inner
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()

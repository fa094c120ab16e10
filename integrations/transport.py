"""How an HTTP call is kept within bounds. Only `base.py` uses this module, and only when a first call is made.

`requests` bounds each wait for bytes, not the whole answer: a peer that sends one byte a second could hold a worker for hours,
in its headers or in its body. Here the whole answer has to be there within both time-outs together, its body within a size
(after decompression), and a redirect is an error: nobody but the configured address is ever asked.

Each exchange has its own connection, unless the caller says that it may be repeated (asking a courier): then the thread keeps its
connection, which saves most of the work of a call, and asks once more where the other side had closed it in the meantime.
"""

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from heapq import heappop, heappush
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.response import BaseHTTPResponse

from integrations.base import MAX_ANSWER_BYTES, Answer, BadAnswer, ProviderError, Unavailable

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
CHUNK_BYTES = 65_536


class AnswerTooLarge(requests.RequestException):
    pass


class AnswerTooSlow(requests.Timeout):
    pass


def timeouts() -> tuple[float, float]:
    return settings.PROVIDER_CONNECT_TIMEOUT_S, settings.PROVIDER_READ_TIMEOUT_S


class _Watch:
    """Cuts the connection of one exchange when its time is over, wherever the exchange is, however steadily bytes trickle in."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.has_cut = False
        self.has_connected = False  # false at the end: the connection was an old one
        self.has_answer = False
        self._is_over = False
        self._lock = threading.Lock()

    def cut(self) -> None:
        with self._lock:  # or it might cut the next exchange on the same connection
            if self._is_over:
                return
            self.has_cut = True
            if self.socket is not None:
                with suppress(OSError):
                    # Not SSLSocket's own shutdown: it would pull the TLS state away from under the thread that reads.
                    socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def end(self) -> None:
        with self._lock:
            self._is_over = True
            self.socket = None


class _Watchman:
    """One thread for the watches of all exchanges: a timer thread for each would cost more than the exchange itself."""

    def __init__(self) -> None:
        self._process = 0
        self._forget()
        os.register_at_fork(after_in_child=self._forget)  # the thread stays behind with the parent

    def _forget(self) -> None:
        self._wake = threading.Condition()
        self._due: list[tuple[float, int, _Watch]] = []
        self._count = 0

    def watch(self, watch: _Watch, *, seconds: float) -> None:
        with self._wake:
            if self._process != os.getpid():
                self._process = os.getpid()
                threading.Thread(target=self._run, name="exchanges' watchman", daemon=True).start()
            self._count += 1
            due = (time.monotonic() + seconds, self._count, watch)
            heappush(self._due, due)
            if self._due[0] is due:
                self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else None)
                watch = heappop(self._due)[2]
            watch.cut()


_watchman = _Watchman()
_in_hand = threading.local()  # .watch: the exchange that this thread is busy with; .kept: its session, and the process it belongs to


class _Watched:
    """A connection that shows its socket to the watch as soon as it waits for the answer."""

    sock: socket.socket | None

    def connect(self) -> None:
        _in_hand.watch.has_connected = True
        super().connect()  # type: ignore[misc]

    def getresponse(self) -> Any:
        _in_hand.watch.socket = self.sock
        response = super().getresponse()  # type: ignore[misc]
        _in_hand.watch.has_answer = True
        return response


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _SecureConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


class _Session(requests.Session):
    """Callers may be other people's code (Stripe's SDK), so the limits sit where no argument of theirs can lift them."""

    def __init__(self, *, max_answer_bytes: int) -> None:
        super().__init__()
        self._max_answer_bytes = max_answer_bytes
        self.auth = _as_it_is  # a ~/.netrc must not replace our Authorization header
        self.headers["User-Agent"] = "bidangil/1"
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # none is kept: a courier is no visitor's browser
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())

    def merge_environment_settings(self, url: Any, *args: Any) -> Any:
        if urlsplit(url).hostname in LOOPBACK:  # `send` says why; and looking proxies up costs as much as the rest of a call
            return {"verify": self.verify, "proxies": {}, "stream": True, "cert": None}
        return super().merge_environment_settings(url, *args)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        kwargs["allow_redirects"] = False
        kwargs["stream"] = True
        if urlsplit(request.url or "").hostname in LOOPBACK:
            kwargs["proxies"] = {}  # the sandbox is not behind the house's proxy
        with _in_time(sum(timeouts())):
            response = super().send(request, **kwargs)
            body = _read_bounded(response.raw, limit=self._max_answer_bytes)
        # Where `response.content` keeps what it has read: requests offers no other place to give it a body.
        vars(response).update(_content=body, _content_consumed=True)
        return response


@contextmanager
def _in_time(seconds: float) -> Iterator[None]:
    watch = _in_hand.watch = _Watch()
    _watchman.watch(watch, seconds=seconds)
    try:
        yield
    except (requests.RequestException, HTTPError, OSError):
        if not watch.has_cut:
            raise
    finally:
        watch.end()
    if watch.has_cut:
        raise AnswerTooSlow("the answer was not complete in time")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _read_bounded(raw: BaseHTTPResponse, *, limit: int) -> bytes:
    body = bytearray()
    try:
        while chunk := raw.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > limit:
                raise AnswerTooLarge(f"more than {limit} bytes")
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    finally:
        raw.close()
    return bytes(body)


@contextmanager
def guarded_session(*, max_answer_bytes: int = MAX_ANSWER_BYTES) -> Iterator[requests.Session]:
    with _Session(max_answer_bytes=max_answer_bytes) as session:
        yield session


def exchange(method: str, url: str, *, provider: str, repeatable: bool = False, **request: Any) -> Answer:
    failure: ProviderError
    try:
        if repeatable:
            return _answer(_on_kept_connection(method, url, **request))
        with guarded_session() as session:
            return _answer(session.request(method, url, timeout=timeouts(), **request))
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        failure = network_failure(error, provider=provider)
    # Raised outside of `except`: the cause's text holds the whole address, keys included, and would be printed with it.
    raise failure


def _on_kept_connection(method: str, url: str, **request: Any) -> requests.Response:
    session = _kept_session()
    try:
        return session.request(method, url, timeout=timeouts(), **request)
    except requests.ConnectionError:
        watch = _in_hand.watch
        if watch.has_connected or watch.has_answer or watch.has_cut:
            raise
    return session.request(method, url, timeout=timeouts(), **request)  # the kept connection had gone stale; this one is new


def _kept_session() -> requests.Session:
    session, process = getattr(_in_hand, "kept", (None, 0))
    if session is None or process != os.getpid():  # a connection inherited from the parent process is the parent's
        session = _Session(max_answer_bytes=MAX_ANSWER_BYTES)
        _in_hand.kept = session, os.getpid()
    return session


def _answer(response: requests.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Answer(status=response.status_code, content_type=content_type, headers=headers, body=response.content)


def network_failure(error: BaseException, *, provider: str) -> ProviderError:
    """What a failed exchange means; only the kind of the failure is kept of its text."""
    if isinstance(error, AnswerTooLarge):
        return BadAnswer("the answer is too large", provider=provider, code="too_large", outcome_unknown=True)
    if isinstance(error, ValueError):  # how requests and http.client refuse an address or a header before sending
        return Unavailable("its address or key is not usable: check the settings", provider=provider, code="misconfigured")
    if _never_sent(error):
        return Unavailable("cannot be reached", provider=provider, code="unreachable")
    code = "timeout" if isinstance(error, requests.Timeout) else "broken_off"
    return Unavailable(f"gave no complete answer ({type(error).__name__})", provider=provider, code=code, outcome_unknown=True)


def _never_sent(error: BaseException) -> bool:
    """True only where it is certain: no connection, or a certificate refused before the first byte of ours."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", inner)
    certificate = isinstance(reason, Exception) and any(isinstance(part, ssl.SSLCertVerificationError) for part in reason.args)
    return certificate or isinstance(reason, NewConnectionError)

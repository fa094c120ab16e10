"""How an HTTP call is kept within bounds. Only `base.py` uses this module, and only when a first call is made.

`requests` bounds each wait for bytes, not the whole answer: a peer that sends one byte a second could hold a worker for hours,
in its headers or in its body. Here the whole answer has to be there within both time-outs together, its body within a size
(after decompression), and a redirect is an error: nobody but the configured address is ever asked.
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

    def cut(self) -> None:
        self.has_cut = True
        if self.socket is not None:
            with suppress(OSError):
                # Not SSLSocket's own shutdown: it would pull the TLS state away from under the thread that reads.
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


_in_hand = threading.local()  # .watch: the exchange that this thread is busy with


class _Watched:
    """A connection that shows its socket to the watch as soon as it waits for the answer."""

    sock: socket.socket | None

    def getresponse(self) -> Any:
        _in_hand.watch.socket = self.sock
        return super().getresponse()  # type: ignore[misc]


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
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())

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
    timer = threading.Timer(seconds, watch.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (requests.RequestException, HTTPError, OSError):
        if not watch.has_cut:
            raise
    finally:
        timer.cancel()
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


def exchange(method: str, url: str, *, provider: str, **request: Any) -> Answer:
    failure: ProviderError
    try:
        with guarded_session() as session:
            response = session.request(method, url, timeout=timeouts(), **request)
            return _answer(response)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        failure = network_failure(error, provider=provider)
    # Raised outside of `except`: the cause's text holds the whole address, keys included, and would be printed with it.
    raise failure


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

"""What every client of the outside world shares: the errors they raise and the one way they call over HTTP.

A caller needs three answers about a failure, and finds them on `ProviderError`: will asking again help (`permanent`), when
(`retry_after`, seconds), and may the thing have happened although no answer came (`outcome_unknown`: a message perhaps sent).
Clients do not retry by themselves; whoever calls them has a queue for that. The HTTP machinery (time and size limits) is in
`transport.py`; reading answers of the wrong shape is in `shape.py`.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import requests

log = logging.getLogger("integrations")

MAX_ANSWER_BYTES = 1_000_000
MAX_MESSAGE_CHARS = 300


class ProviderError(Exception):
    """Something outside did not do what we asked; `provider` and `code` are for machines, the message for staff and logs."""

    permanent_by_default: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        code: str = "",
        permanent: bool | None = None,
        retry_after: float | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        self.message = redacted(message)
        self.provider = provider
        self.code = code
        self.permanent = self.permanent_by_default if permanent is None else permanent
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown
        super().__init__(f"{provider}: {self.message}" + (f" ({code})" if code else ""))


class AuthRefused(ProviderError):
    """Our key is missing, wrong or revoked: a person must act."""

    permanent_by_default = True


class NotFound(ProviderError):
    permanent_by_default = True


class InvalidRequest(ProviderError):
    """The provider read what we sent and will never accept it."""

    permanent_by_default = True


class RateLimited(ProviderError):
    """Too fast; `retry_after` where the provider says so."""


class QuotaExceeded(RateLimited):
    """The day's allowance is used up: asking again within the hour is pointless."""


class Unavailable(ProviderError):
    """Down, unreachable or too slow."""


class BadAnswer(ProviderError):
    """It answered, but not with what its documents promise (a web page, half a body, a missing field)."""


_SECRETS = re.compile(r"\b(?:sk|rk|pk|whsec)_\w+|\b(?:Bearer|Basic)\s+\S+", re.IGNORECASE)
_PEOPLE = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+|\+?\d(?:[\s().-]{0,2}\d){8,}")


def redacted(text: str) -> str:
    """A provider's own words, fit for a log: no keys, e-mail addresses or telephone numbers, one line, not endless."""
    text = " ".join(text[: MAX_MESSAGE_CHARS * 4].split())
    return _PEOPLE.sub("[redacted]", _SECRETS.sub("[redacted]", text))[:MAX_MESSAGE_CHARS]


@dataclass(frozen=True)
class Answer:
    """A whole answer, whatever its status; `content_type` without its parameters, header names in lower case."""

    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes


def http_session(*, max_answer_bytes: int = MAX_ANSWER_BYTES) -> "AbstractContextManager[requests.Session]":
    """A `requests` session with our limits on time, size and redirects built in (also used inside Stripe's SDK)."""
    from integrations import transport  # imports requests, so only when first used

    return transport.guarded_session(max_answer_bytes=max_answer_bytes)


def call(method: str, url: str, *, provider: str, what: str, repeatable: bool = False, **request: Any) -> Answer:
    """Send one request; any HTTP status is an `Answer`, only the lack of one raises (`Unavailable`, `BadAnswer`).

    `what` names the call in the log: addresses carry keys and telephone numbers, so they are never logged nor put in messages.
    `request` goes to `requests` (headers, params, json, data, auth). `repeatable`: asking twice does no harm, so the connection may be
    kept, and the question put again where the kept one had gone stale.
    """
    from integrations import transport

    started = time.monotonic()
    try:
        answer = transport.exchange(method, url, provider=provider, repeatable=repeatable, **request)
    except ProviderError as error:
        log.warning("%s %s failed after %.2f s: %s", provider, what, time.monotonic() - started, error)
        raise
    level = logging.INFO if answer.status < 400 else logging.WARNING
    log.log(level, "%s %s answered %s in %.2f s", provider, what, answer.status, time.monotonic() - started)
    return answer


def refusal(answer: Answer, *, provider: str, message: str = "", code: str = "") -> ProviderError:
    """The error that an answer's HTTP status stands for; clients add what they found in its body."""
    kind = _kind_of(answer.status)
    # 429 and 503 are given before the work; any other 5xx may come from a proxy after the work was done.
    unknown = answer.status >= 500 and answer.status != 503
    return kind(
        message or f"answered HTTP {answer.status}",
        provider=provider,
        code=code or f"http_{answer.status}",
        retry_after=retry_after(answer.headers),
        outcome_unknown=unknown,
    )


def _kind_of(status: int) -> type[ProviderError]:
    known: dict[int, type[ProviderError]] = {
        401: AuthRefused, 403: AuthRefused, 404: NotFound, 408: Unavailable, 409: Unavailable, 425: Unavailable, 429: RateLimited,
    }  # fmt: skip
    if status in known:
        return known[status]
    if status >= 500:
        return Unavailable
    return InvalidRequest if status >= 400 else BadAnswer


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds asked for by `Retry-After` (seconds or a date), at most a day; None where there is none or it cannot be read."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), 86_400.0)
    return _seconds_until(text)


def _seconds_until(http_date: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        seconds = parsedate_to_datetime(http_date).timestamp() - time.time()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds, 0.0), 86_400.0)


@dataclass(frozen=True)
class Token:
    value: str
    lives_for_s: float


class TokenCache:
    """One process's access token, fetched by one thread while the others wait, and renewed before it runs out."""

    EARLY_S = 60.0

    def __init__(self, fetch: Callable[[], Token]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._account: object = None
        self._token = ""
        self._good_until = 0.0

    def get(self, *, account: object) -> str:
        """The token of `account` (whatever identifies base address and client); another account is another token."""
        with self._lock:
            if account != self._account or time.monotonic() >= self._good_until:
                fresh = self._fetch()
                self._token, self._account = fresh.value, account
                self._good_until = time.monotonic() + max(fresh.lives_for_s - self.EARLY_S, fresh.lives_for_s / 2)
            return self._token

    def forget(self, token: str) -> None:
        """After a 401: the next `get` fetches anew, unless another thread already has."""
        with self._lock:
            if token == self._token:
                self._good_until = 0.0

"""How Stripe's SDK is asked, and what its objects, pages and errors become. Only `stripe.py` uses this module."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings

from integrations.base import (
    AuthRefused,
    BadAnswer,
    InvalidRequest,
    NotFound,
    ProviderError,
    RateLimited,
    Unavailable,
    http_session,
    retry_after,
)
from integrations.shape import Record

if TYPE_CHECKING:
    import stripe

PROVIDER = "stripe"
PAGE_SIZE = 100
MAX_PAGE_BYTES = 8_000_000  # a hundred disputes carry their evidence with them

T = TypeVar("T")


@contextmanager
def client() -> "Iterator[stripe.StripeClient]":
    """A client for one piece of work (0.1 ms to make); the SDK's errors leave it as ours."""
    import stripe

    stripe.enable_telemetry = False  # it would also write an id into the home directory
    logging.getLogger("stripe").setLevel(logging.WARNING)  # below that it logs what we send
    try:
        with http_session(max_answer_bytes=MAX_PAGE_BYTES) as session:
            timeout = (settings.PROVIDER_CONNECT_TIMEOUT_S, settings.PROVIDER_READ_TIMEOUT_S)
            yield stripe.StripeClient(
                settings.STRIPE_SECRET_KEY,
                base_addresses={"api": settings.STRIPE_API_BASE},
                # The queue asks again. A second try here would double the calls of an outage, and two that hang outlast a job's time.
                max_network_retries=0,
                http_client=stripe.RequestsClient(timeout=timeout, session=session),
            )
    except stripe.StripeError as error:
        raise _failure(error) from None  # the SDK's error carries the whole answer
    except (AttributeError, TypeError, LookupError, ValueError, RecursionError) as error:
        # The SDK trusts the shape of what it is sent ({"error": "down"} breaks it); a caller must meet one family of errors only.
        raise BadAnswer("the SDK could not read the answer", provider=PROVIDER, code="unreadable", outcome_unknown=True) from error


def _failure(error: "stripe.StripeError") -> ProviderError:
    import stripe

    if isinstance(error, stripe.APIConnectionError):
        from integrations.transport import network_failure

        return network_failure(error.__cause__ or error, provider=PROVIDER)
    kind = _kind_of(error)
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    stored = kind is Unavailable and headers.get("idempotent-replayed") == "true"
    return kind(
        _words(error),
        provider=PROVIDER,
        code="stored_500" if stored else _code(error),
        retry_after=retry_after(headers),
        outcome_unknown=kind in {Unavailable, BadAnswer},
    )


def _kind_of(error: "stripe.StripeError") -> type[ProviderError]:
    import stripe

    status = error.http_status or 0
    if isinstance(error, stripe.RateLimitError):
        return RateLimited
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return AuthRefused
    if isinstance(error, stripe.APIError):
        return Unavailable if status >= 500 or status == 409 else BadAnswer
    return NotFound if status == 404 else InvalidRequest


def _code(error: "stripe.StripeError") -> str:
    body = error.json_body if isinstance(error.json_body, dict) else {}
    details = body.get("error")
    details = details if isinstance(details, dict) else {}
    return str(details.get("code") or details.get("type") or f"http_{error.http_status}")


def _words(error: "stripe.StripeError") -> str:
    """Stripe's own words where it speaks; never those of a proxy's web page, which the SDK repeats whole."""
    body = error.json_body
    spoken = body["error"].get("message") if isinstance(body, dict) and isinstance(body.get("error"), dict) else None
    return str(spoken) if spoken else f"answered HTTP {error.http_status}"


def pages(fetch: "Callable[[stripe.StripeClient, dict[str, Any]], object]", read: Callable[[Record], T]) -> Iterator[T]:
    """Every entry of a list. Not by the SDK's auto-paging: that never ends when a list repeats itself."""
    seen: set[str] = set()
    page: dict[str, Any] = {"limit": PAGE_SIZE}
    with client() as sdk:
        while True:
            answer = record(fetch(sdk, page))
            entries = answer.records("data")
            yield from map(read, entries)
            if not entries or not answer.yes("has_more"):
                return
            last = entries[-1].text("id")
            if last in seen:
                raise BadAnswer("a list repeats itself", provider=PROVIDER, code="paging")
            seen.add(last)
            page = {"limit": PAGE_SIZE, "starting_after": last}


def since(created_after: datetime) -> dict[str, Any]:
    return {"created": {"gte": int(created_after.timestamp())}}


def present(identifier: str) -> str:
    """An empty id would ask for the whole list instead."""
    if not identifier:
        raise InvalidRequest("no id was given", provider=PROVIDER, code="no_id")
    return identifier


def record(answer: object) -> Record:
    """StripeObjects are not dicts; what is neither (a list, a text) is refused by `Record`."""
    import stripe

    return Record(answer.to_dict() if isinstance(answer, stripe.StripeObject) else answer, provider=PROVIDER, what="answer")


def id_of(holder: Record, key: str) -> str | None:
    """Of something that is given as its id, or whole where it was expanded."""
    value = holder.value.get(key)
    return Record(value, provider=PROVIDER, what=key).text("id") if isinstance(value, Mapping) else holder.maybe_text(key)

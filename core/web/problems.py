"""problem+json (RFC 9457) for answers that never reach Django: too large, too slow, no stream for you. Korean and English.

Django's own answers have the same form; customer_api/problems.py makes those.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

TEXTS = {
    "malformed_request": ("The request is malformed.", "요청 형식이 올바르지 않습니다."),
    "invalid_last_event_id": ("Last-Event-ID must be a whole number.", "Last-Event-ID는 0 이상의 정수여야 합니다."),
    "not_authenticated": ("Please sign in.", "로그인해 주세요."),
    "forbidden": ("You may not see this.", "볼 수 있는 권한이 없습니다."),
    "method_not_allowed": ("This method is not allowed here.", "허용되지 않는 요청 방식입니다."),
    "request_timeout": ("The request took too long to arrive.", "요청을 보내는 데 너무 오래 걸렸습니다."),
    "body_too_large": ("The request is too large.", "요청 내용이 너무 큽니다."),
    "headers_too_large": ("The request's headers are too large.", "요청 헤더가 너무 큽니다."),
    "too_many_streams": ("Too many open streams.", "열려 있는 실시간 연결이 너무 많습니다."),
    "internal_error": ("Something went wrong on our side.", "서버에 문제가 생겼습니다."),
    "unavailable": ("Busy right now. Please try again in a moment.", "지금은 처리할 수 없습니다. 잠시 후 다시 시도해 주세요."),
    "out_of_space": ("The upload cannot be stored right now.", "지금은 파일을 저장할 수 없습니다."),
}


class Problem(Exception):
    """Ends a request before Django has seen it."""

    def __init__(self, status: int, code: str, *, headers: Headers | None = None) -> None:
        self.status = status
        self.code = code
        self.headers = headers or []
        super().__init__(code)

    def body(self, language: str) -> bytes:
        english, korean = TEXTS[self.code]
        facts = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": korean if language == "ko" else english,
            "code": self.code,
            "errors": [],
        }
        return json.dumps(facts, ensure_ascii=False).encode()

    def response(self, language: str) -> tuple[Headers, bytes]:
        body = self.body(language)
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"content-language", language.encode()),
            (b"cache-control", b"no-store"),
            (b"vary", b"Accept-Language"),
            *self.headers,
        ]
        return headers, body


async def answer(problem: Problem, scope: Scope, send: Send) -> None:
    headers, body = problem.response(language_of(scope))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that (lower-case) name."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def language_of(scope: Scope) -> str:
    """`ko` or `en`, whichever Accept-Language likes better; English when it names neither."""
    return best_language(header(scope, b"accept-language") or "")


def best_language(accepted: str) -> str:
    likes = {"en": 0.0, "ko": 0.0}
    for language, weight in _weights(accepted[:200]):
        if language in likes:
            likes[language] = max(likes[language], weight)
    return "ko" if likes["ko"] > likes["en"] else "en"


def _weights(accepted: str) -> Iterable[tuple[str, float]]:
    for part in accepted.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            yield tag.split("-")[0].lower(), float(weight or 1)
        except ValueError:
            continue

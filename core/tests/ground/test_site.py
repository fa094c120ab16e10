"""What Django is handed: the request as it was sent, whatever form the body came in. Against a small WSGI application."""

import asyncio
import json
from typing import Any

import pytest

from core.web.bodies import IN_MEMORY_BYTES
from core.web.front import FrontDoor


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("broken")
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Request-ID", "of the application")])
    names = ("CONTENT_LENGTH", "QUERY_STRING", "PATH_INFO", "HTTP_X_FORWARDED_FOR", "HTTP_X_REQUEST_ID")
    return [json.dumps({"length": len(body), **{name: environ.get(name) for name in names}}).encode()]


def ask(*pieces: bytes, path: str = "/", query: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None) -> tuple[int, dict, dict]:
    """Status, headers, JSON."""
    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": query, "http_version": "1.1",
        "headers": headers or [], "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "scheme": "http",
    }  # fmt: skip
    incoming = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces] + [{"type": "http.request"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await FrontDoor(echo)(scope, receive, send)

    asyncio.run(run())
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(body)


@pytest.mark.parametrize("pieces", [(), (b"a",), (b"a" * 1000, b"b" * 24), (b"x" * IN_MEMORY_BYTES, b"y" * 1000)])
def test_a_body_in_pieces_arrives_whole_with_its_length(pieces: tuple[bytes, ...]) -> None:
    length = sum(map(len, pieces))
    status, _headers, got = ask(*pieces, headers=[(b"transfer-encoding", b"chunked")])
    assert (status, got["length"], got["CONTENT_LENGTH"]) == (200, length, str(length))


def test_headers_with_an_underscore_do_not_pass_for_those_with_a_hyphen() -> None:
    _status, _headers, got = ask(headers=[(b"x_forwarded_for", b"6.6.6.6"), (b"x_request_id", b"forged")])
    assert got["HTTP_X_FORWARDED_FOR"] is None
    assert got["HTTP_X_REQUEST_ID"] != "forged"


def test_the_requests_id_reaches_django_and_the_answer() -> None:
    _status, headers, got = ask(headers=[(b"x-request-id", b"abc")])
    assert (headers[b"x-request-id"], got["HTTP_X_REQUEST_ID"]) == (b"abc", "abc")


def test_a_query_of_raw_bytes_is_escaped_and_nothing_else_is() -> None:
    _status, _headers, got = ask(query=b"a=%00&b=\xff\xea&c=1+2%20'\"<>")
    assert got["QUERY_STRING"] == "a=%00&b=%FF%EA&c=1+2%20'\"<>"


def test_what_breaks_outside_django_is_a_problem() -> None:
    status, headers, got = ask(path="/broken", headers=[(b"accept-language", b"ko")])
    assert (status, got["code"], headers[b"content-type"]) == (500, "internal_error", b"application/problem+json")
    assert got["detail"] == "서버에 문제가 생겼습니다."

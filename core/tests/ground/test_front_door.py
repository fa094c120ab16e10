"""The front door with a real server: slow, half-sent, endless and broken requests hold nobody else up, and each gets its answer."""

import http.client
import json
import socket
import time
from contextlib import ExitStack, suppress

import pytest

from core.tests.ground.conftest import Ground, Web
from core.tests.ground.waiting import wait_for

pytestmark = pytest.mark.once

HEAD = b"Host: 127.0.0.1\r\nConnection: close\r\n"
JSON_PATH = "/api/v1/orders"


@pytest.fixture(scope="module")
def web(shared: Ground) -> Web:
    return shared.web()


@pytest.fixture(scope="module")
def impatient(shared: Ground) -> Web:
    """For what takes too long only: on a loaded machine everything else may take as long."""
    return shared.web(bodies__PIECE_S=1.0, bodies__WHOLE_S=2.5, server__HEADERS_S=1.0)


def healthz_took_s(web: Web) -> float:
    started = time.monotonic()
    assert web.get("/healthz")[0] == 200
    return time.monotonic() - started


def send(web: Web, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Everything the server says until it closes the connection."""
    answer = b""
    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as connection:
        for piece in pieces:
            with suppress(ConnectionError):  # it may have hung up already: what it said is what counts
                connection.sendall(piece)
            time.sleep(pause_s)
        with suppress(ConnectionError):
            while received := connection.recv(65536):
                answer += received
    return answer


def problem_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), answer
    assert b"x-request-id: " in head.lower()
    facts = json.loads(body)
    assert facts["status"] == int(head.split()[1])
    return facts["status"], facts["code"]


def test_half_sent_bodies_do_not_stop_the_site(web: Web) -> None:
    with ExitStack() as open_connections:
        for _number in range(40):
            connection = open_connections.enter_context(socket.create_connection(("127.0.0.1", web.port)))
            connection.sendall(b"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500000\r\n\r\n" + b"x" * 1000)
        time.sleep(0.3)
        assert healthz_took_s(web) < 1.0


def test_readers_that_do_not_read_do_not_stop_the_site(web: Web) -> None:
    with ExitStack() as open_connections:
        for _number in range(40):
            connection = open_connections.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", web.port))
            connection.sendall(b"GET /static/unfold/css/styles.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert healthz_took_s(web) < 1.0


def test_a_body_that_stops_or_drips_is_a_408(impatient: Web) -> None:
    opening = b"POST /api/v1/orders HTTP/1.1\r\n" + HEAD + b"Content-Length: 5000\r\n\r\n"
    assert problem_of(send(impatient, opening, b"x" * 100)) == (408, "request_timeout")
    assert problem_of(send(impatient, opening, *[b"x"] * 5, pause_s=0.7)) == (408, "request_timeout")


def test_headers_that_never_end_are_a_408_and_too_many_a_431(web: Web, impatient: Web) -> None:
    assert problem_of(send(impatient, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")) == (408, "request_timeout")
    many = b"".join(b"A%d: %s\r\n" % (number, b"x" * 900) for number in range(400))
    assert problem_of(send(web, b"GET / HTTP/1.1\r\n" + many)) == (431, "headers_too_large")


@pytest.mark.parametrize("declared", [True, False])
def test_what_is_too_large_is_a_413_before_all_of_it_was_sent(web: Web, declared: bool) -> None:
    opening = b"POST /api/v1/orders HTTP/1.1\r\n" + HEAD
    if declared:
        answer = send(web, opening + b"Content-Length: 999999999\r\n\r\n")
    else:
        endless = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        answer = send(web, opening + b"Transfer-Encoding: chunked\r\n\r\n", *[endless] * 40)
    assert problem_of(answer) == (413, "body_too_large")


def test_an_ordinary_client_reads_its_413(web: Web) -> None:
    """It looks at the answer only after it has sent everything; a connection closed before that would be all it sees."""
    client = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    client.request("POST", "/api/v1/orders", body=b"x" * 6_000_000, headers={"Content-Type": "application/json"})
    answer = client.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (413, "body_too_large")
    client.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /\xff\xea HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"POST /api/v1/orders HTTP/1.1\r\nContent-Length: -4\r\n\r\n",
        b"POST /api/v1/orders HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_400_in_the_same_form(web: Web, request_bytes: bytes) -> None:
    assert problem_of(send(web, request_bytes)) == (400, "malformed_request")


def test_every_answer_carries_a_request_id_a_sane_one_is_kept(web: Web) -> None:
    for path, kept in (("/healthz", "abc.DEF-1_2"), ("/api/v1/events", "x" * 64), ("/no-such-page", "1")):
        assert web.get(path, X_Request_ID=kept)[1]["x-request-id"] == kept
        for odd in ("", "a b", "x" * 65, "é"):
            made = web.get(path, X_Request_ID=odd)[1]["x-request-id"]
            assert made not in ("", odd)
            assert len(made) == 32


def test_a_stopping_server_finishes_within_its_grace(ground: Ground) -> None:
    web = ground.web()
    with socket.create_connection(("127.0.0.1", web.port)) as half_sent:
        half_sent.sendall(b"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n")
        web.process.terminate()
        assert wait_for(lambda: web.process.poll() is not None, seconds=6) < 6

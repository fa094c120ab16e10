"""The limits of every call: time, size, redirects, and what is said and logged when one is met."""

import gzip
import logging
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from integrations import transport
from integrations.base import (
    AuthRefused,
    BadAnswer,
    InvalidRequest,
    NotFound,
    RateLimited,
    Token,
    TokenCache,
    Unavailable,
    call,
    redacted,
    refusal,
    retry_after,
)
from integrations.shape import read_json
from integrations.tests.conftest import Reply


def ask(url: str, **request):
    return call("GET", f"{url}/path", provider="someone", what="things", **request)


def trickle(*, headers_first: bool):
    """A byte every 50 ms, for ever."""

    def raw(handler):
        try:
            if headers_first:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            else:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            for _ in range(200):
                handler.wfile.write(b"a")
                time.sleep(0.05)
        except OSError:
            pass

    return raw


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    handler.connection.close()


def half_a_body(handler):
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"a":')


@pytest.mark.parametrize(("headers_first", "repeatable"), [(True, False), (False, False), (True, True)])
def test_an_answer_that_trickles_in_is_cut_off(tiny, settings, headers_first, repeatable):
    settings.PROVIDER_CONNECT_TIMEOUT_S, settings.PROVIDER_READ_TIMEOUT_S = 0.2, 0.3
    tiny.replies_with(Reply(raw=trickle(headers_first=headers_first)))
    started = time.monotonic()

    with pytest.raises(Unavailable) as caught:
        ask(tiny.url, repeatable=repeatable)

    assert (caught.value.code, caught.value.outcome_unknown) == ("timeout", True)
    assert time.monotonic() - started < 1.5


def garbage(handler):
    handler.wfile.write(b"\x00\x16\x03 hello\r\n\r\n")


def endless_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5_000 + b"\r\n")


@pytest.mark.parametrize("raw", [reset, half_a_body, garbage, endless_headers, lambda handler: None])
def test_an_answer_that_breaks_off_leaves_the_outcome_open(tiny, raw):
    tiny.replies_with(Reply(raw=raw))

    with pytest.raises(Unavailable) as caught:
        ask(tiny.url)

    assert (caught.value.code, caught.value.outcome_unknown, caught.value.permanent) == ("broken_off", True, False)


def test_a_silent_server_is_given_up(tiny, settings):
    settings.PROVIDER_READ_TIMEOUT_S = 0.2
    tiny.replies_with(Reply(raw=lambda handler: tiny.released.wait(5)))

    with pytest.raises(Unavailable) as caught:
        ask(tiny.url)

    assert (caught.value.code, caught.value.outcome_unknown) == ("timeout", True)


def test_nobody_there_means_nothing_was_sent():
    with pytest.raises(Unavailable) as caught:
        ask("http://127.0.0.1:1")

    assert (caught.value.code, caught.value.outcome_unknown) == ("unreachable", False)


@pytest.mark.parametrize("url", ["", "no-address", "http://", "ftp://127.0.0.1"])
def test_a_broken_address_is_named_as_such(url):
    with pytest.raises(Unavailable) as caught:
        ask(url)

    assert (caught.value.code, caught.value.outcome_unknown) == ("misconfigured", False)


@pytest.mark.parametrize("key", ["키", "a\nb"])
def test_a_key_that_no_header_can_carry_is_named_as_such(tiny, key):
    with pytest.raises(Unavailable) as caught:
        ask(tiny.url, headers={"Authorization": key})

    assert caught.value.code == "misconfigured"
    assert tiny.seen == []


@pytest.mark.parametrize("repeatable", [False, True])
def test_too_much_is_not_read(tiny, repeatable):
    tiny.replies_with(Reply(b" " * 1_000_001))

    with pytest.raises(BadAnswer) as caught:
        ask(tiny.url, repeatable=repeatable)

    assert caught.value.code == "too_large"


def test_exactly_the_limit_is_read(tiny):
    tiny.replies_with(Reply(b" " * 1_000_000))

    assert len(ask(tiny.url).body) == 1_000_000


def test_a_small_answer_that_unpacks_to_much_is_not_unpacked(tiny):
    bomb = gzip.compress(b"0" * 200_000_000, compresslevel=9)
    assert len(bomb) < 200_000
    tiny.replies_with(Reply(bomb, headers={"Content-Encoding": "gzip"}))

    with pytest.raises(BadAnswer) as caught:
        ask(tiny.url)

    assert caught.value.code == "too_large"


def test_a_packed_answer_is_read(tiny):
    tiny.replies_with(Reply(gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"}))

    assert read_json(ask(tiny.url), provider="someone") == {"a": 1}


@pytest.mark.parametrize("repeatable", [False, True])
def test_a_redirect_is_not_followed(tiny, repeatable):
    tiny.replies_with(Reply("", 302, headers={"Location": f"{tiny.url}/elsewhere"}))

    answer = ask(tiny.url, repeatable=repeatable)

    assert type(refusal(answer, provider="someone")) is BadAnswer
    assert [seen.path for seen in tiny.seen] == ["/path"]


def test_neither_a_netrc_nor_a_proxy_touches_what_is_sent(tiny, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login thief password thief\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    tiny.replies_with(Reply("{}"))

    ask(tiny.url, headers={"Authorization": "Bearer ours"})

    assert tiny.seen[0].headers["authorization"] == "Bearer ours"


@pytest.mark.parametrize(
    ("status", "kind", "permanent", "unknown"),
    [
        (302, BadAnswer, False, False),
        (400, InvalidRequest, True, False),
        (401, AuthRefused, True, False),
        (403, AuthRefused, True, False),
        (404, NotFound, True, False),
        (409, Unavailable, False, False),
        (422, InvalidRequest, True, False),
        (429, RateLimited, False, False),
        (500, Unavailable, False, True),
        (502, Unavailable, False, True),
        (503, Unavailable, False, False),
        (504, Unavailable, False, True),
    ],
)
def test_each_status_has_its_error(tiny, status, kind, permanent, unknown):
    tiny.replies_with(Reply("", status, headers={"Retry-After": "3"}))

    error = refusal(ask(tiny.url), provider="someone")

    assert type(error) is kind
    assert (error.permanent, error.outcome_unknown, error.retry_after, error.code) == (permanent, unknown, 3.0, f"http_{status}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("999999999999", 86_400.0),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
        ("７", None),
    ],
)
def test_retry_after_in_seconds(text, seconds):
    assert retry_after({"retry-after": text}) == seconds


def test_retry_after_as_a_date():
    in_a_minute = datetime.now(UTC) + timedelta(seconds=60)

    assert retry_after({"retry-after": format_datetime(in_a_minute, usegmt=True)}) == pytest.approx(60, abs=2)
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html></html>", "text/html"),
        ("{}", "text/html"),
        ("", "application/json"),
        ("{", "application/json"),
        (b"\xff\xfe", "application/json"),
        ('{"a": NaN}', "application/json"),
        ('{"a": -Infinity}', "application/json"),
        ('{"a": 1e9999999999999999999}', "application/json"),
        ("[" * 100_000, "application/json"),
        ("9" * 5_000, "application/json"),
    ],
)
def test_what_is_no_json_is_a_bad_answer(tiny, body, content_type):
    tiny.replies_with(Reply(body, content_type=content_type))

    with pytest.raises(BadAnswer):
        read_json(ask(tiny.url), provider="someone")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("The 'To' number +1 714-555-0100 is not valid", "The 'To' number [redacted] is not valid"),
        ("01012345678 refused", "[redacted] refused"),
        ("bad key sk_test_4eC39HqLyjWDarjtT1zdp7dc", "bad key [redacted]"),
        ("Authorization: Bearer abc.def", "Authorization: [redacted]"),
        ("mail to minji@example.com failed", "mail to [redacted] failed"),
        ("its rate is of 2026-11-22", "its rate is of 2026-11-22"),
        ("two\nlines", "two lines"),
        ("x" * 5_000, "x" * 300),
    ],
)
def test_a_providers_words_are_kept_without_people_and_keys(said, kept):
    assert redacted(said) == kept


def test_the_log_names_the_call_and_nothing_of_its_address(tiny, caplog):
    tiny.replies_with(Reply("{}", 500), Reply(raw=reset))
    with caplog.at_level(logging.INFO, logger="integrations"):
        ask(tiny.url, params={"serviceKey": "very-secret"})
        with pytest.raises(Unavailable) as caught:
            ask(tiny.url, params={"serviceKey": "very-secret"})

    assert "someone things answered 500" in caplog.text
    assert "someone things failed" in caplog.text
    assert "very-secret" not in caplog.text + str(caught.value)
    assert caught.value.__context__ is None


# --- A kept connection ----------------------------------------------------------------------------------------------------


class Keeping:
    """Speaks HTTP by hand: how many requests each connection gets answered before it is closed without a word."""

    def __init__(self, *answered: int) -> None:
        self.answered, self.requests, self.connections = list(answered), 0, 0
        self.cookies: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        for left in self.answered:
            connection, _ = self._listening.accept()
            self.connections += 1
            with connection:
                for _ in range(left):
                    self._read(connection)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: visitor=1\r\n\r\n{}")
                self._read(connection)  # and falls silent: the next request meets a connection that closes
        self._listening.close()

    def _read(self, connection):
        if request := connection.recv(65_536):
            self.requests += 1
            self.cookies += [line for line in request.splitlines() if line.lower().startswith(b"cookie")]


def in_a_thread(work):
    """With no connection kept from another test."""
    done = []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()
    thread.join(10)
    return done[0]


def test_what_may_be_repeated_keeps_its_connection_but_no_cookies():
    server = Keeping(5)

    assert in_a_thread(lambda: [ask(server.url, repeatable=True).status for _ in range(5)]) == [200] * 5
    assert (server.connections, server.requests, server.cookies) == (1, 5, [])


def test_a_stale_connection_is_replaced_and_the_question_put_once_more():
    server = Keeping(1, 1)

    assert in_a_thread(lambda: [ask(server.url, repeatable=True).status for _ in range(2)]) == [200, 200]
    assert (server.connections, server.requests) == (2, 3)


def test_a_new_connection_that_breaks_is_not_tried_again():
    server = Keeping(0, 1)

    def fails():
        with pytest.raises(Unavailable) as caught:
            ask(server.url, repeatable=True)
        return caught.value.code

    assert in_a_thread(fails) == "broken_off"
    assert server.requests == 1


def test_what_may_not_be_repeated_has_a_connection_of_its_own():
    server = Keeping(1, 1, 1)

    assert in_a_thread(lambda: [ask(server.url).status for _ in range(3)]) == [200] * 3
    assert (server.connections, server.requests) == (3, 3)


def test_a_watch_that_rings_late_does_not_cut_the_next_exchange():
    ours, theirs = socket.socketpair()
    watch = transport._Watch()
    watch.socket = ours
    watch.end()
    watch.cut()
    ours.sendall(b"still open")

    assert (theirs.recv(20), watch.has_cut) == (b"still open", False)
    ours.close()
    theirs.close()


# --- The token cache ------------------------------------------------------------------------------------------------------


def test_many_threads_fetch_one_token():
    fetched = []

    def fetch():
        time.sleep(0.05)
        fetched.append(1)
        return Token(f"token-{len(fetched)}", 3600)

    cache, got = TokenCache(fetch), []
    threads = [threading.Thread(target=lambda: got.append(cache.get(account="a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == ["token-1"] * 8
    assert len(fetched) == 1


def test_a_token_is_renewed_early_after_a_refusal_and_for_another_account():
    tokens = iter([Token("short", 0), Token("long", 3600), Token("after-401", 3600), Token("other", 3600)])
    cache = TokenCache(lambda: next(tokens))

    assert cache.get(account="a") == "short"
    assert cache.get(account="a") == "long"
    assert cache.get(account="a") == "long"
    cache.forget("short")  # another thread's old refusal does not cost the new token
    assert cache.get(account="a") == "long"
    cache.forget("long")
    assert cache.get(account="a") == "after-401"
    assert cache.get(account="b") == "other"

"""Event streams with real processes: what another process commits arrives once, in order, soon, and never what was rolled back."""

import json
import socket
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from core.tests.ground.actor import Actor
from core.tests.ground.conftest import Ground, Web
from core.tests.ground.waiting import wait_for

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def running(shared: Ground) -> Web:
    return shared.web()


@pytest.fixture
def web(running: Web) -> Iterator[Web]:
    yield running
    running.close()


@pytest.fixture(scope="module")
def actor(shared: Ground) -> Actor:
    return shared.actor()


def test_a_change_of_another_process_is_on_the_stream_within_a_second_at_the_median(web: Web, actor: Actor) -> None:
    [[user, token, _session]] = actor.call("people", 1)
    stream = web.stream(token=token)
    delays = []
    for number in range(20):
        actor.call("publish", f"user:{user}", number)
        committed_at = time.monotonic()
        stream.wait_for(number + 1)
        delays.append(stream.events[-1].at - committed_at)
    assert stream.numbers == list(range(20))
    assert statistics.median(delays) < 1.0
    assert [event.kind for event in stream.events] == ["order.state"] * 20
    ids = [event.id for event in stream.events]
    assert ids == list(range(ids[0], ids[0] + 20))


def test_a_client_that_was_away_gets_exactly_what_it_missed_and_goes_on_live(web: Web, actor: Actor) -> None:
    [[user, token, _session]] = actor.call("people", 1)
    stream = web.stream(token=token)
    actor.call("publish", f"user:{user}", 1, 2, 3)
    stream.wait_for(3)
    stream.close()
    missed = list(range(100, 150))
    actor.call("publish", f"user:{user}", *missed)
    again = web.stream(token=token, last_id=stream.events[-1].id)
    actor.call("publish", f"user:{user}", 4, 5)
    again.wait_for(52)
    time.sleep(0.5)
    assert again.numbers == [*missed, 4, 5]


def test_nothing_is_lost_or_doubled_while_clients_connect_under_a_stream_of_changes(web: Web, actor: Actor) -> None:
    [[user, token, _session]] = actor.call("people", 1)
    actor.start("publish", f"user:{user}", *range(300))
    streams = []
    for _connection in range(5):
        streams.append(web.stream(token=token, last_id=0))
        time.sleep(0.1)
    actor.answer()
    for stream in streams:
        stream.wait_for(300, seconds=20)
    time.sleep(0.3)
    assert [stream.numbers for stream in streams] == [list(range(300))] * 5


@pytest.mark.parametrize("channel_exists", [True, False])
def test_two_interleaved_transactions_lose_nothing(web: Web, ground: Ground, actor: Actor, channel_exists: bool) -> None:
    [[user, token, _session]] = actor.call("people", 1)
    # A channel that nobody made in advance still works: the second maker waits for the first.
    channel = f"user:{user}" if channel_exists else f"user:{user}0000"
    other = ground.actor()
    stream = web.stream(token=token) if channel_exists else None
    actor.call("begin")
    first = actor.call("append", channel, 1)
    other.start("publish", channel, 2)
    time.sleep(0.4)
    assert stream is None or stream.events == []  # neither has committed
    actor.call("commit")
    assert other.answer() == [first + 1]
    if stream:
        stream.wait_for(2)
        assert stream.numbers == [1, 2]


def test_a_rollback_sends_nothing_and_its_id_is_used_by_the_next(web: Web, ground: Ground, actor: Actor) -> None:
    [[user, token, _session]] = actor.call("people", 1)
    stream = web.stream(token=token)
    actor.call("begin")
    undone = actor.call("append", f"user:{user}", 1)
    actor.call("rollback")
    assert actor.call("publish", f"user:{user}", 2) == [undone]
    stream.wait_for(1)
    time.sleep(0.3)
    assert stream.numbers == [2]


def test_staff_share_one_stream_and_customers_see_only_their_own(web: Web, actor: Actor) -> None:
    [[_id, staff_token, staff_session]] = actor.call("people", 1, "support")
    [[user, token, session], [_other, other_token, _session]] = actor.call("people", 2)
    staff = web.stream(session=staff_session, path="/admin/events")
    mine, others = web.stream(session=session), web.stream(token=other_token, path="/api/v1/events?channel=staff&channel=user:1&x=%00")
    actor.call("publish", "staff", 1)
    actor.call("publish", f"user:{user}", 2)
    staff.wait_for(1)
    mine.wait_for(1)
    time.sleep(0.3)
    assert (staff.numbers, mine.numbers, others.numbers) == ([1], [2], [])
    assert web.stream(session=session, path="/admin/events").status == 403
    assert web.stream(token=staff_token, path="/admin/events").status == 401
    [[_no, _token, roleless_session]] = actor.call("people", 1, "no role")
    assert web.stream(session=roleless_session, path="/admin/events").status == 403


REFUSALS = [
    ({}, 401, "not_authenticated"),
    ({"Authorization": "Bearer nonsense"}, 401, "not_authenticated"),
    ({"Cookie": "sessionid=nonsense"}, 401, "not_authenticated"),
    ({"Authorization": "Bearer {token}", "Last-Event-ID": "x"}, 400, "invalid_last_event_id"),
    ({"Authorization": "Bearer {token}", "Last-Event-ID": "-1"}, 400, "invalid_last_event_id"),
    ({"Authorization": "Bearer {token}", "Last-Event-ID": "%00"}, 400, "invalid_last_event_id"),
    ({"Authorization": "Bearer {token}", "Last-Event-ID": "9" * 5000}, 400, "invalid_last_event_id"),
]


@pytest.mark.parametrize(("language", "word"), [("ko-KR,en;q=0.5", "해 주세요"), ("en", "Please")])
def test_refusals_are_problems_in_the_callers_language(web: Web, actor: Actor, language: str, word: str) -> None:
    [[_user, token, _session]] = actor.call("people", 1)
    for headers, status, code in REFUSALS:
        filled = {name: value.format(token=token) for name, value in headers.items()}
        got, answered, body = web.get("/api/v1/events", **filled, Accept_Language=language)
        problem = json.loads(body)
        assert (got, answered["content-type"], problem["code"]) == (status, "application/problem+json", code)
        assert set(problem) == {"type", "title", "status", "detail", "code", "errors"}
        assert status != 401 or word in problem["detail"]


def test_the_parameter_stands_in_for_the_header_and_the_header_wins(web: Web, actor: Actor) -> None:
    [[user, token, _session]] = actor.call("people", 1)
    ids = actor.call("publish", f"user:{user}", 1, 2, 3)
    by_parameter = web.stream(token=token, path=f"/api/v1/events?last_event_id={ids[0]}&anything=else")
    by_both = web.stream(token=token, last_id=ids[1], path=f"/api/v1/events?last_event_id={ids[0]}")
    by_parameter.wait_for(2)
    by_both.wait_for(1)
    assert (by_parameter.numbers, by_both.numbers) == ([2, 3], [3])
    assert web.get("/api/v1/events?last_event_id=-5", Authorization=f"Bearer {token}")[0] == 400


def test_an_id_that_was_never_given_out_resets_the_client(web: Web, actor: Actor) -> None:
    [[user, token, _session]] = actor.call("people", 1)
    [newest] = actor.call("publish", f"user:{user}", 1)
    stream = web.stream(token=token, last_id=900_000_000_000_000_000)
    actor.call("publish", f"user:{user}", 2)
    stream.wait_for(2)
    assert [event.kind for event in stream.events] == ["reset", "order.state"]
    assert (stream.events[0].id, stream.events[0].data) == (newest, {"position": newest})
    assert stream.events[1].id == newest + 1


def test_the_sixth_stream_of_a_person_is_refused_until_one_ends(web: Web, actor: Actor) -> None:
    [[_user, token, session]] = actor.call("people", 1)
    streams = [web.stream(token=token) for _number in range(3)] + [web.stream(session=session) for _number in range(2)]
    sixth = web.stream(token=token)
    assert ([stream.status for stream in streams], sixth.status) == ([200] * 5, 429)
    assert int(sixth.headers["retry-after"]) > 0
    streams[0].close()
    wait_for(lambda: web.stream(token=token).status == 200, seconds=5)


def test_streams_speak_are_rechecked_and_end_by_themselves(ground: Ground, actor: Actor) -> None:
    web = ground.web(streams__KEEP_ALIVE_S=0.3, streams__RECHECK_S=0.5, streams__LIFETIME_S=6.0)
    [[gone, gone_token, _s], [_out, out_token, _t], [_stays, token, _u]] = actor.call("people", 3)
    deactivated, logged_out, stays = (web.stream(token=some) for some in (gone_token, out_token, token))
    wait_for(lambda: stays.comments >= 2, seconds=3, why="keep-alive comments")
    actor.call("deactivate", gone)
    actor.call("log_out", out_token)
    deactivated.wait_for_end(seconds=2)
    logged_out.wait_for_end(seconds=2)
    assert not stays.ended_at
    stays.wait_for_end(seconds=8)


def test_a_reader_that_does_not_read_is_dropped_and_costs_no_memory(ground: Ground, actor: Actor) -> None:
    web = ground.web(site__SEND_S=1.5)
    [[user, token, _session], [_other, other_token, _s]] = actor.call("people", 2)
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.connect(("127.0.0.1", web.port))
    stuck.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    assert stuck.recv(12) == b"HTTP/1.1 200"
    well = web.stream(token=other_token)
    memory, sockets = rss_mb(web.process.pid), open_sockets(web.process.pid)
    actor.call("bulk", f"user:{user}", 3000, 8000)  # 24 MB, more than the kernel holds for a reader
    wait_for(lambda: open_sockets(web.process.pid) == sockets - 1, seconds=20, why="the stuck one is dropped")
    assert rss_mb(web.process.pid) - memory < 60
    assert not well.ended_at
    stuck.close()


def test_three_hundred_streams_hold_no_database_connection_and_end_with_the_server(ground: Ground, actor: Actor) -> None:
    before = database_connections(ground)
    web = ground.web()
    people = actor.call("people", 60)
    streams = [web.stream(token=token) for _user, token, _session in people for _number in range(5)]
    assert [stream.status for stream in streams] == [200] * 300
    for user, _token, _session in people[:3]:
        actor.call("publish", f"user:{user}", 7)
    for stream in streams[:15]:
        stream.wait_for(1)
    threads = len(list(Path(f"/proc/{web.process.pid}/task").iterdir()))
    # one of the reader and one of each thread that asks for all of them
    assert database_connections(ground, web) - before <= 3
    assert threads < 30
    web.process.terminate()
    started = time.monotonic()
    web.process.wait(10)
    assert time.monotonic() - started < 5
    assert all(stream.wait_for_end(seconds=1) < 1 for stream in streams)
    assert "Traceback" not in ground.logs()


def database_connections(ground: Ground, web: Web | None = None) -> int:
    """Those of the web process where the engine can tell them apart, else all to this database."""
    if not settings.MYSQL:
        return sum(target.endswith("ground.sqlite3") for target in open_files(web.process.pid)) if web else 0
    import MySQLdb

    server = settings.DATABASES["default"]
    watcher = MySQLdb.connect(host=server["HOST"], port=int(server["PORT"] or 3306), user=server["USER"], passwd=server["PASSWORD"])
    cursor = watcher.cursor()
    cursor.execute("SHOW PROCESSLIST")
    name = ground.database_url.rsplit("/", 1)[1]
    found = [row for row in cursor.fetchall() if row[3] == name]
    watcher.close()
    return len(found)


def open_files(pid: int) -> list[str]:
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except OSError:
            continue
    return found


def open_sockets(pid: int) -> int:
    return sum(target.startswith("socket:") for target in open_files(pid))


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no such process {pid}")

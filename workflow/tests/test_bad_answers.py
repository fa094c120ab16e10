"""What a courier must never answer, through the real HTTP client: the parcel stays as it was, is asked again later, staff can see why,
and the others of the round are taken in."""

import contextlib
import dataclasses
import gzip
import json
import socket
import time
from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.management.bench import fleet
from integrations import fedex
from integrations.base import TokenCache
from integrations.couriers import COURIERS
from integrations.tests.conftest import Reply, TinyServer
from integrations.tests.test_fedex import TOKEN, answer, entry, event, not_known
from workflow import tracking
from workflow.models import CourierState, Parcel, StaffTask, TrackingEvent

pytestmark = pytest.mark.django_db

POISON, NEIGHBOUR, OTHER = "986578788855", "477179081230", "123456789012"


class Fedex(TinyServer):
    """Answers well, unless it is asked about the poison."""

    bad = Reply()

    def _answer(self, handler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        handler.close_connection = True
        if handler.path.endswith("/oauth/token"):
            reply = TOKEN
        elif POISON.encode() in body:
            reply = self.bad
        else:
            asked = [one["trackingNumberInfo"]["trackingNumber"] for one in json.loads(body)["trackingInfo"]]
            reply = answer(*(good(number) for number in asked))
        if reply.raw:
            reply.raw(handler)
            return
        said = reply.body.encode() if isinstance(reply.body, str) else reply.body
        head = {"Content-Type": reply.content_type, "Content-Length": str(len(said)), **reply.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        handler.wfile.write(f"HTTP/1.1 {reply.status} X\r\n{lines}Connection: close\r\n\r\n".encode() + said)


def good(number: str) -> dict:
    return entry(number, code="OD", events=[event("OD", (now() - timedelta(hours=1)).isoformat())])


def delivered(at) -> Reply:
    return answer(entry(POISON, code="DL", events=[event("DL", at if isinstance(at, str) else at.isoformat())]))


def with_result(**changed) -> Reply:
    said = entry(POISON)
    said["trackResults"][0] |= changed
    return answer(said)


def trickle(handler) -> None:
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for _byte in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.05)


def silence(handler) -> None:
    handler.connection.settimeout(3)
    with contextlib.suppress(OSError):
        handler.connection.recv(1)


def reset(handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    handler.connection.close()


def raw(text: bytes):
    return Reply(raw=lambda handler: handler.wfile.write(text))


BOMB = gzip.compress(b" " * 20_000_000, 9)
#: spoils the whole request, and is found by asking in halves
GARBAGE = {
    "a web page": Reply("<html>We will be back</html>", content_type="text/html"),
    "nothing": Reply(""),
    "an empty object": Reply("{}"),
    "an empty list": Reply("[]"),
    "null": Reply("null"),
    "half of it": Reply('{"output": {"completeTrackResults": ['),
    "ten megabytes": Reply(b" " * 10_000_000),
    "a gzip bomb": Reply(BOMB, headers={"Content-Encoding": "gzip"}),
    "a redirect to a private address": Reply("", 302, headers={"Location": "http://169.254.169.254/latest/meta-data"}),
    "a redirect for good": Reply("", 301, headers={"Location": "https://example.com/"}),
    "an error inside a 200": Reply('{"errors": [{"code": "X", "message": "no"}]}'),
    "results that are no list": Reply('{"output": {"completeTrackResults": "none"}}'),
    "a deep nest": Reply("[" * 100_000),
    "no text": Reply(b"\xff\xfe\x00\x01"),
    "not found, all of it": Reply('{"errors": [{"code": "NOT.FOUND.ERROR"}]}', 404),
    "a refusal of the call": Reply('{"errors": [{"code": "INVALID.INPUT.EXCEPTION"}]}', 400),
}
#: nothing was answered: its neighbour waits with it
BROKEN = {
    "a byte now and then": Reply(raw=trickle),
    "silence": Reply(raw=silence),
    "a reset": Reply(raw=reset),
    "not gzip at all": Reply(b"{}", headers={"Content-Encoding": "gzip"}),
    "half a body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"),
    "another protocol": raw(b"\x00\x16\x03 hello\r\n\r\n"),
    "endless headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5_000 + b"\r\n"),
    "its own mistake": Reply("{}", 500),
    "a bad gateway": Reply("<html>502</html>", 502, content_type="text/html"),
    "maintenance": Reply("", 503),
}
#: spoils nothing but its own entry
ONE_ENTRY = {
    "an inner error": answer(not_known(POISON, code="SYSTEM.UNAVAILABLE.EXCEPTION")),
    "another parcel's number": with_result(trackingNumberInfo={"trackingNumber": "794658261011"}),
    "no status": with_result(latestStatusDetail=None, scanEvents=[]),
    "results of another kind": answer({"trackingNumber": POISON, "trackResults": 7}),
    "delivered in 1970": delivered("1970-01-01T00:00:00+00:00"),
    "delivered tomorrow": lambda: delivered(now() + timedelta(hours=24)),
    "delivered in the wrong zone": lambda: delivered((now() + timedelta(hours=9)).replace(tzinfo=None).isoformat()),
    "delivered long before the hand-over": lambda: delivered(now() - timedelta(days=90)),
    "delivered at no time": delivered("yesterday"),
}


@pytest.fixture
def courier(settings, monkeypatch):
    server = Fedex()
    settings.FEDEX_BASE_URL = server.url
    settings.PROVIDER_CONNECT_TIMEOUT_S, settings.PROVIDER_READ_TIMEOUT_S = 0.2, 0.2
    monkeypatch.setattr(fedex, "_tokens", TokenCache(fedex._fetch_token))
    # Two a request: the poison with its neighbour, and the other alone.
    monkeypatch.setitem(COURIERS, "fedex", dataclasses.replace(COURIERS["fedex"], batch_size=2))
    fleet.handed_over([POISON, NEIGHBOUR, OTHER], courier="fedex", customers=1)
    for minutes, number in enumerate((OTHER, NEIGHBOUR, POISON), start=1):
        due = now() - timedelta(minutes=minutes)
        Parcel.objects.filter(tracking_number=number).update(status="in_transit", next_poll_at=due, poll_failures=4)
    yield server
    server.close()


def parcel(number: str) -> Parcel:
    return Parcel.objects.get(tracking_number=number)


def check_left_as_it_was(number: str) -> None:
    """The fifth failure in a row: staff are told."""
    left = parcel(number)
    assert (left.status, left.delivered_at, left.poll_failures) == ("in_transit", None, 5)
    assert left.next_poll_at > now() + timedelta(hours=3, minutes=59)
    assert left.poll_error
    assert not TrackingEvent.objects.filter(parcel=left).exists()
    assert StaffTask.objects.get(order=left.order).kind == "courier_silent"


@pytest.mark.parametrize("what", [*GARBAGE, *BROKEN, *ONE_ENTRY])
def test_a_bad_answer_moves_nothing_and_disturbs_nobody(courier, what):
    bad = {**GARBAGE, **BROKEN, **ONE_ENTRY}[what]
    courier.bad = bad() if callable(bad) else bad

    tracking.poll_due()

    check_left_as_it_was(POISON)
    assert parcel(OTHER).status == "out_for_delivery"
    if what in GARBAGE:
        assert parcel(NEIGHBOUR).status == "out_for_delivery"
    else:
        assert parcel(NEIGHBOUR).status == "in_transit"
    assert CourierState.objects.get().failing_since is None, "the courier itself is well"


def test_a_number_that_the_courier_will_never_take_is_told_at_once(courier):
    Parcel.objects.update(poll_failures=0)
    courier.bad = answer(not_known(POISON, code="TRACKING.TRACKINGNUMBER.INVALID"), good(NEIGHBOUR))

    tracking.poll_due()

    assert parcel(NEIGHBOUR).status == "out_for_delivery"
    assert (parcel(POISON).status, parcel(POISON).poll_failures) == ("in_transit", 1)
    assert StaffTask.objects.get().order == parcel(POISON).order

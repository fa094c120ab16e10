"""UPS's answers: read where they can be, refused where they cannot, and never "delivered" by mistake."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from integrations import ups
from integrations.base import (
    AuthRefused,
    BadAnswer,
    InvalidRequest,
    QuotaExceeded,
    RateLimited,
    TokenCache,
    Unavailable,
)
from integrations.tests.conftest import Reply, TinyServer
from integrations.tracking import TrackingResult, TrackingScan, TrackingStatus
from integrations.ups import track

ONE, TWO = "1Z5R89390357567127", "1Z879E930346834440"
TOKEN = Reply('{"token_type": "Bearer", "access_token": "token-1", "expires_in": "14399", "status": "approved"}')
BOX = TrackingStatus


@pytest.fixture
def server(tiny: TinyServer, settings, monkeypatch) -> TinyServer:
    settings.UPS_BASE_URL = tiny.url
    settings.UPS_CLIENT_ID, settings.UPS_CLIENT_SECRET = "sandbox-ups", "sandbox-ups-secret"
    monkeypatch.setattr(ups, "_tokens", TokenCache(ups._fetch_token))
    return tiny


def activity(
    kind: str = "I", number: str = "005", *, date: str = "20261114", time: str = "171000", offset: str | None = "+09:00", **more
) -> dict:
    said = {"date": date, "time": time, "location": {"address": {"city": "Incheon", "stateProvince": "", "countryCode": "KR"}}}
    status = {"type": kind, "code": "OR", "statusCode": number, "description": "Origin Scan"}
    return said | ({"gmtOffset": offset} if offset else {}) | {"status": status} | more


def package(*activities: object, number: str = ONE, **more) -> dict:
    return {"trackingNumber": number, "activity": list(activities), **more}


def answer(*packages: object, inquired: str = ONE, **shipment) -> Reply:
    inside = ({"package": list(packages)} if packages else {}) | shipment
    return Reply(json.dumps({"trackResponse": {"shipment": [{"inquiryNumber": inquired, **inside}]}}))


def refused(status: int, code: str = "10400", message: str = "No.", **headers: str) -> Reply:
    return Reply(json.dumps({"response": {"errors": [{"code": code, "message": message}]}}), status, headers=headers)


def one(reply: Reply, server: TinyServer, *, number: str = ONE) -> TrackingResult:
    server.replies_with(TOKEN, reply)
    return track([number])[number]


def test_what_is_asked_is_what_ups_documents(server):
    server.replies_with(TOKEN, answer(package(activity())))

    assert list(track([f" {ONE.lower()} "])) == [f" {ONE.lower()} "]

    token, asked = server.seen
    assert (token.method, token.path, token.body) == ("POST", "/security/v1/oauth/token", b"grant_type=client_credentials")
    assert token.headers["authorization"] == "Basic c2FuZGJveC11cHM6c2FuZGJveC11cHMtc2VjcmV0"
    assert (asked.method, asked.path) == ("GET", f"/api/track/v1/details/{ONE}")
    assert (asked.headers["authorization"], asked.headers["transactionsrc"]) == ("Bearer token-1", "bidangil")
    assert len(asked.headers["transid"]) == 32
    assert asked.query["locale"] == ["en_US"]


def test_a_delivered_parcel_is_read_with_its_way(server):
    last = activity("D", "011", date="20261118", time="140500", offset="-08:00")
    last["status"] |= {"code": "FS", "description": "DELIVERED"}
    last["location"] = {"address": {"city": "Fullerton", "stateProvince": "CA", "countryCode": "US"}}

    found = one(answer(package(last, activity(), currentStatus={"code": "011", "description": "Delivered"})), server)

    assert found == TrackingResult(
        ONE,
        BOX.DELIVERED,
        scans=(
            TrackingScan(datetime(2026, 11, 14, 8, 10, tzinfo=UTC), "005 OR", BOX.IN_TRANSIT, "Origin Scan", "Incheon, KR"),
            TrackingScan(datetime(2026, 11, 18, 22, 5, tzinfo=UTC), "011 FS", BOX.DELIVERED, "DELIVERED", "Fullerton, CA, US"),
        ),
        delivered_at=datetime(2026, 11, 18, 22, 5, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ({"code": "003"}, BOX.INFO_RECEIVED),
        ({"code": "21"}, BOX.OUT_FOR_DELIVERY),
        ({"code": "014"}, BOX.CUSTOMS),
        ({"code": "022"}, BOX.ATTEMPT_FAILED),
        ({"code": "034"}, BOX.RETURNED),
        ({"code": "011", "type": "I"}, BOX.DELIVERED),
        ({"code": "999", "type": "X"}, BOX.EXCEPTION),
        ({"code": "FS", "type": "D"}, BOX.DELIVERED),
        ({"statusCode": "777", "type": "D"}, BOX.IN_TRANSIT),  # an unknown code is never "delivered"
        ({"code": "777"}, BOX.IN_TRANSIT),
        ({"code": "０１１"}, BOX.IN_TRANSIT),
        ({"code": 11, "type": ["D"]}, BOX.IN_TRANSIT),
        ({}, BOX.IN_TRANSIT),
    ],
)
def test_the_code_decides_then_the_type(server, status, meaning):
    assert one(answer(package(activity(), currentStatus=status)), server).status is meaning


@pytest.mark.parametrize(
    "reply",
    [
        answer(warnings=[{"code": "TW0001", "message": "Tracking Information Not Found"}]),
        refused(404, "TW0001", "Tracking Information Not Found"),
        answer(),
    ],
)
def test_not_found_is_said_in_three_ways_and_is_no_error(server, reply):
    assert one(reply, server) == TrackingResult(ONE, BOX.PENDING)


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({}, datetime(2026, 11, 14, 8, 10, tzinfo=UTC)),
        ({"gmtDate": "20261114", "gmtTime": "17:10:00"}, datetime(2026, 11, 14, 8, 10, tzinfo=UTC)),  # local time, misnamed
        ({"offset": None, "gmtDate": "20261114", "gmtTime": "81000"}, datetime(2026, 11, 14, 8, 10, tzinfo=UTC)),
        ({"offset": None}, datetime(2026, 11, 14, 17, 10, tzinfo=UTC)),
        ({"offset": "half past"}, datetime(2026, 11, 14, 17, 10, tzinfo=UTC)),
        ({"date": "19700101"}, None),
        ({"date": (datetime.now(UTC) + timedelta(days=5)).strftime("%Y%m%d")}, None),
        ({"date": "20261341"}, None),
        ({"date": "00010101", "time": "000000", "offset": "+14:00"}, None),
        ({"date": None}, None),
        ({"date": 20261114, "time": []}, None),
    ],
)
def test_when_it_was(server, changed, at):
    found = one(answer(package(activity(**changed), currentStatus={"code": "005"})), server)

    assert (found.status, [scan.at for scan in found.scans]) == (BOX.IN_TRANSIT, [at] if at else [])


def test_one_scan_a_hundred_times_is_one_scan_and_odd_ones_hide_nothing(server):
    found = one(answer(package(*[activity()] * 100, None, 5, "x", [], {}, {"status": 5}, currentStatus={"code": "005"})), server)

    assert len(found.scans) == 1


def test_of_a_number_used_before_the_newest_scan_counts(server):
    old = package(activity("D", "011", date="20260114"), currentStatus={"code": "011"})

    found = one(answer(old, package(activity(), currentStatus={"code": "005"}), package(activity(), number=TWO)), server)

    assert (found.status, len(found.scans)) == (BOX.IN_TRANSIT, 1)


def endless(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b"[" * 2_000_000)


BAD = {
    "a web page": (Reply("<html>502</html>", content_type="text/html"), BadAnswer, "content_type"),
    "a web page called JSON": (Reply("<html>502</html>"), BadAnswer, "not_json"),
    "nothing": (Reply(""), BadAnswer, "not_json"),
    "an empty object": (Reply("{}"), BadAnswer, "shape"),
    "a list": (Reply("[]"), BadAnswer, "shape"),
    "half": (Reply('{"trackResponse": {"shipment": [{"inqui'), BadAnswer, "not_json"),
    "no shipment": (Reply('{"trackResponse": {"shipment": []}}'), BadAnswer, "shape"),
    "a shipment of text": (Reply('{"trackResponse": {"shipment": ["x"]}}'), BadAnswer, "shape"),
    "too much": (Reply(b" " * 10_000_000), BadAnswer, "too_large"),
    "endless": (Reply(raw=endless), BadAnswer, "too_large"),
    "a bomb": (Reply(gzip.compress(b"0" * 50_000_000), headers={"Content-Encoding": "gzip"}), BadAnswer, "too_large"),
    "a redirect inside": (Reply("", 302, headers={"Location": "http://169.254.169.254/latest"}), BadAnswer, "http_302"),
    "too deep": (Reply("[" * 100_000), BadAnswer, "not_json"),
    "not a number": (Reply('{"trackResponse": NaN}'), BadAnswer, "not_json"),
    "another encoding": (Reply('{"trackResponse": "한"}'.encode("euc-kr")), BadAnswer, "not_json"),
    "another number": (answer(package(activity(), number=TWO)), BadAnswer, "other_number"),
    "another inquiry": (answer(inquired=TWO), BadAnswer, "other_number"),
    "an error inside": (Reply('{"response": {"errors": [{"code": "VSS100", "message": "x"}]}}'), Unavailable, "VSS100"),
    "another warning": (answer(warnings=[{"code": "TW9999", "message": "Later"}]), Unavailable, "TW9999"),
    "a package of nothing": (answer({"trackingNumber": ONE}), BadAnswer, "shape"),
    "anybody's 404": (Reply("<html>404</html>", 404, content_type="text/html"), Exception, "http_404"),
    "a refused number": (refused(400, "TV1002"), InvalidRequest, "TV1002"),
    "a blocked merchant": (refused(403, "250004"), AuthRefused, "250004"),
    "too fast": (refused(429, "10429", "Too Many Requests", **{"Retry-After": "7"}), RateLimited, "10429"),
    "a quota": (refused(429, "10429", "Quota Limit Exceeded"), QuotaExceeded, "10429"),
    "out of order": (refused(503, "VSS215"), Unavailable, "VSS215"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_answers_are_errors_of_the_number_and_say_nothing_else(server, name):
    reply, kind, code = BAD[name]

    found = one(reply, server)

    assert (found.status, found.scans, found.delivered_at) == (BOX.PENDING, (), None)
    assert isinstance(found.error, kind)
    assert found.error.code == code


def test_a_used_up_quota_ends_the_round(server):
    server.replies_with(TOKEN, refused(429, "10429", "Quota Limit Exceeded"))

    found = track([ONE, TWO, ""])

    assert [type(found[number].error) for number in (ONE, TWO, "")] == [QuotaExceeded, QuotaExceeded, InvalidRequest]
    assert found[TWO].error.retry_after == 3600.0
    assert len(server.seen) == 2


@pytest.mark.parametrize("number", ["1Z5R89", "1" * 35, "비단길비단길비단길", "../../secret?x"])
def test_what_ups_would_refuse_is_not_asked(server, number):
    server.replies_with(TOKEN, answer())

    error = track([number])[number].error

    if number.startswith("."):  # only its letters are left
        assert type(error) is BadAnswer
        assert server.seen[-1].path == "/api/track/v1/details/SECRETX"
    else:
        assert type(error) is InvalidRequest
        assert server.seen == []


def test_a_token_is_kept_and_renewed_once_when_refused(server):
    server.replies_with(
        TOKEN, answer(package(activity())), refused(401), TOKEN, answer(package(activity())), refused(401), TOKEN, refused(401)
    )

    assert [track([ONE])[ONE].error for _ in range(2)] == [None, None]
    assert type(track([ONE])[ONE].error) is AuthRefused
    assert [seen.method for seen in server.seen] == ["POST", "GET", "GET", "POST", "GET", "GET", "POST", "GET"]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refused(401, "10401", "ClientId is Invalid"), AuthRefused),
        (refused(400, "10400"), AuthRefused),
        (refused(429, "10429", "Quota Limit Exceeded"), QuotaExceeded),
        (refused(500), Unavailable),
        (Reply('{"access_token": "x", "expires_in": "soon"}'), BadAnswer),
        (Reply('{"expires_in": "14399"}'), BadAnswer),
        (Reply("<html>"), BadAnswer),
    ],
)
def test_without_a_token_nothing_is_asked(server, reply, kind):
    server.replies_with(reply)

    assert type(track([ONE])[ONE].error) is kind
    assert len(server.seen) == 1

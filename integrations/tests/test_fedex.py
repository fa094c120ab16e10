"""FedEx's answers: read where they can be, refused where they cannot, and never "delivered" by mistake."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from integrations import fedex
from integrations.base import AuthRefused, BadAnswer, InvalidRequest, RateLimited, TokenCache, Unavailable
from integrations.fedex import track
from integrations.tests.conftest import Reply, TinyServer
from integrations.tracking import TrackingResult, TrackingScan, TrackingStatus

ONE, TWO = "986578788855", "477179081230"
TOKEN = Reply('{"access_token": "token-1", "token_type": "bearer", "expires_in": 3599, "scope": "CXS"}')


@pytest.fixture
def server(tiny: TinyServer, settings, monkeypatch) -> TinyServer:
    settings.FEDEX_BASE_URL = tiny.url
    settings.FEDEX_CLIENT_ID, settings.FEDEX_CLIENT_SECRET = "sandbox-fedex", "sandbox-fedex-secret"
    monkeypatch.setattr(fedex, "_tokens", TokenCache(fedex._fetch_token))
    return tiny


def event(code: str, at: str, text: str = "", *, derived: str = "", place: dict | None = None) -> dict:
    return {"date": at, "eventType": code, "eventDescription": text, "derivedStatusCode": derived or code, "scanLocation": place or {}}


def entry(number: str, *, code: str = "IT", derived: str | None = None, events: list | None = None, **more) -> dict:
    result = {
        "trackingNumberInfo": {"trackingNumber": number},
        "latestStatusDetail": {"code": code, "derivedCode": derived or code, "description": ""},
        "scanEvents": events if events is not None else [event("PU", "2026-11-14T17:10:00+09:00")],
        **more,
    }
    return {"trackingNumber": number, "trackResults": [result]}


def not_known(number: str, code: str = "TRACKING.TRACKINGNUMBER.NOTFOUND") -> dict:
    return {
        "trackingNumber": number,
        "trackResults": [{"trackingNumberInfo": {"trackingNumber": number}, "error": {"code": code, "message": "Please correct it."}}],
    }


def answer(*entries: object) -> Reply:
    return Reply(json.dumps({"transactionId": "t", "output": {"alerts": "odd", "completeTrackResults": list(entries)}}))


def refused(status: int, code: str, **headers: str) -> Reply:
    return Reply(
        json.dumps({"transactionId": "t", "errors": [{"code": code, "message": "Please modify your request."}]}), status, headers=headers
    )


def one(reply: Reply, server: TinyServer) -> TrackingResult:
    server.replies_with(TOKEN, reply)
    return track([ONE])[ONE]


def error_of(found: TrackingResult) -> tuple[type, str]:
    assert (found.status, found.scans, found.delivered_at) == (TrackingStatus.PENDING, (), None)
    return type(found.error), found.error.code


def test_a_delivered_parcel_is_read_with_its_way(server):
    events = [
        event(
            "DL", "2026-11-18T14:05:00-08:00", "Delivered", place={"city": "FULLERTON", "stateOrProvinceCode": "CA", "countryCode": "US"}
        ),
        event("CC", "2026-11-17T21:40:00-06:00", "International shipment release - Import", place={"city": "MEMPHIS", "countryCode": "US"}),
        event("PU", "2026-11-14T17:10:00+09:00", "Picked up", place={"city": "INCHEON", "stateOrProvinceCode": "", "countryCode": "KR"}),
    ]
    times = [
        {"type": "ACTUAL_PICKUP", "dateTime": "2026-11-14T17:10:00+09:00"},
        {"type": "ACTUAL_DELIVERY", "dateTime": "2026-11-18T14:05:00-08:00"},
    ]

    found = one(answer(entry(ONE, code="DL", events=events, dateAndTimes=times)), server)

    assert found == TrackingResult(
        ONE,
        TrackingStatus.DELIVERED,
        scans=(
            TrackingScan(datetime(2026, 11, 14, 8, 10, tzinfo=UTC), "PU", TrackingStatus.IN_TRANSIT, "Picked up", "INCHEON, KR"),
            TrackingScan(
                datetime(2026, 11, 18, 3, 40, tzinfo=UTC),
                "CC",
                TrackingStatus.CUSTOMS,
                "International shipment release - Import",
                "MEMPHIS, US",
            ),
            TrackingScan(datetime(2026, 11, 18, 22, 5, tzinfo=UTC), "DL", TrackingStatus.DELIVERED, "Delivered", "FULLERTON, CA, US"),
        ),
        delivered_at=datetime(2026, 11, 18, 22, 5, tzinfo=UTC),
    )


def test_what_is_asked_is_what_fedex_documents(server):
    server.replies_with(TOKEN, answer(entry(ONE), not_known(TWO)))

    found = track(["9865 7878 8855", TWO])

    assert list(found) == ["9865 7878 8855", TWO]
    token, request = server.seen
    assert (token.path, token.body) == (
        "/oauth/token",
        b"grant_type=client_credentials&client_id=sandbox-fedex&client_secret=sandbox-fedex-secret",
    )
    assert (request.method, request.path) == ("POST", "/track/v1/trackingnumbers")
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.headers["x-locale"] == "en_US"
    assert json.loads(request.body) == {
        "includeDetailedScans": True,
        "trackingInfo": [{"trackingNumberInfo": {"trackingNumber": ONE}}, {"trackingNumberInfo": {"trackingNumber": TWO}}],
    }


def test_an_unknown_number_is_pending_and_spoils_nothing(server):
    server.replies_with(TOKEN, answer(not_known(TWO), entry(ONE, code="OD")))

    found = track([ONE, TWO])

    assert found[TWO] == TrackingResult(TWO, TrackingStatus.PENDING)
    assert found[ONE].status is TrackingStatus.OUT_FOR_DELIVERY


@pytest.mark.parametrize(
    ("code", "derived", "status"),
    [
        ("OC", "IN", TrackingStatus.INFO_RECEIVED),
        ("FD", "RL", TrackingStatus.IN_TRANSIT),  # RL is in no list: the other code counts
        ("RL", "IT", TrackingStatus.IN_TRANSIT),
        ("CC", "CC", TrackingStatus.CUSTOMS),
        ("HL", "HL", TrackingStatus.AVAILABLE_FOR_PICKUP),
        ("DE", "DE", TrackingStatus.ATTEMPT_FAILED),
        ("SE", "SE", TrackingStatus.EXCEPTION),
        ("RS", "RS", TrackingStatus.RETURNING),
        ("DL", "DL", TrackingStatus.DELIVERED),
        ("DL", "DY", TrackingStatus.EXCEPTION),  # the derived code says more than the last scan
        ("ZZ", "ZZ", TrackingStatus.IN_TRANSIT),
        ("dl", "delivered", TrackingStatus.IN_TRANSIT),
    ],
)
def test_each_code_has_its_meaning_and_an_unknown_one_is_never_delivered(server, code, derived, status):
    assert one(answer(entry(ONE, code=code, derived=derived)), server).status is status


def test_an_unknown_code_without_any_scan_is_pending(server):
    assert one(answer(entry(ONE, code="ZZ", events=[])), server).status is TrackingStatus.PENDING


@pytest.mark.parametrize(
    ("description", "status"),
    [("Returning package to shipper", TrackingStatus.RETURNING), ("Package returned to shipper", TrackingStatus.RETURNED)],
)
def test_one_code_stands_for_both_ends_of_a_return(server, description, status):
    found = entry(ONE, code="RS")
    found["trackResults"][0]["latestStatusDetail"]["description"] = description

    assert one(answer(found), server).status is status


def test_delivered_after_turning_round_is_returned(server):
    events = [event("DL", "2026-11-20T10:00:00+09:00"), event("RS", "2026-11-18T10:00:00-08:00"), event("PU", "2026-11-14T17:10:00+09:00")]

    found = one(answer(entry(ONE, code="DL", events=events)), server)

    assert (found.status, found.delivered_at) == (TrackingStatus.RETURNED, None)


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([event("OC", "2026-11-14T17:10:00+09:00")], TrackingStatus.CANCELLED),
        ([], TrackingStatus.CANCELLED),
        ([event("PU", "2026-11-14T17:10:00+09:00")], TrackingStatus.IN_TRANSIT),
    ],
)
def test_ca_means_cancelled_only_before_the_parcel_has_moved(server, events, status):
    assert one(answer(entry(ONE, code="CA", events=events)), server).status is status


def test_without_a_time_of_delivery_the_last_delivery_scan_is_it(server):
    found = one(answer(entry(ONE, code="DL", events=[event("DL", "2026-11-18T14:05:00-08:00")])), server)

    assert found.delivered_at == datetime(2026, 11, 18, 22, 5, tzinfo=UTC)


def test_of_a_number_used_before_the_newest_scan_counts(server):
    old = entry(ONE, code="DL", events=[event("DL", "2024-03-01T10:00:00-08:00")])["trackResults"][0]
    new = entry(ONE, code="PU", events=[event("PU", "2026-11-14T17:10:00+09:00")])["trackResults"][0]
    broken = {"error": {"code": "SYSTEM.UNEXPECTED.ERROR", "message": "later"}}

    found = one(answer({"trackingNumber": ONE, "trackResults": [broken, new, old]}), server)

    assert (found.status, found.delivered_at, len(found.scans)) == (TrackingStatus.IN_TRANSIT, None, 1)


def test_one_scan_a_hundred_times_is_one_scan(server):
    events = [event("PU", "2026-11-14T17:10:00+09:00", "Picked up")] * 100

    assert len(one(answer(entry(ONE, events=events)), server).scans) == 1


def test_scans_of_one_second_keep_their_order(server):
    at = "2026-11-14T17:10:00+09:00"

    found = one(answer(entry(ONE, events=[event("DP", at), event("AR", at), event("PU", at)])), server)

    assert [scan.code for scan in found.scans] == ["PU", "AR", "DP"]


@pytest.mark.parametrize(
    "at",
    [
        "1970-01-01T00:00:00Z",
        pytest.param((datetime.now(UTC) + timedelta(days=3)).isoformat(), id="in three days"),
        "",
        "yesterday",
        None,
        5,
        [],
        "2026-13-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_a_scan_without_a_possible_time_is_left_out(server, at):
    events = [event("DL", at), event("PU", "2026-11-14T17:10:00+09:00")]

    assert [scan.code for scan in one(answer(entry(ONE, events=events)), server).scans] == ["PU"]


def test_a_time_without_zone_is_taken_as_utc(server):
    found = one(answer(entry(ONE, events=[event("PU", "2026-11-14T17:10:00")])), server)

    assert found.scans[0].at == datetime(2026, 11, 14, 17, 10, tzinfo=UTC)


@pytest.mark.parametrize("events", [None, {}, "none", 5, [None, 5, "x", [], {}], [{"date": 5, "eventType": [], "scanLocation": "here"}]])
def test_broken_scans_do_not_hide_the_status(server, events):
    found = entry(ONE, code="OD")
    found["trackResults"][0]["scanEvents"] = events

    result = one(answer(found), server)

    assert (result.status, result.scans, result.error) == (TrackingStatus.OUT_FOR_DELIVERY, (), None)


def test_long_and_odd_texts_are_cut_to_fit(server):
    at = "2026-11-14T17:10:00+09:00"
    found = one(
        answer(entry(ONE, events=[event("PU" * 100, at, "a\nb\x00" + "c" * 10_000, place={"city": "d" * 500, "countryCode": 5})])), server
    )

    (scan,) = found.scans
    assert (len(scan.code), len(scan.text), len(scan.place)) == (40, 200, 200)
    assert scan.text.startswith("a b c")


# --- What goes wrong with one number --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "kind", "code"),
    [
        (not_known(TWO, "TRACKING.TRACKINGNUMBER.INVALID"), InvalidRequest, "TRACKING.TRACKINGNUMBER.INVALID"),
        (not_known(TWO, "TRACKING.TRACKINGNUMBER.EMPTY"), InvalidRequest, "TRACKING.TRACKINGNUMBER.EMPTY"),
        (not_known(TWO, "SYSTEM.UNEXPECTED.ERROR"), Unavailable, "SYSTEM.UNEXPECTED.ERROR"),
        ({"trackingNumber": TWO, "trackResults": []}, BadAnswer, "shape"),
        ({"trackingNumber": TWO, "trackResults": None}, BadAnswer, "shape"),
        ({"trackingNumber": TWO, "trackResults": "x"}, BadAnswer, "shape"),
        ({"trackingNumber": TWO, "trackResults": [None]}, BadAnswer, "shape"),
        ({"trackingNumber": TWO, "trackResults": [{}]}, BadAnswer, "shape"),
        ({"trackingNumber": TWO, "trackResults": [{"latestStatusDetail": "DL"}]}, BadAnswer, "shape"),
        ({"trackingNumber": TWO, "trackResults": [{"error": "no"}]}, BadAnswer, "shape"),
        ({"trackingNumber": TWO, "trackResults": entry(ONE, code="DL")["trackResults"]}, BadAnswer, "other_number"),
        ({"trackingNumber": None}, BadAnswer, "left_out"),
        ("x", BadAnswer, "left_out"),
        (None, BadAnswer, "left_out"),
        (entry("799531274483", code="DL"), BadAnswer, "left_out"),
    ],
)
def test_one_broken_entry_spoils_only_itself(server, broken, kind, code):
    server.replies_with(TOKEN, answer(broken, entry(ONE, code="OD")))

    found = track([ONE, TWO])

    assert found[ONE].status is TrackingStatus.OUT_FOR_DELIVERY
    assert error_of(found[TWO]) == (kind, code)
    assert set(found) == {ONE, TWO}


def test_an_empty_number_is_not_asked_for(server):
    server.replies_with(TOKEN, answer(entry(ONE)))

    found = track(["", " - ", ONE])

    assert error_of(found[""]) == error_of(found[" - "]) == (InvalidRequest, "no_number")
    assert found[ONE].error is None
    assert len(json.loads(server.seen[1].body)["trackingInfo"]) == 1


def test_nothing_asked_is_nothing_sent(server):
    assert track([]) == {}
    assert server.seen == []


def test_a_number_that_makes_fedex_refuse_the_call_is_found_out(server):
    numbers = [ONE, TWO, "799531274483", "790535312317"]
    bad = refused(400, "TRACKING.TRACKINGNUMBER.INVALID")
    server.replies_with(TOKEN, bad, bad, answer(entry(ONE)), bad, answer(entry(numbers[2]), entry(numbers[3])))

    found = track(numbers)

    assert [found[number].error for number in (ONE, numbers[2], numbers[3])] == [None] * 3
    assert error_of(found[TWO]) == (InvalidRequest, "TRACKING.TRACKINGNUMBER.INVALID")


def test_more_than_thirty_are_asked_in_several_calls(server):
    numbers = [f"{number:012d}" for number in range(1, 71)]
    server.replies_with(TOKEN, answer(*map(entry, numbers[:30])), answer(*map(entry, numbers[30:60])), answer(*map(entry, numbers[60:])))

    found = track(numbers)

    assert [one.error for one in found.values()] == [None] * 70
    assert [len(json.loads(request.body)["trackingInfo"]) for request in server.seen[1:]] == [30, 30, 10]


# --- What goes wrong with the call ----------------------------------------------------------------------------------------

BODIES = [
    (Reply("<html>sorry</html>", 200, "text/html"), BadAnswer, "content_type"),
    (Reply("{}"), BadAnswer, "shape"),
    (Reply("[]"), BadAnswer, "shape"),
    (Reply("null"), BadAnswer, "shape"),
    (Reply(""), BadAnswer, "not_json"),
    (Reply('{"output": {"completeTrackResults": [{"tra'), BadAnswer, "not_json"),
    (Reply('{"output": []}'), BadAnswer, "shape"),
    (Reply('{"output": {}}'), BadAnswer, "shape"),
    (Reply('{"output": {"completeTrackResults": {}}}'), BadAnswer, "shape"),
    (Reply('{"output": {"completeTrackResults": []}}'), BadAnswer, "left_out"),
    (Reply("x" * 1_000_001), BadAnswer, "too_large"),
    (Reply("", 302, headers={"Location": "http://169.254.169.254/"}), BadAnswer, "http_302"),
    (refused(400, "BAD.REQUEST.ERROR"), InvalidRequest, "BAD.REQUEST.ERROR"),
    (refused(403, "FORBIDDEN.ERROR"), AuthRefused, "FORBIDDEN.ERROR"),
    (refused(429, "TOO.MANY.REQUESTS"), RateLimited, "TOO.MANY.REQUESTS"),
    (refused(500, "INTERNAL.SERVER.ERROR"), Unavailable, "INTERNAL.SERVER.ERROR"),
    (refused(503, "SERVICE.UNAVAILABLE.ERROR"), Unavailable, "SERVICE.UNAVAILABLE.ERROR"),
    (Reply("<html>", 500, "text/html"), Unavailable, "http_500"),
    (Reply('{"errors": "x"}', 500), Unavailable, "http_500"),
    (Reply('{"errors": [5]}', 500), Unavailable, "http_500"),
]


@pytest.mark.parametrize(("reply", "kind", "code"), BODIES)
def test_what_concerns_the_call_is_the_error_of_each_number(server, reply, kind, code):
    server.replies_with(TOKEN, reply)

    found = track([ONE, TWO])

    assert [error_of(found[number]) for number in (ONE, TWO)] == [(kind, code)] * 2


def test_a_rate_limit_is_passed_on_with_its_time(server):
    found = one(refused(429, "TOO.MANY.REQUESTS", **{"Retry-After": "11"}), server)

    assert found.error.retry_after == 11.0


def test_nobody_there(server, settings):
    settings.FEDEX_BASE_URL = "http://127.0.0.1:1"

    assert error_of(track([ONE])[ONE]) == (Unavailable, "unreachable")


# --- The token ------------------------------------------------------------------------------------------------------------


def test_a_token_is_kept_and_renewed_once_when_refused(server):
    server.replies_with(
        TOKEN,
        answer(entry(ONE)),
        refused(401, "NOT.AUTHORIZED.ERROR"),
        Reply('{"access_token": "token-2", "expires_in": 3599}'),
        answer(entry(ONE)),
    )

    assert track([ONE])[ONE].error is None
    assert track([ONE])[ONE].error is None

    assert [request.headers.get("authorization") for request in server.seen] == [
        None,
        "Bearer token-1",
        "Bearer token-1",
        None,
        "Bearer token-2",
    ]


def test_a_key_that_is_refused_twice_is_an_error(server):
    server.replies_with(TOKEN, refused(401, "NOT.AUTHORIZED.ERROR"), TOKEN, refused(401, "NOT.AUTHORIZED.ERROR"))

    assert error_of(track([ONE])[ONE]) == (AuthRefused, "NOT.AUTHORIZED.ERROR")
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refused(401, "NOT.AUTHORIZED.ERROR"), AuthRefused),
        (refused(400, "BAD.REQUEST.ERROR"), AuthRefused),
        (refused(403, "FORBIDDEN.ERROR"), AuthRefused),
        (refused(429, "TOO.MANY.REQUESTS"), RateLimited),
        (refused(500, "INTERNAL.SERVER.ERROR"), Unavailable),
        (Reply("<html>", 200, "text/html"), BadAnswer),
        (Reply('{"access_token": "t"}'), BadAnswer),
        (Reply('{"access_token": 5, "expires_in": 3599}'), BadAnswer),
    ],
)
def test_without_a_token_nothing_is_asked(server, reply, kind):
    server.replies_with(reply)

    found = track([ONE, TWO])

    assert type(found[ONE].error) is type(found[TWO].error) is kind
    assert {request.path for request in server.seen} == {"/oauth/token"}
    assert len(server.seen) == 1

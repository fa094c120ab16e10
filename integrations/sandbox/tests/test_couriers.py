"""FedEx and EMS: not found until somebody moves the parcel, then scans that add up, in each courier's own words."""

from datetime import datetime
from typing import Any

import pytest
import requests
from defusedxml.ElementTree import fromstring

from integrations.sandbox.parcels import is_fedex_number, is_s10_number, is_ups_number
from integrations.sandbox.testing import ControlRefused, Sandbox

FEDEX, OTHER_FEDEX, EMS = "986578788855", "477179081230", "EG123456785KR"
EMS_PATH = "/ems/trace/retrieveLongitudinalEMSService/retrieveLongitudinalEMSService/getLongitudinalEMSList"
CREDENTIALS = {"grant_type": "client_credentials", "client_id": "sandbox-fedex", "client_secret": "sandbox-fedex-secret"}


def token(sandbox: Sandbox) -> str:
    answer = requests.post(f"{sandbox.url}/fedex/oauth/token", data=CREDENTIALS, timeout=5)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"
    return str(answer.json()["access_token"])


def track(sandbox: Sandbox, *numbers: str, bearer: str | None = None, body: Any = None, **headers: str) -> requests.Response:
    wish = body or {
        "includeDetailedScans": True,
        "trackingInfo": [{"trackingNumberInfo": {"trackingNumber": number}} for number in numbers],
    }
    sent = {"authorization": f"Bearer {bearer or token(sandbox)}", "x-locale": "en_US", **headers}
    return requests.post(f"{sandbox.url}/fedex/track/v1/trackingnumbers", json=wish, headers=sent, timeout=5)


def results(answer: requests.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200
    return [result["trackResults"][0] for result in answer.json()["output"]["completeTrackResults"]]


def trace(sandbox: Sandbox, number: str, *, key: str = "sandbox-ems-key") -> Any:
    answer = requests.get(sandbox.url + EMS_PATH, params={"serviceKey": key, "rgist": number}, timeout=5)
    assert answer.status_code == 200
    return fromstring(answer.content)


def test_fedex_knows_a_number_from_its_first_scan_on(sandbox: Sandbox) -> None:
    (unknown,) = results(track(sandbox, FEDEX))
    assert unknown["error"]["code"] == "TRACKING.TRACKINGNUMBER.NOTFOUND"

    sandbox.move_parcel("fedex", FEDEX, "picked_up", at="2026-11-14T17:10:00+09:00")
    sandbox.move_parcel("fedex", FEDEX, "customs", at="2026-11-17T21:40:00-06:00")
    sandbox.move_parcel("fedex", FEDEX, "delivered", at="2026-11-18T14:05:00-08:00")

    found, other = results(track(sandbox, FEDEX, OTHER_FEDEX))
    assert found["latestStatusDetail"]["derivedCode"] == "DL"
    assert [(scan["eventType"], scan["date"]) for scan in found["scanEvents"]] == [
        ("DL", "2026-11-18T14:05:00-08:00"),
        ("CC", "2026-11-17T21:40:00-06:00"),
        ("PU", "2026-11-14T17:10:00+09:00"),
    ]
    assert {"type": "ACTUAL_DELIVERY", "dateTime": "2026-11-18T14:05:00-08:00"} in found["dateAndTimes"]
    assert other["error"]["code"] == "TRACKING.TRACKINGNUMBER.NOTFOUND"


@pytest.mark.parametrize(
    ("status", "derived"),
    [("picked_up", "PU"), ("in_transit", "IT"), ("customs", "CC"), ("out_for_delivery", "OD"), ("delivered", "DL"), ("returned", "RS")],
)
def test_fedex_says_each_status(sandbox: Sandbox, status: str, derived: str) -> None:
    sandbox.move_parcel("fedex", FEDEX, status)
    (found,) = results(track(sandbox, FEDEX))
    assert (found["latestStatusDetail"]["derivedCode"], found["scanEvents"][0]["derivedStatusCode"]) == (derived, derived)


def test_fedex_takes_thirty_numbers_and_no_more(sandbox: Sandbox) -> None:
    assert len(results(track(sandbox, *[FEDEX] * 30))) == 30
    assert track(sandbox, *[FEDEX] * 31).status_code == 400


def test_fedex_tokens_must_be_known_and_young(sandbox: Sandbox) -> None:
    answer = track(sandbox, FEDEX, bearer="made-up")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "NOT.AUTHORIZED.ERROR")
    wrong = requests.post(f"{sandbox.url}/fedex/oauth/token", data={**CREDENTIALS, "client_secret": "x"}, timeout=5)
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (401, "NOT.AUTHORIZED.ERROR")
    assert requests.post(f"{sandbox.url}/fedex/oauth/token", json=CREDENTIALS, timeout=5).status_code == 400
    sandbox.faults("fedex", "401", path="/track", times=1)
    assert "expired" in track(sandbox, FEDEX).json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"trackingInfo": []},
        {"trackingInfo": [{"trackingNumber": FEDEX}]},
        {"includeDetailedScans": "yes", "trackingInfo": []},
        ["x"],
        {"extra": 1},
    ],
)
def test_fedex_refuses_other_bodies(sandbox: Sandbox, body: Any) -> None:
    assert track(sandbox, body=body).status_code == 400


def test_fedex_says_what_is_wrong_with_a_number_inside_a_200(sandbox: Sandbox) -> None:
    empty, odd = results(track(sandbox, "", "98657-8788"))
    assert (empty["error"]["code"], odd["error"]["code"]) == ("TRACKING.TRACKINGNUMBER.EMPTY", "TRACKING.TRACKINGNUMBER.INVALID")
    assert track(sandbox, FEDEX, **{"x-locale": "korean"}).status_code == 400
    assert track(sandbox, FEDEX, **{"x-customer-transaction-id": "t-1"}).json()["customerTransactionId"] == "t-1"


def test_ems_knows_a_number_from_its_first_scan_on(sandbox: Sandbox) -> None:
    unknown = trace(sandbox, EMS)
    assert unknown.findtext("cmmMsgHeader/successYN") == "N"
    assert unknown.findall("longitudinalEMSList") == []

    sandbox.move_parcel("ems", EMS, "picked_up", at="2026-11-13T16:20:00+09:00")
    sandbox.move_parcel("ems", EMS, "in_transit", at="2026-11-14T00:05:00Z")
    sandbox.move_parcel("ems", EMS, "delivered", at="2026-11-18T05:05:00Z")

    found = trace(sandbox, EMS)
    assert found.findtext("cmmMsgHeader/successYN") == "Y"
    rows = [
        (row.findtext("processDe"), row.findtext("processSttus"), row.findtext("nowLc")) for row in found.findall("longitudinalEMSList")
    ]
    assert rows == [
        ("2026.11.13 16:20", "접수", "서울강남우체국"),
        ("2026.11.14 09:05", "발송", "국제우편물류센터"),
        ("2026.11.18 14:05", "배달완료", "US"),
    ]


def test_ems_says_a_bad_key_in_the_gateways_own_shape(sandbox: Sandbox) -> None:
    answer = trace(sandbox, EMS, key="other%2Bkey")
    assert answer.tag == "OpenAPI_ServiceResponse"
    assert answer.findtext("cmmMsgHeader/returnReasonCode") == "30"
    sandbox.faults("ems", "429", times=1)
    assert trace(sandbox, EMS).findtext("cmmMsgHeader/returnReasonCode") == "22"


def test_ems_refuses_what_is_not_s10(sandbox: Sandbox) -> None:
    assert trace(sandbox, "EG123456784KR").findtext("cmmMsgHeader/successYN") == "N"


@pytest.mark.parametrize(
    ("courier", "number", "status"),
    [("fedex", "996578788855", "picked_up"), ("ems", "EG123456784KR", "picked_up"), ("dhl", FEDEX, "picked_up"), ("fedex", FEDEX, "eaten")],
)
def test_a_wrong_courier_number_or_status_cannot_be_moved(sandbox: Sandbox, courier: str, number: str, status: str) -> None:
    with pytest.raises(ControlRefused) as caught:
        sandbox.move_parcel(courier, number, status)
    assert caught.value.status == 400
    assert sandbox.get("parcels") == {"items": []}


def test_moves_keep_their_order_within_a_second_and_late_news_is_sorted_in(sandbox: Sandbox) -> None:
    for status in ("picked_up", "in_transit", "out_for_delivery"):
        sandbox.move_parcel("fedex", FEDEX, status)
    parcel = sandbox.move_parcel("fedex", FEDEX, "info_received", at="2026-01-01T00:00:00+09:00")
    assert [scan["status"] for scan in parcel["scans"]] == ["info_received", "picked_up", "in_transit", "out_for_delivery"]
    times = [datetime.fromisoformat(scan["at"]) for scan in parcel["scans"]]
    assert times == sorted(times)


def test_many_parcels_are_made_at_once_and_are_known(sandbox: Sandbox) -> None:
    numbers = sandbox.make_parcels("fedex", 40, status="customs")
    more = sandbox.make_parcels("fedex", 2)
    assert len({*numbers, *more}) == 42
    assert all(map(is_fedex_number, numbers))
    assert all(map(is_ups_number, sandbox.make_parcels("ups", 11)))
    assert all(map(is_s10_number, sandbox.make_parcels("ems", 11)))
    assert [found["latestStatusDetail"]["derivedCode"] for found in results(track(sandbox, numbers[39], more[0]))] == ["CC", "IT"]


@pytest.mark.parametrize("wrong", [{"courier": "dhl"}, {"count": 0}, {"count": 100_001}, {"status": "eaten"}, {"courier": 1}])
def test_many_parcels_of_nobody_are_refused(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    with pytest.raises(ControlRefused) as caught:
        sandbox.post("parcels", **{"courier": "fedex", "count": 1, **wrong})
    assert caught.value.status == 400
    assert sandbox.get("parcels") == {"items": []}


def test_one_poisonous_number_spoils_its_whole_batch_and_no_other(sandbox: Sandbox) -> None:
    sandbox.faults("fedex", "garbage", path="/track", number=FEDEX)
    sandbox.faults("fedex", "slow", path="/track", seconds=0.05)
    bearer = token(sandbox)
    spoilt = track(sandbox, OTHER_FEDEX, FEDEX, bearer=bearer)
    assert (spoilt.status_code, spoilt.elapsed.total_seconds() > 0.05) == (200, True)
    with pytest.raises(ValueError, match=r"."):
        spoilt.json()
    assert len(results(track(sandbox, OTHER_FEDEX, bearer=bearer))) == 1


def test_check_digits() -> None:
    for number in ("986578788855", "477179081230", "799531274483", "790535312317", "974367662710", "041441760228964", "568283610012000"):
        assert is_fedex_number(number), number
    assert not is_fedex_number("996578788855")
    assert not is_fedex_number("041441760228965")
    for number in ("EG123456785KR", "RB123456785GB", "CP123456785US"):
        assert is_s10_number(number), number
    assert not is_s10_number("EG123456784KR")
    for number in ("1Z5R89390357567127", "1Z879E930346834440", "1Z410E7W0392751591", "1Z8V92A70367203024", "1ZXX3150YW44070023"):
        assert is_ups_number(number), number
    assert not is_ups_number("1Z1111111111111111")

"""UPS: the token with its text of seconds, the headers it insists on, and answers of the shape that its own document gives."""

from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from integrations.sandbox.parcels import MORE_STATUSES, STATUSES
from integrations.sandbox.testing import Sandbox

UPS = "1Z5R89390357567127"
KEYS = ("sandbox-ups", "sandbox-ups-secret")
TEXT = {"type": "string"}


def exactly(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


# The fields as UPS's OpenAPI document names them; what the stand-in leaves out is optional there.
STATUS = exactly(type=TEXT, description=TEXT, code=TEXT, statusCode={"type": "string", "pattern": r"^\d{3}$"})
ADDRESS = exactly(city=TEXT, stateProvince=TEXT, countryCode=TEXT, country=TEXT)
ACTIVITY = exactly(
    date={"type": "string", "pattern": r"^\d{8}$"},
    time={"type": "string", "pattern": r"^\d{6}$"},
    gmtDate=TEXT,
    gmtTime=TEXT,
    gmtOffset={"type": "string", "pattern": r"^[+-]\d\d:\d\d$"},
    location=exactly(address=ADDRESS, slic=TEXT),
    status=STATUS,
)
PACKAGE = exactly(
    trackingNumber=TEXT,
    currentStatus=exactly(description=TEXT, code=TEXT),
    activity={"type": "array", "items": ACTIVITY, "minItems": 1},
    packageCount={"type": "integer"},
)
PACKAGE["properties"] |= {
    "deliveryDate": {"type": "array", "items": exactly(type=TEXT, date=TEXT)},
    "deliveryTime": exactly(type=TEXT, endTime=TEXT),
}
SHIPMENT = exactly(inquiryNumber=TEXT, package={"type": "array", "items": PACKAGE})
ANSWER = Draft202012Validator(exactly(trackResponse=exactly(shipment={"type": "array", "items": SHIPMENT})))
REFUSAL = Draft202012Validator(exactly(response=exactly(errors={"type": "array", "items": exactly(code=TEXT, message=TEXT)})))


def token(sandbox: Sandbox) -> str:
    answer = requests.post(f"{sandbox.url}/ups/security/v1/oauth/token", auth=KEYS, data={"grant_type": "client_credentials"}, timeout=5)
    assert (answer.status_code, answer.json()["expires_in"], answer.json()["token_type"]) == (200, "14399", "Bearer")
    return str(answer.json()["access_token"])


def track(sandbox: Sandbox, number: str = UPS, *, bearer: str | None = None, **headers: str | None) -> requests.Response:
    sent = {"Authorization": f"Bearer {bearer or token(sandbox)}", "transId": "t-1", "transactionSrc": "test", **headers}
    return requests.get(f"{sandbox.url}/ups/api/track/v1/details/{number}", headers=sent, timeout=5)


def test_a_number_is_known_from_its_first_scan_on(sandbox: Sandbox) -> None:
    unknown = track(sandbox)
    assert (unknown.status_code, unknown.json()["response"]["errors"][0]["code"]) == (404, "TW0001")

    sandbox.move_parcel("ups", UPS, "picked_up", at="2026-11-14T17:10:00+09:00")
    sandbox.move_parcel("ups", UPS, "delivered", at="2026-11-18T14:05:00-08:00")

    found = track(sandbox).json()
    assert list(ANSWER.iter_errors(found)) == []
    (package,) = found["trackResponse"]["shipment"][0]["package"]
    assert package["currentStatus"]["code"] == "011"
    assert [(one["date"], one["time"], one["gmtTime"], one["gmtOffset"]) for one in package["activity"]] == [
        ("20261118", "140500", "22:05:00", "-08:00"),
        ("20261114", "171000", "08:10:00", "+09:00"),
    ]


def test_every_status_is_told_in_the_documents_shape(sandbox: Sandbox) -> None:
    for status in (*STATUSES, *MORE_STATUSES):
        sandbox.move_parcel("ups", UPS, status)
    assert list(ANSWER.iter_errors(track(sandbox).json())) == []


@pytest.mark.parametrize(
    ("number", "headers", "status"),
    [
        (UPS, {"transId": None}, 400),
        (UPS, {"transactionSrc": None}, 400),
        (UPS, {"Authorization": "Bearer made-up"}, 401),
        (UPS, {"Authorization": None}, 401),
        ("1Z5R89", {}, 400),
        ("1" * 35, {}, 400),
    ],
)
def test_what_ups_refuses(sandbox: Sandbox, number: str, headers: dict[str, Any], status: int) -> None:
    answer = track(sandbox, number, **headers)
    assert answer.status_code == status
    assert list(REFUSAL.iter_errors(answer.json())) == []


@pytest.mark.parametrize(
    ("keys", "body", "status"),
    [(("sandbox-ups", "x"), {"grant_type": "client_credentials"}, 401), (None, {"grant_type": "client_credentials"}, 401), (KEYS, {}, 400)],
)
def test_tokens_are_for_those_with_the_key(sandbox: Sandbox, keys: tuple[str, str] | None, body: dict[str, str], status: int) -> None:
    answer = requests.post(f"{sandbox.url}/ups/security/v1/oauth/token", auth=keys, data=body, timeout=5)
    assert (answer.status_code, list(REFUSAL.iter_errors(answer.json()))) == (status, [])

"""What couriers push when asked to, signed so that whoever has the secret can tell; read with the product's own eyes elsewhere."""

import base64
import hashlib
import hmac
import json
import time

import pytest
import requests

from integrations.sandbox.testing import Sandbox
from integrations.sandbox.tests.listener import Listener

NUMBERS = {"fedex": "986578788855", "ups": "1Z5R89390357567127", "ems": "EG123456785KR"}


@pytest.mark.parametrize("courier", NUMBERS)
def test_a_move_is_told_at_once_as_often_as_wished(sandbox: Sandbox, listener: Listener, courier: str) -> None:
    told = sandbox.move_parcel(courier, NUMBERS[courier], "delivered", at="2026-11-18T14:05:00-08:00", push=True, deliver=2)

    assert told["pushed"] == [200, 200]
    first, second = listener.from_couriers
    assert first.path == f"/webhooks/couriers/{courier}"
    assert first.body == second.body
    assert NUMBERS[courier].encode() in first.body
    SIGNED[courier](first.body, first.headers)


def fedex(body: bytes, headers: dict[str, str]) -> None:
    assert base64.b64decode(headers["fdx-signature"]) == hmac.digest(b"sandbox-fedex-webhook", body, hashlib.sha256)


def ups(body: bytes, headers: dict[str, str]) -> None:
    assert headers["credential"] == "sandbox-ups-webhook"
    event = json.loads(body)
    assert (event["localActivityDate"], event["localActivityTime"], event["activityStatus"]["type"]) == ("20261118", "140500", "D")


def ems(body: bytes, headers: dict[str, str]) -> None:
    at, _, value = headers["x-bidangil-signature"].removeprefix("t=").partition(",v1=")
    assert value == hmac.new(b"sandbox-ems-webhook", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert abs(int(at) - time.time()) < 60


SIGNED = {"fedex": fedex, "ups": ups, "ems": ems}


def test_a_tick_on_the_page_tells_too(sandbox: Sandbox, listener: Listener) -> None:
    said = {"courier": "ups", "number": NUMBERS["ups"], "status": "customs", "push": "1"}
    assert requests.post(f"{sandbox.url}/parcels", data=said, allow_redirects=False, timeout=5).status_code == 303
    assert [told.path for told in listener.from_couriers] == ["/webhooks/couriers/ups"]


def test_without_the_wish_nothing_is_told(sandbox: Sandbox, listener: Listener) -> None:
    assert "pushed" not in sandbox.move_parcel("fedex", NUMBERS["fedex"], "delivered")
    assert listener.from_couriers == []

"""POST /webhooks/couriers/{courier}, as each courier signs it; and as others try."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from django.db import OperationalError
from django.test import Client
from django_q.models import OrmQ

from workflow import courier_messages
from workflow.models import CourierMessage

pytestmark = pytest.mark.django_db

BODY = json.dumps({"trackingNumber": "1Z5R89390357567127"}).encode()
SECRETS = {"fedex": "sandbox-fedex-webhook", "ups": "sandbox-ups-webhook", "ems": "sandbox-ems-webhook"}


def fedex(body: bytes, *, secret: str = SECRETS["fedex"]) -> dict[str, str]:
    return {"fdx-signature": base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()}


def ups(body: bytes, *, secret: str = SECRETS["ups"]) -> dict[str, str]:
    return {"credential": secret}


def ems(body: bytes, *, secret: str = SECRETS["ems"], at: float | None = None, scheme: str = "v1") -> dict[str, str]:
    moment = int(at or time.time())
    value = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"x-bidangil-signature": f"t={moment},{scheme}={value}"}


SIGNED = {"fedex": fedex, "ups": ups, "ems": ems}


def deliver(courier: str, headers: dict[str, str], *, body: bytes = BODY, method: str = "POST"):
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    return client.generic(method, f"/webhooks/couriers/{courier}", body, content_type="application/json", headers=headers)


def refused(answer, status: int, code: str) -> None:
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (status, "application/problem+json", code)
    assert not CourierMessage.objects.exists()
    assert not OrmQ.objects.exists()


@pytest.mark.parametrize("courier", SIGNED)
def test_a_signed_message_is_stored_once_and_taken_in_by_a_job(courier):
    for _ in range(3):
        answer = deliver(courier, SIGNED[courier](BODY))
        assert (answer.status_code, answer.json()) == (200, {"received": True})

    row = CourierMessage.objects.get()
    assert (row.courier, row.body.encode(), row.settled_at, row.attempts) == (courier, BODY, None, 0)
    assert row.digest == hashlib.sha256(BODY).hexdigest()
    (queued,) = OrmQ.objects.all()
    assert (queued.task["func"], queued.task["args"]) == ("workflow.courier_messages.settle_message", (row.pk,))


FORGED = {
    "fedex: none": ("fedex", {}),
    "fedex: empty": ("fedex", {"fdx-signature": ""}),
    "fedex: another secret": ("fedex", fedex(BODY, secret="other")),
    "fedex: another body": ("fedex", fedex(BODY + b" ")),
    "fedex: hex": ("fedex", {"fdx-signature": hmac.new(b"sandbox-fedex-webhook", BODY, hashlib.sha256).hexdigest()}),
    "fedex: not ascii": ("fedex", {"fdx-signature": "\u00e9"}),
    "fedex: another's way": ("fedex", ems(BODY, secret=SECRETS["fedex"])),
    "ups: none": ("ups", {}),
    "ups: another": ("ups", {"credential": "sandbox-ups-webhooks"}),
    "ups: not ascii": ("ups", {"credential": "\u00e9"}),
    "ems: none": ("ems", {}),
    "ems: garbage": ("ems", {"x-bidangil-signature": "garbage"}),
    "ems: empty": ("ems", {"x-bidangil-signature": "t=,v1="}),
    "ems: no number": ("ems", {"x-bidangil-signature": "t=soon,v1=00"}),
    "ems: endless number": ("ems", {"x-bidangil-signature": f"t={'9' * 5000},v1=00"}),
    "ems: other digits": ("ems", {"x-bidangil-signature": "t=\u0661,v1=00"}),
    "ems: another secret": ("ems", ems(BODY, secret="other")),
    "ems: another body": ("ems", ems(BODY + b" ")),
    "ems: another scheme": ("ems", ems(BODY, scheme="v0")),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_nobody_signed_is_refused_and_nothing_is_kept(name):
    courier, headers = FORGED[name]
    refused(deliver(courier, headers), 400, "signature_invalid")


@pytest.mark.parametrize("seconds", [-310, 310])
def test_too_old_and_from_the_future_are_refused(seconds):
    refused(deliver("ems", ems(BODY, at=time.time() + seconds)), 400, "signature_invalid")


def test_both_secrets_are_good_while_they_roll(settings):
    settings.FEDEX_WEBHOOK_SECRETS = ["new", SECRETS["fedex"]]
    for secret in settings.FEDEX_WEBHOOK_SECRETS:
        assert deliver("fedex", fedex(BODY, secret=secret)).status_code == 200
    assert deliver("fedex", fedex(BODY, secret="")).status_code == 400


def test_unknown_couriers_and_those_without_a_secret_have_no_address(settings):
    refused(deliver("pigeon", ups(BODY)), 404, "not_found")
    settings.UPS_WEBHOOK_SECRETS = []
    refused(deliver("ups", {"credential": ""}), 404, "not_found")
    refused(deliver("ups", ups(BODY)), 404, "not_found")


def test_other_methods_and_too_much():
    answer = deliver("ups", ups(b""), body=b"", method="GET")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    big = b"x" * (1024 * 1024 + 1)
    refused(deliver("ups", ups(big), body=big), 413, "body_too_large")


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b"\xff\xfe", b"\x00", b"[" * 50_000, b'{"output": 5}', "한".encode("euc-kr")])
def test_whatever_was_truly_signed_is_taken_and_kept(body, jobs):
    assert deliver("fedex", fedex(body), body=body).status_code == 200
    jobs.run(only="courier_messages")

    row = CourierMessage.objects.get()
    assert (row.settled_at, row.attempts) == (None, courier_messages.MAX_ATTEMPTS)
    assert row.error


def test_a_database_that_is_away_is_503(monkeypatch):
    def away(*_args, **_kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr(CourierMessage.objects, "create", away)
    assert deliver("ups", ups(BODY)).status_code == 503

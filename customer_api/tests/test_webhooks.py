"""POST /webhooks/stripe, as Stripe signs it; and as others try."""

import hashlib
import hmac
import json
import time

import pytest
from django.db import OperationalError
from django.test import Client
from django_q.models import OrmQ

from workflow import settlement
from workflow.models import StripeEvent

pytestmark = pytest.mark.django_db

EVENT = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "data": {"object": {"id": "cs_1"}}}
SECRET = "whsec_sandbox"


def signature(payload: bytes, *, secret: str = SECRET, at: float | None = None, scheme: str = "v1") -> str:
    moment = int(at or time.time())
    return f"t={moment},{scheme}={hmac.new(secret.encode(), f'{moment}.'.encode() + payload, hashlib.sha256).hexdigest()}"


def deliver(payload: bytes, signed: str, **headers: str):
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    return client.post("/webhooks/stripe", payload, content_type="application/json", headers={"stripe-signature": signed, **headers})


def test_a_signed_event_is_stored_once_and_settled_by_a_job():
    payload = json.dumps(EVENT).encode()
    for _ in range(3):
        answer = deliver(payload, signature(payload))
        assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert StripeEvent.objects.get().event_id == "evt_1"
    assert OrmQ.objects.count() == 1


FORGED = {
    "none": lambda body: "",
    "garbage": lambda body: "garbage",
    "empty": lambda body: "t=,v1=",
    "no number": lambda body: "t=abc,v1=def",
    "no time": lambda body: "v1=only",
    "not ascii": lambda body: "t=1\u00e9,v1=x",
    "other secret": lambda body: signature(body, secret="whsec_other"),
    "too old": lambda body: signature(body, at=time.time() - 305),
    "in the future": lambda body: signature(body, at=time.time() + 305),
    "v0 only": lambda body: signature(body, scheme="v0"),
    "other body": lambda body: signature(body + b" "),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_stripe_did_not_sign_just_now_is_refused(name):
    payload = json.dumps(EVENT).encode()
    answer = deliver(payload, FORGED[name](payload))
    assert (answer.status_code, answer["Content-Type"], answer.json().get("code")) == (400, "application/problem+json", "signature_invalid")
    assert not StripeEvent.objects.exists()


def test_both_secrets_are_good_while_they_roll(settings):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", SECRET]
    payload = json.dumps(EVENT).encode()
    assert deliver(payload, signature(payload)).status_code == 200
    assert deliver(payload, signature(payload, secret="whsec_new")).status_code == 200


@pytest.mark.parametrize(
    "payload",
    [b"[]", b"null", b"5", b"{}", b"not json", b'{"id": 5}', b'{"id": "evt_2"}', b'{"id": "evt_3", "type": null, "data": []}',
     b'{"id": "evt_4", "type": "x", "data": {"object": null}, "livemode": true, "account": "acct_other", "api_version": "1999-01-01"}',
     b'{"id": "' + b"x" * 5000 + b'"}', b'{"id": "evt_5", "big": 1e999}', b'{"id": "evt_6", "deep": ' + b"[" * 5000 + b"]" * 5000 + b"}",
     b'{"id": "evt_\\ud800"}', b'{"id": "evt_\\u0000"}'],
)  # fmt: skip
def test_odd_events_are_taken_quietly(payload):
    answer = deliver(payload, signature(payload))
    assert (answer.status_code, answer.json()) == (200, {"received": True})


def test_other_methods(client):
    answer = client.get("/webhooks/stripe")
    assert (answer.status_code, answer["Allow"], answer["Content-Type"]) == (405, "POST", "application/problem+json")


def test_large_bodies_are_refused():
    payload = b" " * (1024 * 1024 + 1)
    answer = deliver(payload, signature(payload))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_database_that_is_away_makes_stripe_come_again(monkeypatch):
    def fail(event):
        raise OperationalError("gone away")

    monkeypatch.setattr(settlement, "receive", fail)
    payload = json.dumps(EVENT).encode()
    answer = deliver(payload, signature(payload))
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")

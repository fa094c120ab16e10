"""Signed, delivered in copies, retried until a 2xx, remembered over a restart."""

from pathlib import Path

import pytest
import stripe

from integrations.sandbox.testing import Sandbox, running_sandbox, wait_until
from integrations.sandbox.tests.builders import create, kinds
from integrations.sandbox.tests.conftest import stripe_client
from integrations.sandbox.tests.listener import Listener


def test_a_payment_is_told_with_a_signature_the_sdk_accepts(client: stripe.StripeClient, sandbox: Sandbox, listener: Listener) -> None:
    session = create(client)
    sandbox.pay(session.id)
    wait_until(lambda: listener.received)
    event = listener.events()[0]
    assert (event.type, event.api_version, event.data.object.id) == ("checkout.session.completed", "2026-10-28.endive", session.id)
    wait_until(lambda: client.v1.events.retrieve(event.id).pending_webhooks == 0)


def test_only_what_an_endpoint_listens_to_is_sent(client: stripe.StripeClient, sandbox: Sandbox, listener: Listener) -> None:
    session = create(client)
    sandbox.pay(session.id)
    sandbox.refund(session.id)
    sandbox.dispute(create_paid(client, sandbox))
    wait_until(lambda: len(listener.received) >= 6)
    assert listener.types() == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.refunded",
        "checkout.session.completed",
        "checkout.session.completed",
        "refund.created",
    ]


def create_paid(client: stripe.StripeClient, sandbox: Sandbox) -> str:
    session_id: str = create(client).id
    sandbox.pay(session_id)
    return session_id


def test_no_copy_three_copies_and_later_a_hundred(client: stripe.StripeClient, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.pay(create(client).id, deliver=0)
    sandbox.pay(create(client).id, deliver=3)
    wait_until(lambda: len(listener.received) == 3)
    assert len({event.id for event in listener.events()}) == 1
    silent = next(event for event in sandbox.books()["events"] if event["type"] == "checkout.session.completed")
    listener.clear()

    sandbox.deliver(silent["id"], times=100)
    wait_until(lambda: len(listener.received) == 100)
    assert {event.id for event in listener.events()} == {silent["id"]}


def test_a_refused_delivery_is_tried_again(client: stripe.StripeClient, sandbox: Sandbox, listener: Listener) -> None:
    listener.statuses += [500, 302]
    sandbox.pay(create(client).id)
    wait_until(lambda: len(listener.received) == 3, seconds=15)
    delivery = wait_until(lambda: [item for item in sandbox.books()["deliveries"] if item["status"] == "delivered"])[0]
    assert (delivery["attempts"], delivery["last_result"]) == (3, 200)


def test_the_secrets_old_and_new_both_sign(listener: Listener) -> None:
    with running_sandbox(webhook_url=listener.url, webhook_secret="whsec_old,whsec_new") as other:
        other.pay(create(stripe_client(other)).id)
        wait_until(lambda: listener.received)
    for secret in ("whsec_old", "whsec_new"):
        assert kinds([event.to_dict() for event in listener.events(secret=secret)]) == ["checkout.session.completed"]
    with pytest.raises(stripe.SignatureVerificationError):
        listener.events(secret="whsec_sandbox")


def test_an_undelivered_event_survives_a_kill(tmp_path: Path, listener: Listener) -> None:
    listener.statuses += [503]
    with running_sandbox(webhook_url=listener.url, books=tmp_path / "books.sqlite3") as other:
        session_id = create(stripe_client(other)).id
        other.pay(session_id)
        wait_until(lambda: listener.received)
        other.kill()
        other.restart()
        wait_until(lambda: len(listener.received) == 2)
        assert [event.data.object.id for event in listener.events()] == [session_id, session_id]

"""Somebody pays, is declined, pays later; refunds and disputes follow. Objects and events as Stripe makes them."""

import pytest
import stripe

from integrations.sandbox.testing import ControlRefused, Sandbox
from integrations.sandbox.tests.builders import create, kinds, line


def test_a_card_pays_the_session(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)

    sandbox.pay(session.id)

    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    intent, charge = paid.payment_intent, paid.payment_intent.latest_charge
    assert (intent.status, intent.amount, intent.amount_received, intent.currency) == ("succeeded", 9198, 9198, "usd")
    assert (charge.status, charge.paid, charge.captured, charge.amount, charge.amount_refunded) == ("succeeded", True, True, 9198, 0)
    assert charge.payment_intent == intent.id
    assert charge.payment_method_details.card.last4 == "4242"
    assert kinds(sandbox.books()["events"]) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


def test_the_sessions_metadata_is_not_copied_to_the_intent(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client, metadata={"order": "BD-1"}, payment_intent_data={"metadata": {"attempt": "9"}, "description": "BD-1 items"})
    sandbox.pay(session.id)
    intent = client.v1.payment_intents.list().data[0]
    assert intent.metadata.to_dict() == {"attempt": "9"}
    assert intent.description == "BD-1 items"


def test_a_session_is_paid_once(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    sandbox.pay(session.id)
    with pytest.raises(ControlRefused) as caught:
        sandbox.pay(session.id)
    assert caught.value.status == 409
    assert len(sandbox.books()["charges"]) == 1


def test_an_expired_session_cannot_be_paid(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    sandbox.expire(session.id)
    with pytest.raises(ControlRefused) as caught:
        sandbox.pay(session.id)
    assert caught.value.status == 409
    assert sandbox.books()["charges"] == []


def test_another_amount_can_be_paid_to_test_what_must_not_match(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    paid = sandbox.pay(session.id, amount=100)
    assert paid["amount_total"] == 100
    assert client.v1.charges.list({"payment_intent": paid["payment_intent"]}).data[0].amount == 100


def test_a_slow_payment_completes_the_session_unpaid_and_succeeds_later(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    sandbox.pay(session.id, slow=True)

    waiting = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    assert (waiting.payment_intent.status, waiting.payment_intent.latest_charge.status) == ("processing", "pending")

    sandbox.async_succeed(session.id)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert kinds(sandbox.books()["events"])[-1] == "checkout.session.async_payment_succeeded"
    with pytest.raises(ControlRefused):
        sandbox.async_fail(session.id)


def test_a_slow_payment_can_fail(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    sandbox.pay(session.id, slow=True)
    sandbox.async_fail(session.id)

    failed = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (failed.status, failed.payment_status, failed.payment_intent.status) == ("complete", "unpaid", "requires_payment_method")
    assert kinds(sandbox.books()["events"])[-1] == "checkout.session.async_payment_failed"


def test_a_refund_in_two_parts_and_never_more(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = sandbox.pay(create(client).id)["payment_intent"]

    part = client.v1.refunds.create(
        {"payment_intent": intent, "amount": 198, "reason": "requested_by_customer", "metadata": {"refund": "3"}}
    )
    assert (part.status, part.amount, part.reason, part.metadata.to_dict()) == ("succeeded", 198, "requested_by_customer", {"refund": "3"})
    with pytest.raises(stripe.InvalidRequestError, match=r"greater than unrefunded amount on charge \(90.00 USD\)"):
        client.v1.refunds.create({"payment_intent": intent, "amount": 9001})
    rest = client.v1.refunds.create({"charge": part.charge})
    assert rest.amount == 9000
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent})
    assert caught.value.code == "charge_already_refunded"

    charge = client.v1.charges.retrieve(part.charge, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (9198, True)
    assert [refund.id for refund in charge.refunds.data] == [rest.id, part.id]
    assert [refund.id for refund in client.v1.refunds.list({"payment_intent": intent}).data] == [rest.id, part.id]
    assert client.v1.refunds.retrieve(part.id).amount == 198
    refunded = [event for event in sandbox.books()["events"] if event["type"] == "charge.refunded"]
    assert [event["data"]["object"]["amount_refunded"] for event in refunded] == [198, 9198]
    assert [event["data"]["object"]["refunded"] for event in refunded] == [False, True]


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({}, 400, "parameter_missing"),
        ({"payment_intent": "pi_none"}, 404, "resource_missing"),
        ({"charge": "ch_none"}, 404, "resource_missing"),
        ({"charge": "ch_none", "amount": 0}, 400, "parameter_invalid_integer"),
        ({"charge": "ch_none", "reason": "bad_mood"}, 400, None),
        ({"charge": "ch_none", "note": "x"}, 400, "parameter_unknown"),
    ],
)
def test_wrong_refunds_are_refused(client: stripe.StripeClient, parameters: dict[str, object], status: int, code: str | None) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create(parameters)  # type: ignore[arg-type]
    assert (caught.value.http_status, caught.value.code) == (status, code)


def test_a_refund_made_in_the_dashboard(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    sandbox.pay(session.id)
    refund = sandbox.refund(session.id, amount=500)
    assert (refund["amount"], refund["metadata"]) == (500, {})
    events = [event for event in sandbox.books()["events"] if event["type"] == "refund.created"]
    assert [event["request"] for event in events] == [{"id": None, "idempotency_key": None}]


def test_a_refund_can_fail_afterwards_and_the_money_is_back_on_the_charge(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = sandbox.pay(create(client).id)["payment_intent"]
    refund = client.v1.refunds.create({"payment_intent": intent})

    sandbox.settle_refund(refund.id, status="failed")

    assert client.v1.refunds.retrieve(refund.id).status == "failed"
    charge = client.v1.charges.retrieve(refund.charge)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert kinds(sandbox.books()["events"])[-2:] == ["refund.failed", "refund.updated"]
    assert client.v1.refunds.create({"payment_intent": intent}).amount == 9198


def test_a_dispute_opens_blocks_refunds_and_is_won(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client, line_items=[line(cents=5000)])
    intent = sandbox.pay(session.id)["payment_intent"]

    dispute = sandbox.dispute(session.id)

    assert (dispute["amount"], dispute["status"], dispute["payment_intent"]) == (5000, "needs_response", intent)
    assert [item.id for item in client.v1.disputes.list({"payment_intent": intent}).data] == [dispute["id"]]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent})
    assert caught.value.code == "charge_disputed"
    sandbox.close_dispute(dispute["id"], status="won")
    assert client.v1.disputes.retrieve(dispute["id"]).status == "won"
    assert client.v1.refunds.create({"payment_intent": intent}).amount == 5000


def test_events_are_listed_by_type_with_the_pinned_version_and_who_asked(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    client.v1.checkout.sessions.expire(session.id, {}, {"idempotency_key": "close-1"})
    sandbox.pay(create(client).id)

    expired = client.v1.events.list({"type": "checkout.session.expired"}).data
    assert [(event.api_version, event.request.idempotency_key, event.data.object.id) for event in expired] == [
        ("2026-10-28.endive", "close-1", session.id)
    ]
    assert {event.type for event in client.v1.events.list({"type": "payment_intent.*"}).data} == {
        "payment_intent.created",
        "payment_intent.succeeded",
    }
    assert len(client.v1.events.list({"types": ["charge.succeeded", "checkout.session.completed"]}).data) == 2
    assert client.v1.events.retrieve(expired[0].id).type == "checkout.session.expired"


def test_an_event_keeps_the_object_as_it_was(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    sandbox.pay(session.id, slow=True)
    sandbox.async_succeed(session.id)
    completed = client.v1.events.list({"type": "checkout.session.completed"}).data[0]
    assert completed.data.object.payment_status == "unpaid"

"""The same key again: the first result, a stored 500 included; another request under the same key is refused."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import stripe

from integrations.sandbox.testing import Sandbox, wait_until
from integrations.sandbox.tests.builders import create, line
from integrations.sandbox.tests.conftest import stripe_client


def test_the_first_result_is_replayed(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    first, second = create(client, key="BD-1:items:1:1"), create(client, key="BD-1:items:1:1")
    assert second.id == first.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(sandbox.books()["sessions"]) == 1


def test_a_replay_shows_the_answer_of_then_not_the_state_of_now(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client, key="once")
    sandbox.pay(session.id)
    assert create(client, key="once").status == "open"


def test_other_parameters_under_the_same_key_are_an_idempotency_error(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    create(client, key="k")
    with pytest.raises(stripe.IdempotencyError) as caught:
        create(client, key="k", line_items=[line(cents=5)])
    assert caught.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        client.v1.refunds.create({"charge": "ch_1"}, {"idempotency_key": "k"})
    assert len(sandbox.books()["sessions"]) == 1


def test_failed_validation_is_not_kept_for_the_key(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        create(client, key="k", line_items=[line(cents=49)])
    assert create(client, key="k").status == "open"


def test_a_refusal_after_the_work_began_is_kept(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = sandbox.pay(create(client).id)["payment_intent"]
    refund = client.v1.refunds.create({"payment_intent": intent})
    for replayed in (None, "true"):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.refunds.create({"payment_intent": intent}, {"idempotency_key": "again"})
        assert caught.value.code == "charge_already_refunded"
        assert caught.value.headers is not None
        assert caught.value.headers.get("Idempotent-Replayed") == replayed
        sandbox.settle_refund(refund.id, status="failed") if replayed is None else None


def test_a_stored_500_is_answered_again_though_the_session_exists(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    sandbox.faults("stripe", "created_then_500", path="POST /v1/checkout/sessions", times=1)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            create(client, key="k")
        assert caught.value.http_status == 500
    assert len(sandbox.books()["sessions"]) == 1
    found = client.v1.checkout.sessions.list({"status": "open"}).data
    assert [session.client_reference_id for session in found] == ["BD-7K2MQ-X81PD:items:1:1"]


def test_a_500_before_the_work_is_not_kept(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    sandbox.faults("stripe", "500", times=1)
    with pytest.raises(stripe.APIError):
        create(client, key="k")
    assert sandbox.books()["sessions"] == []
    assert create(client, key="k").status == "open"


def test_the_sdk_retries_its_own_500_under_one_key(sandbox: Sandbox) -> None:
    sandbox.faults("stripe", "500", times=1)
    create(stripe_client(sandbox, retries=2))
    asked = sandbox.requests("stripe")
    assert [request["status"] for request in asked] == [500, 200]
    assert len({request["headers"]["idempotency-key"] for request in asked}) == 1


def test_two_requests_with_one_key_at_the_same_time(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    sandbox.faults("stripe", "slow", seconds=10, times=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(create, client, key="k")
        wait_until(lambda: sandbox.requests("stripe"))
        with pytest.raises(stripe.APIError) as caught:
            create(client, key="k")
        sandbox.reset()  # lets go of the held one
        made = first.result(timeout=5)
    assert (caught.value.http_status, caught.value.json_body["error"]["code"]) == (409, "idempotency_key_in_use")
    assert create(client, key="k").id == made.id


def test_a_caller_that_hung_up_finds_its_session_again(sandbox: Sandbox) -> None:
    sandbox.faults("stripe", "created_then_hang", seconds=30, times=1)
    hasty = stripe_client(sandbox, read_seconds=0.3)
    with pytest.raises(stripe.APIConnectionError):
        create(hasty, key="k")
    made = sandbox.books()["sessions"]
    assert len(made) == 1
    again = wait_until(lambda: _created_or_busy(hasty))
    assert again.id == made[0]["id"]


def _created_or_busy(client: stripe.StripeClient) -> object:
    try:
        return create(client, key="k")
    except stripe.APIError as error:
        if error.http_status != 409:
            raise
        return None


def test_a_key_can_be_too_long_and_gets_ignore_keys(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        create(client, key="k" * 256)
    assert create(client, key="k" * 255).status == "open"
    headers = {"Authorization": "Bearer sk_test_sandbox", "Idempotency-Key": "k" * 255}
    assert requests.get(f"{sandbox.stripe_url}/v1/events", headers=headers, timeout=5).json()["data"] == []

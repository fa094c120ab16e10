"""Every mode, seen with a plain HTTP client; what is made and what is not."""

import time

import pytest
import requests
import stripe

from integrations.sandbox.testing import ControlRefused, Sandbox, wait_until
from integrations.sandbox.tests.builders import create
from integrations.sandbox.tests.conftest import stripe_client


@pytest.mark.parametrize(
    ("mode", "error", "status"),
    [
        ("500", stripe.APIError, 500),
        ("401", stripe.AuthenticationError, 401),
        ("429", stripe.RateLimitError, 429),
        ("html", stripe.APIError, 200),
    ],
)
def test_refusing_modes_make_nothing(
    client: stripe.StripeClient, sandbox: Sandbox, mode: str, error: type[stripe.StripeError], status: int
) -> None:
    sandbox.faults("stripe", mode, times=1)
    with pytest.raises(error) as caught:
        create(client)
    assert caught.value.http_status == status
    assert sandbox.books()["sessions"] == []
    assert create(client).status == "open"


def test_429_says_when_to_come_back(sandbox: Sandbox) -> None:
    sandbox.faults("fedex", "429", seconds=7, times=1)
    answer = requests.post(f"{sandbox.url}/fedex/oauth/token", timeout=5)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_reset_drops_the_connection(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    sandbox.faults("stripe", "reset", times=1)
    with pytest.raises(requests.ConnectionError, match=r"reset|Remote|aborted"):
        requests.get(f"{sandbox.stripe_url}/v1/events", timeout=5)
    assert client.v1.events.list().data == []


def test_hang_holds_the_line_and_then_drops_it(sandbox: Sandbox) -> None:
    sandbox.faults("fx", "hang", seconds=0.5, times=2)
    address = f"{sandbox.url}/fx/currency-api/v1/currencies/usd.min.json"
    with pytest.raises(requests.ReadTimeout):
        requests.get(address, timeout=0.2)
    started = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=5)
    assert 0.4 < time.monotonic() - started < 3
    assert requests.get(address, timeout=5).status_code == 200


def test_slow_answers_late_but_as_usual(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    sandbox.faults("stripe", "slow", seconds=0.4, times=1)
    started = time.monotonic()
    assert create(client).status == "open"
    assert time.monotonic() - started >= 0.4


def test_created_then_hang_makes_the_thing_and_answers_after_the_time(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    sandbox.faults("stripe", "created_then_hang", seconds=0.4, times=1)
    started = time.monotonic()
    session = create(client)
    assert time.monotonic() - started >= 0.4
    assert [made["id"] for made in sandbox.books()["sessions"]] == [session.id]


def test_a_fault_meets_only_its_path_method_and_times(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    sandbox.faults("stripe", "500", path="POST /v1/checkout/sessions", times=2)
    assert client.v1.checkout.sessions.list().data == []
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            create(client)
    create(client)
    sandbox.faults("stripe", "500", path="/refunds")
    create(client)
    for _ in range(3):
        with pytest.raises(stripe.APIError):
            client.v1.refunds.list()
    sandbox.reset()
    assert client.v1.refunds.list().data == []


def test_the_record_shows_calls_under_way_and_finished_without_credentials(sandbox: Sandbox) -> None:
    sandbox.faults("stripe", "created_then_hang", seconds=30, times=1)
    with pytest.raises(stripe.APIConnectionError):
        create(stripe_client(sandbox, read_seconds=0.3), key="k")
    wait_until(lambda: sandbox.requests("stripe")[0]["fault"])
    (call,) = sandbox.requests("stripe")
    assert (call["method"], call["path"], call["status"], call["fault"]) == ("POST", "/v1/checkout/sessions", None, "created_then_hang")
    assert "line_items[0][price_data][currency]=usd" in call["body"]
    assert call["headers"]["idempotency-key"] == "k"
    assert "sk_test_sandbox" not in str(call)
    assert sandbox.requests("fedex") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"service": "nobody", "mode": "500"},
        {"service": "stripe", "mode": "explode"},
        {"service": "stripe", "mode": "500", "times": 0},
        {"service": "stripe", "mode": "hang", "seconds": "long"},
        {},
    ],
)
def test_wrong_wishes_are_400(sandbox: Sandbox, wrong: dict[str, object]) -> None:
    with pytest.raises(ControlRefused) as caught:
        sandbox.post("faults", **wrong)
    assert caught.value.status == 400
    assert sandbox.get("faults") == {"items": []}


def test_control_refuses_what_is_not_json(sandbox: Sandbox) -> None:
    for body in (b"{", b"[1]", b"\xff"):
        assert requests.post(f"{sandbox.url}/_control/faults", data=body, timeout=5).status_code == 400
    assert requests.get(f"{sandbox.url}/_control/nothing", timeout=5).json() == {"error": {"message": "Not Found"}}

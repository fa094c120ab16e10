"""Stripe's client against answers of our own making; the whole life of a session is in test_stripe_sandbox.py."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from integrations import stripe
from integrations.base import AuthRefused, BadAnswer, InvalidRequest, NotFound, RateLimited, Unavailable
from integrations.tests.conftest import Reply, TinyServer

SESSION = {
    "id": "cs_test_a1", "object": "checkout.session", "url": "https://checkout.stripe.com/c/pay/cs_test_a1", "status": "open",
    "payment_status": "unpaid", "amount_total": 9198, "currency": "usd", "expires_at": 1795420400, "created": 1795334000,
    "payment_intent": None, "client_reference_id": "BD-7K3QX-19ZRM", "metadata": {"order": "BD-7K3QX-19ZRM"}, "livemode": False,
}  # fmt: skip
REFUND = {
    "id": "re_1", "object": "refund", "status": "pending", "amount": 500, "currency": "usd", "payment_intent": "pi_1", "charge": "ch_1",
    "metadata": {}, "created": 1795334000,
}  # fmt: skip
ERROR = {"error": {"type": "api_error", "message": "Something went wrong"}}
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def server(tiny: TinyServer, settings) -> TinyServer:
    settings.STRIPE_API_BASE = tiny.url
    settings.STRIPE_SECRET_KEY = "sk_test_sandbox"
    return tiny


def answer(value: object, status: int = 200, **headers: str) -> Reply:
    return Reply(json.dumps(value), status, headers={name.replace("_", "-"): text for name, text in headers.items()})


def open_session() -> stripe.CheckoutSession:
    return stripe.create_checkout_session(
        lines=[stripe.CheckoutLine("뜨개실 세트", 8800), stripe.CheckoutLine("Service fee", 199, 2)],
        success_url="https://shop.example/ok?s={CHECKOUT_SESSION_ID}",
        cancel_url="https://shop.example/back",
        customer_email="minji@example.com",
        client_reference_id="BD-7K3QX-19ZRM",
        metadata={"order": "BD-7K3QX-19ZRM", "attempt": "17"},
        expires_at=datetime.fromtimestamp(1795420400, tz=UTC),
        locale="ko",
        idempotency_key="BD-7K3QX-19ZRM:items:1:1",
    )


def test_creating_a_session_sends_what_the_pinned_version_knows_and_reads_plain_values(server):
    server.replies_with(answer(SESSION))

    session = open_session()

    assert session == stripe.CheckoutSession(
        id="cs_test_a1",
        url="https://checkout.stripe.com/c/pay/cs_test_a1",
        status="open",
        payment_status="unpaid",
        amount_total_cents=9198,
        currency="usd",
        expires_at=datetime.fromtimestamp(1795420400, tz=UTC),
        created_at=datetime.fromtimestamp(1795334000, tz=UTC),
        payment_intent_id=None,
        client_reference_id="BD-7K3QX-19ZRM",
        metadata={"order": "BD-7K3QX-19ZRM"},
        livemode=False,
    )
    (request,) = server.seen
    assert (request.method, request.path) == ("POST", "/v1/checkout/sessions")
    assert request.headers["idempotency-key"] == "BD-7K3QX-19ZRM:items:1:1"
    assert request.headers["authorization"] == "Bearer sk_test_sandbox"
    assert request.headers["stripe-version"] == "2026-10-28.endive"
    assert "x-stripe-client-telemetry" not in request.headers
    assert not {"telemetry_id", "platform"} & set(json.loads(request.headers["x-stripe-client-user-agent"]))
    assert {name: values[0] for name, values in parse_qs(request.body.decode()).items()} == {
        "mode": "payment",
        "ui_mode": "hosted_page",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "8800",
        "line_items[0][price_data][product_data][name]": "뜨개실 세트",
        "line_items[1][quantity]": "2",
        "line_items[1][price_data][currency]": "usd",
        "line_items[1][price_data][unit_amount]": "199",
        "line_items[1][price_data][product_data][name]": "Service fee",
        "success_url": "https://shop.example/ok?s={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/back",
        "customer_email": "minji@example.com",
        "client_reference_id": "BD-7K3QX-19ZRM",
        "metadata[order]": "BD-7K3QX-19ZRM",
        "metadata[attempt]": "17",
        "payment_intent_data[metadata][order]": "BD-7K3QX-19ZRM",
        "payment_intent_data[metadata][attempt]": "17",
        "payment_intent_data[description]": "BD-7K3QX-19ZRM: 뜨개실 세트, Service fee",
        "expires_at": "1795420400",
        "locale": "ko",
    }


def test_a_500_is_asked_once_and_again_with_the_same_key_when_the_queue_says_so(server):
    server.replies_with(answer(ERROR, 500), answer(SESSION))

    with pytest.raises(Unavailable):
        open_session()
    assert len(server.seen) == 1
    assert open_session().id == "cs_test_a1"

    assert [request.headers["idempotency-key"] for request in server.seen] == ["BD-7K3QX-19ZRM:items:1:1"] * 2


def test_a_stored_500_is_told_apart_so_that_the_key_is_not_used_again(server):
    server.replies_with(answer(ERROR, 500, Idempotent_Replayed="true"))

    with pytest.raises(Unavailable) as caught:
        open_session()

    assert (caught.value.code, caught.value.permanent, caught.value.outcome_unknown) == ("stored_500", False, True)


def invalid(code: str, message: str = "No.") -> dict:
    return {"error": {"type": "invalid_request_error", "code": code, "message": message}}


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (answer(ERROR, 500), Unavailable, "api_error"),
        (answer(ERROR, 503), Unavailable, "api_error"),
        (Reply("<html>502</html>", 502, "text/html"), Unavailable, "http_502"),
        (answer(invalid("idempotency_key_in_use"), 409), Unavailable, "idempotency_key_in_use"),
        (answer(invalid("parameter_unknown"), 400), InvalidRequest, "parameter_unknown"),
        (answer({"error": {"type": "idempotency_error", "message": "other"}}, 400), InvalidRequest, "idempotency_error"),
        (answer({"error": {"type": "card_error", "code": "card_declined", "message": "no"}}, 402), InvalidRequest, "card_declined"),
        (answer(invalid("", "Invalid API Key provided"), 401), AuthRefused, "invalid_request_error"),
        (answer(invalid("more_permissions_required"), 403), AuthRefused, "more_permissions_required"),
        (answer(invalid("resource_missing"), 404), NotFound, "resource_missing"),
        (answer(invalid("rate_limit"), 429), RateLimited, "rate_limit"),
        (Reply("<html>hello</html>", 200, "text/html"), BadAnswer, "http_200"),
        (Reply("", 200), BadAnswer, "http_200"),
        (Reply('{"id": "cs_te', 200), BadAnswer, "http_200"),
        (answer([]), BadAnswer, "shape"),
        (answer({}), BadAnswer, "shape"),
        (answer("cs_test_a1"), BadAnswer, "shape"),
        (answer({**SESSION, "amount_total": True}), BadAnswer, "shape"),
        (answer({**SESSION, "amount_total": 91.98}), BadAnswer, "shape"),
        (answer({**SESSION, "amount_total": "9198"}), BadAnswer, "shape"),
        (answer({**SESSION, "metadata": ["a"]}), BadAnswer, "shape"),
        (answer({**SESSION, "expires_at": 10**30}), BadAnswer, "shape"),
        (answer({**SESSION, "livemode": "false"}), BadAnswer, "shape"),
        (answer({"error": "what?"}, 500), BadAnswer, "unreadable"),
        (answer({}, 400), BadAnswer, "http_400"),
        (Reply("", 302, headers={"Location": "http://169.254.169.254/"}), BadAnswer, "http_302"),
        (Reply("x" * 8_000_001, 200), BadAnswer, "too_large"),
    ],
)
def test_whatever_goes_wrong_is_one_of_our_errors(server, reply, kind, code):
    server.replies_with(reply)

    with pytest.raises(kind) as caught:
        stripe.retrieve_checkout_session("cs_test_a1")

    assert type(caught.value) is kind
    assert (caught.value.provider, caught.value.code) == ("stripe", code)
    assert caught.value.permanent is (kind in {AuthRefused, InvalidRequest, NotFound})


def test_a_rate_limit_says_when_to_come_back(server):
    server.replies_with(answer(invalid("rate_limit"), 429, Retry_After="7"))

    with pytest.raises(RateLimited) as caught:
        stripe.retrieve_checkout_session("cs_test_a1")

    assert caught.value.retry_after == 7.0
    assert len(server.seen) == 1


def test_errors_keep_no_personal_data_and_no_keys(server):
    server.replies_with(answer(invalid("email_invalid", "Invalid email address: minji@example.com with sk_test_4eC39HqLyjW"), 400))

    with pytest.raises(InvalidRequest) as caught:
        open_session()

    assert caught.value.message == "Invalid email address: [redacted] with [redacted]"
    assert caught.value.__suppress_context__


def test_expiring_a_session_that_was_paid_meanwhile_returns_it_as_paid(server):
    paid = {**SESSION, "status": "complete", "payment_status": "paid", "url": None, "payment_intent": "pi_1"}
    server.replies_with(answer(invalid("", "Only Checkout Sessions with a status in [open] can be expired."), 400), answer(paid))

    session = stripe.expire_checkout_session("cs_test_a1")

    assert (session.status, session.payment_status, session.url, session.payment_intent_id) == ("complete", "paid", None, "pi_1")
    assert [(request.method, request.path) for request in server.seen] == [
        ("POST", "/v1/checkout/sessions/cs_test_a1/expire"),
        ("GET", "/v1/checkout/sessions/cs_test_a1"),
    ]


def test_a_refused_expiry_of_an_open_session_is_raised(server):
    server.replies_with(answer(invalid("odd"), 400), answer(SESSION))

    with pytest.raises(InvalidRequest):
        stripe.expire_checkout_session("cs_test_a1")


def test_lists_are_read_to_their_end(server):
    first = {"object": "list", "url": "/v1/checkout/sessions", "has_more": True, "data": [SESSION, {**SESSION, "id": "cs_test_b2"}]}
    last = {**first, "has_more": False, "data": [{**SESSION, "id": "cs_test_c3", "client_reference_id": None}]}
    server.replies_with(answer(first), answer(last))

    found = stripe.find_checkout_sessions(client_reference_id="BD-7K3QX-19ZRM", created_after=NOW)

    assert [session.id for session in found] == ["cs_test_a1", "cs_test_b2"]
    assert [request.query for request in server.seen] == [
        {"created[gte]": ["1795348800"], "limit": ["100"]},
        {"created[gte]": ["1795348800"], "limit": ["100"], "starting_after": ["cs_test_b2"]},
    ]


def test_a_list_that_repeats_itself_ends_in_an_error(server):
    server.replies_with(answer({"object": "list", "url": "/v1/refunds", "has_more": True, "data": [REFUND]}))

    with pytest.raises(BadAnswer) as caught:
        list(stripe.iter_refunds(created_after=NOW))

    assert caught.value.code == "paging"
    assert len(server.seen) == 2


def test_a_payment_intent_tells_what_came_and_what_went_back(server):
    charge = {"id": "ch_1", "object": "charge", "amount_refunded": 500, "disputed": True}
    intent = {
        "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount_received": 9198, "currency": "usd",
        "metadata": {"order": "BD-7K3QX-19ZRM"}, "latest_charge": charge,
    }  # fmt: skip
    server.replies_with(answer(intent))

    found = stripe.retrieve_payment_intent("pi_1")

    assert found == stripe.PaymentIntent(
        id="pi_1",
        status="succeeded",
        amount_received_cents=9198,
        currency="usd",
        metadata={"order": "BD-7K3QX-19ZRM"},
        charge_id="ch_1",
        refunded_cents=500,
        disputed=True,
    )
    assert server.seen[0].query == {"expand[0]": ["latest_charge"]}


def test_a_refund_is_asked_for_by_payment_and_key(server):
    server.replies_with(answer(REFUND))

    refund = stripe.create_refund(
        payment_intent_id="pi_1", amount_cents=500, reason="requested_by_customer", metadata={"refund": "9"}, idempotency_key="refund-9"
    )

    assert refund == stripe.Refund(
        id="re_1",
        status="pending",
        amount_cents=500,
        currency="usd",
        payment_intent_id="pi_1",
        charge_id="ch_1",
        metadata={},
        failure_reason=None,
        created_at=datetime.fromtimestamp(1795334000, tz=UTC),
    )
    (request,) = server.seen
    assert request.headers["idempotency-key"] == "refund-9"
    assert parse_qs(request.body.decode()) == {
        "payment_intent": ["pi_1"],
        "amount": ["500"],
        "reason": ["requested_by_customer"],
        "metadata[refund]": ["9"],
    }


def test_disputes_are_read(server):
    dispute = {
        "id": "dp_1", "object": "dispute", "status": "needs_response", "amount": 9198, "currency": "usd", "reason": "fraudulent",
        "charge": "ch_1", "payment_intent": {"id": "pi_1", "object": "payment_intent"}, "created": 1795334000,
        "evidence_details": {"due_by": 1795938800},
    }  # fmt: skip
    server.replies_with(answer({"object": "list", "url": "/v1/disputes", "has_more": False, "data": [dispute]}))

    (found,) = stripe.iter_disputes(created_after=NOW)

    assert (found.id, found.status, found.amount_cents, found.currency, found.reason) == (
        "dp_1",
        "needs_response",
        9198,
        "usd",
        "fraudulent",
    )
    assert (found.charge_id, found.payment_intent_id) == ("ch_1", "pi_1")
    assert (int(found.created_at.timestamp()), found.due_by and int(found.due_by.timestamp())) == (1795334000, 1795938800)


def test_an_empty_id_is_never_asked_for(server):
    for ask in (stripe.retrieve_checkout_session, stripe.expire_checkout_session, stripe.retrieve_payment_intent, stripe.retrieve_refund):
        with pytest.raises(InvalidRequest):
            ask("")

    assert server.seen == []


def test_nobody_there_is_known_not_to_have_happened(settings):
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"

    with pytest.raises(Unavailable) as caught:
        open_session()

    assert (caught.value.code, caught.value.outcome_unknown) == ("unreachable", False)


def test_a_hanging_answer_leaves_the_outcome_open(server, settings):
    settings.PROVIDER_READ_TIMEOUT_S = 0.2
    server.replies_with(Reply(raw=lambda handler: server.released.wait(5)))

    with pytest.raises(Unavailable) as caught:
        open_session()

    assert (caught.value.code, caught.value.outcome_unknown) == ("timeout", True)
    assert len(server.seen) == 1


# --- Webhooks -------------------------------------------------------------------------------------------------------------

PAYLOAD = '{"id":"evt_1","type":"checkout.session.completed","rate":1.5,"note":"결제"}'.encode()
T = int(NOW.timestamp())


def signed(payload: bytes, *, secret: str = "whsec_one", at: int = T, scheme: str = "v1") -> str:
    mac = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},{scheme}={mac}"


def test_a_signed_webhook_is_its_event():
    event = stripe.parse_webhook(PAYLOAD, signed(PAYLOAD), secrets=["whsec_one"], now=NOW)

    assert event == {"id": "evt_1", "type": "checkout.session.completed", "rate": 1.5, "note": "결제"}
    json.dumps(event)


@pytest.mark.parametrize("secret", ["whsec_old", "whsec_new"])
def test_both_secrets_hold_while_they_are_rolled(secret):
    assert stripe.parse_webhook(PAYLOAD, signed(PAYLOAD, secret=secret), secrets=["whsec_new", "whsec_old"], now=NOW)["id"] == "evt_1"


@pytest.mark.parametrize(("age_s", "accepted"), [(0, True), (300, True), (301, False), (-300, True), (-301, False), (86_400, False)])
def test_a_signature_holds_for_five_minutes_on_either_side(age_s, accepted):
    header = signed(PAYLOAD, at=T - age_s)
    if accepted:
        assert stripe.parse_webhook(PAYLOAD, header, secrets=["whsec_one"], now=NOW)["id"] == "evt_1"
    else:
        with pytest.raises(stripe.SignatureRefused) as caught:
            stripe.parse_webhook(PAYLOAD, header, secrets=["whsec_one"], now=NOW)
        assert caught.value.code == "timestamp"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        "t=",
        "t=abc,v1=00",
        f"t={T}",
        f"t={T},v1=",
        f"t={T},v1=é",
        "v1=" + "0" * 64,
        signed(PAYLOAD, secret="whsec_other"),
        signed(PAYLOAD, scheme="v0"),
        signed(PAYLOAD + b" "),
        signed(PAYLOAD).replace(f"t={T}", f"t={T + 1}"),
        f"t={T + 1},{signed(PAYLOAD)}",
    ],
)
def test_what_stripe_did_not_sign_is_refused(header):
    with pytest.raises(stripe.SignatureRefused) as caught:
        stripe.parse_webhook(PAYLOAD, header, secrets=["whsec_one"], now=NOW)

    assert (caught.value.permanent, caught.value.code) == (True, "signature")


@pytest.mark.parametrize("secrets", [[], [""], ["  "]])
def test_without_a_secret_nothing_is_accepted(secrets):
    with pytest.raises(stripe.SignatureRefused):
        stripe.parse_webhook(PAYLOAD, signed(PAYLOAD, secret="".join(secrets)), secrets=secrets, now=NOW)


@pytest.mark.parametrize("payload", [b"[]", b"null", b"5", b"", b"{", b'{"a":NaN}', b"[" * 100_000])
def test_signed_bytes_that_are_no_event_are_kept_apart_from_forgeries(payload):
    with pytest.raises(BadAnswer):
        stripe.parse_webhook(payload, signed(payload), secrets=["whsec_one"], now=NOW)


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(stripe.SignatureRefused):
        stripe.parse_webhook(b"\xff\xfe", signed(b"\xff\xfe"), secrets=["whsec_one"], now=NOW)

"""The real clients against the real sandbox over HTTP: what they send is accepted, what it answers is understood, faults included."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from integrations import fedex, stripe
from integrations.base import (
    AuthRefused,
    BadAnswer,
    InvalidRequest,
    NotFound,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    TokenCache,
    Unavailable,
)
from integrations.couriers import COURIERS, TrackingStatus
from integrations.exchange_rate import fetch_rate
from integrations.mail import send_email
from integrations.sandbox.testing import Sandbox, running_sandbox
from integrations.sms import send_sms

FEDEX, UPS, EMS = "986578788855", "1Z5R89390357567127", "EG123456785KR"
KOREAN, AMERICAN = "+821012345678", "+17145550100"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
EXPIRES_AT = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=20)


@pytest.fixture(scope="module")
def one_sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(one_sandbox: Sandbox, settings, monkeypatch) -> Sandbox:
    one_sandbox.reset(books=True)
    addresses = one_sandbox.settings()
    settings.FX_BASE_URLS = addresses.pop("FX_BASE_URLS").split(",")
    mail = urlsplit(addresses.pop("EMAIL_URL"))
    for name, value in addresses.items():
        setattr(settings, name, value)
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        mail.hostname,
        mail.port,
    )
    settings.PROVIDER_READ_TIMEOUT_S = 0.5
    settings.EMAIL_TIMEOUT = 0.5
    monkeypatch.setattr(fedex, "_tokens", TokenCache(fedex._fetch_token))
    return one_sandbox


# --- Stripe ---------------------------------------------------------------------------------------------------------------


def open_session(*, key: str = "BD-7K3QX-19ZRM:items:1:1", cents: int = 8800) -> stripe.CheckoutSession:
    return stripe.create_checkout_session(
        lines=[stripe.CheckoutLine("뜨개실 세트", cents), stripe.CheckoutLine("대행 수수료", 199, 2)],
        success_url="http://127.0.0.1:8000/pay/ok?session={CHECKOUT_SESSION_ID}",
        cancel_url="http://127.0.0.1:8000/pay/back",
        customer_email="minji@example.com",
        client_reference_id="BD-7K3QX-19ZRM",
        metadata={"order": "BD-7K3QX-19ZRM", "attempt": "17"},
        expires_at=EXPIRES_AT,
        locale="ko",
        idempotency_key=key,
    )


def test_a_session_is_opened_paid_refunded_and_disputed(sandbox):
    session = open_session()
    assert (session.status, session.payment_status, session.amount_total_cents, session.currency) == ("open", "unpaid", 9198, "usd")
    assert (session.client_reference_id, session.metadata) == ("BD-7K3QX-19ZRM", {"order": "BD-7K3QX-19ZRM", "attempt": "17"})
    assert (session.expires_at, session.livemode, session.payment_intent_id) == (EXPIRES_AT, False, None)
    assert session.url.startswith("http")

    sandbox.pay(session.id)
    paid = stripe.retrieve_checkout_session(session.id)
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    intent = stripe.retrieve_payment_intent(paid.payment_intent_id)
    assert (intent.status, intent.amount_received_cents, intent.currency) == ("succeeded", 9198, "usd")
    assert (intent.metadata, intent.refunded_cents, intent.disputed) == (session.metadata, 0, False)

    refund = stripe.create_refund(
        payment_intent_id=intent.id, amount_cents=500, reason="requested_by_customer", metadata={"refund": "9"}, idempotency_key="refund-9"
    )
    assert (refund.status, refund.amount_cents, refund.payment_intent_id, refund.charge_id) == (
        "succeeded",
        500,
        intent.id,
        intent.charge_id,
    )
    assert stripe.retrieve_refund(refund.id) == refund
    assert stripe.list_refunds(intent.id) == [refund] == list(stripe.iter_refunds(created_after=LONG_AGO))

    sandbox.dispute(session.id)
    (dispute,) = stripe.iter_disputes(created_after=LONG_AGO)
    assert (dispute.amount_cents, dispute.payment_intent_id, dispute.charge_id) == (9198, intent.id, intent.charge_id)
    intent = stripe.retrieve_payment_intent(intent.id)
    assert (intent.refunded_cents, intent.disputed) == (500, True)


def test_one_key_opens_one_session_and_refuses_another_body(sandbox):
    first = open_session()

    assert open_session().id == first.id
    with pytest.raises(InvalidRequest) as caught:
        open_session(cents=9900)
    assert caught.value.code == "idempotency_error"
    assert len(sandbox.books()["sessions"]) == 1


def test_expiring_says_what_is_true_whoever_was_first(sandbox):
    expired, paid = open_session(key="one"), open_session(key="two")
    sandbox.pay(paid.id)

    assert stripe.expire_checkout_session(expired.id).status == "expired"
    assert stripe.expire_checkout_session(expired.id).status == "expired"
    assert stripe.expire_checkout_session(paid.id).payment_status == "paid"


def test_sessions_are_found_by_our_reference_over_several_pages(sandbox, monkeypatch):
    from integrations import stripe_sdk

    monkeypatch.setattr(stripe_sdk, "PAGE_SIZE", 2)
    opened = [open_session(key=f"key-{number}").id for number in range(5)]

    found = stripe.find_checkout_sessions(client_reference_id="BD-7K3QX-19ZRM", created_after=LONG_AGO)

    assert [session.id for session in found] == list(reversed(opened))
    assert stripe.find_checkout_sessions(client_reference_id="BD-OTHER-OTHER", created_after=LONG_AGO) == []
    assert list(stripe.iter_checkout_sessions(created_after=datetime.now(UTC) + timedelta(hours=1))) == []


def test_an_answer_lost_after_the_session_was_made_is_found_again_by_its_key(sandbox):
    sandbox.faults("stripe", "created_then_hang", path="POST /v1/checkout/sessions", times=1)

    with pytest.raises(Unavailable) as caught:
        open_session()

    assert (caught.value.outcome_unknown, caught.value.permanent) == (True, False)
    assert open_session().id == sandbox.books()["sessions"][0]["id"]
    assert len(sandbox.books()["sessions"]) == 1


def test_a_500_kept_under_the_key_is_known_for_what_it_is(sandbox):
    sandbox.faults("stripe", "created_then_500", path="POST /v1/checkout/sessions", times=1)

    codes = []
    for _try in range(2):
        with pytest.raises(Unavailable) as caught:
            open_session()
        codes.append(caught.value.code)

    assert codes == ["api_error", "stored_500"]
    (made,) = stripe.find_checkout_sessions(client_reference_id="BD-7K3QX-19ZRM", created_after=LONG_AGO)
    assert made.status == "open"


def test_a_signed_event_is_read_and_a_replayed_old_one_is_not(sandbox, settings):
    import stripe as sdk

    sandbox.pay(open_session().id)
    event = sandbox.books()["events"][-1]
    payload = json.dumps(event)
    header = sdk.WebhookSignature.generate_signature_header(payload, "whsec_sandbox")
    old = sdk.WebhookSignature.generate_signature_header(payload, "whsec_sandbox", int(datetime.now(UTC).timestamp()) - 301)

    assert stripe.parse_webhook(payload.encode(), header, secrets=settings.STRIPE_WEBHOOK_SECRETS)["id"] == event["id"]
    with pytest.raises(stripe.SignatureRefused):
        stripe.parse_webhook(payload.encode(), old, secrets=settings.STRIPE_WEBHOOK_SECRETS)


def test_a_wrong_key_and_an_unknown_session_are_told_apart(sandbox, settings):
    with pytest.raises(NotFound):
        stripe.retrieve_checkout_session("cs_test_unknown")
    settings.STRIPE_SECRET_KEY = "sk_test_revoked"
    with pytest.raises(AuthRefused):
        stripe.retrieve_checkout_session("cs_test_unknown")


# --- Couriers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("courier", "number"), [("fedex", FEDEX), ("ups", UPS), ("ems", EMS)])
@pytest.mark.parametrize(
    "status",
    [
        "info_received",
        "in_transit",
        "customs",
        "out_for_delivery",
        "available_for_pickup",
        "attempt_failed",
        "exception",
        "returning",
        "returned",
        "delivered",
    ],
)
def test_each_step_of_a_parcel_is_understood(sandbox, courier, number, status):
    at = datetime(2026, 11, 18, 14, 5, tzinfo=UTC)
    sandbox.move_parcel(courier, number, status, at=at)

    found = COURIERS[courier].track([number])[number]

    assert (found.error, found.status) == (None, TrackingStatus(status))
    assert [(scan.at, scan.status) for scan in found.scans] == [(at, TrackingStatus(status))]
    assert found.delivered_at == (at if status == "delivered" else None)


@pytest.mark.parametrize(("courier", "number"), [("fedex", FEDEX), ("ups", UPS), ("ems", EMS)])
def test_a_number_nobody_has_scanned_is_pending(sandbox, courier, number):
    assert COURIERS[courier].track([number])[number].status is TrackingStatus.PENDING


def test_a_batch_with_every_kind_of_number(sandbox):
    sandbox.move_parcel("fedex", FEDEX, "picked_up")

    found = COURIERS["fedex"].track([FEDEX, "477179081230", "비단길", ""])

    assert found[FEDEX].status is TrackingStatus.IN_TRANSIT
    assert (found["477179081230"].status, found["477179081230"].error) == (TrackingStatus.PENDING, None)
    assert type(found["비단길"].error) is type(found[""].error) is InvalidRequest


def test_keys_the_couriers_do_not_know(sandbox, settings):
    settings.FEDEX_CLIENT_SECRET = settings.UPS_CLIENT_SECRET = settings.EMS_SERVICE_KEY = "revoked"

    assert type(COURIERS["fedex"].track([FEDEX])[FEDEX].error) is AuthRefused
    assert type(COURIERS["ups"].track([UPS])[UPS].error) is AuthRefused
    assert type(COURIERS["ems"].track([EMS])[EMS].error) is AuthRefused


# --- Messages and rates ---------------------------------------------------------------------------------------------------


def test_text_messages_arrive(sandbox):
    send_sms(to=KOREAN, text="[비단길] 주문 BD-1 — 결제 링크가 준비됐습니다 🙂", reference="notice-1")
    send_sms(to=KOREAN, text="가" * 300, reference="notice-2")
    send_sms(to=AMERICAN, text="Your order BD-1 is ready — pay here 🙂", reference="notice-3")

    twilio, long, short = sandbox.inbox(channel="sms")
    assert (short["to"], short["text"], short["headers"]["type"]) == (
        ["01012345678"],
        "[비단길] 주문 BD-1 - 결제 링크가 준비됐습니다 ",
        "SMS",
    )
    assert (long["text"], long["headers"]["type"], long["subject"]) == ("가" * 300, "LMS", "비단길")
    assert (twilio["to"], twilio["text"]) == ([AMERICAN], "Your order BD-1 is ready — pay here 🙂")


def test_an_sms_whose_answer_was_lost_has_gone_out_and_says_so(sandbox):
    for service, number in (("sens", KOREAN), ("twilio", AMERICAN)):
        for mode in ("created_then_hang", "created_then_500"):
            sandbox.faults(service, mode, times=1)
            with pytest.raises(Unavailable) as caught:
                send_sms(to=number, text="안녕", reference="n")
            assert caught.value.outcome_unknown

    assert len(sandbox.inbox(channel="sms")) == 4


def test_mail_arrives_with_our_id(sandbox):
    send_email(to="minji@example.com", subject="주문 접수", text="안녕", html="<p>안녕</p>", message_id="<notice-7@bidangil.example>")

    (message,) = sandbox.inbox(channel="email")
    assert (message["to"], message["subject"], message["text"].strip(), message["html"].strip()) == (
        ["minji@example.com"],
        "주문 접수",
        "안녕",
        "<p>안녕</p>",
    )
    assert {name.lower(): value for name, value in message["headers"].items()}["message-id"] == "<notice-7@bidangil.example>"


def test_the_rate_comes_from_whichever_source_still_speaks(sandbox):
    today = datetime.now(ZoneInfo("Asia/Seoul")).date()

    assert fetch_rate(today=today).krw_per_usd == Decimal("1462.31420573")
    sandbox.faults("fx", "500", path="currency-api")
    assert (fetch_rate(today=today).source, fetch_rate(today=today).krw_per_usd) == ("eximbank", Decimal("1462.31"))
    sandbox.faults("fx", "html", path="eximbank")
    assert (fetch_rate(today=today).source, fetch_rate(today=today).krw_per_usd) == ("frankfurter", Decimal("1462.31"))
    sandbox.faults("fx", "reset", path="frankfurter")
    with pytest.raises(Unavailable) as caught:
        fetch_rate(today=today)
    assert all(source in caught.value.message for source in ("currency-api", "eximbank", "frankfurter"))


# --- Faults, one table for all ---------------------------------------------------------------------------------------------


def courier_error(code: str, number: str) -> None:
    error = COURIERS[code].track([number])[number].error
    if error:
        raise error


def mail() -> None:
    send_email(to="minji@example.com", subject="s", text="t", html="", message_id="<n@bidangil.example>")


ASK: dict[str, Callable[[], object]] = {
    "stripe": lambda: stripe.create_refund(
        payment_intent_id="pi_1", amount_cents=1, reason="duplicate", metadata={}, idempotency_key=f"k{datetime.now(UTC)}"
    ),
    "fedex": lambda: courier_error("fedex", FEDEX),
    "ups": lambda: courier_error("ups", UPS),
    "ems": lambda: courier_error("ems", EMS),
    "sens": lambda: send_sms(to=KOREAN, text="안녕", reference="n"),
    "twilio": lambda: send_sms(to=AMERICAN, text="Hello", reference="n"),
    "mail": mail,
}
FAULTS: dict[str, type[ProviderError]] = {
    "500": Unavailable,
    "401": AuthRefused,
    "429": RateLimited,
    "html": BadAnswer,
    "hang": Unavailable,
    "reset": Unavailable,
}
OTHERWISE: dict[tuple[str, str], type[ProviderError]] = {
    ("ems", "429"): QuotaExceeded,
    ("mail", "429"): Unavailable,
    ("mail", "html"): InvalidRequest,
}


@pytest.mark.parametrize("mode", FAULTS)
@pytest.mark.parametrize("service", ASK)
def test_every_fault_of_every_service_is_one_of_our_errors(sandbox, service, mode):
    sandbox.faults(service, mode, seconds=7)

    with pytest.raises(ProviderError) as caught:
        ASK[service]()

    assert type(caught.value) is OTHERWISE.get((service, mode), FAULTS[mode])
    assert caught.value.provider == service
    if mode == "429" and service not in {"ems", "mail"}:
        assert caught.value.retry_after == 7.0

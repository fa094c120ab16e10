"""Stripe: checkout sessions, payment intents, refunds, disputes and the signature of its webhooks, through Stripe's own SDK.

Everything returned is a plain dataclass (the SDK's objects are not dicts and change with it). Every write takes an idempotency key:
after `Unavailable` ask again with the same key, except when its code is `stored_500`; then Stripe has kept a failure under that key
and will repeat it for a day: look the thing up by its list and use a new key. What the money means is decided in workflow/payments.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from integrations.base import BadAnswer, InvalidRequest, ProviderError
from integrations.shape import UNREADABLE, Record, parse_json
from integrations.stripe_sdk import PROVIDER, client, id_of, pages, present, record, since

WEBHOOK_TOLERANCE_S = 300
MAX_DESCRIPTION_CHARS = 500


@dataclass(frozen=True)
class CheckoutLine:
    name: str
    amount_cents: int
    quantity: int = 1


@dataclass(frozen=True)
class CheckoutSession:
    """`status` is open, complete or expired; `url` is None once it is not open; `payment_status` is paid, unpaid or no_payment_required."""

    id: str
    url: str | None
    status: str
    payment_status: str
    amount_total_cents: int
    currency: str
    expires_at: datetime
    created_at: datetime
    payment_intent_id: str | None
    client_reference_id: str | None
    metadata: dict[str, str]
    livemode: bool


@dataclass(frozen=True)
class PaymentIntent:
    id: str
    status: str
    amount_received_cents: int
    currency: str
    metadata: dict[str, str]
    charge_id: str | None
    refunded_cents: int
    disputed: bool


@dataclass(frozen=True)
class Refund:
    id: str
    status: str
    amount_cents: int
    currency: str
    payment_intent_id: str | None
    charge_id: str | None
    metadata: dict[str, str]
    failure_reason: str | None
    created_at: datetime


@dataclass(frozen=True)
class Dispute:
    id: str
    status: str
    amount_cents: int
    currency: str
    reason: str
    charge_id: str | None
    payment_intent_id: str | None
    created_at: datetime
    #: until when Stripe takes evidence; None where it asks for none
    due_by: datetime | None


class SignatureRefused(ProviderError):
    """A webhook that Stripe did not sign, or not now."""

    permanent_by_default = True


# --- Checkout sessions ----------------------------------------------------------------------------------------------------


def create_checkout_session(
    *,
    lines: Sequence[CheckoutLine],
    success_url: str,
    cancel_url: str,
    customer_email: str,
    client_reference_id: str,
    metadata: Mapping[str, str],
    expires_at: datetime,
    locale: Literal["ko", "en"],
    idempotency_key: str,
) -> CheckoutSession:
    """A payable session in USD; `expires_at` must lie 30 minutes to 24 hours ahead."""
    params: dict[str, Any] = {
        "mode": "payment",
        "ui_mode": "hosted_page",
        "line_items": [_line_item(line) for line in lines],
        "success_url": success_url,
        "cancel_url": cancel_url,
        "customer_email": customer_email,
        "client_reference_id": client_reference_id,
        "metadata": dict(metadata),
        # Stripe does not copy the session's metadata: a payment must be recognised without its session too.
        "payment_intent_data": {"metadata": dict(metadata), "description": _description(client_reference_id, lines)},
        "expires_at": int(expires_at.timestamp()),
        "locale": locale,
    }
    with client() as sdk:
        created = sdk.v1.checkout.sessions.create(params, {"idempotency_key": idempotency_key})  # type: ignore[arg-type]
        return _session(record(created))


def _line_item(line: CheckoutLine) -> dict[str, Any]:
    price = {"currency": "usd", "unit_amount": line.amount_cents, "product_data": {"name": line.name}}
    return {"quantity": line.quantity, "price_data": price}


def _description(reference: str, lines: Sequence[CheckoutLine]) -> str:
    return f"{reference}: {', '.join(line.name for line in lines)}"[:MAX_DESCRIPTION_CHARS]


def retrieve_checkout_session(session_id: str) -> CheckoutSession:
    with client() as sdk:
        return _session(record(sdk.v1.checkout.sessions.retrieve(present(session_id))))


def expire_checkout_session(session_id: str) -> CheckoutSession:
    """Close it; one that is no longer open is returned as it is (complete: it was paid meanwhile)."""
    try:
        with client() as sdk:
            return _session(record(sdk.v1.checkout.sessions.expire(present(session_id))))
    except InvalidRequest:
        session = retrieve_checkout_session(session_id)
        if session.status == "open":
            raise
        return session


def iter_checkout_sessions(*, created_after: datetime) -> Iterator[CheckoutSession]:
    """Newest first, the moment itself included."""
    created = since(created_after)
    return pages(lambda sdk, page: sdk.v1.checkout.sessions.list({**created, **page}), _session)  # type: ignore[arg-type]


def find_checkout_sessions(*, client_reference_id: str, created_after: datetime) -> list[CheckoutSession]:
    """Stripe cannot search by our reference, so this reads the whole list since then."""
    sessions = iter_checkout_sessions(created_after=created_after)
    return [session for session in sessions if session.client_reference_id == client_reference_id]


def checkout_sessions_of(payment_intent_id: str) -> list[CheckoutSession]:
    """The session by which a payment was made; none for one that was made otherwise."""
    of_it = {"payment_intent": present(payment_intent_id)}
    return list(pages(lambda sdk, page: sdk.v1.checkout.sessions.list({**of_it, **page}), _session))  # type: ignore[arg-type]


# --- Payments, refunds, disputes ------------------------------------------------------------------------------------------


def retrieve_payment_intent(payment_intent_id: str) -> PaymentIntent:
    with client() as sdk:
        intent = sdk.v1.payment_intents.retrieve(present(payment_intent_id), {"expand": ["latest_charge"]})
        return _payment_intent(record(intent))


def create_refund(
    *,
    payment_intent_id: str,
    amount_cents: int,
    reason: Literal["requested_by_customer", "duplicate", "fraudulent"],
    metadata: Mapping[str, str],
    idempotency_key: str,
) -> Refund:
    """Beware of the reason `fraudulent`: Stripe then blocks the card and the e-mail address."""
    params: dict[str, Any] = {
        "payment_intent": present(payment_intent_id),
        "amount": amount_cents,
        "reason": reason,
        "metadata": dict(metadata),
    }
    with client() as sdk:
        return _refund(record(sdk.v1.refunds.create(params, {"idempotency_key": idempotency_key})))  # type: ignore[arg-type]


def retrieve_refund(refund_id: str) -> Refund:
    with client() as sdk:
        return _refund(record(sdk.v1.refunds.retrieve(present(refund_id))))


def iter_refunds(*, created_after: datetime) -> Iterator[Refund]:
    created = since(created_after)
    return pages(lambda sdk, page: sdk.v1.refunds.list({**created, **page}), _refund)  # type: ignore[arg-type]


def list_refunds(payment_intent_id: str) -> list[Refund]:
    of_it = {"payment_intent": present(payment_intent_id)}
    return list(pages(lambda sdk, page: sdk.v1.refunds.list({**of_it, **page}), _refund))  # type: ignore[arg-type]


def retrieve_dispute(dispute_id: str) -> Dispute:
    with client() as sdk:
        return _dispute(record(sdk.v1.disputes.retrieve(present(dispute_id))))


def iter_disputes(*, created_after: datetime) -> Iterator[Dispute]:
    created = since(created_after)
    return pages(lambda sdk, page: sdk.v1.disputes.list({**created, **page}), _dispute)  # type: ignore[arg-type]


# --- Webhooks -------------------------------------------------------------------------------------------------------------


def parse_webhook(payload: bytes, signature: str, *, secrets: Sequence[str], now: datetime | None = None) -> dict[str, Any]:
    """The event that Stripe signed with one of `secrets`, not more than 300 s ago nor ahead; else `SignatureRefused`.

    Signed bytes that are not an object are a `BadAnswer`: truly from Stripe, so to be kept aside, not refused.
    """
    if not any(_is_signed(payload, signature, secret) for secret in secrets):
        raise SignatureRefused("the signature does not fit", provider=PROVIDER, code="signature")
    age_s = (now or datetime.now(UTC)).timestamp() - _signed_at(signature)
    if abs(age_s) > WEBHOOK_TOLERANCE_S:
        raise SignatureRefused("signed too long ago or in the future", provider=PROVIDER, code="timestamp")
    try:
        event = parse_json(payload, parse_float=float)  # kept as JSON, where Decimal has no place
    except UNREADABLE:
        event = None
    if not isinstance(event, dict):
        raise BadAnswer("a signed event is not an object", provider=PROVIDER, code="event")
    return event


def _is_signed(payload: bytes, signature: str, secret: str) -> bool:
    import stripe

    try:
        # Without its own tolerance: that lets times in the future pass, and `now` could not be given.
        return bool(stripe.WebhookSignature.verify_header(payload, signature, secret, None))
    except (stripe.SignatureVerificationError, UnicodeError, TypeError):
        return False  # TypeError: a signature with letters beyond ASCII


def _signed_at(signature: str) -> int:
    """The first `t`, which is the one the SDK has put into the signed text."""
    return next(int(part.split("=", 2)[1]) for part in signature.split(",") if part.split("=", 2)[0] == "t")


# --- Stripe's objects as ours ---------------------------------------------------------------------------------------------


def _session(found: Record) -> CheckoutSession:
    return CheckoutSession(
        id=found.text("id"),
        url=found.maybe_text("url"),
        status=found.text("status"),
        payment_status=found.text("payment_status"),
        amount_total_cents=found.maybe_whole("amount_total") or 0,  # null for sessions that take no payment
        currency=found.maybe_text("currency") or "",
        expires_at=found.moment("expires_at"),
        created_at=found.moment("created"),
        payment_intent_id=id_of(found, "payment_intent"),
        client_reference_id=found.maybe_text("client_reference_id"),
        metadata=found.texts("metadata"),
        livemode=found.yes("livemode"),
    )


def _payment_intent(found: Record) -> PaymentIntent:
    charge = found.maybe_record("latest_charge")
    return PaymentIntent(
        id=found.text("id"),
        status=found.text("status"),
        amount_received_cents=found.whole("amount_received"),
        currency=found.text("currency"),
        metadata=found.texts("metadata"),
        charge_id=charge.text("id") if charge else None,
        refunded_cents=charge.whole("amount_refunded") if charge else 0,
        disputed=charge.yes("disputed") if charge else False,
    )


def _refund(found: Record) -> Refund:
    return Refund(
        id=found.text("id"),
        status=found.text("status"),
        amount_cents=found.whole("amount"),
        currency=found.text("currency"),
        payment_intent_id=id_of(found, "payment_intent"),
        charge_id=id_of(found, "charge"),
        metadata=found.texts("metadata"),
        failure_reason=found.maybe_text("failure_reason"),
        created_at=found.moment("created"),
    )


def _dispute(found: Record) -> Dispute:
    details = found.maybe_record("evidence_details")
    return Dispute(
        id=found.text("id"),
        status=found.text("status"),
        amount_cents=found.whole("amount"),
        currency=found.text("currency"),
        reason=found.text("reason"),
        charge_id=id_of(found, "charge"),
        payment_intent_id=id_of(found, "payment_intent"),
        created_at=found.moment("created"),
        due_by=details.moment("due_by") if details and details.maybe_whole("due_by") else None,
    )

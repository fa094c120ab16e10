"""What the tests ask Stripe for again and again."""

from typing import Any

import stripe

SUCCESS_URL = "http://127.0.0.1:8000/pay/done?session={CHECKOUT_SESSION_ID}"
CANCEL_URL = "http://127.0.0.1:8000/pay/back"


def line(name: str = "양말", *, cents: int = 9198, quantity: int = 1, currency: str = "usd") -> dict[str, Any]:
    return {"price_data": {"currency": currency, "unit_amount": cents, "product_data": {"name": name}}, "quantity": quantity}


def session_parameters(**more: Any) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "mode": "payment",
        "line_items": [line()],
        "success_url": SUCCESS_URL,
        "cancel_url": CANCEL_URL,
        "client_reference_id": "BD-7K2MQ-X81PD:items:1:1",
        "customer_email": "minji@example.com",
        "metadata": {"attempt": "7", "order": "BD-7K2MQ-X81PD"},
        "payment_intent_data": {"metadata": {"attempt": "7"}},
    }
    return {name: value for name, value in {**parameters, **more}.items() if value is not None}


def create(client: stripe.StripeClient, *, key: str | None = None, **more: Any) -> Any:
    options = {"idempotency_key": key} if key else {}
    return client.v1.checkout.sessions.create(session_parameters(**more), options)  # type: ignore[arg-type]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]

"""Checkout Sessions: created open, then complete (paid, or unpaid while an asynchronous payment is under way) or expired. Never back."""

import time
from urllib.parse import urlsplit

from integrations.sandbox.books import Condition, Document
from integrations.sandbox.stripe.errors import StripeRefusal, invalid, missing
from integrations.sandbox.stripe.events import Cause, record_event
from integrations.sandbox.stripe.ledger import SESSION, Ledger, new_object_id
from integrations.sandbox.stripe.lines import checked_total, given_lines, kept_metadata, line_object
from integrations.sandbox.stripe.parameters import Parameters

SHORTEST_SECONDS, LONGEST_SECONDS = 30 * 60, 24 * 3600
_KEPT_AS_GIVEN = (
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "integration_identifier",
    "locale",
    "submit_type",
    "success_url",
    "allowed_payment_method_types",
    "excluded_payment_method_types",
    "origin_context",
)
_NOT_PLAYED = ("customer", "customer_account", "discounts", "shipping_options", "subscription_data", "setup_intent_data", "optional_items")
"""Parameters that need objects this account does not have (customers, coupons, shipping rates) or another mode."""


def create_session(ledger: Ledger, parameters: Parameters, *, pay_page: str) -> Document:
    """`pay_page` is the address before the session's id, e.g. http://127.0.0.1:8001/pay/."""
    now = int(time.time())
    _check_mode(parameters)
    lines = [line_object(position, item, now=now) for position, item in enumerate(given_lines(parameters))]
    currency, total = checked_total(lines)
    _check_addresses(parameters)
    expires_at = _expiry(parameters, now=now)
    _check_intent_data(parameters.get("payment_intent_data", {}))
    session = _new_session(parameters, now=now)
    session |= {"currency": currency, "amount_subtotal": total, "amount_total": total, "expires_at": expires_at}
    session["url"] = f"{pay_page}{session['id']}"
    ledger.save_lines(session["id"], lines)
    ledger.books.put("intent_data", session["id"], parameters.get("payment_intent_data", {}))
    return ledger.save(session)


def expire_session(ledger: Ledger, session_id: str, *, cause: Cause) -> Document:
    session = ledger.get(SESSION, session_id, param="session")
    if session["status"] != "open":
        raise StripeRefusal(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{session['status']}`.",
        )
    return _close_as_expired(ledger, session, cause=cause)


def expire_due(ledger: Ledger) -> None:
    """Sessions whose time is over; called before every read and each second."""
    over = [Condition("status", "=", "open"), Condition("expires_at", "<=", int(time.time()))]
    for session in ledger.books.find(SESSION, where=over, oldest_first=True):
        with ledger.books.transaction():
            _close_as_expired(ledger, session, cause=Cause())


def _close_as_expired(ledger: Ledger, session: Document, *, cause: Cause) -> Document:
    closed = ledger.save({**session, "status": "expired", "url": None})
    record_event(ledger, "checkout.session.expired", closed, cause=cause)
    return closed


def _check_mode(parameters: Parameters) -> None:
    if "mode" not in parameters:
        raise missing("mode")
    if parameters["mode"] != "payment":
        raise invalid("The sandbox only plays Checkout Sessions in `payment` mode.", param="mode")
    if parameters.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid("The sandbox only plays `ui_mode=hosted_page`.", param="ui_mode")
    for name in _NOT_PLAYED:
        if name in parameters:
            raise invalid(f"The sandbox does not play `{name}`.", param=name)


def _check_addresses(parameters: Parameters) -> None:
    if "success_url" not in parameters:
        raise missing("success_url")
    for name in ("success_url", "cancel_url"):
        parts = urlsplit(parameters.get(name, "https://absent.example"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise invalid("Not a valid URL", param=name, code="url_invalid")
    email = parameters.get("customer_email")
    if email is not None and not _looks_like_email(email):
        raise invalid(f"Invalid email address: {email}", param="customer_email", code="email_invalid")


def _looks_like_email(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(local and at and "." in domain and not any(character.isspace() for character in text) and len(text) <= 512)


def _expiry(parameters: Parameters, *, now: int) -> int:
    expires_at = int(parameters.get("expires_at", now + LONGEST_SECONDS))
    if expires_at - now < SHORTEST_SECONDS:
        raise invalid("The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", param="expires_at")
    if expires_at - now > LONGEST_SECONDS:
        raise invalid("The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", param="expires_at")
    return expires_at


def _check_intent_data(data: Parameters) -> None:
    if "statement_descriptor" in data:
        raise invalid(
            "The `statement_descriptor` parameter is not supported for card charges. Use `statement_descriptor_suffix` instead.",
            param="payment_intent_data[statement_descriptor]",
        )
    if data.get("capture_method") == "manual":
        raise invalid("The sandbox only plays automatic capture.", param="payment_intent_data[capture_method]")


def _new_session(parameters: Parameters, *, now: int) -> Document:
    email = parameters.get("customer_email")
    session: Document = {name: parameters.get(name) for name in _KEPT_AS_GIVEN}
    return (
        session
        | _FIXED_FIELDS
        | {
            "id": new_object_id(SESSION),
            "created": now,
            "metadata": kept_metadata(parameters.get("metadata")),
            "customer_details": customer_details(email) if email else None,
        }
    )


def customer_details(email: str) -> Document:
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": None,
    }


_FIXED_FIELDS: Document = {
    "object": SESSION,
    "adaptive_pricing": {"enabled": False},
    "after_expiration": None,
    "allow_promotion_codes": None,
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "billing_address_collection": None,
    "branding_settings": None,
    "client_secret": None,
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": {"after_submit": None, "shipping_address": None, "submit": None, "terms_of_service_acceptance": None},
    "customer": None,
    "customer_account": None,
    "customer_creation": "if_required",
    "discounts": [],
    "invoice": None,
    "invoice_creation": {
        "enabled": False,
        "invoice_data": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": None,
            "metadata": {},
            "rendering_options": None,
        },
    },
    "livemode": False,
    "managed_payments": {"enabled": False},
    "mode": "payment",
    "payment_intent": None,
    "payment_link": None,
    "payment_method_collection": "if_required",
    "payment_method_configuration_details": None,
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "payment_method_types": ["card"],
    "payment_status": "unpaid",
    "permissions": None,
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "status": "open",
    "subscription": None,
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "ui_mode": "hosted_page",
    "wallet_options": None,
}

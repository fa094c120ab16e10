"""What happens on the pay page: a card is charged, declined, or a slow (asynchronous) method is promised and settles days later.

The PaymentIntent is made with the first try to pay, not with the session (as in Stripe since 2022-08-01). It carries
`payment_intent_data.metadata`; the session's own metadata is not copied.
"""

import time

from integrations.sandbox.books import Document
from integrations.sandbox.ids import make_id
from integrations.sandbox.stripe.errors import StripeRefusal
from integrations.sandbox.stripe.events import Cause, record_event
from integrations.sandbox.stripe.ledger import CHARGE, INTENT, SESSION, Ledger, new_object_id
from integrations.sandbox.stripe.sessions import customer_details

SLOW_METHOD = "us_bank_account"
DECLINED = {
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "message": "Your card has insufficient funds.",
    "type": "card_error",
}
PAYER_EMAIL = "payer@example.com"


def pay(ledger: Ledger, session_id: str, *, cause: Cause, amount: int | None = None) -> Document:
    """A card that works. `amount` makes the session cost something else than what was asked: for tests of what must not match."""
    session = _open_session(ledger, session_id)
    if amount is not None:
        session = ledger.save({**session, "amount_total": amount, "amount_subtotal": amount})
    intent = _intent_of(ledger, session, method="card", cause=cause)
    charge = _charge(ledger, intent, session, status="succeeded")
    record_event(ledger, "charge.succeeded", charge, cause=cause)
    intent = _settle_intent(ledger, intent, charge)
    record_event(ledger, "payment_intent.succeeded", intent, cause=cause)
    return _complete(ledger, session, intent, payment_status="paid", cause=cause)


def decline(ledger: Ledger, session_id: str, *, cause: Cause) -> Document:
    """A card without funds: the session stays open and can be paid otherwise."""
    session = _open_session(ledger, session_id)
    intent = _intent_of(ledger, session, method="card", cause=cause)
    charge = _charge(ledger, intent, session, status="failed")
    record_event(ledger, "charge.failed", charge, cause=cause)
    _fail_intent(ledger, intent, charge, cause=cause)
    return ledger.save({**session, "payment_intent": intent["id"]})


def pay_later(ledger: Ledger, session_id: str, *, cause: Cause) -> Document:
    """The bank is told to pay: complete, but unpaid until `async_succeed` or `async_fail`."""
    session = _open_session(ledger, session_id)
    intent = _intent_of(ledger, session, method=SLOW_METHOD, cause=cause)
    charge = _charge(ledger, intent, session, status="pending")
    record_event(ledger, "charge.pending", charge, cause=cause)
    intent = ledger.save({**intent, "status": "processing", "latest_charge": charge["id"]})
    record_event(ledger, "payment_intent.processing", intent, cause=cause)
    return _complete(ledger, session, intent, payment_status="unpaid", cause=cause)


def async_succeed(ledger: Ledger, session_id: str, *, cause: Cause) -> Document:
    session, intent, charge = _under_way(ledger, session_id)
    charge = ledger.save({**charge, "status": "succeeded", "paid": True, "captured": True, "amount_captured": charge["amount"]})
    record_event(ledger, "charge.succeeded", charge, cause=cause)
    intent = _settle_intent(ledger, intent, charge)
    record_event(ledger, "payment_intent.succeeded", intent, cause=cause)
    session = ledger.save({**session, "payment_status": "paid"})
    record_event(ledger, "checkout.session.async_payment_succeeded", session, cause=cause)
    return session


def async_fail(ledger: Ledger, session_id: str, *, cause: Cause) -> Document:
    session, intent, charge = _under_way(ledger, session_id)
    charge = ledger.save(
        {**charge, "status": "failed", "failure_code": "insufficient_funds", "failure_message": "The bank refused the payment."}
    )
    record_event(ledger, "charge.failed", charge, cause=cause)
    _fail_intent(ledger, intent, charge, cause=cause)
    record_event(ledger, "checkout.session.async_payment_failed", session, cause=cause)
    return session


def paid_charge(ledger: Ledger, session: Document) -> Document:
    """The charge behind a paid session, for those who start from the session (control, pay page)."""
    intent = ledger.find(INTENT, session["payment_intent"] or "")
    charge = ledger.find(CHARGE, (intent or {}).get("latest_charge") or "")
    if charge is None or charge["status"] != "succeeded":
        raise StripeRefusal(f"Checkout Session {session['id']} was not paid.", status=409)
    return charge


def _open_session(ledger: Ledger, session_id: str) -> Document:
    session = ledger.get(SESSION, session_id, param="session")
    if session["status"] != "open":
        raise StripeRefusal(f"Checkout Session {session_id} is {session['status']}, it cannot be paid.", status=409)
    return session


def _under_way(ledger: Ledger, session_id: str) -> tuple[Document, Document, Document]:
    session = ledger.get(SESSION, session_id, param="session")
    intent = ledger.find(INTENT, session["payment_intent"] or "")
    if intent is None or intent["status"] != "processing":
        raise StripeRefusal(f"Checkout Session {session_id} has no asynchronous payment under way.", status=409)
    return session, intent, ledger.get(CHARGE, intent["latest_charge"], param="charge")


def _intent_of(ledger: Ledger, session: Document, *, method: str, cause: Cause) -> Document:
    known = ledger.find(INTENT, session["payment_intent"] or "")
    if known is not None:
        return ledger.save({**known, "payment_method": make_id("pm_1"), "payment_method_types": [method]})
    intent = ledger.save(_new_intent(session, ledger.books.get("intent_data", session["id"]) or {}, method=method))
    record_event(ledger, "payment_intent.created", intent, cause=cause)
    return intent


def _settle_intent(ledger: Ledger, intent: Document, charge: Document) -> Document:
    amount = charge["amount"]
    return ledger.save(
        {
            **intent,
            "status": "succeeded",
            "amount_received": amount,
            "latest_charge": charge["id"],
            "last_payment_error": None,
            "next_action": None,
        }
    )


def _fail_intent(ledger: Ledger, intent: Document, charge: Document, *, cause: Cause) -> None:
    error = {**DECLINED, "charge": charge["id"], "doc_url": "https://stripe.com/docs/error-codes/card-declined"}
    failed = ledger.save(
        {**intent, "status": "requires_payment_method", "latest_charge": charge["id"], "last_payment_error": error, "payment_method": None}
    )
    record_event(ledger, "payment_intent.payment_failed", failed, cause=cause)


def _complete(ledger: Ledger, session: Document, intent: Document, *, payment_status: str, cause: Cause) -> Document:
    email = session["customer_email"] or PAYER_EMAIL
    done = ledger.save(
        {
            **session,
            "status": "complete",
            "payment_status": payment_status,
            "payment_intent": intent["id"],
            "payment_method_types": intent["payment_method_types"],
            "customer_details": customer_details(email),
            "url": None,
        }
    )
    record_event(ledger, "checkout.session.completed", done, cause=cause)
    return done


def _new_intent(session: Document, data: Document, *, method: str) -> Document:
    intent_id = new_object_id(INTENT)
    return {
        "id": intent_id,
        "object": INTENT,
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{make_id('')}",
        "confirmation_method": "automatic",
        "created": int(time.time()),
        "currency": session["currency"],
        "customer": None,
        "customer_account": None,
        "description": data.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {key: value for key, value in data.get("metadata", {}).items() if value != ""},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": make_id("pm_1"),
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": [method],
        "processing": None,
        "receipt_email": data.get("receipt_email"),
        "review": None,
        "setup_future_usage": None,
        "shipping": data.get("shipping"),
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def _charge(ledger: Ledger, intent: Document, session: Document, *, status: str) -> Document:
    paid = status == "succeeded"
    return ledger.save(
        {
            "id": new_object_id(CHARGE),
            "object": CHARGE,
            "amount": session["amount_total"],
            "amount_captured": session["amount_total"] if paid else 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": make_id("txn_3") if paid else None,
            "billing_details": {
                "address": {"city": None, "country": "US", "line1": None, "line2": None, "postal_code": None, "state": None},
                "email": session["customer_email"] or PAYER_EMAIL,
                "name": None,
                "phone": None,
                "tax_id": None,
            },
            "calculated_statement_descriptor": "SANDBOX",
            "captured": paid,
            "created": int(time.time()),
            "currency": session["currency"],
            "customer": None,
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": "card_declined" if status == "failed" else None,
            "failure_message": DECLINED["message"] if status == "failed" else None,
            "fraud_details": {},
            "livemode": False,
            "metadata": intent["metadata"],
            "on_behalf_of": None,
            "outcome": _outcome(status),
            "paid": paid,
            "payment_intent": intent["id"],
            "payment_method": intent["payment_method"],
            "payment_method_details": _method_details(intent["payment_method_types"][0]),
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": intent["shipping"],
            "source": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": status,
            "transfer_data": None,
            "transfer_group": None,
        }
    )


def _outcome(status: str) -> Document:
    failed = status == "failed"
    return {
        "advice_code": "try_again_later" if failed else None,
        "network_advice_code": None,
        "network_decline_code": "51" if failed else None,
        "network_status": "declined_by_network" if failed else "approved_by_network",
        "reason": "insufficient_funds" if failed else None,
        "risk_level": "normal",
        "seller_message": "The bank returned the decline code `insufficient_funds`." if failed else "Payment complete.",
        "type": "issuer_declined" if failed else "authorized",
    }


def _method_details(method: str) -> Document:
    if method == SLOW_METHOD:
        return {SLOW_METHOD: {"account_holder_type": "individual", "bank_name": "STRIPE TEST BANK", "last4": "6789"}, "type": SLOW_METHOD}
    card = {
        "brand": "visa",
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "funding": "credit",
        "last4": "4242",
        "network": "visa",
        "wallet": None,
    }
    return {"card": card, "type": "card"}

"""PaymentIntents and Charges as they begin, with every field the real ones have; `payments.py` tells what happens to them."""

import time

from integrations.sandbox.books import Document
from integrations.sandbox.ids import make_id
from integrations.sandbox.stripe.ledger import CHARGE, INTENT, new_object_id

SLOW_METHOD = "us_bank_account"
DECLINED = {
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "message": "Your card has insufficient funds.",
    "type": "card_error",
}
PAYER_EMAIL = "payer@example.com"


def new_intent(session: Document, data: Document, *, method: str) -> Document:
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


def new_charge(intent: Document, session: Document, *, status: str) -> Document:
    paid = status == "succeeded"
    return {
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

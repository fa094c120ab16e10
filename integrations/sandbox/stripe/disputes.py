"""A customer's bank takes the money back: opened, then won or lost."""

import time

from integrations.sandbox.books import Document
from integrations.sandbox.stripe.errors import StripeRefusal
from integrations.sandbox.stripe.events import Cause, record_event
from integrations.sandbox.stripe.ledger import CHARGE, DISPUTE, Ledger, new_object_id

ANSWER_WITHIN_SECONDS = 7 * 24 * 3600
CLOSED = ("won", "lost")


def open_dispute(ledger: Ledger, charge: Document, *, amount: int | None, reason: str, cause: Cause) -> Document:
    if charge["disputed"]:
        raise StripeRefusal(f"Charge {charge['id']} is disputed already.", status=409)
    charge = ledger.save({**charge, "disputed": True})
    dispute = ledger.save(_new_dispute(charge, amount=charge["amount"] if amount is None else amount, reason=reason))
    record_event(ledger, "charge.dispute.created", dispute, cause=cause)
    record_event(ledger, "charge.dispute.funds_withdrawn", dispute, cause=cause)
    return dispute


def close_dispute(ledger: Ledger, dispute_id: str, *, status: str, cause: Cause) -> Document:
    dispute = ledger.get(DISPUTE, dispute_id, param="dispute")
    if status not in CLOSED or dispute["status"] in CLOSED:
        raise StripeRefusal(f"Dispute {dispute_id} is {dispute['status']}; it cannot become {status}.", status=409)
    dispute = ledger.save({**dispute, "status": status})
    record_event(ledger, "charge.dispute.closed", dispute, cause=cause, previous={"status": "needs_response"})
    if status == "won":
        charge = ledger.get(CHARGE, dispute["charge"], param="charge")
        ledger.save({**charge, "disputed": False})
        record_event(ledger, "charge.dispute.funds_reinstated", dispute, cause=cause)
    return dispute


def _new_dispute(charge: Document, *, amount: int, reason: str) -> Document:
    now = int(time.time())
    return {
        "id": new_object_id(DISPUTE),
        "object": DISPUTE,
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {"due_by": now + ANSWER_WITHIN_SECONDS, "has_evidence": False, "past_due": False, "submission_count": 0},
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": None,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }

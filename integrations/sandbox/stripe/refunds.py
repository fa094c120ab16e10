"""Refunds: whole or in parts, never more than the charge. They succeed at once; a test can make one pending or let it fail afterwards."""

import time

from integrations.sandbox.books import Document
from integrations.sandbox.ids import make_id
from integrations.sandbox.stripe.errors import StripeRefusal, invalid, no_such
from integrations.sandbox.stripe.events import Cause, record_event
from integrations.sandbox.stripe.ledger import CHARGE, INTENT, REFUND, Ledger, new_object_id
from integrations.sandbox.stripe.lines import amount_text
from integrations.sandbox.stripe.parameters import Parameters

STATUSES = ("pending", "requires_action", "succeeded", "failed", "canceled")
GIVES_NOTHING_BACK = ("failed", "canceled")


def create_refund(ledger: Ledger, parameters: Parameters, *, cause: Cause, status: str = "succeeded") -> Document:
    amount = parameters.get("amount")
    if amount is not None and amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    charge = _charge_to_refund(ledger, parameters)
    rest = charge["amount_captured"] - charge["amount_refunded"]
    _check_refundable(charge, rest=rest, amount=amount)
    refund = ledger.save(_new_refund(charge, parameters, amount=rest if amount is None else amount, status=status))
    record_event(ledger, "refund.created", refund, cause=cause)
    if status not in GIVES_NOTHING_BACK:
        _book_on_charge(ledger, charge, refund["amount"], cause=cause)
    return refund


def settle_refund(ledger: Ledger, refund_id: str, *, status: str, cause: Cause) -> Document:
    """What the bank says later: a pending refund arrives, or one that seemed done comes back."""
    refund = ledger.get(REFUND, refund_id, param="refund")
    if status not in STATUSES or refund["status"] in GIVES_NOTHING_BACK or refund["status"] == status:
        raise StripeRefusal(f"Refund {refund_id} is {refund['status']}; it cannot become {status}.", status=409)
    failed = status in GIVES_NOTHING_BACK
    reason = {"failure_reason": "expired_or_canceled_card", "failure_balance_transaction": make_id("txn_3")} if failed else {}
    refund = ledger.save({**refund, "status": status, **reason})
    if failed:
        charge = ledger.get(CHARGE, refund["charge"], param="charge")
        ledger.save({**charge, "amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False})
        record_event(ledger, "refund.failed", refund, cause=cause)
    record_event(ledger, "refund.updated", refund, cause=cause)
    return refund


def _charge_to_refund(ledger: Ledger, parameters: Parameters) -> Document:
    if "charge" in parameters:
        return ledger.get(CHARGE, parameters["charge"], param="id")
    if "payment_intent" not in parameters:
        raise invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
            param="payment_intent",
            code="parameter_missing",
        )
    intent = ledger.find(INTENT, parameters["payment_intent"])
    if intent is None:
        raise no_such("payment_intent", parameters["payment_intent"], param="payment_intent")
    if intent["status"] != "succeeded":
        raise StripeRefusal(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.", param="payment_intent")
    return ledger.get(CHARGE, intent["latest_charge"], param="charge")


def _check_refundable(charge: Document, *, rest: int, amount: int | None) -> None:
    if charge["status"] != "succeeded":
        raise StripeRefusal(f"Charge {charge['id']} has not been captured and cannot be refunded.", code="charge_not_refundable")
    if charge["disputed"]:
        raise StripeRefusal(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if rest == 0:
        raise StripeRefusal(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount is not None and amount > rest:
        asked, left = (amount_text(value, charge["currency"]) for value in (amount, rest))
        raise StripeRefusal(f"Refund amount ({asked}) is greater than unrefunded amount on charge ({left})", param="amount")


def _book_on_charge(ledger: Ledger, charge: Document, amount: int, *, cause: Cause) -> None:
    refunded = charge["amount_refunded"] + amount
    previous = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge = ledger.save({**charge, "amount_refunded": refunded, "refunded": refunded == charge["amount_captured"]})
    record_event(ledger, "charge.refunded", charge, cause=cause, previous=previous)


def _new_refund(charge: Document, parameters: Parameters, *, amount: int, status: str) -> Document:
    return {
        "id": new_object_id(REFUND),
        "object": REFUND,
        "amount": amount,
        "balance_transaction": make_id("txn_3"),
        "charge": charge["id"],
        "created": int(time.time()),
        "currency": charge["currency"],
        "customer": None,
        "customer_account": None,
        "destination_details": {
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
            "type": "card",
        },
        "metadata": {key: value for key, value in (parameters.get("metadata") or {}).items() if value != ""},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": parameters.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }

"""What happens on the pay page: a card is charged, declined, or a slow (asynchronous) method is promised and settles days later.

The PaymentIntent is made with the first try to pay, not with the session (as in Stripe since 2022-08-01). It carries
`payment_intent_data.metadata`; the session's own metadata is not copied.
"""

from integrations.sandbox.books import Document
from integrations.sandbox.ids import make_id
from integrations.sandbox.stripe.errors import StripeRefusal
from integrations.sandbox.stripe.events import Cause, record_event
from integrations.sandbox.stripe.ledger import CHARGE, INTENT, SESSION, Ledger
from integrations.sandbox.stripe.payment_objects import DECLINED, PAYER_EMAIL, SLOW_METHOD, new_charge, new_intent
from integrations.sandbox.stripe.sessions import customer_details


def pay(ledger: Ledger, session_id: str, *, cause: Cause, amount: int | None = None) -> Document:
    """A card that works. `amount` makes the session cost something else than what was asked: for tests of what must not match."""
    session = _open_session(ledger, session_id)
    if amount is not None:
        session = ledger.save({**session, "amount_total": amount, "amount_subtotal": amount})
    intent = _intent_of(ledger, session, method="card", cause=cause)
    charge = ledger.save(new_charge(intent, session, status="succeeded"))
    record_event(ledger, "charge.succeeded", charge, cause=cause)
    intent = _settle_intent(ledger, intent, charge)
    record_event(ledger, "payment_intent.succeeded", intent, cause=cause)
    return _complete(ledger, session, intent, payment_status="paid", cause=cause)


def decline(ledger: Ledger, session_id: str, *, cause: Cause) -> Document:
    """A card without funds: the session stays open and can be paid otherwise."""
    session = _open_session(ledger, session_id)
    intent = _intent_of(ledger, session, method="card", cause=cause)
    charge = ledger.save(new_charge(intent, session, status="failed"))
    record_event(ledger, "charge.failed", charge, cause=cause)
    _fail_intent(ledger, intent, charge, cause=cause)
    return ledger.save({**session, "payment_intent": intent["id"]})


def pay_later(ledger: Ledger, session_id: str, *, cause: Cause) -> Document:
    """The bank is told to pay: complete, but unpaid until `async_succeed` or `async_fail`."""
    session = _open_session(ledger, session_id)
    intent = _intent_of(ledger, session, method=SLOW_METHOD, cause=cause)
    charge = ledger.save(new_charge(intent, session, status="pending"))
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
    intent = ledger.save(new_intent(session, ledger.books.get("intent_data", session["id"]) or {}, method=method))
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

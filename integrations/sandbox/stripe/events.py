"""Every change makes an Event with the object as it then was; those a webhook endpoint listens to are queued for delivery."""

import copy
import time
from dataclasses import dataclass, field

from integrations.sandbox.books import Document
from integrations.sandbox.ids import make_id
from integrations.sandbox.stripe import API_VERSION
from integrations.sandbox.stripe.ledger import EVENT, Ledger, new_object_id

DELIVERY = "webhook_delivery"
ENABLED_EVENTS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "charge.refunded",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    }
)
"""What the one webhook endpoint of this account is subscribed to, as one would choose it in Stripe's dashboard."""


@dataclass
class Cause:
    """What brought a change about: an API request, or somebody on a page (then without ids)."""

    request_id: str | None = None
    idempotency_key: str | None = None
    deliver: int = 1
    """How many copies of each Event go out; 0: none, as when the endpoint never heard of it."""
    made: list[str] = field(default_factory=list)


def record_event(ledger: Ledger, kind: str, thing: Document, *, cause: Cause, previous: Document | None = None) -> Document:
    copies = cause.deliver if kind in ENABLED_EVENTS else 0
    data: Document = {"object": copy.deepcopy(thing)}
    if previous:
        data["previous_attributes"] = previous
    event = ledger.save(
        {
            "id": new_object_id(EVENT),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(time.time()),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1 if copies else 0,
            "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key},
            "type": kind,
        }
    )
    cause.made.append(event["id"])
    queue_delivery(ledger, event["id"], copies=copies)
    return event


def queue_delivery(ledger: Ledger, event_id: str, *, copies: int) -> None:
    for _ in range(copies):
        delivery_id = make_id("wd_")
        ledger.books.put(
            DELIVERY,
            delivery_id,
            {"id": delivery_id, "event": event_id, "status": "pending", "attempts": 0, "due_at": time.time(), "last_result": None},
        )

"""What happens after a transition is committed: one handler per `process.Effect`, run by the outbox at least once each.

Every handler is safe to run twice: what it does outside carries an idempotency key (payments, refunds) or a unique row (notices).
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.timezone import now
from django_q.tasks import async_task

from core import outbox
from workflow import notices, tracking
from workflow.models import Attempt, InvoiceKind, Order, OrderEvent, Parcel
from workflow.models.payments import OPEN_ATTEMPT
from workflow.payments import start_closing
from workflow.process import Effect, State
from workflow.transitions import lock_order
from workflow.work import LOOK

Payload = Mapping[str, Any]

KIND_AWAITED_IN = {State.AWAITING_ITEM_PAYMENT: InvoiceKind.ITEMS, State.AWAITING_DELIVERY_PAYMENT: InvoiceKind.DELIVERY}


def does(effect: Effect) -> Callable[[Callable[[Payload], None]], Callable[[Payload], None]]:
    return outbox.handles(effect.value)


def _event(payload: Payload) -> OrderEvent:
    return OrderEvent.objects.select_related("order__customer").get(order_id=payload["order"], number=payload["event"])


@does(Effect.NOTIFY_CUSTOMER)
def notify_customer(payload: Payload) -> None:
    notices.tell_customer(_event(payload))


@does(Effect.NOTIFY_STAFF)
def notify_staff(payload: Payload) -> None:
    notices.tell_staff(_event(payload))


@does(Effect.OPEN_CHECKOUT)
def open_checkout(payload: Payload) -> None:
    """Open the session of the invoice that the order waits for; a later move may have made it needless, which is fine."""
    from workflow import checkout

    order = Order.objects.get(pk=payload["order"])
    kind = payload.get("kind") or KIND_AWAITED_IN.get(State(order.state), InvoiceKind.ADJUSTMENT)
    checkout.open_checkout(order.pk, kind=kind)


@does(Effect.CLOSE_CHECKOUT)
def close_checkout(payload: Payload) -> None:
    """Close every session of the order whose invoice can no longer be paid."""
    from django.db import transaction

    with transaction.atomic():
        order = lock_order(payload["order"])
        for attempt in Attempt.objects.filter(invoice__order=order, status__in=OPEN_ATTEMPT).exclude(invoice__status="open"):
            if attempt.status != "closing":
                start_closing(attempt, then_perform=None)


@does(Effect.SEND_REFUNDS)
def send_refunds(payload: Payload) -> None:
    """Of an order, or one that belongs to none."""
    from workflow import refunds_at_stripe

    if "order" in payload:
        refunds_at_stripe.send_refunds(payload["order"])
    else:
        refunds_at_stripe.send_refund(payload["refund"])


@does(Effect.TRACK_PARCELS)
def track_parcels(payload: Payload) -> None:
    """A look at the courier, at once rather than at the next round; for a person who asks, also at one that is silent and rests."""
    parcels = Parcel.objects.filter(order_id=payload["order"], next_poll_at__isnull=False)
    parcels.update(next_poll_at=now())
    async_task("workflow.jobs.poll_couriers")
    if _event(payload).name == LOOK.name:
        for rest in tracking.resting(parcels.values_list("courier", flat=True)):
            if rest.may_be_asked_once:
                async_task("workflow.jobs.poll_couriers", rest.code, payload["order"])

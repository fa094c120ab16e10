"""The journey as two lanes, the customer's and ours: ten steps in the order they happen, each with its time once it is behind us."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from workflow.models import Order
from workflow.process import State

CUSTOMER, STAFF = "customer", "staff"


@dataclass(frozen=True)
class Stop:
    """One step of the table below: whose it is, and the states in which it is being waited for."""

    lane: str
    label: Any
    icon: str
    time: str
    states: frozenset[str]


def _stop(lane: str, label: Any, icon: str, time: str, *states: State) -> Stop:
    return Stop(lane, label, icon, time, frozenset(states))


STOPS = (
    _stop(CUSTOMER, _("Request"), "edit_note", "requested_at"),
    _stop(STAFF, _("Approve"), "fact_check", "approved_at", State.QUOTE_REQUESTED),
    _stop(STAFF, _("Price"), "sell", "quoted_at", State.QUOTE_APPROVED),
    _stop(CUSTOMER, _("Pay items"), "credit_card", "items_paid_at", State.AWAITING_ITEM_PAYMENT, State.QUOTE_EXPIRED),
    _stop(STAFF, _("Buy"), "shopping_cart", "purchased_at", State.ITEMS_PAID),
    _stop(STAFF, _("Take in"), "inventory", "received_at", State.ITEMS_PURCHASED),
    _stop(STAFF, _("Weigh, fee"), "scale", "delivery_quoted_at", State.AT_WAREHOUSE),
    _stop(CUSTOMER, _("Pay delivery"), "credit_card", "delivery_paid_at", State.AWAITING_DELIVERY_PAYMENT),
    _stop(STAFF, _("Ship"), "local_shipping", "shipped_at", State.DELIVERY_PAID),
    _stop(CUSTOMER, _("Receive"), "home_pin", "delivered_at", State.SHIPPED, State.RETURNED),
)


@dataclass(frozen=True)
class Step:
    """A stop as one order sees it. `status` is done, now, ahead, or stopped (the order ended or went wrong here)."""

    stop: Stop
    status: str
    at: datetime | None


def journey(order: Order) -> list[Step]:
    here = _here(order)
    return [_step(order, stop, place=place, here=here) for place, stop in enumerate(STOPS)]


def _here(order: Order) -> int:
    """The place of the first stop that is not behind us; past the end when all are."""
    for place, stop in enumerate(STOPS):
        if order.state in stop.states:
            return place
    if order.state in (State.DELIVERED, State.COMPLETED):
        return len(STOPS)
    return next((place for place, stop in enumerate(STOPS) if getattr(order, stop.time) is None), len(STOPS))


def _step(order: Order, stop: Stop, *, place: int, here: int) -> Step:
    if place < here:
        return Step(stop, "done", getattr(order, stop.time))
    if place > here:
        return Step(stop, "ahead", None)
    went_wrong = order.state in (State.REJECTED, State.CANCELLED, State.RETURNED, State.QUOTE_EXPIRED)
    return Step(stop, "stopped" if went_wrong else "now", None)

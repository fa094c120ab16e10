"""The figures shown beside what is typed: rate and fees for the live totals, and the delivery fee we propose. From `workflow.pricing`."""

from collections.abc import Callable
from typing import Any

from django.utils.timezone import now

from core.errors import BidangilError
from workflow import pricing
from workflow.models import FeePolicy, Order


def _policy() -> FeePolicy | None:
    try:
        return pricing.policy_at(now())
    except FeePolicy.DoesNotExist:
        return None


def prices(_order: Order) -> dict[str, Any]:
    """Today's rate and service fee, which the confirmation will freeze."""
    return {"rate": pricing.usable_rate(), "policy": _policy()}


def parcels(_order: Order) -> dict[str, Any]:
    return {"policy": _policy()}


def fee(order: Order) -> dict[str, Any]:
    """The fee we propose for the weighed parcels, and the paid quote whose rate and card fee will bill it."""
    policy = _policy()
    proposed = pricing.proposed_delivery_fee_krw(order.parcels.all(), policy=policy) if policy else 0
    try:
        quote = pricing.paid_quote(order)
    except BidangilError:
        quote = None
    return {"proposed_krw": proposed, "fee_krw": order.delivery_fee_krw or proposed or "", "quote": quote}


def nothing(_order: Order) -> dict[str, Any]:
    return {}


HINTS: dict[str, Callable[[Order], dict[str, Any]]] = {"price_items": prices, "pack_parcels": parcels, "set_delivery_fee": fee}

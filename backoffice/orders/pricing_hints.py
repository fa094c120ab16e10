"""The figures shown beside what is typed: rate and fees for the live totals, and the delivery fee we propose. From `workflow.pricing`."""

import json
from collections.abc import Callable
from typing import Any

from django.utils.timezone import now

from core.errors import BidangilError
from workflow import fees, pricing
from workflow.invoices import fee_words
from workflow.models import FeePolicy, Order, Quote


def _policy() -> FeePolicy | None:
    try:
        return pricing.policy_at(now())
    except FeePolicy.DoesNotExist:
        return None


def prices(_order: Order) -> dict[str, Any]:
    return rate_and_fee()


def rate_and_fee() -> dict[str, Any]:
    """Today's rate and service fee, which the confirmation will freeze."""
    policy = _policy()
    return {
        "rate": pricing.usable_rate(),
        "policy": policy,
        "fee_words": fee_words(policy.service_fee_bp, flat_krw=policy.service_fee_flat_krw) if policy else "",
        "fee_rule": json.dumps(fees.service_fee_rule(policy)) if policy else "",
    }


def parcels(order: Order) -> dict[str, Any]:
    quote = _paid_quote(order)
    return {"freight_rule": json.dumps(fees.freight_rule(quote.policy)) if quote else ""}


def fee(order: Order) -> dict[str, Any]:
    """The fee we propose for the weighed parcels, and the paid quote whose rate and fees will bill it."""
    quote = _paid_quote(order)
    proposed = pricing.proposed_delivery_fee_krw(order.parcels.all(), policy=quote.policy) if quote else 0
    return {
        "proposed_krw": proposed,
        "fee_krw": order.delivery_fee_krw or proposed or "",
        "quote": quote,
        "fee_words": fee_words(quote.policy.card_fee_bp, flat_krw=quote.policy.card_fee_flat_krw) if quote else "",
        "fee_rule": json.dumps(fees.card_fee_rule(quote.policy)) if quote else "",
    }


def _paid_quote(order: Order) -> Quote | None:
    try:
        return pricing.paid_quote(order)
    except BidangilError:
        return None


def nothing(_order: Order) -> dict[str, Any]:
    return {}


HINTS: dict[str, Callable[[Order], dict[str, Any]]] = {"price_items": prices, "pack_parcels": parcels, "set_delivery_fee": fee}

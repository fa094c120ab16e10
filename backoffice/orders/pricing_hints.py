"""The figures shown beside what is typed: rate and fees for the live totals, and the delivery fee we propose. From `workflow.pricing`."""

import json
from collections.abc import Callable
from typing import Any

from django.utils.timezone import now

from backoffice.orders import fee_table
from core.errors import BidangilError
from workflow import fees, pricing, rate_cards
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
    """The rules by which a parcel's freight is shown while one types: the chosen courier's card, or the policy's."""
    quote = _paid_quote(order)
    if quote is None:
        return {}
    cards = {code: rate_cards.rule(card) for code, card in rate_cards.cards_for(order.country).items()}
    return {"freight_rule": json.dumps(fees.freight_rule(quote.policy)), "card_rules": json.dumps(cards)}


def fee(order: Order) -> dict[str, Any]:
    """The fee we propose for the weighed parcels, what each courier asks, and the paid quote whose rate and fees will bill it."""
    quote = _paid_quote(order)
    if quote is None:
        return {"fee_krw": order.delivery_fee_krw or ""}
    table = fee_table.table_of(order, policy=quote.policy)
    proposed = table.proposal.krw
    return {
        "table": table,
        "proposed_krw": proposed,
        "fee_krw": order.delivery_fee_krw or proposed or "",
        "free_hand": rate_cards.FREE_HAND_PERCENT,
        "quote": quote,
        "fee_words": fee_words(quote.policy.card_fee_bp, flat_krw=quote.policy.card_fee_flat_krw),
        "fee_rule": json.dumps(fees.card_fee_rule(quote.policy)),
    }


def _paid_quote(order: Order) -> Quote | None:
    try:
        return pricing.paid_quote(order)
    except BidangilError:
        return None


def nothing(_order: Order) -> dict[str, Any]:
    return {}


HINTS: dict[str, Callable[[Order], dict[str, Any]]] = {"price_items": prices, "pack_parcels": parcels, "set_delivery_fee": fee}

"""The lines of a Checkout Session: what is bought, at which price, and what that comes to."""

from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.sandbox.books import Document
from integrations.sandbox.ids import make_id
from integrations.sandbox.stripe.errors import StripeRefusal, invalid, missing
from integrations.sandbox.stripe.ledger import SESSION, Ledger, list_object, page_limit
from integrations.sandbox.stripe.parameters import Parameters

MIN_AMOUNT = {"usd": 50, "krw": 750, "eur": 50, "jpy": 50, "gbp": 30}
"""In the smallest unit. For won the documents only say "the equivalent of 0.50 USD"."""
MAX_AMOUNT = 99_999_999
ZERO_DECIMAL = frozenset({"krw", "jpy"})
MAX_LINES = 100
MAX_IMAGES = 8


def given_lines(parameters: Parameters) -> list[Parameters]:
    lines: list[Parameters] = parameters.get("line_items", [])
    if not lines:
        raise missing("line_items")
    if len(lines) > MAX_LINES:
        raise invalid(f"You may only specify up to {MAX_LINES} line items in `payment` mode.", param="line_items")
    return lines


def line_object(position: int, item: Parameters, *, now: int) -> Document:
    path = f"line_items[{position}]"
    if "price" in item:
        raise StripeRefusal(f"No such price: '{item['price']}'", code="resource_missing", param=f"{path}[price]", executed=False)
    if "price_data" not in item:
        raise invalid("Invalid request: one of `price` or `price_data` is required", param=path, code="parameter_missing")
    data, quantity = item["price_data"], item.get("quantity")
    if quantity is None:
        raise missing(f"{path}[quantity]")
    if not 1 <= quantity <= 999_999:
        raise invalid("This value must be greater than or equal to 1.", param=f"{path}[quantity]", code="parameter_invalid_integer")
    product = _product(data, path=f"{path}[price_data]")
    amount = _unit_amount(data, path=f"{path}[price_data]")
    return _priced_line(data["currency"], amount, quantity, name=product["name"], metadata=item.get("metadata", {}), now=now)


def _product(data: Parameters, *, path: str) -> Parameters:
    if "recurring" in data:
        raise invalid("You specified `payment` mode but passed a recurring price.", param=path)
    if "product" in data:
        raise StripeRefusal(f"No such product: '{data['product']}'", code="resource_missing", param=f"{path}[product]", executed=False)
    if data["currency"] not in MIN_AMOUNT:
        raise invalid(
            f"Invalid currency: {data['currency']}. The sandbox's account takes: {', '.join(MIN_AMOUNT)}", param=f"{path}[currency]"
        )
    product: Parameters = data.get("product_data", {})
    if not product:
        raise missing(f"{path}[product_data]")
    if len(product.get("images", [])) > MAX_IMAGES:
        raise invalid(f"You may only specify up to {MAX_IMAGES} images.", param=f"{path}[product_data][images]")
    return product


def _unit_amount(data: Parameters, *, path: str) -> int:
    if ("unit_amount" in data) == ("unit_amount_decimal" in data):
        raise invalid(
            "You must specify either `unit_amount` or `unit_amount_decimal`, not both or none", param=path, code="parameter_missing"
        )
    try:
        amount = Decimal(data["unit_amount"] if "unit_amount" in data else data["unit_amount_decimal"])
    except InvalidOperation:
        raise invalid("Invalid decimal", param=f"{path}[unit_amount_decimal]") from None
    if amount < 0:
        raise invalid("This value must be greater than or equal to 0.", param=f"{path}[unit_amount]", code="parameter_invalid_integer")
    if amount != amount.to_integral_value():
        raise invalid("The sandbox only plays whole smallest units.", param=f"{path}[unit_amount_decimal]")
    return int(amount)


def _priced_line(currency: str, amount: int, quantity: int, *, name: str, metadata: Parameters, now: int) -> Document:
    return {
        "id": make_id("li_1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount * quantity,
        "amount_tax": 0,
        "amount_total": amount * quantity,
        "currency": currency,
        "description": name,
        "metadata": kept_metadata(metadata),
        "price": _price_object(currency, amount, now=now),
        "quantity": quantity,
    }


def _price_object(currency: str, amount: int, *, now: int) -> Document:
    return {
        "id": make_id("price_1"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": now,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": make_id("prod_", length=14),
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def checked_total(lines: list[Document]) -> tuple[str, int]:
    currencies = {line["currency"] for line in lines}
    if len(currencies) > 1:
        raise invalid("All line items must have the same currency.", param="line_items")
    currency, total = currencies.pop(), sum(line["amount_total"] for line in lines)
    if total < MIN_AMOUNT[currency]:
        least = amount_text(MIN_AMOUNT[currency], currency)
        raise invalid(f"The Checkout Session's total amount due must add up to at least {least}", code="amount_too_small")
    if total > MAX_AMOUNT:
        raise invalid(
            f"The Checkout Session's total amount due must be no more than {amount_text(MAX_AMOUNT, currency)}", code="amount_too_large"
        )
    return currency, total


def lines_page(ledger: Ledger, session_id: str, parameters: Parameters) -> Document:
    ledger.get(SESSION, session_id, param="session")
    lines = ledger.lines_of(session_id)
    ids = [line["id"] for line in lines]
    limit = page_limit(parameters)
    if "ending_before" in parameters:
        end = ids.index(parameters["ending_before"]) if parameters["ending_before"] in ids else 0
        start = max(0, end - limit)
        shown, more = lines[start:end], start > 0
    else:
        start = ids.index(parameters["starting_after"]) + 1 if parameters.get("starting_after") in ids else 0
        shown, more = lines[start : start + limit], start + limit < len(lines)
    return list_object(shown, url=f"/v1/checkout/sessions/{session_id}/line_items", has_more=more)


def amount_text(amount: int, currency: str) -> str:
    return f"{amount:,} {currency.upper()}" if currency in ZERO_DECIMAL else f"{Decimal(amount) / 100:,.2f} {currency.upper()}"


def kept_metadata(metadata: Any) -> Document:
    return {key: value for key, value in dict(metadata or {}).items() if value != ""}

"""Stripe's bracket syntax and the words for what is wrong, without a server."""

import pytest

from integrations.sandbox.stripe.errors import StripeRefusal
from integrations.sandbox.stripe.parameters import parse_form, read_parameters

CREATE = "POST /v1/checkout/sessions"


def test_brackets_become_nested_values() -> None:
    assert parse_form("a[b][c]=1&a[b][d]=&list[]=x&list[]=y&items[0][q]=2&plain=%EC%96%91") == {
        "a": {"b": {"c": "1", "d": ""}},
        "list": {"0": "x", "1": "y"},
        "items": {"0": {"q": "2"}},
        "plain": "양",
    }


def test_texts_become_what_the_schema_says() -> None:
    values = read_parameters(
        CREATE, "mode=payment&line_items[1][quantity]=3&line_items[0][quantity]=2&expand[]=line_items&allow_promotion_codes=true"
    )
    assert values == {
        "mode": "payment",
        "line_items": [{"quantity": 2}, {"quantity": 3}],
        "expand": ["line_items"],
        "allow_promotion_codes": True,
    }
    assert read_parameters("GET /v1/events", "created[gte]=5&limit=3&delivery_success=false") == {
        "created": {"gte": 5},
        "limit": 3,
        "delivery_success": False,
    }
    assert read_parameters("GET /v1/events", "created=5") == {"created": 5}


@pytest.mark.parametrize(
    ("text", "param", "code"),
    [
        ("colour=red", "colour", "parameter_unknown"),
        ("payment_intent_data[colour]=red", "payment_intent_data[colour]", "parameter_unknown"),
        ("line_items[0][quantity]=two", "line_items[0][quantity]", "parameter_invalid_integer"),
        ("line_items[0][quantity]=1.5", "line_items[0][quantity]", "parameter_invalid_integer"),
        ("line_items=x", "line_items", None),
        ("mode[a]=x", "mode", None),
        ("a=1&a[b]=2", "a", None),
        ("success_url=", "success_url", "parameter_invalid_empty"),
    ],
)
def test_what_is_wrong_is_named(text: str, param: str, code: str | None) -> None:
    with pytest.raises(StripeRefusal) as caught:
        read_parameters(CREATE, text)
    assert (caught.value.param, caught.value.code, caught.value.executed) == (param, code, False)

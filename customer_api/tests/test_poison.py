"""What customers wrote comes back through the API word for word, as data and nothing else; and the pay page shows it as text."""

import json

import pytest
from django.test import Client

from backoffice.tests.poison import ALL, POISON, assert_same_skeleton, harmless, packed
from workflow.models import Item, Order, PayLink
from workflow.process import State
from workflow.tests import factories

pytestmark = pytest.mark.django_db


def strings(value) -> set[str]:
    """Every text in an answer."""
    if isinstance(value, dict):
        return set().union(*(strings(part) for part in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(strings(part) for part in value)) if value else set()
    return {value} if isinstance(value, str) else set()


def test_the_api_says_it_word_for_word_and_as_json_only(app, minji):
    # Given every text of an order poisoned, past the checks at the door
    order = factories.order_at(State.QUOTE_REQUESTED, items=len(packed(500)), owner=minji)
    said = {"note": ALL, "question": ALL, "line1": POISON[0], "line2": POISON[4], "city": POISON[23], "recipient_name": POISON[27][:80]}
    Order.objects.filter(pk=order.pk).update(**said)
    for item, text in zip(order.items.all(), packed(500), strict=True):
        Item.objects.filter(pk=item.pk).update(options=text, note=text, name=text[:200])
    wanted = {*said.values(), *packed(500)}
    for path in (f"/orders/{order.number}", "/orders"):
        # When
        answer = app.get(path)
        # Then
        assert answer.status == 200
        assert answer.response["Content-Type"].partition(";")[0] == "application/json"
        assert answer.response["X-Content-Type-Options"] == "nosniff"
        assert wanted <= strings(json.loads(answer.response.content))
    for path in (f"/orders/{order.number}/events", "/me"):
        assert app.get(path).response["Content-Type"].partition(";")[0] == "application/json"


def test_the_pay_page_is_the_same_page_with_poison_in_it(db):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, items=4)
    url = f"/pay/{PayLink.objects.get(order=order, kind='items').token}"

    def page(words) -> str:
        for item, text in zip(order.items.all(), packed(700), strict=False):
            Item.objects.filter(pk=item.pk).update(name=words(text[:200]), options=words(text[:500]))
        return Client().get(url).content.decode()

    poisoned, clean = page(str), page(harmless)
    assert poisoned != clean
    assert_same_skeleton(poisoned, clean, where=url)

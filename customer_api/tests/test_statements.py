"""How many statements each read and write asks of the database, however many orders there are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customer_api.tests.client import Caller, wanted
from workflow import hints
from workflow.process import State
from workflow.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(minji) -> Caller:
    caller = Caller()
    caller.http.force_login(minji)
    return caller


def test_a_list_asks_the_same_for_one_order_and_many(app, browser, minji, django_assert_num_queries):
    # Given one order with everything an order can have
    factories.order_at(State.SHIPPED, owner=minji)
    with django_assert_num_queries(7):
        assert app.get("/orders?limit=100").status == 200
    with django_assert_num_queries(8):
        assert browser.get("/orders?limit=100").status == 200
    # When there are many
    for state in (State.DELIVERED, State.RETURNED, State.AWAITING_ITEM_PAYMENT, State.CANCELLED, State.QUOTE_EXPIRED):
        factories.order_at(state, owner=minji, items=3)
    for _ in range(30):
        factories.new_order(owner=minji)
    # Then
    with django_assert_num_queries(7):
        assert len(app.get("/orders?limit=100")["items"]) == 36
    with django_assert_num_queries(8):
        assert len(browser.get("/orders?limit=100")["items"]) == 36


def test_one_order(app, browser, minji, django_assert_num_queries):
    order = factories.order_at(State.SHIPPED, owner=minji, items=5)
    with django_assert_num_queries(8):
        assert app.get(f"/orders/{order.number}").status == 200
    with django_assert_num_queries(9):
        assert browser.get(f"/orders/{order.number}").status == 200


def test_its_history(app, minji, django_assert_num_queries):
    order = factories.order_at(State.SHIPPED, owner=minji)
    with django_assert_num_queries(4):
        assert app.get(f"/orders/{order.number}/events").status == 200


BOOKKEEPING = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")


def test_a_request_with_its_key_and_its_effects(app, minji):
    factories.rate()
    hints.rules()  # compiled once per process; whether they are still the table's is one statement of these
    with CaptureQueriesContext(connection) as asked:
        answer = app.post("/orders", wanted("https://a.kr/1", "https://a.kr/2", "https://a.kr/3"), idempotency_key="k")
    assert answer.status == 201
    statements = [query["sql"] for query in asked if not query["sql"].startswith(BOOKKEEPING)]
    assert len(statements) <= 17, "\n".join(statement[:120] for statement in statements)

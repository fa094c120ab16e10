"""The lists: found by what people hold in their hand, filtered, paged by key, and always the same number of queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from backoffice.tests.conftest import page_url
from core.outbox.models import Effect
from workflow import transitions
from workflow.lookup import normalise_number
from workflow.models import Adjustment, Dispute, Order, Refund, StaffTask
from workflow.process import Role, State
from workflow.tests.factories import FEDEX_NUMBER, by, new_order, order_at

pytestmark = pytest.mark.django_db
LIST = "/admin/workflow/order/"


def found(client, **query) -> list[str]:
    return [order.number for order in client.get(LIST, query).context["cl"].result_list]


def test_search_finds_by_number_email_tracking_and_shop_number_exactly(owner):
    other, order = new_order(), order_at(State.SHIPPED)
    shop_number = order.items.first().shop_order_number
    for said in (
        order.number,
        order.number.lower(),
        order.number.removeprefix("BD-").replace("-", " ").replace("1", "l").replace("0", "O"),
        order.customer.email.upper(),
        f" {FEDEX_NUMBER[:4]} {FEDEX_NUMBER[4:]} ",
        shop_number,
    ):
        assert found(owner, q=said) == [order.number], said
    for said in (order.number[:-1], order.number[3:8], "%", "_", "' OR 1=1--", "nobody@example.com", "smartstore"):
        assert found(owner, q=said) == [], said
    assert found(owner) == [order.number, other.number]


def test_numbers_are_read_as_people_write_them():
    assert normalise_number(" bd 1o2il-abcde ") == "BD-10211-ABCDE"
    assert normalise_number("BD-123") == ""


def test_filters(owner):
    to_screen, unpaid, shipped, closed = (
        order_at(state) for state in (State.QUOTE_REQUESTED, State.AWAITING_ITEM_PAYMENT, State.SHIPPED, State.REJECTED)
    )
    asked, held = new_order(), new_order()
    transitions.ask_customer(asked.pk, question="Which size?", by=by(Role.BUYER))
    transitions.hold(held.pk, reason="check", by=by(Role.SUPPORT))
    assert found(owner, waiting="staff") == [held.number, to_screen.number]
    assert found(owner, waiting="customer") == [asked.number, unpaid.number]
    assert found(owner, waiting="courier") == [shipped.number]
    assert found(owner, waiting="nobody") == [closed.number]
    assert found(owner, hold="yes") == [held.number]
    assert found(owner, state="shipped") == [shipped.number]
    assert len(found(owner, state="nonsense")) == 6


def test_the_filter_says_of_each_order_what_the_order_says(owner):
    orders = {order_at(state).pk for state in State}
    transitions.ask_customer(min(orders), question="?", by=by(Role.BUYER))
    for waits in ("staff", "customer", "courier", "nobody"):
        expected = {order.number for order in Order.objects.all() if order.waiting_on == waits}
        assert set(found(owner, waiting=waits)) == expected


def test_pages_go_by_key_and_lose_nothing(owner, monkeypatch):
    from backoffice.orders.admin import OrderAdmin

    monkeypatch.setattr(OrderAdmin, "list_per_page", 2)
    numbers = [new_order(items=1).number for _ in range(5)][::-1]
    pages, url, seen = [], LIST, []
    while url:
        changelist = owner.get(LIST + url if url.startswith("?") else url).context["cl"]
        pages.append(changelist)
        seen += [order.number for order in changelist.result_list]
        url = changelist.older_url
    assert seen == numbers
    back = owner.get(LIST + pages[-1].newer_url).context["cl"]
    assert [order.number for order in back.result_list] == numbers[2:4]
    assert [order.number for order in owner.get(LIST + back.newer_url).context["cl"].result_list] == numbers[:2]


@pytest.mark.parametrize("query", [{}, {"state": "quote_requested"}, {"waiting": "staff"}, {"q": "customer"}])
def test_the_list_costs_the_same_whatever_it_shows(owner, query):
    new_order(items=1)
    few = _queries(owner, LIST, query)
    for _ in range(6):
        order_at(State.SHIPPED)
        new_order(items=5)
    many = _queries(owner, LIST, query)
    assert len(many) == len(few) <= 12
    assert not [sql for sql in many if "COUNT(" in sql and "workflow_order" in sql]


def test_the_order_page_costs_the_same_whatever_it_holds(owner):
    small, large = order_at(State.AWAITING_DELIVERY_PAYMENT, items=1), order_at(State.AWAITING_DELIVERY_PAYMENT, items=12)
    Refund.objects.create(order=small, amount_usd_cents=1, reason="r", key="small")  # the lines of refunds, once there are any
    for number in range(8):
        StaffTask.objects.create(key=str(number), kind="k", order=large, text="t")
        Refund.objects.create(
            order=large, amount_usd_cents=1, reason="r", key=str(number), status="failed", proposed_by=by(Role.SUPPORT).user
        )
        Dispute.objects.create(stripe_id=str(number), order=large, amount_cents=1, reason="r", status="needs_response")
        item = large.items.get(position=number + 1)
        Adjustment.objects.create(order=large, item=item, difference_krw=1, route="delivery", status="absorbed")
        Effect.objects.create(subject=large.subject, name="n", batch="b", quarantined_at=now())
        transitions.hold(large.pk, reason="a", by=by(Role.SUPPORT))
        transitions.release(large.pk, by=by(Role.SUPPORT))
    assert len(_queries(owner, page_url(small))) == len(_queries(owner, page_url(large))) <= 29


def _queries(client, url, query=None) -> list[str]:
    """Of two looks the cheaper: once a minute a look also notes that the person is still there."""
    client.get(url, query or {})  # what is cached is cached
    looks = []
    for _look in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url, query or {}).status_code == 200
        looks.append([query["sql"] for query in queries])
    return min(looks, key=len)

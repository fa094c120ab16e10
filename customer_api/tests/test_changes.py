"""A new version of a bill says what is other than before: in the API, on the pay page, and at no statement more."""

import pytest
from django.test import Client

from customer_api.tests.client import app_of
from customer_api.tests.test_pay import link_of, text
from workflow import invoices, work
from workflow.models import Order
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import perform

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(alex) -> Order:
    """Two items, 10,000 and 2 x 20,000 won at 1,400: billed once, unpaid."""
    return factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex)


@pytest.fixture
def alex(db):
    return factories.customer(locale="en")


@pytest.fixture
def app(alex):
    return app_of(alex)


def billed_again(order: Order, *, prices: dict[int, int] | None = None, rate: str = "", rejected: tuple[int, ...] = ()) -> Order:
    """Taken back and confirmed anew, with other unit prices (by position), another rate, or without an item."""
    buyer = factories.by(Role.BUYER)
    perform(order.pk, Order.revise_item_prices, by=buyer)
    ids = {item.position: item.pk for item in order.items.all()}
    if prices:
        work.price_items(order.pk, prices={ids[position]: krw for position, krw in prices.items()}, by=buyer)
    if rejected:
        verdicts = {ids[position]: {"verdict": "rejected", "note": "No alcohol"} for position in rejected}
        work.screen_items(order.pk, verdicts=verdicts, by=buyer)
    if rate:
        factories.rate(rate)
    perform(order.pk, Order.confirm_item_prices, by=buyer)
    return factories.reload(order)


def changes_of(app, order: Order) -> list:
    return [invoice["changes"] for invoice in app.get(f"/orders/{order.number}")["invoices"]]


def test_a_first_bill_changes_nothing(app, order):
    assert changes_of(app, order) == [None]


def test_another_price_is_said_in_won_and_cents_with_its_fee(app, order):
    billed_again(order, prices={1: 12_000})

    assert changes_of(app, order) == [
        None,
        {
            "replaces": 1,
            "lines": [
                {"kind": "item", "title": "Item 1", "was_krw": 10_000, "was_usd_cents": 714, "now_krw": 12_000, "now_usd_cents": 857},
                {
                    "kind": "service_fee",
                    "title": "Service fee 4%",
                    "was_krw": 2_000,
                    "was_usd_cents": 143,
                    "now_krw": 2_080,
                    "now_usd_cents": 149,
                },
            ],
            "was_krw": 52_000,
            "was_usd_cents": 3_714,
            "now_krw": 54_080,
            "now_usd_cents": 3_863,
            "was_krw_per_usd": "1400.0000",
            "now_krw_per_usd": "1400.0000",
        },
    ]


def test_another_rate_alone_moves_the_dollars_of_every_line(app, order):
    billed_again(order, rate="1428.5714")

    changes = changes_of(app, order)[1]
    assert [(line["title"], line["was_usd_cents"], line["now_usd_cents"]) for line in changes["lines"]] == [
        ("Item 1", 714, 700),
        ("Item 2 × 2", 2_857, 2_800),
        ("Service fee 4%", 143, 140),
    ]
    assert {line["was_krw"] == line["now_krw"] for line in changes["lines"]} == {True}
    assert (changes["was_krw_per_usd"], changes["now_krw_per_usd"]) == ("1400.0000", "1428.5714")
    assert (changes["was_krw"], changes["now_krw"]) == (52_000, 52_000)


def test_an_item_that_left_has_no_line_now(app, order):
    billed_again(order, rejected=(2,))

    left = changes_of(app, order)[1]["lines"][-1]
    assert (left["title"], left["was_krw"], left["now_krw"], left["now_usd_cents"]) == ("Item 2 × 2", 40_000, None, None)


def test_the_same_bill_again_has_no_lines(app, order):
    billed_again(order)

    changes = changes_of(app, order)[1]
    assert (changes["lines"], changes["was_usd_cents"], changes["now_usd_cents"]) == ([], 3_714, 3_714)


def test_a_bill_after_a_paid_one_replaces_nothing(app, alex):
    # given an order whose parcel came back, so that its delivery is billed a second time
    order = factories.order_at(State.RETURNED, owner=alex)
    perform(order.pk, Order.reship, by=factories.by(Role.WAREHOUSE))
    factories.confirm_fee(factories.reload(order))

    assert changes_of(app, order) == [None, None, None]


def test_a_list_asks_no_more_for_bills_with_changes(app, alex, order, django_assert_num_queries):
    billed_again(order, prices={1: 12_000})
    for _ in range(3):
        billed_again(factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex), prices={1: 13_000})
    with django_assert_num_queries(6):
        answer = app.get("/orders?limit=100")
    assert [len(one["invoices"][1]["changes"]["lines"]) for one in answer["items"]] == [2, 2, 2, 2]


def test_with_or_without_the_orders_invoices_at_hand_the_changes_are_the_same(order):
    order = billed_again(order, prices={2: 21_000})
    newest = order.invoices.latest("number")
    found = invoices.what_changed(newest)
    at_hand = invoices.what_changed(newest, among=list(order.invoices.all()))
    assert found.lines == at_hand.lines
    assert (found.was.usd_cents, found.now.usd_cents) == (3_714, 3_863)


# --- The pay page ---------------------------------------------------------------------------------------------------------


def test_the_pay_page_shows_a_new_price_in_won(order):
    billed_again(order, prices={1: 12_000})

    shown = text(Client().get(link_of(order)))
    assert "What changed This replaces the bill you had before." in shown
    assert "Item 1 ₩10,000 ₩12,000" in shown
    assert "Service fee 4% ₩2,000 ₩2,080 Total $37.14 $38.63" in shown
    assert "Exchange rate for $1" not in shown


def test_the_pay_page_shows_a_new_rate_in_dollars(order):
    billed_again(order, rate="1428.5714", rejected=(2,))

    shown = text(Client().get(link_of(order)))
    assert "Item 1 $7.14 $7.00" in shown
    assert "Item 2 × 2 ₩40,000 not included" in shown
    assert "Exchange rate for $1 ₩1,400.00 ₩1,428.57 Total $37.14 $7.28" in shown


def test_a_first_bill_and_a_paid_one_show_no_changes(order):
    assert "What changed" not in text(Client().get(link_of(order)))
    billed_again(order, prices={1: 12_000})
    factories.pay(factories.reload(order), "items")
    assert "What changed" not in text(Client().get(link_of(order)))


def test_the_pay_page_asks_as_much_for_a_second_bill(order, django_assert_num_queries):
    billed_again(order, prices={1: 12_000})
    link = link_of(order)
    with django_assert_num_queries(7):
        Client().get(link)

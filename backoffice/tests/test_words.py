"""Everything the process can be has its words here, and money and numbers read as people write them."""

import pytest
from django.core.exceptions import ValidationError

from backoffice import numbers
from backoffice.orders.history import facts_in_words
from backoffice.orders.journey import STOPS, journey
from backoffice.orders.next_move import MAIN_TASKS
from backoffice.shops import shop_link
from backoffice.words import HAPPENED, SCAN_WORDS, TASK_TITLES, TURNS, happened
from workflow.models import OrderEvent
from workflow.models.shipments import TrackingStatus
from workflow.process import WAITS_ON, State, Waits
from workflow.tests.factories import order_at
from workflow.work import TASKS


def test_every_state_has_its_turn_and_every_task_its_title():
    assert set(TURNS) == set(State)
    assert {task.name for task in TASKS} == set(TASK_TITLES)
    assert set(SCAN_WORDS) == set(TrackingStatus)


def test_what_staff_type_first_is_of_states_that_wait_on_staff():
    assert {WAITS_ON[state] for state in MAIN_TASKS} == {Waits.STAFF}


@pytest.mark.django_db
def test_every_event_of_a_whole_life_has_words():
    order_at(State.COMPLETED)
    order_at(State.RETURNED)
    names = set(OrderEvent.objects.values_list("name", flat=True))
    assert {name for name in names if happened(name) == name} == set()
    assert set(HAPPENED) >= {"request_quote", "hold", "release", "ask", "answer"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "done", "status"),
    [
        (State.QUOTE_REQUESTED, 1, "now"),
        (State.QUOTE_APPROVED, 2, "now"),
        (State.AWAITING_ITEM_PAYMENT, 3, "now"),
        (State.QUOTE_EXPIRED, 3, "stopped"),
        (State.ITEMS_PAID, 4, "now"),
        (State.ITEMS_PURCHASED, 5, "now"),
        (State.AT_WAREHOUSE, 6, "now"),
        (State.AWAITING_DELIVERY_PAYMENT, 7, "now"),
        (State.DELIVERY_PAID, 8, "now"),
        (State.SHIPPED, 9, "now"),
        (State.RETURNED, 9, "stopped"),
        (State.DELIVERED, 10, None),
        (State.COMPLETED, 10, None),
        (State.REJECTED, 1, "stopped"),
    ],
)
def test_the_journey_stands_where_the_order_stands(state, done, status):
    steps = journey(order_at(state))
    assert [step.status for step in steps[:done]] == ["done"] * done
    assert all(step.at for step in steps[:done])
    assert [step.status for step in steps[done:]] == ([status] if status else []) + ["ahead"] * (len(STOPS) - done - 1)


def test_facts_are_said_in_words_and_odd_ones_shown_as_they_are():
    facts = {
        "prices_krw": {"1": 12000, "2": None},
        "amount_usd_cents": 1234,
        "krw_per_usd": "1400.0000",
        "our_fault": True,
        "new_thing": 7,
        "reason": "",
        "items": 3,
    }
    assert [(str(label), value) for label, value in facts_in_words(facts)] == [
        ("unit prices", "1: ₩12,000, 2: –"),
        ("amount", "$12.34"),
        ("rate", "₩1,400.00"),
        ("our fault", "yes"),
        ("new thing", "7"),
        ("items", "3"),
    ]
    assert facts_in_words({"amount_usd_cents": "?"}) == [("amount", "?")]


@pytest.mark.parametrize(("typed", "cents"), [("12", 1200), ("12.5", 1250), ("$1,234.56", 123456), ("０.01", 1), ("0", 0)])
def test_dollars(typed, cents):
    assert numbers.cents(typed) == cents


@pytest.mark.parametrize("typed", ["1.005", "-1", "NaN", "Infinity", "1e99", "twelve", ""])
def test_what_is_no_amount(typed):
    with pytest.raises(ValidationError):
        numbers.cents(typed)


def test_a_shop_address_in_its_parts():
    assert shop_link("https://www.11st.co.kr/products/1?a=2#b") == (
        "https://www.11st.co.kr/products/1?a=2#b",
        "www.11st.co.kr",
        "/products/1?a=2#b",
    )
    assert shop_link("javascript:alert(1)") == ("", "", "javascript:alert(1)")

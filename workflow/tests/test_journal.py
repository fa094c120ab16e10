"""The journal's hashes hold whatever the facts are, on both engines, and what stands beside the state is the right person's."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.errors import NotFound
from workflow import audit
from workflow.models import Invoice, Order, OrderEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import By, TransitionRefused, answer_question, ask_customer, hold, moves, perform, record

pytestmark = pytest.mark.django_db

ODD_FACTS = [
    {"text": '한글 과 emoji 🧧, " and \\, tab\t, line\nbreak,  é and é'},
    {"number": 0.1, "large": 10**17, "negative": -1, "yes": True, "none": None},
    {"b": {"z": 1, "a": [1, [2, {"y": None}]]}, "a": "sorted"},
    {1: "keys that are no texts", 10: "sort", 2: "otherwise", "0x": ["<script>"]},
    {"empty": {}, "list": [], "": ""},
]


@pytest.mark.parametrize("facts", ODD_FACTS)
def test_a_row_read_back_has_the_hash_it_was_written_with(facts):
    order = factories.new_order()
    order = factories.locked(order)
    record(order, name="x", from_state=order.state, by=By.job(), facts=facts)

    last = OrderEvent.objects.get(order=order, name="x")
    assert last.hash == last.digest()
    assert list(audit.broken_rows()) == []


def test_every_state_leaves_a_whole_journal():
    for state in (State.COMPLETED, State.RETURNED, State.CANCELLED, State.REJECTED, State.QUOTE_EXPIRED):
        factories.order_at(state)

    assert list(audit.broken_rows()) == []


def test_only_the_orders_own_customer_answers_its_question():
    order = factories.new_order()
    ask_customer(order.pk, question="Which colour?", by=factories.by(Role.BUYER))

    with pytest.raises(NotFound):
        answer_question(order.pk, by=By.customer(factories.customer()))
    assert factories.reload(order).question

    answer_question(order.pk, by=By.customer(order.customer))
    assert not factories.reload(order).question


def test_a_customer_neither_holds_nor_asks():
    order = factories.new_order()
    by = By.customer(order.customer)

    with pytest.raises(TransitionRefused):
        hold(order.pk, reason="x", by=by)
    with pytest.raises(TransitionRefused):
        ask_customer(order.pk, question="x", by=by)


def test_money_is_recorded_by_finance_only_while_the_grace_lasts(settings):
    order, finance = factories.order_at(State.QUOTE_EXPIRED), factories.by(Role.FINANCE)
    Invoice.objects.update(pay_by=now() - settings.LATE_PAYMENT_GRACE - timedelta(seconds=1))

    with pytest.raises(TransitionRefused):
        perform(order.pk, Order.record_item_payment, by=finance, proof="x")
    (move,) = [move for move in moves(factories.reload(order), by=finance) if move.spec.name == "record_item_payment"]
    assert not move.is_ready

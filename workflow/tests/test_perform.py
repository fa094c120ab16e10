"""`perform()` does all of a move or none of it; the journal and the ledger only ever grow."""

import pytest
from django.db import DatabaseError, transaction
from django_eventstream.models import Event
from django_q.models import OrmQ

from core import events
from core.outbox.models import Effect as EffectRow
from workflow.models import LedgerEntry, Order, OrderEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import By, TransitionRefused, answer_question, ask_customer, hold, perform, release

pytestmark = pytest.mark.django_db


def test_a_move_leaves_one_event_its_effects_one_job_and_two_live_events():
    order = factories.order_at(State.QUOTE_REQUESTED)
    order.items.update(status="approved")
    jobs, live = OrmQ.objects.count(), Event.objects.count()

    perform(order.pk, Order.approve_quote, by=factories.by(Role.BUYER))

    last = OrderEvent.objects.filter(order=order).last()
    assert (last.number, last.name, last.from_state, last.to_state) == (2, "approve_quote", "quote_requested", "quote_approved")
    assert list(EffectRow.objects.filter(payload__event=2).values_list("name", flat=True)) == ["notify_customer"]
    assert OrmQ.objects.count() == jobs + 1
    assert Event.objects.count() == live + 2
    assert events.position(events.user_channel(order.customer_id)) == 2


def test_a_rollback_leaves_nothing():
    order = factories.order_at(State.QUOTE_REQUESTED)
    order.items.update(status="approved")
    buyer = factories.by(Role.BUYER)

    def rows():
        return (
            list(Order.objects.values_list()),
            OrderEvent.objects.count(),
            EffectRow.objects.count(),
            OrmQ.objects.count(),
            Event.objects.count(),
            events.position(events.STAFF_CHANNEL),
        )

    before = rows()

    with pytest.raises(RuntimeError, match="the plug is pulled"), transaction.atomic():
        perform(order.pk, Order.approve_quote, by=buyer)
        raise RuntimeError("the plug is pulled")

    assert rows() == before


def test_the_state_cannot_be_assigned():
    order = factories.order_at(State.QUOTE_REQUESTED)

    with pytest.raises(AttributeError, match="only through transitions"):
        order.state = State.DELIVERED

    order.full_clean()
    order.refresh_from_db()
    assert order.state == State.QUOTE_REQUESTED


def test_a_refresh_of_a_deleted_row_leaves_the_protection_on():
    order = factories.order_at(State.QUOTE_REQUESTED)
    ghost = Order(pk=order.pk + 1000)

    with pytest.raises(Order.DoesNotExist):
        ghost.refresh_from_db()

    with pytest.raises(AttributeError):
        ghost.state = State.DELIVERED


def test_the_first_unmet_guard_is_the_reason():
    order = factories.order_at(State.QUOTE_REQUESTED)

    with pytest.raises(TransitionRefused, match="screened first"):
        perform(order.pk, Order.approve_quote, by=factories.by(Role.BUYER))

    order.items.update(status="rejected")
    with pytest.raises(TransitionRefused, match="At least one item must be approved"):
        perform(order.pk, Order.approve_quote, by=factories.by(Role.BUYER))


def test_a_person_standing_in_for_stripe_needs_a_proof():
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)

    with pytest.raises(TransitionRefused) as refused:
        perform(order.pk, Order.record_item_payment, by=factories.by(Role.FINANCE), proof="  ")

    assert refused.value.code == "fact_missing"
    assert not LedgerEntry.objects.exists()


def test_numbers_have_no_gaps_and_each_row_carries_the_hash_of_the_one_before():
    order = factories.order_at(State.COMPLETED)

    rows = list(OrderEvent.objects.filter(order=order))

    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0].previous_hash == ""
    assert [row.previous_hash for row in rows[1:]] == [row.hash for row in rows[:-1]]
    assert all(row.hash == row.digest() for row in rows)


@pytest.mark.parametrize("model", [OrderEvent, LedgerEntry])
def test_the_database_refuses_to_change_or_delete_journal_and_ledger(model):
    factories.order_at(State.ITEMS_PAID)
    pk = model.objects.first().pk
    column = {"OrderEvent": {"name": "forged"}, "LedgerEntry": {"amount_cents": 1}}[model.__name__]

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.filter(pk=pk).update(**column)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model.objects.filter(pk=pk).delete()


def test_a_hold_stops_the_way_forward_but_neither_payment_nor_cancelling():
    order = factories.order_at(State.QUOTE_REQUESTED)
    order.items.update(status="approved")
    hold(order.pk, reason="customs ask", by=factories.by(Role.SUPPORT))

    with pytest.raises(TransitionRefused) as refused:
        perform(order.pk, Order.approve_quote, by=factories.by(Role.BUYER))
    assert refused.value.code == "on_hold"

    release(order.pk, by=factories.by(Role.FINANCE))
    assert perform(order.pk, Order.approve_quote, by=factories.by(Role.BUYER)).state == State.QUOTE_APPROVED

    hold(order.pk, reason="again", by=factories.by(Role.OWNER))
    assert perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="enough").state == State.CANCELLED
    with pytest.raises(TransitionRefused):
        release(order.pk, by=factories.by(Role.OWNER))


def test_a_question_makes_the_order_wait_on_the_customer():
    order = factories.order_at(State.QUOTE_REQUESTED)

    ask_customer(order.pk, question="Which colour?", by=factories.by(Role.BUYER))
    assert factories.reload(order).waiting_on == "customer"

    answer_question(order.pk, by=By.customer(order.customer))
    assert factories.reload(order).waiting_on == "staff"
    assert list(OrderEvent.objects.filter(order=order).values_list("name", flat=True)) == ["request_quote", "ask", "answer"]

"""Faults planted past all guards, as root would: `verify_invariants` and the audit see each of them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from core.outbox.models import Effect as EffectRow
from integrations import stripe
from workflow import append_only, invariants, stuck
from workflow.models import Attempt, Invoice, Item, LedgerEntry, Order, OrderEvent, Parcel, Refund, StaffTask
from workflow.process import State
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, pay
from workflow.transitions import By, perform

pytestmark = pytest.mark.django_db
#: taking triggers off is a change of the schema, which MariaDB commits at once
committed = pytest.mark.django_db(transaction=True)


def broken() -> dict[int, list[str]]:
    found = {}
    for invariant in invariants.INVARIANTS:
        if lines := list(invariant.check()):
            found.setdefault(invariant.number, []).extend(lines)
    return found


@pytest.fixture
def as_root(transactional_db):
    append_only.remove(connection)
    yield
    append_only.install(connection)


@pytest.fixture
def paid(sandbox, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    pay(sandbox, jobs, order)
    jobs.run()
    order = factories.reload(order)
    assert (order.state, broken()) == (State.ITEMS_PAID, {})
    return order


@committed
def test_a_ledger_row_that_was_deleted(paid, as_root):
    LedgerEntry.objects.all().delete()

    assert {1, 3} <= set(broken())


@committed
def test_a_capture_that_was_altered(paid, as_root):
    LedgerEntry.objects.update(amount_cents=1)

    assert {1, 3} <= set(broken())


@committed
def test_a_refund_row_that_was_deleted(paid, as_root, jobs):
    perform(paid.pk, Order.cancel, by=By.customer(paid.customer), reason="x")
    jobs.run()
    assert set(broken()) == {7}, "only that the triggers are off"

    LedgerEntry.objects.filter(kind="refund").delete()

    assert {1, 3} <= set(broken())


@committed
def test_the_triggers_taken_off(paid):
    append_only.remove(connection)
    try:
        assert 7 in broken()
    finally:
        append_only.install(connection)
    assert broken() == {}


@committed
@pytest.mark.parametrize("change", [{"name": "x"}, {"facts": {"a": 1}}, {"at": now() - timedelta(days=1)}, {"actor": "x"}, {"number": 40}])
def test_an_event_that_was_altered(paid, as_root, change):
    OrderEvent.objects.filter(order=paid, number=3).update(**change)

    assert 4 in broken()


@committed
@pytest.mark.parametrize("which", ["first", "last"])
def test_an_event_that_was_deleted(paid, as_root, which):
    getattr(OrderEvent.objects.filter(order=paid).order_by("number"), which)().delete()

    assert 4 in broken()


def test_a_state_changed_past_the_door(paid):
    Order.objects.filter(pk=paid.pk).update(state=State.SHIPPED)

    assert {3, 4} <= set(broken())


def test_an_invoice_marked_paid_without_money(paid):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    Invoice.objects.filter(order=order).update(status="paid")

    assert 3 in broken()


def test_a_second_open_session_and_one_that_outlived_its_attempt(sandbox, jobs):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    attempt = attempt_of(order)
    assert broken() == {}

    stripe.create_checkout_session(
        lines=[stripe.CheckoutLine(name="x", amount_cents=500)],
        success_url="https://x.example.com",
        cancel_url="https://x.example.com",
        customer_email="x@example.com",
        client_reference_id=attempt.key,
        metadata={"attempt": attempt.key.replace(":1:1", ":1:2")},
        expires_at=now() + timedelta(hours=2),
        locale="en",
        idempotency_key="twin",
    )
    assert 2 in broken()

    Attempt.objects.update(status="closed")
    assert 2 in broken()


def test_an_open_session_of_a_cancelled_order(sandbox, jobs):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    Attempt.objects.update(status="closed")

    assert 2 in broken()


def test_an_item_without_a_parcel_and_one_in_another_orders_parcel():
    factories.rate()
    order, other = factories.order_at(State.SHIPPED), factories.order_at(State.SHIPPED)
    Item.objects.filter(order=order, position=1).update(parcel=other.parcels.get())
    Item.objects.filter(order=order, position=2).update(parcel=None)

    assert len(list(invariants.every_sent_item_has_a_parcel())) == 2


def test_an_item_in_a_parcel_that_never_left():
    order = factories.order_at(State.SHIPPED)
    Parcel.objects.filter(order=order).update(closed_at=now())

    assert list(invariants.every_sent_item_has_a_parcel())


def test_a_stuck_effect_and_one_whose_task_was_ticked_off():
    factories.order_at(State.QUOTE_REQUESTED)
    EffectRow.objects.update(created_at=now() - timedelta(minutes=11))
    late = EffectRow.objects.count()
    assert len(list(invariants.nothing_is_late_unseen())) == late > 0

    stuck.show()
    assert list(invariants.nothing_is_late_unseen()) == []

    StaffTask.objects.update(done_at=now())
    assert len(list(invariants.nothing_is_late_unseen())) == late


def test_a_refund_that_nobody_sends(paid, jobs):
    perform(paid.pk, Order.cancel, by=By.customer(paid.customer), reason="x")
    EffectRow.objects.filter(name="send_refunds").delete()
    jobs.run()
    Refund.objects.update(created_at=now() - timedelta(minutes=11))

    assert 8 in broken()


@committed
def test_unapplied_money_without_a_task(paid, as_root):
    LedgerEntry.objects.update(kind="unapplied")

    assert 3 in broken()

"""Two people, one order, at the same moment: real connections on MariaDB, each proof with its negative control."""

import itertools
import threading

import pytest
from django.db import OperationalError, connection
from django.db.models import prefetch_related_objects

from workflow import refunds, transitions
from workflow.models import Order, OrderEvent, Refund
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import By, TransitionRefused, perform

pytestmark = [
    pytest.mark.mysql,
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="promises about concurrency are for MariaDB"),
    pytest.mark.django_db(transaction=True),
]

ROUNDS = 10


def press_both(order: Order) -> list[str]:
    """Finance cancels while the buyer marks the items purchased, both let go at the same instant; what each of them got."""
    buyer, finance = factories.by(Role.BUYER), factories.by(Role.FINANCE)
    barrier, results = threading.Barrier(2, timeout=90), []

    def press(move, by: By, **facts):
        try:
            barrier.wait()
            perform(order.pk, move, by=by, **facts)
            results.append(f"{move.__name__} done")
        except (TransitionRefused, OperationalError) as refused:
            results.append(type(refused).__name__)
        finally:
            connection.close()

    people = [
        threading.Thread(target=press, args=(Order.mark_items_purchased, buyer)),
        threading.Thread(target=press, args=(Order.cancel, finance), kwargs={"reason": "sold out"}),
    ]
    for person in people:
        person.start()
    for person in people:
        person.join(timeout=90)
    return sorted(results)


def order_to_press() -> Order:
    order = factories.order_at(State.ITEMS_PAID)
    order.items.update(status="purchased", shop_order_number="S-1", paid_price_krw=9_000)
    return order


def test_two_staff_press_two_different_buttons_and_the_journal_tells_one_story():
    for _round in range(ROUNDS):
        order = order_to_press()
        events_before = order.last_event_number

        results = press_both(order)

        after = factories.reload(order)
        rows = list(OrderEvent.objects.filter(order=order, number__gt=events_before))
        # Cancelling is possible after the purchase too, so either one succeeds, or both did one after the other.
        assert results in (["TransitionRefused", "cancel done"], ["cancel done", "mark_items_purchased done"])
        assert after.state == State.CANCELLED
        assert [row.number for row in rows] == [events_before + 1 + n for n in range(len(rows))]
        assert all(later.from_state == earlier.to_state for earlier, later in itertools.pairwise(rows))
        assert all(row.previous_hash == earlier.hash for earlier, row in itertools.pairwise(rows))


def test_the_same_button_twice_in_the_same_instant_works_once():
    order = factories.order_at(State.QUOTE_REQUESTED)
    order.items.update(status="approved")
    buyer, barrier, results = factories.by(Role.BUYER), threading.Barrier(2, timeout=90), []

    def press():
        try:
            barrier.wait()
            perform(order.pk, Order.approve_quote, by=buyer)
            results.append("done")
        except TransitionRefused:
            results.append("refused")
        finally:
            connection.close()

    people = [threading.Thread(target=press) for _ in range(2)]
    [person.start() for person in people]
    [person.join(timeout=90) for person in people]

    assert sorted(results) == ["done", "refused"]
    assert OrderEvent.objects.filter(order=order, name="approve_quote").count() == 1


def test_negative_control_without_the_row_lock_both_buttons_start_from_the_same_state(monkeypatch):
    """What the lock is for: with it off, both moves see `items_paid`, and the journal cannot be right."""
    together = threading.Barrier(2, timeout=90)

    def without_lock(order_id: int) -> Order:
        order = Order.objects.get(pk=order_id)
        prefetch_related_objects([order], "items", "parcels", "invoices__attempts", "refunds")
        together.wait()
        return order

    order = order_to_press()
    monkeypatch.setattr(transitions, "lock_order", without_lock)
    events_before = order.last_event_number
    errors = []
    monkeypatch.setattr(threading, "excepthook", lambda args: errors.append(args.exc_type))

    results = press_both(order)

    rows = OrderEvent.objects.filter(order=order, number__gt=events_before)
    both_passed_the_check = errors or len([r for r in results if r.endswith("done")]) == 2
    assert both_passed_the_check, "without the lock nobody is refused: one is stopped only by the journal's unique number, if at all"
    assert not (rows.count() == 2 and rows[1].from_state == rows[0].to_state)


def test_a_refund_that_the_database_gave_up_for_a_lock_is_tried_again_as_every_other_decision_is(monkeypatch):
    order = factories.order_at(State.ITEMS_PAID)
    line, lock, given_up = order.invoices.get().lines.first(), transitions.lock_order, []

    def given_up_once(order_id: int) -> Order:
        if not given_up:
            given_up.append(1213)
            raise OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")
        return lock(order_id)

    monkeypatch.setattr(transitions, "lock_order", given_up_once)
    refunds.refund_lines(order.pk, lines={line.pk: 100}, reason="late", by=factories.by(Role.SUPPORT))

    assert (given_up, Refund.objects.count()) == ([1213], 1)

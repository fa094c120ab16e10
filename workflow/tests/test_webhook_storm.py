"""The same news from everywhere at once, on MariaDB with real connections: one row, one payment, one move."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from workflow import checkout, invariants, refunds_at_stripe, settlement
from workflow.models import Attempt, LedgerEntry, Order, OrderEvent, Refund, StripeEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, events_of, open_sessions
from workflow.transitions import By, ask, perform

pytestmark = [
    pytest.mark.mysql,
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="promises about concurrency are for MariaDB"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def order(sandbox, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    return factories.reload(order)


def together(*calls) -> list:
    """All let go at the same instant; what each answered, or the name of what it raised."""
    barrier = Barrier(len(calls), timeout=90)

    def one(call):
        try:
            connection.ensure_connection()
            barrier.wait()
            return call()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def broken() -> list[str]:
    return [line for invariant in invariants.INVARIANTS for line in invariant.check()]


def test_one_event_a_hundred_times_at_once_is_one_payment(order, sandbox, jobs):
    sandbox.pay(attempt_of(order).session_id, deliver=0)
    (event,) = events_of(sandbox, "checkout.session.completed")

    assert together(*[lambda: settlement.receive(event)] * 100) == [None] * 100

    row = StripeEvent.objects.get()
    answers = together(*[lambda: settlement.settle_event(row.pk)] * 20)
    assert set(answers) == {None}
    jobs.run()
    assert LedgerEntry.objects.get().kind == "capture"
    assert OrderEvent.objects.filter(order=order, name="record_item_payment").count() == 1
    assert broken() == []


def test_opening_from_ten_workers_makes_one_session(sandbox, jobs):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)

    together(*[lambda: checkout.open_checkout(order.pk, kind="items")] * 10)
    jobs.run()

    assert len(open_sessions(sandbox)) == 1
    assert Attempt.objects.get().session_id == open_sessions(sandbox)[0]["id"]
    assert broken() == []


def everybody_at_once(sandbox, order: Order, *, paid: bool) -> None:
    session, attempt, buyer = attempt_of(order).session_id, attempt_of(order), factories.by(Role.BUYER)
    together(
        lambda: ask(order.pk, Order.revise_item_prices, by=buyer),
        lambda: perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x"),
        lambda: checkout.open_checkout(order.pk, kind="items"),
        lambda: sandbox.pay(session, deliver=0) if paid else None,
        lambda: settlement.settle_session(session),
        lambda: checkout.close_attempt(attempt.pk),
    )


@pytest.mark.parametrize("paid", [True, False])
def test_revise_cancel_open_pay_and_settle_all_at_once_leave_books_that_agree(sandbox, jobs, paid):
    for _round in range(4):
        order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
        jobs.run()
        session = attempt_of(order).session_id

        everybody_at_once(sandbox, order, paid=paid)
        jobs.run()
        settlement.settle_session(session)
        jobs.run()

        assert factories.reload(order).state == State.CANCELLED
        assert open_sessions(sandbox) == []
        assert sum(entry.amount_cents for entry in LedgerEntry.objects.filter(order=order)) == 0
        assert broken() == []


def test_one_refund_sent_by_eight_workers_at_once_is_one_refund(order, sandbox, jobs):
    sandbox.pay(attempt_of(order).session_id, deliver=0)
    settlement.settle_session(attempt_of(order).session_id)
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")

    together(*[lambda: refunds_at_stripe.send_refunds(order.pk)] * 8)
    jobs.run()

    assert [(r.status, r.amount_usd_cents) for r in Refund.objects.all()] == [("succeeded", 3714)]
    assert len(sandbox.books()["refunds"]) == 1
    assert broken() == []

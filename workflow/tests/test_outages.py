"""Stripe is down, slow or contradicts itself, or a worker died between two steps: nothing is stranded, nothing stormed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils.timezone import now

from core.outbox.models import Effect as EffectRow
from integrations import stripe
from integrations.base import Unavailable
from workflow import checkout, invariants, refunds_at_stripe, settlement, unapplied
from workflow import jobs as workflow_jobs
from workflow.jobs import expire_quotes, reconcile_recent, settle_inbox
from workflow.models import Attempt, LedgerEntry, Order, Refund, StaffTask, StripeEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, open_sessions, pay, sessions
from workflow.transitions import By, ask, lock_order, perform

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(sandbox, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    return factories.reload(order)


# --- Opening --------------------------------------------------------------------------------------------------------------


def test_stored_failures_without_end_make_no_storm_of_calls(sandbox, jobs, monkeypatch):
    order, asked = factories.order_at(State.AWAITING_ITEM_PAYMENT), []

    def stored(*, idempotency_key, **said):
        asked.append(idempotency_key)
        raise Unavailable("down", provider="stripe", code="stored_500")

    monkeypatch.setattr(stripe, "create_checkout_session", stored)
    with pytest.raises(Unavailable):
        checkout.open_checkout(order.pk, kind="items")

    assert asked == [f"{order.number}:items:1:1", f"{order.number}:items:1:2"]


def test_a_session_whose_end_came_too_near_during_an_outage_gets_a_new_one(sandbox, jobs):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    checkout._claim(order.pk, kind="items")  # and the worker died, or Stripe did not answer, for long
    Attempt.objects.update(expires_at=now() + timedelta(minutes=29))

    checkout.open_checkout(order.pk, kind="items")

    assert [a.status for a in Attempt.objects.order_by("pk")] == ["closed", "open"]
    assert len(open_sessions(sandbox)) == 1


def test_a_call_that_says_something_else_under_the_same_key_adopts_the_session(sandbox, jobs, settings):
    """The worker died after the call, and the next one runs with another public address: Stripe refuses the key, and has a session."""
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    checkout._create(checkout._claim(order.pk, kind="items"))
    settings.PUBLIC_BASE_URL = "https://new.example.com"

    checkout.open_checkout(order.pk, kind="items")

    assert len(open_sessions(sandbox)) == 1
    assert attempt_of(order).session_id == open_sessions(sandbox)[0]["id"]


def test_a_session_that_comes_when_its_attempt_has_ended_is_closed(sandbox, jobs):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    attempt = checkout._claim(order.pk, kind="items")
    session = checkout._create(attempt)
    Attempt.objects.update(status="closed")  # another worker gave it up meanwhile
    checkout.open_checkout(order.pk, kind="items")

    checkout.record_session(attempt.pk, session)
    jobs.run()

    assert [s["id"] for s in open_sessions(sandbox)] == [attempt_of(order).session_id]
    assert attempt_of(order).generation == 2


def test_a_second_session_of_one_attempt_is_closed_and_what_was_paid_on_it_is_booked(order, sandbox, jobs):
    attempt = attempt_of(order)
    Attempt.objects.update(session_id="cs_test_another")
    sandbox.pay(sessions(sandbox)[0]["id"], deliver=0)

    checkout.record_session(attempt.pk, stripe.retrieve_checkout_session(sessions(sandbox)[0]["id"]))
    jobs.run()

    assert [entry.kind for entry in LedgerEntry.objects.all()] == ["unapplied"]


def test_asking_while_a_session_is_being_closed_promises_no_other(order, sandbox, jobs):
    ask(order.pk, Order.revise_item_prices, by=factories.by(Role.BUYER))
    promised = EffectRow.objects.count()

    for _second in range(3):
        with transaction.atomic():
            assert checkout.want_checkout(lock_order(order.pk), kind="items") is None

    assert EffectRow.objects.count() == promised


# --- Closing --------------------------------------------------------------------------------------------------------------


def die(*args, **kwargs):
    """kill -9, here and now: nothing catches it, the transaction is lost."""
    raise SystemExit


def test_a_worker_that_dies_while_it_books_an_expired_session_strands_no_attempt(order, sandbox, jobs, monkeypatch):
    sandbox.expire(attempt_of(order).session_id, deliver=0)
    with monkeypatch.context() as here, pytest.raises(SystemExit):
        here.setattr(settlement, "_closed", die)
        settlement.settle_session(attempt_of(order).session_id)
    Attempt.objects.update(created_at=now() - timedelta(minutes=16))

    reconcile_recent()

    assert attempt_of(order).status == "closed"


def test_a_worker_that_dies_while_it_books_a_failed_payment_strands_no_attempt(order, sandbox, jobs, monkeypatch):
    session = attempt_of(order).session_id
    sandbox.pay(session, deliver=0, slow=True)
    sandbox.async_fail(session, deliver=0)
    with monkeypatch.context() as here, pytest.raises(SystemExit):
        here.setattr(settlement, "_closed", die)
        settlement.settle_session(session)
    Attempt.objects.update(created_at=now() - timedelta(minutes=16))

    reconcile_recent()

    assert attempt_of(order).status == "closed"


def test_a_timer_that_asks_again_does_not_hide_that_a_session_will_not_close(order, sandbox, jobs):
    Order.objects.update(pay_by=now() - timedelta(minutes=1))
    ask(order.pk, Order.expire_quote, by=By.job())
    long_ago = now() - timedelta(minutes=20)
    Attempt.objects.update(closing_since=long_ago)
    jobs.clear()

    expire_quotes()

    assert attempt_of(order).closing_since == long_ago


def test_a_timer_does_not_take_the_place_of_what_a_person_asked_for(order, sandbox, jobs):
    Order.objects.update(pay_by=now() - timedelta(minutes=1))
    ask(order.pk, Order.revise_item_prices, by=factories.by(Role.BUYER))

    ask(order.pk, Order.expire_quote, by=By.job())
    jobs.run()

    assert factories.reload(order).state == State.QUOTE_APPROVED


def test_money_waiting_for_a_voucher_is_a_payment_in_process(order, sandbox, jobs, monkeypatch):
    sandbox.pay(attempt_of(order).session_id, deliver=0, slow=True)
    real = stripe.retrieve_payment_intent
    monkeypatch.setattr(stripe, "retrieve_payment_intent", lambda intent: replace(real(intent), status="requires_action"))

    assert settlement.settle_session(attempt_of(order).session_id) == "payment in process"
    assert attempt_of(order).processing


# --- The inbox ------------------------------------------------------------------------------------------------------------


def test_an_event_outlives_a_long_outage(order, sandbox, jobs):
    session = attempt_of(order).session_id
    sandbox.pay(session, deliver=0)
    event = next(e for e in sandbox.books()["events"] if e["type"] == "checkout.session.completed")
    sandbox.faults("stripe", "500")
    settlement.receive(event)
    jobs.run()
    StripeEvent.objects.update(received_at=now() - timedelta(minutes=1))
    for _minute in range(25):
        settle_inbox()
    sandbox.reset()
    settle_inbox()

    assert factories.reload(order).state == State.ITEMS_PAID


def test_an_event_about_a_thing_stripe_does_not_know_is_kept_aside(sandbox, jobs):
    settlement.receive({"id": "evt_r", "type": "refund.created", "data": {"object": {"id": "re_unknown"}}})
    settlement.receive({"id": "evt_c", "type": "charge.refunded", "data": {"object": {"payment_intent": "pi_unknown"}}})
    jobs.run()

    assert [bool(row.settled_at) for row in StripeEvent.objects.all()] == [True, True]


def test_one_broken_thing_does_not_stop_the_others_of_a_round(order, sandbox, jobs, monkeypatch):
    for n in range(3):
        StripeEvent.objects.create(event_id=f"evt_{n}", type="customer.created", payload={}, received_at=now() - timedelta(minutes=5))
    real = settlement._act_on
    seen = []

    def act(kind, thing):
        seen.append(kind)
        if len(seen) == 1:
            raise KeyError("a bug of ours")
        return real(kind, thing)

    monkeypatch.setattr(settlement, "_act_on", act)
    settle_inbox()
    assert StripeEvent.objects.filter(settled_at=None).count() == 1


# --- Strangers' money -----------------------------------------------------------------------------------------------------


def strangers_session(sandbox) -> str:
    session = stripe.create_checkout_session(
        lines=[stripe.CheckoutLine(name="x", amount_cents=500)],
        success_url="https://x.example.com",
        cancel_url="https://x.example.com",
        customer_email="x@example.com",
        client_reference_id="of-another-shop",
        metadata={},
        expires_at=now() + timedelta(hours=2),
        locale="en",
        idempotency_key="stranger",
    )
    sandbox.pay(session.id, deliver=0)
    return session.id


def broken() -> list[str]:
    return [line for invariant in invariants.INVARIANTS for line in invariant.check()]


def test_money_that_belongs_to_no_order_is_booked_shown_and_its_refund_too(sandbox, jobs):
    session = strangers_session(sandbox)
    settlement.settle_session(session)
    assert broken() == []

    sandbox.refund(session, deliver=0)
    event = next(e for e in sandbox.books()["events"] if e["type"] == "charge.refunded")
    settlement.receive(event)
    jobs.run()

    assert sum(entry.amount_cents for entry in LedgerEntry.objects.all()) == 0
    assert broken() == []


def test_a_worker_that_dies_before_the_task_is_made_loses_no_task(sandbox, jobs, monkeypatch):
    session = strangers_session(sandbox)

    with monkeypatch.context() as here, pytest.raises(SystemExit):
        here.setattr(unapplied, "staff_task", die)
        settlement.settle_session(session)

    settlement.settle_session(session)

    assert StaffTask.objects.filter(kind="unapplied_money").count() == 1


# --- Refunds --------------------------------------------------------------------------------------------------------------


def test_a_late_answer_does_not_revive_a_refund_that_failed(order, sandbox, jobs):
    pay(sandbox, jobs, order)
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    jobs.run()
    (refund,) = Refund.objects.all()
    before = stripe.retrieve_refund(refund.stripe_id)  # a worker read it, and was slow
    sandbox.settle_refund(refund.stripe_id, status="failed", deliver=0)
    refunds_at_stripe.settle_refund(refund.stripe_id)

    refunds_at_stripe.book(before)

    assert Refund.objects.get().status == "failed"
    assert sum(e.amount_cents for e in LedgerEntry.objects.all()) == 3714


def test_a_refund_that_failed_before_it_was_booked_stays_out_of_the_ledger(order, sandbox, jobs):
    pay(sandbox, jobs, order)
    sandbox.refund(attempt_of(order).session_id, deliver=0, status="pending")
    refund_id = sandbox.books()["refunds"][0]["id"]
    before = stripe.retrieve_refund(refund_id)
    sandbox.settle_refund(refund_id, status="failed", deliver=0)
    refunds_at_stripe.settle_refund(refund_id)

    refunds_at_stripe.book(before)

    assert Refund.objects.get().status == "failed"
    assert sum(e.amount_cents for e in LedgerEntry.objects.all()) == 3714
    assert broken() == []


def test_orders_that_cannot_be_completed_do_not_crowd_out_those_that_can(db, monkeypatch):
    monkeypatch.setattr(workflow_jobs, "BATCH", 1)
    waiting, ready = factories.order_at(State.DELIVERED), factories.order_at(State.DELIVERED)
    Order.objects.update(delivered_at=now() - timedelta(days=15), state_since=now() - timedelta(days=15))
    Refund.objects.create(order=waiting, amount_usd_cents=1, reason="x", key="x", status="failed")

    workflow_jobs.complete_orders()

    assert [factories.reload(order).state for order in (waiting, ready)] == [State.DELIVERED, State.COMPLETED]

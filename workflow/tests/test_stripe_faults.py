"""Stripe fails in each way that the sandbox can play: in the end there is one session, paid once, or one refund; meanwhile an order asks
Stripe at most six times a minute."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils.timezone import now

from core.outbox import jobs as outbox_jobs
from core.outbox.models import Effect as EffectRow
from customer_api.paying import wanted_session
from integrations import stripe
from workflow import jobs as workflow_jobs
from workflow.models import Attempt, LedgerEntry, Order, Refund
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, make_due, open_sessions, pay
from workflow.transitions import By, ask, perform

pytestmark = pytest.mark.django_db

#: at most so many calls in any minute
MOST_CALLS = 6
OUTAGE_S = 15 * 60
FAULTS = {
    "500": {},
    "created_then_500": {},
    "created_then_hang": {"seconds": 3},
    "hang": {"seconds": 3},
    "429": {"seconds": 75},
    "reset": {},
    "html": {},
    "401": {},
}
every_fault = pytest.mark.parametrize("mode", FAULTS)


@pytest.fixture(autouse=True)
def _impatient(settings):
    settings.PROVIDER_READ_TIMEOUT_S = settings.PROVIDER_CONNECT_TIMEOUT_S = 0.2


class Outage:
    """A quarter of an hour with a broken Stripe, played by the outbox's own waits; `calls_at` are the seconds of all calls."""

    def __init__(self, sandbox, jobs, *, mode: str, path: str = "") -> None:
        self.sandbox, self.jobs = sandbox, jobs
        self.calls_at: list[float] = []
        self.waits_s: list[float] = []
        sandbox.faults("stripe", mode, path=path, **FAULTS[mode])

    def last(self) -> None:
        second = 0.0
        while second < OUTAGE_S:
            second += self._run(second)

    def _run(self, second: float) -> float:
        """Do what is due; how long it is until something is due again."""
        before = len(self.sandbox.requests("stripe"))
        self.jobs.run()
        self.calls_at += [second] * (len(self.sandbox.requests("stripe")) - before)
        waiting = EffectRow.objects.filter(done_at=None, quarantined_at=None).order_by("due_at").first()
        if waiting is None:
            return OUTAGE_S
        wait = (waiting.due_at - now()).total_seconds()
        self.waits_s.append(wait)
        self._make_due()
        return wait

    def _make_due(self) -> None:
        EffectRow.objects.filter(done_at=None).update(due_at=now() - timedelta(seconds=1), queued_at=None)
        outbox_jobs.sweep()

    def end(self) -> None:
        """Stripe is well again; staff let what is in quarantine start over."""
        self.sandbox.reset()
        for _round in range(3):
            for effect in EffectRow.objects.filter(done_at=None):
                outbox_jobs.run_again(effect)
            self.jobs.run()

    @property
    def most_calls_in_a_minute(self) -> int:
        return max(sum(start <= at < start + 60 for at in self.calls_at) for start in self.calls_at)


def opened_once(sandbox, order: Order) -> None:
    assert [session["id"] for session in open_sessions(sandbox)] == [attempt_of(order).session_id]


def test_the_clock_of_these_tests_sees_a_storm(sandbox, jobs, monkeypatch):
    """Negative control: an outbox that waits for a second only would be found out."""
    monkeypatch.setattr(outbox_jobs, "BACK_OFF_S", (1, 1, 1, 20))
    outage = Outage(sandbox, jobs, mode="500")
    factories.order_at(State.AWAITING_ITEM_PAYMENT)

    outage.last()

    assert outage.most_calls_in_a_minute > 2
    assert min(outage.waits_s) < 1


# --- A session ------------------------------------------------------------------------------------------------------------


@every_fault
@pytest.mark.parametrize("path", ["", "POST /v1/checkout/sessions"])
def test_a_session_is_opened_once_after_an_outage_and_the_order_goes_on(sandbox, jobs, mode, path):
    outage = Outage(sandbox, jobs, mode=mode, path=path)
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)

    outage.last()
    assert factories.reload(order).state == State.AWAITING_ITEM_PAYMENT
    assert outage.most_calls_in_a_minute <= MOST_CALLS
    assert mode != "429" or min(outage.waits_s) > 74, "Retry-After is obeyed"

    outage.end()
    opened_once(sandbox, order)
    pay(sandbox, jobs, order)
    assert factories.reload(order).state == State.ITEMS_PAID
    assert [charge["paid"] for charge in sandbox.books()["charges"]] == [True]


def test_a_failure_that_is_stored_while_no_list_can_be_read_makes_no_storm(sandbox, jobs):
    outage = Outage(sandbox, jobs, mode="500", path="GET ")
    sandbox.faults("stripe", "created_then_500", path="POST /v1/checkout/sessions", times=1)
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)

    outage.last()
    assert outage.most_calls_in_a_minute <= MOST_CALLS

    outage.end()
    opened_once(sandbox, order)


def test_customers_who_ask_again_and_again_while_the_key_is_refused_make_no_storm(sandbox, jobs):
    sandbox.faults("stripe", "401")
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    for _second in range(20):
        with transaction.atomic():
            assert wanted_session(order.pk, kind="items") is None
        jobs.run()
    assert len(sandbox.requests("stripe")) == 1

    sandbox.reset()
    EffectRow.objects.update(created_at=now() - timedelta(minutes=1))
    with transaction.atomic():
        wanted_session(order.pk, kind="items")
    jobs.run()

    opened_once(sandbox, order)


@every_fault
def test_a_session_that_must_be_closed_is_closed_after_an_outage_and_the_move_is_made(sandbox, jobs, mode):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    sandbox.faults("stripe", mode, **FAULTS[mode])
    ask(order.pk, Order.revise_item_prices, by=factories.by(Role.BUYER))
    jobs.run()
    assert factories.reload(order).state == State.AWAITING_ITEM_PAYMENT

    sandbox.reset()
    Attempt.objects.update(closing_since=now() - timedelta(minutes=3))
    workflow_jobs.reconcile_recent()
    jobs.run()

    assert factories.reload(order).state == State.QUOTE_APPROVED
    assert open_sessions(sandbox) == []


# --- A refund -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cancelled(sandbox, jobs) -> Order:
    """Paid, and cancelled a moment ago: its refund is promised."""
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    pay(sandbox, jobs, order)
    return perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="changed my mind")


def refunded_once(sandbox) -> None:
    (refund,) = Refund.objects.all()
    assert [(made["id"], made["amount"], made["status"]) for made in sandbox.books()["refunds"]] == [(refund.stripe_id, 3714, "succeeded")]
    assert (refund.status, refund.amount_usd_cents) == ("succeeded", 3714)
    assert [(entry.kind, entry.amount_cents) for entry in LedgerEntry.objects.all()] == [("capture", 3714), ("refund", -3714)]


@every_fault
@pytest.mark.parametrize("path", ["", "POST /v1/refunds"])
def test_a_refund_is_made_once_after_an_outage(cancelled, sandbox, jobs, mode, path):
    outage = Outage(sandbox, jobs, mode=mode, path=path)

    outage.last()
    assert outage.most_calls_in_a_minute <= MOST_CALLS

    outage.end()
    refunded_once(sandbox)


def test_a_refund_whose_answer_was_stored_as_a_failure_is_found_again(cancelled, sandbox, jobs):
    sandbox.faults("stripe", "created_then_500", path="POST /v1/refunds", times=1)

    for _try in range(3):
        jobs.run()
        make_due()
        outbox_jobs.sweep()

    refunded_once(sandbox)


@pytest.mark.parametrize("at", ["create_refund", "list_refunds"])
@pytest.mark.parametrize("hours_later", [0, 24])
def test_a_worker_that_is_killed_when_the_refund_is_made_makes_no_second_one(cancelled, sandbox, jobs, monkeypatch, at, hours_later):
    real = getattr(stripe, at)

    def die_after(*arguments, **named):
        real(*arguments, **named)
        raise SystemExit

    sandbox.faults("stripe", "created_then_hang", path="POST /v1/refunds", times=1, seconds=3)
    jobs.run(only="outbox")  # made at Stripe, and no answer came
    make_due()
    Refund.objects.update(created_at=now() - timedelta(hours=hours_later))
    with monkeypatch.context() as here, suppress(SystemExit):
        here.setattr(stripe, at, die_after)
        outbox_jobs.sweep()
        jobs.run()
    EffectRow.objects.update(claimed_until=None)
    make_due()
    outbox_jobs.sweep()
    jobs.run()

    refunded_once(sandbox)

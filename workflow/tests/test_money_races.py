"""Money under two hands at once, on MariaDB with real connections: the same session for everybody, no price paid twice, never more given
back than was paid. Each proof has its negative control."""

import os
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.db.models import prefetch_related_objects

from core.outbox.models import Effect as EffectRow
from customer_api import paying
from customer_api.paying import wanted_session
from integrations.sandbox.testing import ControlRefused
from workflow import checkout, invariants, ledger, refunds, refunds_at_stripe, settlement, transitions
from workflow.models import InvoiceLine, LedgerEntry, Order, Refund
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, open_sessions, pay
from workflow.tests.test_webhook_storm import together
from workflow.transitions import ask, perform

pytestmark = [
    pytest.mark.mysql,
    pytest.mark.skipif(connection.vendor != "mysql", reason="promises about concurrency are for MariaDB"),
    pytest.mark.django_db(transaction=True),
]
#: the long run: ROUNDS=200 make test TESTS='workflow/tests/test_money_races.py'
ROUNDS = int(os.environ.get("ROUNDS", "15"))


def broken() -> list[str]:
    return [line for invariant in invariants.INVARIANTS for line in invariant.check()]


def unlocked(order_id: int) -> Order:
    """`lock_order` without its lock."""
    order = Order.objects.get(pk=order_id)
    prefetch_related_objects([order], "items", "parcels", "invoices__attempts", "refunds")
    return order


def met(real, *, parties: int):
    """Everybody has read before anybody goes on."""
    meet = Barrier(parties, timeout=90)

    def read(*arguments):
        answer = real(*arguments)
        meet.wait()
        return answer

    return read


# --- One session for everybody --------------------------------------------------------------------------------------------


def wish(order: Order) -> str:
    with transaction.atomic():
        attempt = wanted_session(order.pk, kind="items")
    return attempt.url if attempt else ""


@pytest.fixture
def unopened(sandbox, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.clear()
    EffectRow.objects.filter(name="open_checkout").delete()
    return order


def test_twenty_wishes_at_once_are_one_promise_one_session_and_one_address(unopened, sandbox, jobs):
    assert together(*[lambda: wish(unopened)] * 20) == [""] * 20
    assert EffectRow.objects.filter(name="open_checkout").count() == 1
    jobs.run()

    (session,) = open_sessions(sandbox)
    assert together(*[lambda: wish(unopened)] * 20) == [session["url"]] * 20
    assert len(sandbox.books()["sessions"]) == 1
    assert broken() == []


def test_negative_control_without_the_lock_there_are_more_promises_than_one(unopened, monkeypatch):
    monkeypatch.setattr(paying, "lock_order", met(unlocked, parties=5))

    together(*[lambda: wish(unopened)] * 5)

    assert EffectRow.objects.filter(name="open_checkout").count() > 1


# --- A new price races with the payment of the old one -----------------------------------------------------------------------


def try_to_pay(sandbox, session: str) -> bool:
    try:
        sandbox.pay(session, deliver=0)
    except ControlRefused:
        return False
    return True


def race_of_price_and_payment(sandbox, jobs, buyer) -> tuple[Order, bool]:
    """Whether the old price was paid. Staff revise, the job closes, and the customer pays on the page that is open before them."""
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    attempt = attempt_of(order)

    def revise():
        ask(order.pk, Order.revise_item_prices, by=buyer)
        checkout.close_attempt(attempt.pk)

    _revised, was_paid = together(revise, lambda: try_to_pay(sandbox, attempt.session_id))
    jobs.run()
    return factories.reload(order), was_paid


def test_either_the_old_price_is_paid_or_the_new_one_can_be_never_both(sandbox, jobs):
    buyer, ends = factories.by(Role.BUYER), set()
    for _round in range(ROUNDS):
        order, was_paid = race_of_price_and_payment(sandbox, jobs, buyer)
        ends.add(was_paid)
        if was_paid:
            assert (order.state, open_sessions(sandbox)) == (State.ITEMS_PAID, [])
        else:
            assert (order.state, open_sessions(sandbox)) == (State.QUOTE_APPROVED, [])
            perform(order.pk, Order.confirm_item_prices, by=buyer)
            jobs.run()
            assert len(open_sessions(sandbox)) == 1
            pay(sandbox, jobs, order)
        assert factories.reload(order).state == State.ITEMS_PAID
        assert [(entry.kind, entry.amount_cents) for entry in LedgerEntry.objects.filter(order=order)] == [("capture", 3714)]
    assert broken() == []


def test_negative_control_without_closing_the_session_both_prices_can_be_paid(sandbox, jobs, monkeypatch):
    monkeypatch.setattr(checkout, "_expire", lambda attempt: None)
    order, buyer = factories.order_at(State.AWAITING_ITEM_PAYMENT), factories.by(Role.BUYER)
    jobs.run()
    ask(order.pk, Order.revise_item_prices, by=buyer)
    jobs.run()

    perform(order.pk, Order.confirm_item_prices, by=buyer)
    jobs.run()

    assert len(open_sessions(sandbox)) == 2


# --- Two give back the same money -------------------------------------------------------------------------------------------


@pytest.fixture(params=range(ROUNDS // 5))
def paid(sandbox, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    pay(sandbox, jobs, order)
    return factories.reload(order)


def give_back(order: Order, by, *, cents: int, seen_version: int | None = None) -> str:
    """`cents` of the second item's line, of which 2857 were paid."""
    line = InvoiceLine.objects.get(invoice__order=order, item__position=2)
    refunds.refund_lines(order.pk, lines={line.pk: cents}, reason="goodwill", by=by, seen_version=seen_version)
    return "done"


def refused(answers: list) -> list[str]:
    return sorted(answer.partition(":")[0] for answer in answers)


def test_a_refund_that_is_clicked_twice_is_one_refund(paid, sandbox, jobs):
    finance = factories.by(Role.FINANCE)

    answers = together(*[lambda: give_back(paid, finance, cents=100, seen_version=paid.version)] * 2)
    jobs.run()

    assert refused(answers) == ["TransitionRefused", "done"]
    assert [(refund.status, refund.amount_usd_cents) for refund in Refund.objects.all()] == [("succeeded", 100)]
    assert len(sandbox.books()["refunds"]) == 1
    assert broken() == []


def test_two_staff_who_together_give_back_more_than_was_paid_do_not_both(paid, sandbox, jobs):
    first, second = factories.by(Role.FINANCE), factories.by(Role.FINANCE)

    answers = together(lambda: give_back(paid, first, cents=2000), lambda: give_back(paid, second, cents=2000))
    jobs.run()

    assert refused(answers) == ["Invalid", "done"]
    assert [(refund.status, refund.amount_usd_cents) for refund in Refund.objects.all()] == [("succeeded", 2000)]
    assert broken() == []


def test_negative_control_without_the_lock_both_give_back(paid, monkeypatch):
    finance = factories.by(Role.FINANCE)
    monkeypatch.setattr(transitions, "lock_order", unlocked)
    monkeypatch.setattr(ledger, "left_cents", met(ledger.left_cents, parties=2))
    monkeypatch.setattr(transitions, "record", lambda *arguments, **named: None)  # the journal's unique number would stop one of them

    together(*[lambda: give_back(paid, finance, cents=2000)] * 2)

    assert sum(refund.amount_usd_cents for refund in Refund.objects.all()) == 4000


def test_an_approval_that_is_clicked_twice_and_sent_by_eight_workers_is_one_refund(paid, sandbox, jobs, monkeypatch):
    monkeypatch.setattr(refunds, "SECOND_PERSON_ABOVE_CENTS", 100)
    give_back(paid, factories.by(Role.FINANCE), cents=2000)
    refund, second = Refund.objects.get(), factories.by(Role.FINANCE)

    answers = together(*[lambda: refunds.approve(refund.pk, by=second).status] * 4)
    together(*[lambda: refunds_at_stripe.send_refunds(paid.pk)] * 8)
    jobs.run()

    assert refused(answers) == ["TransitionRefused"] * 3 + ["approved"]
    assert [(made["amount"], made["status"]) for made in sandbox.books()["refunds"]] == [(2000, "succeeded")]
    assert broken() == []


def test_partial_refunds_by_staff_and_in_the_dashboard_race_their_webhooks(paid, sandbox, jobs):
    finance, session, intent = factories.by(Role.FINANCE), attempt_of(paid).session_id, attempt_of(paid).payment_intent_id
    together(
        lambda: give_back(paid, finance, cents=700),
        lambda: sandbox.refund(session, amount=500, deliver=0),
        lambda: refunds_at_stripe.settle_refunds_of(intent),
    )
    together(
        *[lambda: refunds_at_stripe.send_refunds(paid.pk)] * 3,
        *[lambda: refunds_at_stripe.settle_refunds_of(intent)] * 3,
        lambda: settlement.settle_session(session),
    )
    jobs.run()
    refunds_at_stripe.settle_refunds_of(intent)

    made = Refund.objects.values_list("reason", "status", "amount_usd_cents")
    assert sorted(made) == [("dashboard", "succeeded", 500), ("goodwill", "succeeded", 700)]
    assert sorted(refund["amount"] for refund in sandbox.books()["refunds"]) == [500, 700]
    assert sum(entry.amount_cents for entry in LedgerEntry.objects.all()) == 3714 - 1200
    assert broken() == []

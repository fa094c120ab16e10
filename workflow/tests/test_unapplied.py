"""Money that nobody expected: late, double, wrong, or of nobody. It is booked and shown, and one click says what becomes of it."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.errors import Conflict, NotFound
from workflow import checkout, invariants, settlement, tasks, unapplied
from workflow.models import Attempt, Invoice, LedgerEntry, Order, Refund, StaffTask
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, open_sessions
from workflow.transitions import By, TransitionRefused, ask, perform

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(sandbox, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    return factories.reload(order)


@pytest.fixture
def finance(db) -> By:
    return factories.by(Role.FINANCE)


@pytest.fixture(autouse=True)
def _holds_always(db, sandbox):
    yield
    assert [line for invariant in invariants.INVARIANTS for line in invariant.check()] == []


def entries() -> list[tuple[str, int]]:
    return [(entry.kind, entry.amount_cents) for entry in LedgerEntry.objects.order_by("pk")]


def paid_twice(sandbox, order: Order) -> LedgerEntry:
    """Finance records a bank transfer; the customer's card pays the session that is still open."""
    session = attempt_of(order).session_id
    perform(order.pk, Order.record_item_payment, by=factories.by(Role.FINANCE), proof="bank letter")
    sandbox.pay(session, deliver=0)
    assert settlement.settle_session(session).startswith("unapplied")
    return LedgerEntry.objects.get(kind="unapplied")


# --- Double ---------------------------------------------------------------------------------------------------------------


def test_paid_twice_is_shown_and_waits_for_a_person(order, sandbox):
    paid_twice(sandbox, order)

    assert entries() == [("capture", 3714), ("unapplied", 3714)]
    task = StaffTask.objects.get(kind="unapplied_money")
    assert (task.order_id, task.done_at) == (order.pk, None)
    assert not Refund.objects.exists()


def test_its_task_is_not_ticked_off_while_the_money_waits(order, finance, sandbox):
    payment = paid_twice(sandbox, order)
    task = StaffTask.objects.get(kind="unapplied_money")

    with pytest.raises(TransitionRefused):
        tasks.finish(task.pk, by=finance)

    assert StaffTask.objects.get(pk=task.pk).done_at is None
    assert payment.amount_cents == 3714


def test_one_click_gives_it_back(order, finance, sandbox, jobs):
    payment = paid_twice(sandbox, order)

    unapplied.give_back(payment.pk, by=finance)
    jobs.run()

    assert list(Refund.objects.values_list("amount_usd_cents", "status", "reason")) == [(3714, "succeeded", "unapplied")]
    assert entries()[-1] == ("refund", -3714)
    assert StaffTask.objects.get(kind="unapplied_money").done_at
    with pytest.raises(Conflict):
        unapplied.give_back(payment.pk, by=finance)
    assert Refund.objects.count() == 1


def test_one_click_lets_it_pay_the_delivery_and_the_rest_goes_back(order, finance, sandbox, jobs):
    payment = paid_twice(sandbox, order)
    for step in (factories.buy, factories.receive, factories.confirm_fee):
        step(factories.reload(order))

    unapplied.apply(payment.pk, by=finance)
    jobs.run()

    assert factories.reload(order).state == State.DELIVERY_PAID
    assert sorted(entries()) == [("applied", -2229), ("capture", 2229), ("capture", 3714), ("refund", -1485), ("unapplied", 3714)]
    assert factories.reload(order).events.get(name="record_delivery_payment").facts["unapplied"] == payment.pk
    assert StaffTask.objects.get(kind="unapplied_money").done_at
    assert open_sessions(sandbox) == []


def test_where_no_invoice_is_open_it_cannot_be_applied(order, finance, sandbox):
    payment = paid_twice(sandbox, order)

    with pytest.raises(Conflict):
        unapplied.apply(payment.pk, by=finance)

    assert entries() == [("capture", 3714), ("unapplied", 3714)]


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.BUYER, Role.WAREHOUSE])
def test_only_finance_says_what_becomes_of_it(order, sandbox, role):
    payment = paid_twice(sandbox, order)

    for act in (unapplied.apply, unapplied.give_back):
        with pytest.raises(TransitionRefused):
            act(payment.pk, by=factories.by(role))

    assert not Refund.objects.exists()


# --- Wrong amount ---------------------------------------------------------------------------------------------------------


def test_too_little_pays_nothing_and_too_much_pays_and_returns_the_rest(order, finance, sandbox, jobs):
    sandbox.pay(attempt_of(order).session_id, amount=5000, deliver=0)
    settlement.settle_session(attempt_of(order).session_id)
    assert factories.reload(order).state == State.AWAITING_ITEM_PAYMENT
    payment = LedgerEntry.objects.get(kind="unapplied")

    unapplied.apply(payment.pk, by=finance)
    jobs.run()

    assert factories.reload(order).state == State.ITEMS_PAID
    assert sorted(entries()) == [("applied", -3714), ("capture", 3714), ("refund", -1286), ("unapplied", 5000)]


def test_too_little_stays_until_it_goes_back(order, finance, sandbox, jobs):
    sandbox.pay(attempt_of(order).session_id, amount=3713, deliver=0)
    settlement.settle_session(attempt_of(order).session_id)
    payment = LedgerEntry.objects.get(kind="unapplied")

    with pytest.raises(Conflict):
        unapplied.apply(payment.pk, by=finance)
    unapplied.give_back(payment.pk, by=finance)
    jobs.run()

    checkout.open_checkout(order.pk, kind="items")
    assert (factories.reload(order).state, len(open_sessions(sandbox))) == (State.AWAITING_ITEM_PAYMENT, 1)


# --- Late -----------------------------------------------------------------------------------------------------------------


def expired_then_paid(sandbox, jobs, order: Order, *, days: int = 0) -> str:
    """An asynchronous payment that is on its way while the quote runs out: its session is complete, so it cannot be closed."""
    session = attempt_of(order).session_id
    sandbox.pay(session, deliver=0)
    Attempt.objects.update(status="closed")
    past = now() - timedelta(days=days, minutes=1)
    Order.objects.filter(pk=order.pk).update(pay_by=past)
    Invoice.objects.filter(order=order).update(pay_by=past)
    perform(order.pk, Order.expire_quote, by=By.job())
    return settlement.settle_session(session)


def test_late_within_the_grace_still_counts(order, sandbox, jobs):
    assert expired_then_paid(sandbox, jobs, order) == "payment recorded"

    assert factories.reload(order).state == State.ITEMS_PAID


def test_late_while_the_rate_moved_two_percent_goes_back_by_itself(order, sandbox, jobs):
    factories.rate("1428.00")

    assert expired_then_paid(sandbox, jobs, order).startswith("unapplied")
    jobs.run()

    assert factories.reload(order).state == State.QUOTE_EXPIRED
    assert entries() == [("unapplied", 3714), ("refund", -3714)]
    assert StaffTask.objects.get(kind="unapplied_money").done_at


def test_late_while_the_rate_moved_less_still_counts(order, sandbox, jobs):
    factories.rate("1427.99")

    assert expired_then_paid(sandbox, jobs, order) == "payment recorded"


def test_later_than_the_grace_goes_back_by_itself(order, sandbox, jobs):
    assert expired_then_paid(sandbox, jobs, order, days=1).startswith("unapplied")
    jobs.run()

    assert (factories.reload(order).state, entries()) == (State.QUOTE_EXPIRED, [("unapplied", 3714), ("refund", -3714)])


def test_on_a_bill_that_was_replaced_it_waits_for_a_person_and_may_pay_the_new_one(order, finance, sandbox, jobs):
    session = attempt_of(order).session_id
    ask(order.pk, Order.revise_item_prices, by=factories.by(Role.BUYER))
    jobs.clear()
    Attempt.objects.update(status="closed", then_perform=None)  # as if Stripe had said closed while the card was charged
    perform(order.pk, Order.revise_item_prices, by=factories.by(Role.BUYER))
    sandbox.pay(session, deliver=0)
    assert settlement.settle_session(session).startswith("unapplied")
    assert not Refund.objects.exists()

    factories.confirm_prices(factories.reload(order))
    unapplied.apply(LedgerEntry.objects.get(kind="unapplied").pk, by=finance)
    jobs.run()

    assert factories.reload(order).state == State.ITEMS_PAID
    assert open_sessions(sandbox) == []


# --- Of nobody ------------------------------------------------------------------------------------------------------------


def strangers_payment(sandbox) -> LedgerEntry:
    from integrations import stripe

    session = stripe.create_checkout_session(
        lines=[stripe.CheckoutLine(name="x", amount_cents=9_999)], success_url="https://x.example", cancel_url="https://x.example",
        customer_email="x@example.com", client_reference_id="someone", metadata={}, expires_at=now() + timedelta(hours=2), locale="en",
        idempotency_key="stranger",
    )  # fmt: skip
    sandbox.pay(session.id, deliver=0)
    settlement.settle_session(session.id)
    return LedgerEntry.objects.get(kind="unapplied", order=None)


def test_money_of_no_order_can_pay_the_order_that_staff_name(order, finance, sandbox, jobs):
    payment = strangers_payment(sandbox)
    with pytest.raises(NotFound):
        unapplied.apply(payment.pk, by=finance)

    unapplied.apply(payment.pk, by=finance, order_number=order.number)
    jobs.run()

    assert factories.reload(order).state == State.ITEMS_PAID
    assert [(e.order_id, e.kind, e.amount_cents) for e in LedgerEntry.objects.order_by("pk")] == [
        (None, "unapplied", 9999), (None, "applied", -3714), (order.pk, "capture", 3714), (None, "refund", -6285),
    ]  # fmt: skip


def test_or_it_goes_back(finance, sandbox, jobs):
    payment = strangers_payment(sandbox)

    unapplied.give_back(payment.pk, by=finance)
    jobs.run()

    assert sum(entry.amount_cents for entry in LedgerEntry.objects.all()) == 0
    assert Refund.objects.get().status == "succeeded"

"""One invoice, one session, one charge: opening, closing, paying, and whatever goes wrong between, against the sandbox's Stripe."""

from datetime import timedelta
from time import sleep

import pytest
from django.db import transaction
from django.utils.timezone import now

from core.outbox.models import Effect as EffectRow
from workflow import checkout, giving_back, invariants, refunds, settlement
from workflow.models import Attempt, Invoice, LedgerEntry, Order, Refund, StaffTask, StripeEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import By, ask, lock_order, perform

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _holds_always(db, request):
    """After each of these tests the books must be right, here and at Stripe."""
    yield
    if "sandbox" in request.fixturenames:
        broken = [line for invariant in invariants.INVARIANTS for line in invariant.check()]
        assert broken == []


@pytest.fixture
def order(sandbox, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    return factories.reload(order)


def sessions(sandbox) -> list[dict]:
    return sandbox.books()["sessions"]


def open_sessions(sandbox) -> list[dict]:
    return [session for session in sessions(sandbox) if session["status"] == "open"]


def attempt_of(order: Order) -> Attempt:
    return Attempt.objects.filter(invoice__order=order).latest("pk")


def events_of(sandbox, kind: str) -> list[dict]:
    return [event for event in sandbox.books()["events"] if event["type"] == kind]


def hand_over(sandbox, jobs, kind: str, *, copies: int = 1) -> None:
    """The webhook of a kind arrives, as often as said."""
    for event in events_of(sandbox, kind):
        for _copy in range(copies):
            settlement.receive(event)
    jobs.run()


def pay(sandbox, jobs, order: Order) -> None:
    sandbox.pay(attempt_of(order).session_id, deliver=0)
    hand_over(sandbox, jobs, "checkout.session.completed")


def make_due() -> None:
    EffectRow.objects.filter(done_at=None).update(due_at=now() - timedelta(seconds=1), queued_at=None)


# --- Opening --------------------------------------------------------------------------------------------------------------


def test_confirming_the_prices_opens_one_session_with_the_invoices_lines(order, sandbox):
    invoice, attempt = Invoice.objects.get(order=order), attempt_of(order)
    (session,) = open_sessions(sandbox)

    # 10,000 + 2 x 20,000 won at 1,400: 714 + 2857 cents, and 4 % of 3571 = 143
    assert invoice.amount_usd_cents == session["amount_total"] == 714 + 2857 + 143
    assert (attempt.status, attempt.session_id, attempt.url) == ("open", session["id"], session["url"])
    assert session["metadata"] == {"order": order.number, "kind": "items", "attempt": attempt.key}
    assert attempt.request == {}, "the customer's address is not kept once the session is known"


def test_asking_again_opens_no_second_session(order, sandbox, jobs):
    for _again in range(3):
        checkout.open_checkout(order.pk, kind="items")
    with transaction.atomic():
        attempt = checkout.want_checkout(lock_order(order.pk), kind="items")

    assert attempt.url == open_sessions(sandbox)[0]["url"]
    assert len(sessions(sandbox)) == 1


@pytest.mark.parametrize("mode", ["500", "401", "429", "reset", "html"])
def test_a_fault_before_anything_was_made_ends_in_one_session(sandbox, jobs, mode):
    sandbox.faults("stripe", mode, path="/checkout/sessions", times=4)
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)

    for _try in range(5):
        sleep(0.05)  # a call that was broken off holds its key for some milliseconds, and meets no fault while it does
        jobs.run()
        make_due()
        EffectRow.objects.filter(name="open_checkout").update(quarantined_at=None)
        from core.outbox.jobs import sweep

        sweep()

    assert len(open_sessions(sandbox)) == 1
    assert attempt_of(order).status == "open"


def test_created_then_500_is_stored_for_the_key_and_the_session_is_adopted(sandbox, jobs):
    sandbox.faults("stripe", "created_then_500", path="/checkout/sessions", times=1)

    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    for _try in range(3):
        jobs.run()
        make_due()
        from core.outbox.jobs import sweep

        sweep()

    assert len(open_sessions(sandbox)) == 1
    assert attempt_of(order).session_id == open_sessions(sandbox)[0]["id"]


def test_a_repeated_call_with_the_stored_key_gets_the_same_session(order, sandbox):
    """The worker died between Stripe's answer and our commit: all that is left is the attempt with its key."""
    attempt = attempt_of(order)
    request = {"lines": [{"name": "x", "amount_cents": 1}], "locale": "ko", "customer_email": "x@example.com"}
    known = attempt.session_id
    sent = next(r for r in sandbox.requests("stripe") if r["method"] == "POST")
    assert sent["headers"]["idempotency-key"] == attempt.key
    Attempt.objects.filter(pk=attempt.pk).update(status="created", session_id=None, request=request, created_at=now() - timedelta(hours=24))

    checkout.open_checkout(order.pk, kind="items")

    assert attempt_of(order).session_id == known
    assert len(sessions(sandbox)) == 1


# --- Paying ---------------------------------------------------------------------------------------------------------------


def test_a_payment_moves_the_order_books_once_and_is_told_once(order, sandbox, jobs):
    sandbox.pay(attempt_of(order).session_id, deliver=0)

    hand_over(sandbox, jobs, "checkout.session.completed", copies=5)

    paid = factories.reload(order)
    assert paid.state == State.ITEMS_PAID
    assert [(e.kind, e.amount_cents, e.source) for e in LedgerEntry.objects.all()] == [("capture", 3714, "stripe")]
    assert StripeEvent.objects.count() == 1
    assert StripeEvent.objects.get().outcome == "payment recorded"
    assert set(paid.items.values_list("status", flat=True)) == {"paid"}


def test_a_webhook_that_comes_before_our_own_commit_is_matched_by_the_key(order, sandbox, jobs):
    attempt = attempt_of(order)
    sandbox.pay(attempt.session_id, deliver=0)
    Attempt.objects.filter(pk=attempt.pk).update(status="created", session_id=None, url="")

    hand_over(sandbox, jobs, "checkout.session.completed")

    assert factories.reload(order).state == State.ITEMS_PAID


def test_completed_but_unpaid_is_not_paid_until_the_money_is_there(order, sandbox, jobs):
    session = attempt_of(order).session_id
    sandbox.pay(session, deliver=0, slow=True)
    hand_over(sandbox, jobs, "checkout.session.completed")
    assert (factories.reload(order).state, attempt_of(order).processing) == (State.AWAITING_ITEM_PAYMENT, True)

    sandbox.async_succeed(session, deliver=0)
    hand_over(sandbox, jobs, "checkout.session.async_payment_succeeded")
    assert factories.reload(order).state == State.ITEMS_PAID


def test_an_asynchronous_payment_that_fails_leaves_the_order_payable(order, sandbox, jobs):
    session = attempt_of(order).session_id
    sandbox.pay(session, deliver=0, slow=True)
    hand_over(sandbox, jobs, "checkout.session.completed")
    sandbox.async_fail(session, deliver=0)
    hand_over(sandbox, jobs, "checkout.session.async_payment_failed")
    assert attempt_of(order).status == "closed"

    checkout.open_checkout(order.pk, kind="items")
    assert len(open_sessions(sandbox)) == 1
    pay(sandbox, jobs, order)
    assert factories.reload(order).state == State.ITEMS_PAID


def test_a_late_expired_event_never_unpays(order, sandbox, jobs):
    pay(sandbox, jobs, order)
    forged = {**events_of(sandbox, "checkout.session.completed")[0], "id": "evt_late", "type": "checkout.session.expired"}

    settlement.receive(forged)
    jobs.run()

    assert factories.reload(order).state == State.ITEMS_PAID


def test_a_paid_session_of_another_amount_is_unapplied_and_shown_to_staff(order, sandbox, jobs):
    Invoice.objects.filter(order=order).update(amount_usd_cents=9999)

    pay(sandbox, jobs, order)

    assert factories.reload(order).state == State.AWAITING_ITEM_PAYMENT
    assert LedgerEntry.objects.get().kind == "unapplied"
    assert StaffTask.objects.get(kind="unapplied_money").order_id == order.pk


@pytest.mark.parametrize(
    "event",
    [
        {"id": "evt_1", "type": "checkout.session.completed"},
        {"id": "evt_2", "type": "checkout.session.completed", "data": {"object": []}},
        {"id": "evt_3", "type": "checkout.session.completed", "data": {"object": {"id": "cs_test_of_somebody_else"}}},
        {"id": "evt_4", "type": "customer.created", "data": {"object": {"id": "cus_1"}}},
        {"id": "evt_5", "type": "charge.dispute.created", "data": {"object": {"id": "dp_1", "payment_intent": "pi_unknown"}}},
        {"id": "evt_6"},
    ],
)
def test_odd_events_are_kept_aside(sandbox, jobs, event):
    settlement.receive(event)
    jobs.run()

    row = StripeEvent.objects.get()
    assert row.settled_at
    assert row.outcome
    assert not LedgerEntry.objects.exists()


# --- Closing --------------------------------------------------------------------------------------------------------------


def test_asking_to_revise_closes_the_session_first_and_then_moves_as_the_asker(order, sandbox, jobs):
    buyer = factories.by(Role.BUYER)

    asked = ask(order.pk, Order.revise_item_prices, by=buyer)
    assert (asked.state, attempt_of(order).status) == (State.AWAITING_ITEM_PAYMENT, "closing")

    jobs.run()
    revised = factories.reload(order)
    assert (revised.state, open_sessions(sandbox)) == (State.QUOTE_APPROVED, [])
    assert revised.events.last().user == buyer.user
    assert Invoice.objects.get(order=order).status == "void"


def test_a_new_price_is_a_new_version_with_its_own_session(order, sandbox, jobs):
    ask(order.pk, Order.revise_item_prices, by=factories.by(Role.BUYER))
    jobs.run()

    factories.confirm_prices(factories.reload(order))
    jobs.run()

    assert [quote.version for quote in order.quotes.order_by("version")] == [1, 2]
    assert len(open_sessions(sandbox)) == 1
    pay(sandbox, jobs, order)
    assert factories.reload(order).state == State.ITEMS_PAID


def test_already_paid_settles_instead_of_revising(order, sandbox, jobs):
    sandbox.pay(attempt_of(order).session_id, deliver=0)

    ask(order.pk, Order.revise_item_prices, by=factories.by(Role.BUYER))
    jobs.run()

    assert factories.reload(order).state == State.ITEMS_PAID


def test_expiring_closes_the_session_and_a_late_payment_in_the_grace_still_counts(order, sandbox, jobs):
    from workflow.jobs import expire_quotes

    Order.objects.filter(pk=order.pk).update(pay_by=now() - timedelta(minutes=1))
    Invoice.objects.filter(order=order).update(pay_by=now() - timedelta(minutes=1))
    expire_quotes()
    jobs.run()
    assert factories.reload(order).state == State.QUOTE_EXPIRED
    assert open_sessions(sandbox) == []

    finance = factories.by(Role.FINANCE)
    assert perform(order.pk, Order.record_item_payment, by=finance, proof="bank letter").state == State.ITEMS_PAID


def test_renewing_asks_for_prices_again_at_todays_rate(order, sandbox, jobs):
    Order.objects.filter(pk=order.pk).update(pay_by=now() - timedelta(minutes=1))
    ask(order.pk, Order.expire_quote, by=By.job())
    jobs.run()

    factories.rate("1450.00")
    perform(order.pk, Order.renew_quote, by=By.customer(order.customer))
    factories.confirm_prices(factories.reload(order))

    assert str(order.quotes.latest("version").krw_per_usd) == "1450.0000"


# --- Cancelling and refunds -----------------------------------------------------------------------------------------------


def test_cancelling_after_the_payment_gives_everything_back(order, sandbox, jobs):
    pay(sandbox, jobs, order)

    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="changed my mind")
    jobs.run()

    assert [(r.amount_usd_cents, r.status) for r in Refund.objects.all()] == [(3714, "succeeded")]
    assert sum(e.amount_cents for e in LedgerEntry.objects.all()) == 0
    hand_over(sandbox, jobs, "refund.created", copies=3)
    hand_over(sandbox, jobs, "charge.refunded")
    assert LedgerEntry.objects.filter(kind="refund").count() == 1


def test_the_preview_says_what_the_cancellation_does(order, sandbox, jobs):
    pay(sandbox, jobs, order)
    preview = giving_back.total_cents(giving_back.cancellation(factories.reload(order), facts={}))

    cancelled = perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")

    assert cancelled.events.last().facts["refunds_usd_cents"] == preview == 3714


def test_money_that_came_while_the_order_was_cancelled_goes_back(order, sandbox, jobs):
    session = attempt_of(order).session_id
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    sandbox.pay(session, deliver=0)

    jobs.run()

    assert factories.reload(order).state == State.CANCELLED
    assert sorted((e.kind, e.amount_cents) for e in LedgerEntry.objects.all()) == [("refund", -3714), ("unapplied", 3714)]


def test_cancelling_before_the_payment_closes_the_session(order, sandbox, jobs):
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    jobs.run()

    assert open_sessions(sandbox) == []
    assert not Refund.objects.exists()


def test_a_refund_above_200_dollars_that_staff_decide_needs_a_second_person(sandbox, jobs):
    factories.rate()
    order = factories.order_at(State.QUOTE_APPROVED)
    from workflow import work

    buyer = factories.by(Role.BUYER)
    work.price_items(order.pk, prices={item.pk: 500_000 for item in order.items.all()}, by=buyer)
    perform(order.pk, Order.confirm_item_prices, by=buyer)
    jobs.run()
    pay(sandbox, jobs, order)
    factories.buy(factories.reload(order))
    finance = factories.by(Role.FINANCE)

    perform(order.pk, Order.cancel, by=finance, reason="shop closed", shops_give_back_krw={"2": 420_000})
    jobs.run()
    refund = Refund.objects.get()
    assert (refund.status, refund.amount_usd_cents) == ("proposed", 30_000)

    from workflow.transitions import TransitionRefused

    with pytest.raises(TransitionRefused):
        refunds.approve(refund.pk, by=finance)
    refunds.approve(refund.pk, by=factories.by(Role.FINANCE))
    jobs.run()
    assert Refund.objects.get().status == "succeeded"


def test_a_refund_made_in_the_dashboard_is_found_and_booked(order, sandbox, jobs):
    pay(sandbox, jobs, order)
    sandbox.refund(attempt_of(order).session_id, amount=1000, deliver=0)

    hand_over(sandbox, jobs, "charge.refunded", copies=2)

    assert [(r.amount_usd_cents, r.reason) for r in Refund.objects.all()] == [(1000, "dashboard")]
    assert LedgerEntry.objects.filter(kind="refund").count() == 1


def test_a_dispute_puts_the_order_on_hold_and_never_moves_it(order, sandbox, jobs):
    pay(sandbox, jobs, order)
    sandbox.dispute(attempt_of(order).session_id, deliver=0)

    hand_over(sandbox, jobs, "charge.dispute.created", copies=2)

    held = factories.reload(order)
    assert (held.state, bool(held.hold_reason)) == (State.ITEMS_PAID, True)
    assert StaffTask.objects.filter(kind="dispute").count() == 1


# --- When webhooks do not come --------------------------------------------------------------------------------------------


def test_what_lost_webhooks_left_behind_is_found_and_a_second_look_changes_nothing(order, sandbox, jobs):
    from workflow.jobs import reconcile_recent

    sandbox.pay(attempt_of(order).session_id, deliver=0)

    assert reconcile_recent() == 1
    assert factories.reload(order).state == State.ITEMS_PAID
    assert reconcile_recent() == 0


def test_a_closing_that_got_stuck_is_taken_up_again(order, sandbox, jobs):
    from workflow.jobs import reconcile_recent

    ask(order.pk, Order.revise_item_prices, by=factories.by(Role.BUYER))
    jobs.clear()
    Attempt.objects.update(closing_since=now() - timedelta(minutes=3))

    reconcile_recent()

    assert factories.reload(order).state == State.QUOTE_APPROVED

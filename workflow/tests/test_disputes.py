"""A customer's bank takes money back: the order is held and the case shown, the state never changes, and the ledger says what we have."""

import pytest
from django.utils.timezone import now

from integrations import stripe
from workflow import disputes, giving_back, invariants, ledger, refunds, settlement, unapplied
from workflow.models import Dispute, LedgerEntry, Order, Refund, StaffTask
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, events_of, hand_over, pay
from workflow.tests.test_unapplied import strangers_payment
from workflow.transitions import By, TransitionRefused, perform, release

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _holds_always(db, sandbox):
    yield
    assert [line for invariant in invariants.INVARIANTS for line in invariant.check()] == []


@pytest.fixture
def order(sandbox, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    pay(sandbox, jobs, order)
    return factories.reload(order)


def dispute(sandbox, jobs, order: Order, **fields) -> Dispute:
    sandbox.dispute(attempt_of(order).session_id, deliver=0, **fields)
    hand_over(sandbox, jobs, "charge.dispute.created", copies=2)
    hand_over(sandbox, jobs, "charge.dispute.funds_withdrawn")
    return Dispute.objects.get()


def close(sandbox, jobs, one: Dispute, status: str) -> None:
    sandbox.close_dispute(one.stripe_id, status=status, deliver=0)
    hand_over(sandbox, jobs, "charge.dispute.closed", copies=2)
    hand_over(sandbox, jobs, "charge.dispute.funds_reinstated")


def entries(order: Order) -> list[tuple[str, int]]:
    return [(entry.kind, entry.amount_cents) for entry in order.ledger.order_by("number")]


def test_a_dispute_holds_the_order_and_books_what_the_bank_took(order, sandbox, jobs):
    one = dispute(sandbox, jobs, order)

    held = factories.reload(order)
    assert (held.state, held.hold_reason) == (State.ITEMS_PAID, "A payment is disputed at Stripe.")
    assert entries(order) == [("capture", 3714), ("dispute", -3714)]
    assert (one.order, one.amount_cents, one.status, one.is_open, one.due_by is not None) == (order, 3714, "needs_response", True, True)
    assert StaffTask.objects.filter(kind="dispute", done_at=None).count() == 1
    with pytest.raises(TransitionRefused):
        factories.buy(held)


def test_won_brings_the_money_back_and_leaves_the_hold_to_a_person(order, sandbox, jobs):
    one = dispute(sandbox, jobs, order)

    close(sandbox, jobs, one, "won")

    assert entries(order) == [("capture", 3714), ("dispute", -3714), ("dispute_reversal", 3714)]
    assert not Dispute.objects.get().is_open
    assert StaffTask.objects.filter(done_at=None).values_list("kind", flat=True).get() == "dispute_over"
    assert factories.reload(order).hold_reason
    release(order.pk, by=factories.by(Role.FINANCE))
    factories.buy(factories.reload(order))


def test_lost_keeps_it_gone_and_there_is_nothing_left_to_refund(order, sandbox, jobs):
    one = dispute(sandbox, jobs, order)

    close(sandbox, jobs, one, "lost")

    assert entries(order) == [("capture", 3714), ("dispute", -3714)]
    assert ledger.left_cents(order.ledger.get(kind="capture")) == 0
    assert giving_back.cancellation(factories.reload(order), facts={}) == []


def test_cancelling_a_disputed_order_gives_nothing_back_twice(order, sandbox, jobs):
    dispute(sandbox, jobs, order)

    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    jobs.run()

    assert (factories.reload(order).state, Refund.objects.count()) == (State.CANCELLED, 0)


def test_a_dispute_of_a_closed_order_changes_nothing_but_its_journal(order, sandbox, jobs):
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    jobs.clear()  # the refund was not sent yet
    before = factories.reload(order)

    dispute(sandbox, jobs, order)

    after = factories.reload(order)
    assert (after.state, after.hold_reason, after.closed_at) == (State.CANCELLED, "", before.closed_at)
    assert after.events.last().name == "disputed"


@pytest.mark.parametrize(("status", "refunded"), [("won", "succeeded"), ("lost", "declined")])
def test_a_refund_that_meets_a_dispute_waits_for_its_end(order, sandbox, jobs, status, refunded):
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    one_session = attempt_of(order).session_id
    sandbox.dispute(one_session, deliver=0)
    jobs.run()  # Stripe refuses: charged back
    assert (Refund.objects.get().status, len(sandbox.books()["refunds"])) == ("approved", 0)
    hand_over(sandbox, jobs, "charge.dispute.created")

    close(sandbox, jobs, Dispute.objects.get(), status)

    assert Refund.objects.get().status == refunded
    assert sum(amount for _kind, amount in entries(order)) == 0


def test_an_unknown_payments_dispute_is_shown_to_staff(sandbox, jobs):
    event = {"id": "evt_x", "type": "charge.dispute.created", "data": {"object": {"id": "dp_unknown", "payment_intent": "pi_unknown"}}}

    settlement.receive(event)
    jobs.run()

    assert not LedgerEntry.objects.exists()


def test_events_in_any_order_end_alike(order, sandbox, jobs):
    sandbox.dispute(attempt_of(order).session_id, deliver=0)
    one = sandbox.books()["disputes"][0]["id"]
    sandbox.close_dispute(one, status="won", deliver=0)

    for kind in ("charge.dispute.funds_reinstated", "charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_withdrawn"):
        for event in events_of(sandbox, kind):
            settlement.receive(event)
            jobs.run()

    assert sum(amount for _kind, amount in entries(order)) == 3714
    assert not Dispute.objects.get().is_open


def test_reading_a_dispute_again_changes_nothing(order, sandbox, jobs):
    one = dispute(sandbox, jobs, order)
    before = factories.reload(order).version

    assert disputes.settle_dispute(one.stripe_id) == "already known: dispute needs_response"

    assert factories.reload(order).version == before


def test_a_disputed_order_is_not_completed(order, sandbox, jobs):
    one = dispute(sandbox, jobs, order)
    release(order.pk, by=factories.by(Role.FINANCE))
    for step in (factories.buy, factories.receive, factories.confirm_fee):
        step(factories.reload(order))
    jobs.run()
    pay(sandbox, jobs, order)
    for step in (factories.ship, factories.deliver):
        step(factories.reload(order))

    with pytest.raises(TransitionRefused):
        factories.complete(factories.reload(order))
    close(sandbox, jobs, one, "won")

    assert factories.complete(factories.reload(order)).state == State.COMPLETED


def test_a_lost_dispute_without_a_payments_name_touches_no_refund_that_is_given_by_hand(sandbox):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    perform(order.pk, Order.record_item_payment, by=factories.by(Role.FINANCE), proof="bank letter")
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")

    disputes.book(of_charge_only(status="lost"))

    assert Refund.objects.get().status == "approved"


def of_charge_only(*, status: str) -> stripe.Dispute:
    """As Stripe shows one of a charge that was made without a payment intent."""
    return stripe.Dispute(
        id="dp_charge", status=status, amount_cents=100, currency="usd", reason="general", charge_id="ch_1", payment_intent_id=None,
        created_at=now(), due_by=None,
    )  # fmt: skip


def test_a_refund_approved_after_the_dispute_was_lost_fails_and_waits_for_nothing(order, sandbox, jobs):
    line = order.invoices.get().lines.last()
    Refund.objects.create(
        order=order, payment=order.ledger.get(), payment_intent_id=order.ledger.get().payment_intent_id, invoice=line.invoice,
        amount_usd_cents=100, reason="goodwill", status="proposed", key="BD:refund:1", is_discretionary=True,
    )  # fmt: skip
    close(sandbox, jobs, dispute(sandbox, jobs, order, amount=3_000), "lost")

    refunds.approve(Refund.objects.get().pk, by=factories.by(Role.FINANCE))
    jobs.run()

    assert Refund.objects.get().status == "failed"
    assert StaffTask.objects.filter(kind="refund_failed", done_at=None).count() == 1


def test_a_dispute_of_a_part_that_was_lost_leaves_the_rest_to_a_person(order, sandbox, jobs):
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    sandbox.dispute(attempt_of(order).session_id, deliver=0, amount=1_000)
    jobs.run()
    hand_over(sandbox, jobs, "charge.dispute.created")

    close(sandbox, jobs, Dispute.objects.get(), "lost")

    assert Refund.objects.get().status == "declined"
    assert left_to_decide() == [{"status": "lost", "usd": "$27.14"}]


def test_an_order_cancelled_while_its_payment_was_disputed_is_shown_when_the_dispute_is_won(order, sandbox, jobs):
    one = dispute(sandbox, jobs, order)
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    jobs.run()

    close(sandbox, jobs, one, "won")

    assert not Refund.objects.exists()
    assert left_to_decide() == [{"status": "won", "usd": "$37.14"}]


def test_a_dispute_that_was_won_while_the_order_goes_on_leaves_nothing_to_decide(order, sandbox, jobs):
    close(sandbox, jobs, dispute(sandbox, jobs, order), "won")

    assert left_to_decide() == []


def left_to_decide() -> list[dict[str, str]]:
    return list(StaffTask.objects.filter(key__startswith="dispute-left:", done_at=None).values_list("values", flat=True))


def test_money_of_no_order_that_was_on_its_way_back_is_shown_too(sandbox, jobs):
    unapplied.give_back(strangers_payment(sandbox).pk, by=factories.by(Role.FINANCE))
    sandbox.dispute(sandbox.books()["sessions"][-1]["id"], deliver=0, amount=1_000)
    jobs.run()  # Stripe refuses: charged back
    hand_over(sandbox, jobs, "charge.dispute.created")

    close(sandbox, jobs, Dispute.objects.get(), "lost")

    assert Refund.objects.get().status == "declined"
    assert left_to_decide() == [{"status": "lost", "usd": "$89.99"}]

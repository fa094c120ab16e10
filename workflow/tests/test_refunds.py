"""Refunds by line: reason, second person, no, again, by hand; never more than is left; and what becomes of them at Stripe."""

import pytest

from core.errors import Conflict, Invalid
from core.outbox.models import Effect
from workflow import adjustments, invariants, refunds, refunds_at_stripe, settlement
from workflow.letters import CUSTOMER, About
from workflow.models import Adjustment, LedgerEntry, Order, Refund, RefundLine, StaffTask
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, pay
from workflow.transitions import By, TransitionRefused, perform

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    """Bought and paid: 500,000 + 2 x 1,000,000 won at 1,400: 35,714 + 142,857 cents and 4 % of it."""
    return factories.order_at(State.ITEMS_PURCHASED, price_krw=500_000)


@pytest.fixture
def support() -> By:
    return factories.by(Role.SUPPORT)


def lines_of(order: Order) -> list[int]:
    return [line.pk for line in order.invoices.get(kind="items").lines.all()]


def broken() -> list[str]:
    return [line for invariant in invariants.INVARIANTS for line in invariant.check()]


# --- Deciding -------------------------------------------------------------------------------------------------------------


def test_a_refund_names_its_lines_its_reason_and_who_decided(order, support):
    first, second, fee = lines_of(order)

    refunds.refund_lines(order.pk, lines={first: 5_000, fee: 200}, reason="damaged", by=support, note="scratched")

    (refund,) = Refund.objects.all()
    assert (refund.amount_usd_cents, refund.reason, refund.note, refund.status) == (5_200, "damaged", "scratched", "approved")
    assert refund.proposed_by == support.user
    assert {line.invoice_line_id: line.amount_usd_cents for line in refund.lines.all()} == {first: 5_000, fee: 200}
    event = factories.reload(order).events.last()
    assert (event.name, event.user, event.facts) == ("refund", support.user, {"reason": "damaged", "refunds_usd_cents": 5_200})


def test_above_200_dollars_a_second_person_of_finance_decides(order, support):
    refunds.refund_lines(order.pk, lines={lines_of(order)[0]: 20_001}, reason="damaged", by=support)
    (refund,) = Refund.objects.all()
    assert refund.status == "proposed"

    for nobody in (support, factories.by(Role.SUPPORT), factories.by(Role.BUYER)):
        with pytest.raises(TransitionRefused):
            refunds.approve(refund.pk, by=nobody)
    assert Refund.objects.get().status == "proposed"

    finance = factories.by(Role.FINANCE)
    refunds.approve(refund.pk, by=finance)
    refund.refresh_from_db()
    assert (refund.status, refund.approved_by) == ("approved", finance.user)
    assert factories.reload(order).events.last().name == "refund_approved"
    assert not StaffTask.objects.filter(kind="refund_to_approve", done_at=None).exists()


def test_exactly_200_dollars_are_decided_alone(order, support):
    refunds.refund_lines(order.pk, lines={lines_of(order)[0]: 20_000}, reason="damaged", by=support)

    assert Refund.objects.get().status == "approved"


def test_many_small_refunds_are_one_large_one(order, support):
    first = lines_of(order)[0]
    refunds.refund_lines(order.pk, lines={first: 15_000}, reason="goodwill", by=support)

    refunds.refund_lines(order.pk, lines={first: 5_001}, reason="goodwill", by=factories.by(Role.SUPPORT))

    assert [refund.status for refund in Refund.objects.all()] == ["approved", "proposed"]


def test_finance_does_not_approve_its_own(order):
    finance = factories.by(Role.FINANCE)
    refunds.refund_lines(order.pk, lines={lines_of(order)[0]: 30_000}, reason="late", by=finance)

    with pytest.raises(TransitionRefused):
        refunds.approve(Refund.objects.get().pk, by=finance)
    with pytest.raises(TransitionRefused):
        refunds.decline(Refund.objects.get().pk, by=finance, reason="no")

    assert Refund.objects.get().status == "proposed"


def test_a_declined_refund_gives_its_money_free_again(order, support):
    first = lines_of(order)[0]
    refunds.refund_lines(order.pk, lines={first: 35_714}, reason="wrong_item", by=support)

    refunds.decline(Refund.objects.get().pk, by=factories.by(Role.FINANCE), reason="the photo shows the right one")

    assert Refund.objects.get().note == "the photo shows the right one"
    refunds.refund_lines(order.pk, lines={first: 35_714}, reason="wrong_item", by=support)
    assert [refund.status for refund in Refund.objects.all()] == ["declined", "proposed"]


@pytest.mark.parametrize("cents", [35_715, 10**9])
def test_no_line_gives_back_more_than_it_holds(order, support, cents):
    before = factories.reload(order).version

    with pytest.raises(Invalid):
        refunds.refund_lines(order.pk, lines={lines_of(order)[0]: cents}, reason="damaged", by=support)

    assert not Refund.objects.exists()
    assert factories.reload(order).version == before


@pytest.mark.parametrize("lines", [{}, {0: 5}, {"first": 0}, {"first": -1}])
def test_nothing_and_somebody_elses_line_are_refused(order, support, lines):
    wanted = {lines_of(order)[0] if key == "first" else key: cents for key, cents in lines.items()}

    with pytest.raises(Invalid):
        refunds.refund_lines(order.pk, lines=wanted, reason="damaged", by=support)

    assert not Refund.objects.exists()


@pytest.mark.parametrize("reason", ["", "cancelled", "because"])
def test_a_reason_is_one_of_those_that_staff_may_give(order, support, reason):
    with pytest.raises(Invalid):
        refunds.refund_lines(order.pk, lines={lines_of(order)[0]: 5}, reason=reason, by=support)


@pytest.mark.parametrize("role", [Role.BUYER, Role.WAREHOUSE, Role.MODERATOR])
def test_others_give_nothing_back(order, role):
    with pytest.raises(TransitionRefused):
        refunds.refund_lines(order.pk, lines={lines_of(order)[0]: 5}, reason="damaged", by=factories.by(role))

    assert not Refund.objects.exists()


def test_an_item_may_leave_with_its_refund(order, support):
    item = order.items.first()

    refunds.refund_lines(order.pk, lines={lines_of(order)[0]: 10_000}, reason="missing", by=support, leaving=[item.pk])

    item.refresh_from_db()
    assert item.status == "refunded"


def test_what_an_item_that_leaves_costs_more_is_not_billed_any_more(support):
    order = factories.order_at(State.ITEMS_PAID, items=3)
    first, second, _third = order.items.all()
    buyer, line = factories.by(Role.BUYER), lines_of(order)[0]
    adjustments.raise_prices(order.pk, prices_krw={first.pk: 12_000}, by=buyer)
    adjustments.raise_prices(order.pk, prices_krw={second.pk: 60_000}, by=buyer)

    refunds.refund_lines(order.pk, lines={line: 700}, reason="missing", by=support, leaving=[first.pk])
    with pytest.raises(Conflict):
        refunds.refund_lines(order.pk, lines={lines_of(order)[1]: 700}, reason="missing", by=support, leaving=[second.pk])

    assert [adjustment.status for adjustment in Adjustment.objects.all()] == ["withdrawn", "open"]
    assert Refund.objects.count() == 1


def test_what_was_given_back_by_line_does_not_go_back_again_with_the_cancellation(order, support):
    first, second, fee = lines_of(order)
    refunds.refund_lines(order.pk, lines={first: 10_000}, reason="damaged", by=support)

    perform(order.pk, Order.cancel, by=factories.by(Role.FINANCE), reason="lost", our_fault=True)

    paid = order.invoices.get().amount_usd_cents
    assert sum(refund.amount_usd_cents for refund in Refund.objects.all()) == paid
    assert sum(line.amount_usd_cents for line in RefundLine.objects.filter(invoice_line=first)) == 35_714


# --- At Stripe ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def paid(sandbox, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    pay(sandbox, jobs, order)
    return factories.reload(order)


def test_a_failed_refund_comes_back_into_the_ledger_and_is_sent_again_with_a_key_of_its_own(paid, support, sandbox, jobs):
    refunds.refund_lines(paid.pk, lines={lines_of(paid)[0]: 700}, reason="cheaper", by=support)
    jobs.run()
    failed = Refund.objects.get()
    sandbox.settle_refund(failed.stripe_id, status="failed", deliver=0)
    settlement.receive(next(e for e in sandbox.books()["events"] if e["type"] == "refund.failed"))
    jobs.run()
    assert (Refund.objects.get().status, sum(e.amount_cents for e in LedgerEntry.objects.all())) == ("failed", 3714)
    assert StaffTask.objects.filter(kind="refund_failed", done_at=None).count() == 1

    refunds.send_again(failed.pk, by=factories.by(Role.FINANCE))
    jobs.run()

    first, again = Refund.objects.all()
    assert (first.status, again.status, again.retry_of) == ("replaced", "succeeded", first)
    assert first.key != again.key
    assert [line.amount_usd_cents for line in again.lines.all()] == [700]
    assert sum(e.amount_cents for e in LedgerEntry.objects.all()) == 3014
    assert not StaffTask.objects.filter(kind="refund_failed", done_at=None).exists()
    with pytest.raises(TransitionRefused):
        refunds.send_again(failed.pk, by=factories.by(Role.FINANCE))
    assert broken() == []


def test_a_failed_refund_may_be_given_by_hand_with_a_proof(paid, support, sandbox, jobs):
    refunds.refund_lines(paid.pk, lines={lines_of(paid)[0]: 700}, reason="cheaper", by=support)
    jobs.run()
    failed = Refund.objects.get()
    sandbox.settle_refund(failed.stripe_id, status="failed", deliver=0)
    from workflow.refunds_at_stripe import settle_refund

    settle_refund(failed.stripe_id)
    with pytest.raises(Invalid):
        refunds.given_by_hand(failed.pk, by=factories.by(Role.FINANCE), proof=" ")

    refunds.given_by_hand(failed.pk, by=factories.by(Role.FINANCE), proof="bank transfer 42")

    settle_refund(failed.stripe_id)
    assert Refund.objects.get().status == "by_hand"
    assert sorted((e.source, e.kind, e.amount_cents) for e in LedgerEntry.objects.all()) == [
        ("manual", "refund", -700), ("stripe", "capture", 3714), ("stripe", "refund", -700), ("stripe", "refund_reversal", 700),
    ]  # fmt: skip
    assert broken() == []


def test_a_refund_on_its_way_to_stripe_is_not_given_by_hand_too(paid, support):
    refunds.refund_lines(paid.pk, lines={lines_of(paid)[0]: 700}, reason="cheaper", by=support)

    with pytest.raises(Conflict):
        refunds.given_by_hand(Refund.objects.get().pk, by=factories.by(Role.FINANCE), proof="cash")

    assert Refund.objects.get().status == "approved"


def test_a_manual_payment_is_given_back_by_hand(jobs):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    finance = factories.by(Role.FINANCE)
    perform(order.pk, Order.record_item_payment, by=finance, proof="bank letter")
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    jobs.run(only="outbox")
    (refund,) = Refund.objects.all()
    assert (refund.status, StaffTask.objects.filter(kind="refund_by_hand", done_at=None).count()) == ("approved", 1)

    refunds.given_by_hand(refund.pk, by=finance, proof="bank transfer 43")

    assert sum(e.amount_cents for e in LedgerEntry.objects.all()) == 0
    assert not StaffTask.objects.filter(kind="refund_by_hand", done_at=None).exists()


def test_money_that_went_back_in_the_dashboard_meanwhile_fails_our_refund_and_asks_a_person(paid, support, sandbox, jobs):
    refunds.refund_lines(paid.pk, lines={lines_of(paid)[1]: 2_000}, reason="damaged", by=support)
    sandbox.refund(attempt_of(paid).session_id, amount=3_000, deliver=0)

    jobs.run()

    ours, dashboard = Refund.objects.all()
    assert (ours.status, dashboard.status, dashboard.reason) == ("failed", "succeeded", "dashboard")
    assert StaffTask.objects.filter(kind="refund_failed").count() == 1
    assert sum(e.amount_cents for e in LedgerEntry.objects.all()) == 714
    with pytest.raises(refunds.RefundTooLarge):
        refunds.send_again(ours.pk, by=factories.by(Role.FINANCE))
    assert broken() == []


# --- Nobody decides alone on more than the limit --------------------------------------------------------------------------


def test_what_one_person_proposed_and_gave_by_hand_alone_counts_as_decided_alone():
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, price_krw=500_000)
    finance = factories.by(Role.FINANCE)
    perform(order.pk, Order.record_item_payment, by=finance, proof="bank letter")
    line = lines_of(order)[0]
    refunds.refund_lines(order.pk, lines={line: 15_000}, reason="goodwill", by=finance)
    refunds.given_by_hand(Refund.objects.get().pk, by=finance, proof="cash")

    refunds.refund_lines(order.pk, lines={line: 15_000}, reason="goodwill", by=finance)

    assert [refund.status for refund in Refund.objects.all()] == ["by_hand", "proposed"]


def test_what_failed_and_may_be_sent_again_counts_as_decided_alone(order, support):
    first = lines_of(order)[0]
    refunds.refund_lines(order.pk, lines={first: 15_000}, reason="goodwill", by=support)
    Refund.objects.update(status="failed")

    refunds.refund_lines(order.pk, lines={first: 15_000}, reason="goodwill", by=support)

    assert [refund.status for refund in Refund.objects.all()] == ["failed", "proposed"]


# --- No refund stays open for ever ----------------------------------------------------------------------------------------


def test_a_failed_refund_whose_money_went_back_otherwise_is_declined_by_any_of_finance(paid, sandbox, jobs):
    finance = factories.by(Role.FINANCE)
    refunds.refund_lines(paid.pk, lines={lines_of(paid)[1]: 2_000}, reason="damaged", by=finance)
    sandbox.refund(attempt_of(paid).session_id, amount=3_714, deliver=0)
    jobs.run()
    failed = Refund.objects.get(status="failed")

    refunds.decline(failed.pk, by=finance, reason="went back in the dashboard")

    assert [refund.status for refund in Refund.objects.all()] == ["declined", "succeeded"]
    assert not StaffTask.objects.filter(kind="refund_failed", done_at=None).exists()
    assert broken() == []


def test_a_failed_refund_that_nobody_decided_on_is_not_declined_while_it_is_due(paid):
    perform(paid.pk, Order.cancel, by=By.customer(paid.customer), reason="x")
    Refund.objects.update(status="failed")

    with pytest.raises(Conflict):
        refunds.decline(Refund.objects.get().pk, by=factories.by(Role.FINANCE), reason="no")

    assert Refund.objects.get().status == "failed"


def test_a_proposal_is_not_declined_when_its_item_turned_out_to_be_sold_out(support):
    order = factories.order_at(State.ITEMS_PAID, price_krw=500_000)
    first = lines_of(order)[0]
    refunds.refund_lines(order.pk, lines={first: 30_000}, reason="late", by=support)
    adjustments.sell_out(order.pk, item_ids=[order.items.first().pk], by=support)
    proposed = Refund.objects.get(status="proposed")

    with pytest.raises(Conflict):
        refunds.decline(proposed.pk, by=factories.by(Role.FINANCE), reason="no")

    refunds.approve(proposed.pk, by=factories.by(Role.FINANCE))
    assert sum(line.amount_usd_cents for line in RefundLine.objects.filter(invoice_line=first)) == 35_714


def test_a_proposal_is_not_declined_when_the_order_was_cancelled_before_anything_was_bought(support):
    order = factories.order_at(State.ITEMS_PAID, price_krw=500_000)
    refunds.refund_lines(order.pk, lines={lines_of(order)[0]: 30_000}, reason="late", by=support)
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")

    with pytest.raises(Conflict):
        refunds.decline(Refund.objects.get(status="proposed").pk, by=factories.by(Role.FINANCE), reason="no")

    paid = order.invoices.get().amount_usd_cents
    assert sum(refund.amount_usd_cents for refund in Refund.objects.exclude(status="declined")) == paid


def test_what_a_cancellation_gives_back_after_the_purchase_may_be_declined(order):
    perform(order.pk, Order.cancel, by=factories.by(Role.SUPPORT), reason="x", our_fault=True)

    refunds.decline(Refund.objects.get().pk, by=factories.by(Role.FINANCE), reason="it was not our fault")

    assert Refund.objects.get().status == "declined"


def test_of_two_that_find_a_failure_stored_under_a_key_only_one_takes_a_new_key(order, support):
    refunds.refund_lines(order.pk, lines={lines_of(order)[0]: 5_000}, reason="damaged", by=support)
    one, other = Refund.objects.get(), Refund.objects.get()

    refunds_at_stripe._take_new_key(one)
    taken = Refund.objects.get().key
    refunds_at_stripe._take_new_key(other)

    assert one.key != taken == Refund.objects.get().key


# --- Items that leave -----------------------------------------------------------------------------------------------------


def test_an_item_whose_difference_is_on_the_open_delivery_bill_does_not_leave(support):
    order = factories.order_at(State.ITEMS_PAID)
    first = order.items.first()
    adjustments.raise_prices(order.pk, prices_krw={first.pk: 15_000}, by=factories.by(Role.BUYER))
    for step in (factories.buy, factories.receive, factories.confirm_fee):
        step(factories.reload(order))

    with pytest.raises(Conflict):
        refunds.refund_lines(order.pk, lines={lines_of(order)[0]: 700}, reason="missing", by=support, leaving=[first.pk])

    assert (Adjustment.objects.get().status, Refund.objects.count()) == ("open", 0)


# --- What the customer is told --------------------------------------------------------------------------------------------


def test_what_waits_for_a_second_person_is_told_of_when_they_said_yes(order):
    perform(order.pk, Order.cancel, by=factories.by(Role.SUPPORT), reason="lost", our_fault=True)
    event = factories.reload(order).events.last()
    letter = CUSTOMER["cancel"](About(factories.reload(order), "en", event))
    assert (letter.rows, letter.total) == ((), None)
    assert letter.after == ("We are looking at what goes back to you, and will write again as soon as that is settled.",)

    refunds.approve(Refund.objects.get().pk, by=factories.by(Role.FINANCE))

    promised = Effect.objects.filter(payload={"order": order.pk, "event": factories.reload(order).events.last().number})
    assert list(promised.values_list("name", flat=True)) == ["send_refunds", "notify_customer"]
    assert CUSTOMER["cancel"](About(factories.reload(order), "en", event)).rows == ()

"""After the payment: what is sold out leaves with its money; what is dearer is borne, carried or billed, and never holds the order up."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.errors import Conflict, Invalid
from workflow import adjustments, invariants, work
from workflow.jobs import end_unpaid_differences
from workflow.models import Adjustment, Attempt, Invoice, Order, Refund
from workflow.process import Role, State, Waits
from workflow.tests import factories
from workflow.tests.test_checkout import open_sessions
from workflow.transitions import By, TransitionRefused, hold, perform

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    """Three items, 10,000, 2 x 20,000 and 3 x 30,000 won, paid at 1,400: 714 + 2857 + 6429 cents and 4 % of 10,000 = 400."""
    return factories.order_at(State.ITEMS_PAID, items=3)


@pytest.fixture
def buyer() -> By:
    return factories.by(Role.BUYER)


def items(order: Order) -> list[int]:
    return [item.pk for item in order.items.all()]


def broken() -> list[str]:
    return [line for invariant in invariants.INVARIANTS if not invariant.needs for line in invariant.check()]


# --- Sold out -------------------------------------------------------------------------------------------------------------


def test_what_is_sold_out_leaves_with_its_price_and_its_share_of_the_fee(order, buyer):
    first, second, third = items(order)

    adjustments.sell_out(order.pk, item_ids=[second], by=buyer)

    (refund,) = Refund.objects.all()
    assert (refund.amount_usd_cents, refund.reason, refund.status) == (2857 + 114, "sold_out", "approved")
    assert {line.invoice_line.kind: line.amount_usd_cents for line in refund.lines.all()} == {"item": 2857, "service_fee": 114}
    left = factories.reload(order)
    assert (left.state, left.items.get(pk=second).status) == (State.ITEMS_PAID, "unavailable")
    assert left.events.last().facts == {"items": {"2": "unavailable"}, "refunds_usd_cents": 2971}


def test_whatever_the_order_in_which_items_leave_everything_is_back_in_the_end(order, buyer):
    for item in reversed(items(order)):
        adjustments.sell_out(order.pk, item_ids=[item], by=buyer)

    assert sum(refund.amount_usd_cents for refund in Refund.objects.all()) == order.invoices.get().amount_usd_cents == 10_400
    assert broken() == []


def test_an_order_whose_items_are_all_sold_out_can_only_be_cancelled_and_gives_nothing_back_twice(order, buyer):
    adjustments.sell_out(order.pk, item_ids=items(order), by=buyer)

    with pytest.raises(TransitionRefused):
        perform(order.pk, Order.mark_items_purchased, by=buyer)
    perform(order.pk, Order.cancel, by=factories.by(Role.SUPPORT), reason="all sold out")

    assert sum(refund.amount_usd_cents for refund in Refund.objects.all()) == 10_400


def test_a_sold_out_refund_needs_no_second_person_however_large(buyer):
    order = factories.order_at(State.ITEMS_PAID, price_krw=900_000)

    adjustments.sell_out(order.pk, item_ids=[items(order)[1]], by=buyer)

    assert Refund.objects.get().status == "approved"
    assert Refund.objects.get().amount_usd_cents > 200_00


@pytest.mark.parametrize("state", [State.QUOTE_APPROVED, State.SHIPPED, State.CANCELLED])
def test_nothing_is_sold_out_before_the_payment_or_after_the_parcel_left(state, buyer):
    order = factories.order_at(state)

    with pytest.raises((TransitionRefused, Invalid)):
        adjustments.sell_out(order.pk, item_ids=items(order)[:1], by=buyer)

    assert not Refund.objects.exists()


def test_a_moderator_sells_nothing_out(order):
    with pytest.raises(TransitionRefused):
        adjustments.sell_out(order.pk, item_ids=items(order)[:1], by=factories.by(Role.MODERATOR))

    assert factories.reload(order).items.first().status == "paid"


# --- Dearer: who pays -----------------------------------------------------------------------------------------------------


def test_a_small_difference_is_ours_and_asks_nobody(order, buyer):
    adjustments.raise_prices(order.pk, prices_krw={items(order)[0]: 11_000}, by=buyer)

    assert [(a.difference_krw, a.route, a.status) for a in Adjustment.objects.all()] == [(1_000, "absorbed", "absorbed")]
    assert factories.reload(order).waiting_on == Waits.STAFF
    assert Invoice.objects.filter(order=order).count() == 1


def test_small_differences_together_are_no_small_one(order, buyer):
    first, second, _third = items(order)
    adjustments.raise_prices(order.pk, prices_krw={first: 10_600}, by=buyer)

    adjustments.raise_prices(order.pk, prices_krw={second: 20_300}, by=buyer)

    assert [(a.difference_krw, a.route) for a in Adjustment.objects.all()] == [(600, "absorbed"), (600, "delivery")]


def test_a_later_price_of_the_same_item_replaces_the_earlier_difference(order, buyer):
    first = items(order)[0]
    adjustments.raise_prices(order.pk, prices_krw={first: 11_000}, by=buyer)
    adjustments.raise_prices(order.pk, prices_krw={first: 12_000}, by=buyer)
    adjustments.raise_prices(order.pk, prices_krw={first: 13_000}, by=buyer)

    assert [(a.difference_krw, a.route, a.status) for a in Adjustment.objects.all()] == [
        (1_000, "absorbed", "withdrawn"),
        (2_000, "delivery", "withdrawn"),
        (3_000, "delivery", "open"),
    ]


def test_a_middling_difference_comes_with_the_delivery_bill_without_any_fee(order, buyer):
    adjustments.raise_prices(order.pk, prices_krw={items(order)[1]: 24_000}, by=buyer)
    order = factories.reload(order)
    assert order.waiting_on == Waits.STAFF

    for step in (factories.buy, factories.receive, factories.confirm_fee):
        step(factories.reload(order))

    invoice = order.invoices.get(kind="delivery")
    # 30,000 won freight and 4 % of it; 2 x 4,000 won at 1,400
    assert [(line.kind, line.amount_krw, line.amount_usd_cents) for line in invoice.lines.all()] == [
        ("delivery", 30_000, 2143),
        ("card_fee", 1_200, 86),
        ("difference", 8_000, 571),
    ]
    factories.pay(factories.reload(order), "delivery")
    assert Adjustment.objects.get().status == "paid"


def test_a_delivery_bill_that_is_revised_bills_the_difference_again(order, buyer):
    adjustments.raise_prices(order.pk, prices_krw={items(order)[1]: 24_000}, by=buyer)
    for step in (factories.buy, factories.receive, factories.confirm_fee):
        step(factories.reload(order))

    perform(order.pk, Order.revise_delivery_fee, by=factories.by(Role.WAREHOUSE))
    assert Adjustment.objects.get().invoice is None
    perform(order.pk, Order.confirm_delivery_fee, by=factories.by(Role.WAREHOUSE))

    assert [invoice.amount_usd_cents for invoice in order.invoices.filter(kind="delivery")] == [2800, 2800]
    assert Adjustment.objects.get().invoice.number == 3


# --- Dearer: billed at once -----------------------------------------------------------------------------------------------


@pytest.fixture
def billed(order, buyer) -> Order:
    """The second item costs 2 x 20,000 won more: 40,000 won at 1,400."""
    adjustments.raise_prices(order.pk, prices_krw={items(order)[1]: 40_000}, by=buyer)
    return factories.reload(order)


def test_a_large_difference_is_billed_at_once_and_the_order_waits_on_the_customer(billed):
    invoice = billed.invoices.get(kind="adjustment")

    assert (invoice.amount_krw, invoice.amount_usd_cents, invoice.status) == (40_000, 2857, "open")
    assert (billed.state, billed.waiting_on) == (State.ITEMS_PAID, Waits.CUSTOMER)
    assert billed.pay_links.filter(kind="adjustment").exists()


def test_an_item_whose_difference_is_not_paid_cannot_be_bought_and_the_others_can(billed, buyer):
    first, second, _third = items(billed)
    purchase = {"shop_order_number": "S-1", "paid_price_krw": 1}

    with pytest.raises(TransitionRefused):
        work.buy_items(billed.pk, purchases={second: purchase}, by=buyer)
    work.buy_items(billed.pk, purchases={first: purchase}, by=buyer)

    assert [item.status for item in factories.reload(billed).items.all()] == ["purchased", "paid", "paid"]


def test_a_paid_difference_lets_the_item_be_bought(billed, sandbox, jobs):
    jobs.run()
    (session,) = open_sessions(sandbox)
    assert session["amount_total"] == 2857
    sandbox.pay(session["id"], deliver=0)

    from workflow import settlement

    assert settlement.settle_session(session["id"]) == "payment recorded"
    paid = factories.reload(billed)
    assert (paid.state, paid.waiting_on, Adjustment.objects.get().status) == (State.ITEMS_PAID, Waits.STAFF, "paid")
    factories.buy(paid)
    assert factories.reload(billed).state == State.ITEMS_PURCHASED


def test_dearer_once_more_after_the_difference_was_paid_bills_only_what_is_new(billed, buyer):
    factories.pay_difference(billed)
    second = items(billed)[1]

    with pytest.raises(Invalid):
        adjustments.raise_prices(billed.pk, prices_krw={second: 40_000}, by=buyer)
    adjustments.raise_prices(billed.pk, prices_krw={second: 41_000}, by=buyer)

    assert [(a.difference_krw, a.route, a.status) for a in Adjustment.objects.all()] == [
        (40_000, "invoice", "paid"),
        (2_000, "delivery", "open"),
    ]


def test_withdrawing_closes_the_session_first(billed, buyer, sandbox, jobs):
    jobs.run()

    adjustments.ask_to_end(billed.pk, by=buyer)
    assert factories.reload(billed).difference_asked_at is not None
    jobs.run()

    assert (open_sessions(sandbox), factories.reload(billed).waiting_on) == ([], Waits.STAFF)
    assert billed.invoices.get(kind="adjustment").status == "void"
    assert Adjustment.objects.get().status == "withdrawn"
    assert not Refund.objects.exists()


def test_a_difference_that_was_just_paid_is_not_withdrawn(billed, buyer, sandbox, jobs):
    jobs.run()
    sandbox.pay(open_sessions(sandbox)[0]["id"], deliver=0)

    adjustments.ask_to_end(billed.pk, by=buyer)
    jobs.run()

    assert (Adjustment.objects.get().status, billed.invoices.get(kind="adjustment").status) == ("paid", "paid")


def test_unpaid_in_time_the_item_leaves_with_its_money_and_the_order_goes_on(billed, sandbox, jobs):
    jobs.run()
    Invoice.objects.filter(order=billed, kind="adjustment").update(pay_by=now() - timedelta(minutes=1))

    end_unpaid_differences()
    jobs.run()

    left = factories.reload(billed)
    assert (left.state, left.waiting_on) == (State.ITEMS_PAID, Waits.STAFF)
    assert [item.status for item in left.items.all()] == ["paid", "unavailable", "paid"]
    assert [(refund.amount_usd_cents, refund.reason) for refund in Refund.objects.all()] == [(2971, "too_dear")]
    assert open_sessions(sandbox) == []


def test_a_payment_in_process_is_waited_for(billed, sandbox, jobs):
    jobs.run()
    from workflow import settlement

    sandbox.pay(open_sessions(sandbox)[0]["id"], deliver=0, slow=True)
    settlement.settle_session(Attempt.objects.get(invoice__order=billed, invoice__kind="adjustment").session_id)
    Invoice.objects.filter(order=billed, kind="adjustment").update(pay_by=now() - timedelta(minutes=1))

    end_unpaid_differences()
    jobs.run()

    assert billed.invoices.get(kind="adjustment").status == "open"


def test_a_second_difference_waits_until_the_first_is_settled(billed, buyer):
    with pytest.raises(Conflict):
        adjustments.raise_prices(billed.pk, prices_krw={items(billed)[0]: 90_000}, by=buyer)
    with pytest.raises(Conflict):
        adjustments.sell_out(billed.pk, item_ids=[items(billed)[1]], by=buyer)

    assert Adjustment.objects.count() == 1


def test_cancelling_takes_the_bill_back_and_returns_a_difference_that_was_paid(billed, buyer):
    factories.pay_difference(billed)
    adjustments.raise_prices(billed.pk, prices_krw={items(billed)[0]: 90_000}, by=buyer)

    perform(billed.pk, Order.cancel, by=By.customer(billed.customer), reason="too dear")

    assert sorted(refund.amount_usd_cents for refund in Refund.objects.all()) == [2857, 10_400]
    assert [adjustment.status for adjustment in Adjustment.objects.all()] == ["paid", "withdrawn"]
    assert [invoice.status for invoice in billed.invoices.filter(kind="adjustment")] == ["paid", "void"]


def test_sold_out_after_its_difference_was_paid_gives_both_back(billed, buyer):
    factories.pay_difference(billed)

    adjustments.sell_out(billed.pk, item_ids=[items(billed)[1]], by=buyer)

    assert sorted(refund.amount_usd_cents for refund in Refund.objects.all()) == [2857, 2971]


@pytest.mark.parametrize("price", [20_000, 19_999, 0, -1, True, "30000", 10**10])
def test_a_price_that_is_not_above_the_quoted_one_is_refused(order, buyer, price):
    with pytest.raises(Invalid):
        adjustments.raise_prices(order.pk, prices_krw={items(order)[1]: price}, by=buyer)

    assert not Adjustment.objects.exists()


# --- Under two hands ------------------------------------------------------------------------------------------------------


def test_a_timer_that_looked_too_early_lets_no_newer_bill_run_out(billed):
    """It saw the bill before, whose place another one has taken since."""
    with pytest.raises(Conflict):
        adjustments.ask_to_end(billed.pk, by=By.job(), run_out=True)

    assert billed.invoices.get(kind="adjustment").status == "open"
    assert not Refund.objects.exists()


def test_nor_one_of_an_order_that_was_held_meanwhile(billed):
    Invoice.objects.filter(order=billed, kind="adjustment").update(pay_by=now() - timedelta(minutes=1))
    hold(billed.pk, reason="asked", by=factories.by(Role.SUPPORT))

    with pytest.raises(Conflict):
        adjustments.ask_to_end(billed.pk, by=By.job(), run_out=True)

    assert not Refund.objects.exists()


def test_what_is_with_the_customer_already_is_not_sold_out(buyer):
    order = factories.order_at(State.SHIPPED)
    Order.objects.filter(pk=order.pk).update(state="at_warehouse")  # part of it came back and is sent again

    with pytest.raises(Invalid):
        adjustments.sell_out(order.pk, item_ids=items(order)[:1], by=buyer)

    assert not Refund.objects.exists()


def test_an_item_does_not_leave_while_the_order_is_held_though_its_session_was_being_closed(billed, sandbox, jobs):
    jobs.run()
    Invoice.objects.filter(order=billed, kind="adjustment").update(pay_by=now() - timedelta(minutes=1))
    end_unpaid_differences()
    hold(billed.pk, reason="asked", by=factories.by(Role.SUPPORT))

    jobs.run()

    assert [item.status for item in factories.reload(billed).items.all()] == ["paid", "paid", "paid"]
    assert billed.invoices.get(kind="adjustment").status == "open"
    assert len(open_sessions(sandbox)) == 1

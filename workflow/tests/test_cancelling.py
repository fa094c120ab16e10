"""What goes back when an order is cancelled, state by state, and what becomes of refunds at Stripe."""

import pytest

from workflow import giving_back, refunds, work
from workflow.models import FeePolicy, Order, Refund
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import By, perform

pytestmark = pytest.mark.django_db

#: 10,000 + 2 x 20,000 won at 1,400 and 4 %; 30,000 won and 4 %
ITEMS_CENTS, DELIVERY_CENTS = 714 + 2857 + 143, 2143 + 86
#: 5,000 won for opening the parcels again
REPACKING_CENTS = 357


def cancelled(order: Order, **facts) -> dict[str, int]:
    """Cents by kind of invoice that go back; the preview said the same."""
    preview = {back.invoice.kind: back.amount_usd_cents for back in giving_back.cancellation(factories.reload(order), facts=facts)}
    perform(order.pk, Order.cancel, by=factories.by(Role.FINANCE), reason="x", **facts)
    planned = {refund.invoice.kind: refund.amount_usd_cents for refund in Refund.objects.filter(order=order)}
    assert planned == preview
    return planned


def test_what_came_back_keeps_its_freight():
    order = factories.order_at(State.RETURNED)

    assert cancelled(order, shops_give_back_krw={"2": 14_000}) == {"items": 1_000}


def test_delivery_that_was_paid_and_not_used_goes_back_with_its_card_fee_less_repacking():
    order = factories.order_at(State.DELIVERY_PAID)

    assert cancelled(order, shops_give_back_krw={"2": 14_000}) == {
        "items": 1_000,
        "delivery": DELIVERY_CENTS - REPACKING_CENTS,
    }


def test_the_freight_of_an_earlier_journey_is_used_up():
    order = factories.order_at(State.RETURNED)
    perform(order.pk, Order.reship, by=factories.by(Role.WAREHOUSE))

    assert cancelled(order) == {}


def test_of_two_journeys_only_the_freight_not_yet_used_goes_back():
    order = factories.order_at(State.RETURNED)
    perform(order.pk, Order.reship, by=factories.by(Role.WAREHOUSE))
    factories.confirm_fee(factories.reload(order))
    factories.pay(factories.reload(order), "delivery")

    assert cancelled(order) == {"delivery": DELIVERY_CENTS - REPACKING_CENTS}
    (refund,) = Refund.objects.filter(order=order)
    assert refund.invoice == order.invoices.filter(kind="delivery").latest("number")


def test_our_fault_gives_everything_back_whatever_the_state():
    order = factories.order_at(State.RETURNED)

    assert cancelled(order, our_fault=True) == {"items": ITEMS_CENTS, "delivery": DELIVERY_CENTS}


def test_of_a_bought_item_that_left_with_a_refund_the_rest_does_not_go_back_too():
    order = factories.order_at(State.ITEMS_PURCHASED)
    line = order.invoices.get().lines.first()
    refunds.refund_lines(order.pk, lines={line.pk: 200}, reason="damaged", by=factories.by(Role.SUPPORT), leaving=[order.items.first().pk])

    perform(order.pk, Order.cancel, by=factories.by(Role.FINANCE), reason="x", shops_give_back_krw={"2": 14_000})

    assert [refund.amount_usd_cents for refund in Refund.objects.filter(order=order)] == [200, 1_000]


def test_nor_when_the_customer_cancels_before_anything_else_is_bought():
    order = factories.order_at(State.ITEMS_PAID)
    item = order.items.first()
    purchase = {item.pk: {"shop_order_number": "S-1", "paid_price_krw": 9_000}}
    work.buy_items(order.pk, purchases=purchase, by=factories.by(Role.BUYER))
    line = order.invoices.get().lines.first()
    refunds.refund_lines(order.pk, lines={line.pk: 200}, reason="damaged", by=factories.by(Role.SUPPORT), leaving=[item.pk])

    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")

    # the other item and its share of the fee: 114 of 143
    assert [refund.amount_usd_cents for refund in Refund.objects.filter(order=order)] == [200, 2857 + 114]


def test_what_the_shop_gives_back_for_an_item_that_left_bought_goes_back_with_the_cancellation():
    order = factories.order_at(State.ITEMS_PURCHASED)
    line = order.invoices.get().lines.first()
    refunds.refund_lines(order.pk, lines={line.pk: 200}, reason="damaged", by=factories.by(Role.SUPPORT), leaving=[order.items.first().pk])

    perform(order.pk, Order.cancel, by=factories.by(Role.FINANCE), reason="x", shops_give_back_krw={"1": 1_400})

    assert [refund.amount_usd_cents for refund in Refund.objects.filter(order=order)] == [200, 100]


def test_the_fee_goes_back_whole_also_where_the_goods_cost_less_than_a_cent():
    FeePolicy.objects.update(service_fee_min_krw=3_000)
    order = factories.order_at(State.ITEMS_PAID, price_krw=1)

    assert cancelled(order) == {"items": 214}

"""What goes back when an order is cancelled, state by state, and what becomes of refunds at Stripe."""

import pytest

from workflow import giving_back
from workflow.models import Order, Refund
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import perform

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

"""Demo data of money that did not go straight: a sold-out item, a price difference, a refund for a second person, a payment made twice, a
dispute. Each once; those that need Stripe are left out where the sandbox does not answer.
"""

import logging
import urllib.error
from collections.abc import Callable
from datetime import timedelta

from django.utils.timezone import now

from core.management.demo import Walk, sandbox, staff
from integrations import stripe
from integrations.base import ProviderError
from workflow import adjustments, checkout, disputes, refunds, refunds_at_stripe, settlement, work
from workflow.models import Adjustment, Attempt, Dispute, LedgerEntry, Order, Refund
from workflow.process import Role
from workflow.transitions import perform

log = logging.getLogger(__name__)


def make_money_cases() -> int:
    """The number made."""
    cases: list[tuple[bool, Callable[[Walk], None]]] = [
        (Refund.objects.filter(reason="sold_out").exists(), sold_out),
        (Adjustment.objects.exists(), dearer),
        (Refund.objects.filter(is_discretionary=True).exists(), refund_for_a_second_person),
        (LedgerEntry.objects.filter(kind="unapplied").exists(), paid_twice),
        (Dispute.objects.exists(), disputed),
    ]
    walk, made = Walk(), 0
    for is_there, make in cases:
        if not is_there:
            try:
                make(walk)
                made += 1
            except (ProviderError, urllib.error.URLError) as error:
                log.info("left out of the demo data: %s (%s)", make.__name__, error)
    return made


def sold_out(walk: Walk) -> None:
    order = _paid(walk)
    adjustments.sell_out(order.pk, item_ids=[order.items.latest("position").pk], by=staff(Role.BUYER))
    refunds_at_stripe.send_refunds(order.pk)


def dearer(walk: Walk) -> None:
    order = _paid(walk)
    item = order.items.first()
    assert item is not None
    assert item.price_krw is not None
    adjustments.raise_prices(order.pk, prices_krw={item.pk: item.price_krw + 35_000}, by=staff(Role.BUYER))


def refund_for_a_second_person(walk: Walk) -> None:
    order = walk.request()
    walk.approve(order)
    work.price_items(order.pk, prices={item.pk: 320_000 for item in order.items.all()}, by=staff(Role.BUYER))
    perform(order.pk, Order.confirm_item_prices, by=staff(Role.BUYER))
    walk.pay_items(order)
    walk.buy(Order.objects.get(pk=order.pk))
    line = order.invoices.get().lines.filter(kind="item").latest("position")
    refunds.refund_lines(
        order.pk, lines={line.pk: line.amount_usd_cents}, reason="wrong_item", by=staff(Role.SUPPORT), note="The shop sent another colour."
    )


def paid_twice(walk: Walk) -> None:
    """By bank transfer, and with the card on the page that was still open."""
    order = walk.request()
    walk.approve(order)
    walk.confirm_prices(order)
    session = _open_session(order)
    perform(order.pk, Order.record_item_payment, by=staff(Role.FINANCE), proof="Transfer of today, account ending 4410")
    sandbox("stripe/pay", session=session, deliver=0)
    settlement.settle_session(session)


def disputed(walk: Walk) -> None:
    order = _paid(walk)
    session = Attempt.objects.get(invoice__order=order).session_id
    sandbox("stripe/dispute", session=session, deliver=0, reason="product_not_received")
    for found in stripe.iter_disputes(created_after=now() - timedelta(minutes=5)):
        disputes.book(found)


def _paid(walk: Walk) -> Order:
    order = walk.request()
    walk.approve(order)
    walk.confirm_prices(order)
    sandbox("stripe/pay", session=_open_session(order), deliver=0)
    settlement.settle_session(Attempt.objects.get(invoice__order=order).session_id or "")
    return Order.objects.get(pk=order.pk)


def _open_session(order: Order) -> str:
    checkout.open_checkout(order.pk, kind="items")
    return Attempt.objects.get(invoice__order=order, status="open").session_id or ""

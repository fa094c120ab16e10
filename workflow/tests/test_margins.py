"""What an order earns, to the won, whatever happened to its money; and what its payments still hold, as the ledger says it."""

from decimal import Decimal

import pytest
from django.utils.timezone import now

from workflow import adjustments, ledger, margins, refunds, unapplied
from workflow.margins import Sum, left_by_payment, margin_of
from workflow.models import Dispute, LedgerEntry, LedgerKind, Order, Refund
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import perform

pytestmark = pytest.mark.django_db

#: 10,000 + 2 x 20,000 won at 1,400, and 4 % of them
PAID = 714 + 2857 + 143
#: factories.buy pays 9,000 won for each item
SHOPS = 18_000


def margin(order: Order) -> margins.Margin:
    found = margin_of(factories.reload(order))
    assert found is not None
    return found


def lines_of(order: Order) -> list:
    return list(order.invoices.get(kind="items").lines.order_by("position"))


def booked(order: Order, kind: LedgerKind, cents: int, *, reference: str, **fields) -> LedgerEntry:
    entry = ledger.book(order=order, kind=kind, amount_cents=cents, source="stripe", reference=reference, **fields)
    assert entry is not None
    return entry


def dispute(payment: LedgerEntry, cents: int, *, status: str) -> Dispute:
    return Dispute.objects.create(
        stripe_id=f"dp_{status}",
        order=payment.order,
        payment=payment,
        amount_cents=cents,
        reason="fraudulent",
        status=status,
        opened_at=now(),
    )


# --- The margin -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.QUOTE_REQUESTED, State.AWAITING_ITEM_PAYMENT, State.QUOTE_EXPIRED, State.CANCELLED])
def test_before_the_payment_there_is_none(state):
    assert margin_of(factories.order_at(state)) is None


def test_what_was_paid_less_what_the_shops_took():
    found = margin(factories.order_at(State.ITEMS_PURCHASED))

    assert (found.goods, found.service_fees) == (Sum(50_000, 3_571), Sum(2_000, 143))
    assert (found.delivery, found.card_fees) == (Sum(0, 0), Sum(0, 0))
    assert (found.paid_usd_cents, found.kept_usd_cents, found.shops_krw) == (PAID, PAID, SHOPS)
    # 37.14 dollars at 1,400
    assert (found.krw_per_usd, found.kept_krw) == (Decimal("1400.0000"), 51_996)
    assert (found.earned_krw, found.percent, found.all_bought) == (51_996 - 18_000, Decimal("65.4"), True)


def test_what_is_not_bought_yet_is_said():
    found = margin(factories.order_at(State.ITEMS_PAID))

    assert (found.earned_krw, found.percent, found.all_bought) == (51_996, Decimal("100.0"), False)


def test_delivery_and_its_card_fee_count_as_paid():
    found = margin(factories.order_at(State.DELIVERY_PAID))

    assert (found.delivery, found.card_fees) == (Sum(30_000, 2_143), Sum(1_200, 86))
    assert (found.paid_usd_cents, found.kept_krw) == (PAID + 2_229, 83_202)
    assert found.earned_krw == 83_202 - 18_000


def test_won_are_reckoned_once_and_half_up():
    order = factories.order_at(State.ITEMS_PAID)
    order.quotes.update(krw_per_usd=Decimal("1391.2500"))

    # 37.14 x 1,391.25 = 51,671.025
    assert margin(order).kept_krw == 51_671
    order.quotes.update(krw_per_usd=Decimal("1391.2627"))
    # 37.14 x 1,391.2627 = 51,671.4967
    assert margin(order).kept_krw == 51_671
    order.quotes.update(krw_per_usd=Decimal("1391.2628"))
    # 37.14 x 1,391.2628 = 51,671.5004
    assert margin(order).kept_krw == 51_672


def test_a_loss_is_negative():
    order = factories.order_at(State.ITEMS_PURCHASED)
    order.items.update(paid_price_krw=30_000)

    found = margin(order)
    assert (found.earned_krw, found.percent) == (51_996 - 60_000, Decimal("-15.4"))


def test_a_refund_counts_once_before_and_after_it_is_booked():
    order = factories.order_at(State.ITEMS_PURCHASED)
    line = lines_of(order)[0]
    refunds.refund_lines(order.pk, lines={line.pk: 700}, reason="damaged", by=factories.by(Role.SUPPORT))

    on_its_way = margin(order)
    assert (on_its_way.back_usd_cents, on_its_way.on_its_way_usd_cents, on_its_way.kept_usd_cents) == (0, 700, PAID - 700)
    # when Stripe has taken it
    booked(factories.reload(order), LedgerKind.REFUND, -700, reference="re_1")
    Refund.objects.filter(order=order).update(status="sent")
    gone = margin(order)
    assert (gone.back_usd_cents, gone.on_its_way_usd_cents, gone.kept_usd_cents) == (700, 0, PAID - 700)
    assert gone.earned_krw == 42_196 - 18_000


def test_a_refund_nobody_has_approved_does_not_count():
    order = factories.order_at(State.ITEMS_PURCHASED)
    line = lines_of(order)[0]
    refunds.refund_lines(order.pk, lines={line.pk: 700}, reason="damaged", by=factories.by(Role.SUPPORT))
    Refund.objects.filter(order=order).update(status="proposed")

    assert margin(order).kept_usd_cents == PAID


def test_what_a_dispute_took_is_missing_until_it_is_won():
    order = factories.order_at(State.ITEMS_PURCHASED)
    booked(order, LedgerKind.DISPUTE, -3_000, reference="dp_1")
    assert (margin(order).disputed_usd_cents, margin(order).kept_usd_cents) == (3_000, 714)

    booked(factories.reload(order), LedgerKind.DISPUTE_REVERSAL, 3_000, reference="dp_1")
    assert (margin(order).disputed_usd_cents, margin(order).kept_usd_cents) == (0, PAID)


def test_money_nobody_expected_is_not_earned():
    order = factories.order_at(State.ITEMS_PURCHASED)
    booked(order, LedgerKind.UNAPPLIED, 5_000, reference="pi_twice", payment_intent_id="pi_twice")

    found = margin(order)
    assert (found.paid_usd_cents, found.unapplied_usd_cents, found.kept_usd_cents) == (PAID + 5_000, 5_000, PAID)
    # and once it goes back it is counted as that, not twice
    unapplied.give_back(LedgerEntry.objects.get(reference="pi_twice").pk, by=factories.by(Role.FINANCE))
    found = margin(order)
    assert (found.unapplied_usd_cents, found.on_its_way_usd_cents, found.kept_usd_cents) == (0, 5_000, PAID)


def test_unapplied_money_that_paid_a_bill_is_counted_once():
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    paid = booked(order, LedgerKind.UNAPPLIED, 4_000, reference="pi_odd", payment_intent_id="pi_odd")
    unapplied.apply(paid.pk, by=factories.by(Role.FINANCE))

    found = margin(order)
    assert (found.paid_usd_cents, found.on_its_way_usd_cents, found.kept_usd_cents) == (4_000, 4_000 - PAID, PAID)


def test_other_currencies_are_left_out():
    order = factories.order_at(State.ITEMS_PURCHASED)
    booked(order, LedgerKind.UNAPPLIED, 5_000, reference="pi_krw", currency="krw")

    assert margin(order).kept_usd_cents == PAID


def test_what_the_shops_give_back_at_a_cancellation_is_ours():
    order = factories.order_at(State.ITEMS_PURCHASED)
    perform(order.pk, Order.cancel, by=factories.by(Role.FINANCE), reason="x", shops_give_back_krw={"2": 7_000})

    found = margin(order)
    # 7,000 won of 40,000 billed at 28.57 dollars
    assert (found.on_its_way_usd_cents, found.shops_krw, found.shops_back_krw) == (500, 18_000, 7_000)
    assert found.earned_krw == 44_996 - 18_000 + 7_000


def test_an_item_the_shop_did_not_have_cost_nothing():
    order = factories.order_at(State.ITEMS_PURCHASED)
    adjustments.sell_out(order.pk, item_ids=[order.items.get(position=1).pk], by=factories.by(Role.BUYER))

    found = margin(order)
    assert (found.shops_krw, found.on_its_way_usd_cents) == (9_000, 714 + 29)


# --- What payments still hold ---------------------------------------------------------------------------------------------


def test_what_is_left_is_what_the_ledger_says():
    # given a capture of which something went back, is on its way, failed, and was taken by disputes in every state
    order = factories.order_at(State.DELIVERY_PAID)
    lines, payment = lines_of(order), order.ledger.first()
    for cents, status in ((100, "sent"), (50, "approved"), (30, "failed"), (20, "declined"), (10, "proposed")):
        refunds.refund_lines(order.pk, lines={lines[1].pk: cents}, reason="goodwill", by=factories.by(Role.SUPPORT))
        Refund.objects.filter(order=order, amount_usd_cents=cents).update(status=status)
    for cents, status in ((5, "won"), (7, "lost"), (11, "warning_needs_response"), (13, "prevented"), (17, "needs_response")):
        dispute(payment, cents, status=status)
    odd = booked(factories.reload(order), LedgerKind.UNAPPLIED, 900, reference="pi_odd")
    booked(factories.reload(order), LedgerKind.APPLIED, -250, reference="pi_odd")

    left = left_by_payment(factories.reload(order))
    assert left == {entry.pk: ledger.left_cents(entry) for entry in order.ledger.filter(kind__in=["capture", "unapplied"])}
    assert (left[payment.pk], left[odd.pk]) == (PAID - 100 - 50 - 10 - 7 - 17, 650)

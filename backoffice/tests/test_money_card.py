"""The bill before it is made, and the order's money on its page: refunds, money nobody expected, disputes, the margin."""

from decimal import Decimal

import pytest
from django.utils.timezone import now

from backoffice.orders import reading
from backoffice.tests.conftest import books, do_url, lines_of, page_url, said, shown, url_of
from workflow import ledger, margins, refunds, transitions, work
from workflow.models import Dispute, LedgerEntry, Order, Refund
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.factories import by, order_at, reload
from workflow.transitions import perform

pytestmark = pytest.mark.django_db


# --- The bill before it is made -------------------------------------------------------------------------------------------


def billed_again(price_krw: int) -> Order:
    """Taken back after it was billed, with another price for the first item, at another rate."""
    order, buyer = order_at(State.AWAITING_ITEM_PAYMENT), by(Role.BUYER)
    perform(order.pk, Order.revise_item_prices, by=buyer)
    work.price_items(order.pk, prices={order.items.get(position=1).pk: price_krw}, by=buyer)
    factories.rate("1428.5714")
    return reload(order)


def test_confirming_prices_shows_the_bill_and_what_is_other_than_before(sign_in):
    client, order = sign_in(Role.BUYER), billed_again(12_000)
    before = books(order)

    dialog = client.get(do_url(order, "confirm_item_prices"))
    bill = dialog.context["bill"]
    assert [(title, line.amount_usd_cents) for title, line in bill.lines] == [
        ("Item 1", 840),
        ("Item 2 × 2", 2_800),
        ("Service fee 4%", 146),
    ]
    assert (bill.bill.krw, bill.bill.usd_cents) == (54_080, 3_786)
    assert "Item 1 ₩10,000 arrow_forward ₩12,000 $7.14 arrow_forward $8.40" in shown(dialog)
    assert "Item 2 × 2 $28.57 arrow_forward $28.00" in shown(dialog)
    assert "Rate ₩1,400.00 arrow_forward ₩1,428.57" in shown(dialog)
    assert "Total ₩52,000 arrow_forward ₩54,080 $37.14 arrow_forward $37.86" in shown(dialog)
    assert books(order) == before
    # and one click makes that bill
    assert client.post(do_url(order, "confirm_item_prices"), {"version": order.version}).status_code == 302
    assert order.invoices.latest("number").amount_usd_cents == 3_786
    assert "Other than on #1, which the customer had" in shown(client.get(page_url(order)))


def test_a_first_bill_is_compared_to_none(sign_in):
    order = order_at(State.QUOTE_APPROVED)
    factories.rate()
    work.price_items(order.pk, prices={item.pk: 10_000 for item in order.items.all()}, by=by(Role.BUYER))

    bill = sign_in(Role.BUYER).get(do_url(order, "confirm_item_prices")).context["bill"]
    assert (bill.bill.usd_cents, bill.changes) == (714 + 1_429 + 86, None)


def test_without_prices_or_rate_there_is_no_bill_and_the_dialog_says_what_is_missing(sign_in):
    dialog = sign_in(Role.BUYER).get(do_url(order_at(State.QUOTE_APPROVED), "confirm_item_prices"))
    assert dialog.context["bill"] is None
    assert "Every live item needs a price in won." in shown(dialog)


def test_renewing_shows_the_bill_at_todays_rate(sign_in):
    order = order_at(State.QUOTE_EXPIRED)
    factories.rate("1428.5714")

    dialog = sign_in(Role.BUYER).get(do_url(order, "renew_quote"))
    assert "The bill at today's rate" in shown(dialog)
    assert (dialog.context["bill"].changes.was.usd_cents, dialog.context["bill"].bill.usd_cents) == (3_714, 3_640)


def test_confirming_the_fee_shows_the_delivery_bill(sign_in):
    order, warehouse = order_at(State.AWAITING_DELIVERY_PAYMENT), by(Role.WAREHOUSE)
    perform(order.pk, Order.revise_delivery_fee, by=warehouse)
    work.set_delivery_fee(order.pk, fee_krw=28_000, reason="a round sum", by=warehouse)

    bill = sign_in(Role.WAREHOUSE).get(do_url(reload(order), "confirm_delivery_fee")).context["bill"]
    assert [line.amount_usd_cents for _title, line in bill.lines] == [2_000, 80]
    assert (bill.changes.was.usd_cents, bill.changes.is_new_rate) == (2_229, False)


# --- The money card -------------------------------------------------------------------------------------------------------


@pytest.fixture
def failed(paid) -> Refund:
    refunds.refund_lines(paid.pk, lines={lines_of(paid)[0].pk: 500}, reason="damaged", by=by(Role.SUPPORT))
    Refund.objects.filter(order=paid).update(status="failed", last_error="The card was closed.", stripe_id="re_1")
    return Refund.objects.get(order=paid)


def test_a_refund_shows_its_reason_lines_and_who_decided(sign_in, failed):
    refunds.given_by_hand(failed.pk, by=by(Role.FINANCE), proof="Bank line 4711")
    failed.refresh_from_db()

    page = shown(sign_in(Role.BUYER).get(page_url(failed.order)))
    assert "Damaged given back by hand $5.00" in page
    assert f"given back by {failed.approved_by.nickname}" in page
    assert "Item 1 $5.00 Bank line 4711" in page


def decide_url(refund: Refund, name: str) -> str:
    return url_of(refund.order, f"refund/{refund.pk}/{name}")


def test_a_failed_refund_is_sent_again(sign_in, failed):
    client, before = sign_in(Role.FINANCE), books(failed.order)
    page = client.get(page_url(failed.order)).content.decode()
    assert all(decide_url(failed, name) in page for name in ("again", "hand"))
    assert client.get(decide_url(failed, "again")).status_code == 200
    assert books(failed.order) == before

    client.post(decide_url(failed, "again"))

    failed.refresh_from_db()
    again = Refund.objects.get(retry_of=failed)
    assert (failed.status, again.status, again.amount_usd_cents) == ("replaced", "approved", 500)


def test_a_refund_given_by_hand_needs_its_proof(sign_in, failed):
    client, before = sign_in(Role.FINANCE), books(failed.order)
    response = client.post(decide_url(failed, "hand"), {"proof": " "})
    assert (response.status_code, books(failed.order)) == (422, before)

    client.post(decide_url(failed, "hand"), {"proof": "Bank line 4711"})

    entry = LedgerEntry.objects.get(kind="refund")
    assert (entry.amount_cents, entry.note, Refund.objects.get().status) == (-500, "Bank line 4711", "by_hand")


def test_the_second_person_approves_or_declines_and_the_first_sees_no_button(sign_in, paid):
    first, second = sign_in(Role.FINANCE), sign_in(Role.FINANCE)
    line = lines_of(paid)[1]
    refunds.refund_lines(paid.pk, lines={line.pk: 500}, reason="late", by=transitions.By.staff(first.user))
    Refund.objects.update(status="proposed")
    refund = Refund.objects.get()
    assert decide_url(refund, "approve") in second.get(page_url(paid)).content.decode()
    assert decide_url(refund, "approve") not in first.get(page_url(paid)).content.decode()
    before = books(paid)
    # the proposer's own yes is refused, and a no needs a reason
    own = first.post(decide_url(refund, "approve"))
    assert own.status_code == 409
    assert "A second person of finance, or the owner, must approve this refund." in shown(own)
    assert second.post(decide_url(refund, "decline"), {"reason": ""}).status_code == 422
    assert books(paid) == before

    second.post(decide_url(refund, "decline"), {"reason": "It was on time"})

    refund.refresh_from_db()
    assert (refund.status, refund.approved_by, refund.note) == ("declined", second.user, "It was on time")


def test_decisions_are_finances_and_on_refunds_of_the_order(sign_in, failed):
    before = books(failed.order)
    for role in (Role.BUYER, Role.WAREHOUSE, Role.SUPPORT):
        assert sign_in(role).post(decide_url(failed, "again")).status_code == 403
    finance = sign_in(Role.FINANCE)
    assert finance.post(decide_url(failed, "vanish")).status_code == 404
    assert finance.post(url_of(order_at(State.ITEMS_PAID), f"refund/{failed.pk}/again")).status_code == 404
    assert books(failed.order) == before


def odd_money(order: Order, cents: int) -> LedgerEntry:
    entry = ledger.book(
        order=order, kind="unapplied", amount_cents=cents, source="stripe", reference="pi_odd", payment_intent_id="pi_odd", note="Other sum"
    )
    assert entry is not None
    return entry


def test_unapplied_money_pays_the_open_bill_with_one_click(sign_in):
    order = order_at(State.AWAITING_ITEM_PAYMENT)
    entry, client = odd_money(order, 4_000), sign_in(Role.FINANCE)
    page = client.get(page_url(order))
    assert "$40.00 that nobody expected" in shown(page)
    assert "Apply to Items #1 ($37.14)" in shown(page)
    url = url_of(order, f"unapplied/{entry.pk}/apply")
    assert client.get(url).status_code == 405

    client.post(url)

    assert reload(order).state == State.ITEMS_PAID
    assert [refund.amount_usd_cents for refund in Refund.objects.all()] == [4_000 - 3_714]
    assert "that nobody expected" not in shown(client.get(page_url(order)))


def test_unapplied_money_goes_back_with_one_click(sign_in, paid):
    entry, client = odd_money(paid, 900), sign_in(Role.FINANCE)
    page = client.get(page_url(paid)).content.decode()
    back, apply = url_of(paid, f"unapplied/{entry.pk}/back"), url_of(paid, f"unapplied/{entry.pk}/apply")
    assert (back in page, apply in page) == (True, False)
    before = books(paid)
    assert said(client.post(apply, follow=True)) == ["No invoice of this order is open that the payment is enough for."]
    assert sign_in(Role.SUPPORT).post(back).status_code == 403
    assert client.post(url_of(order_at(State.ITEMS_PAID), f"unapplied/{entry.pk}/back")).status_code == 404
    assert books(paid) == before

    client.post(back, follow=True)

    assert [(refund.amount_usd_cents, refund.reason) for refund in Refund.objects.all()] == [(900, "unapplied")]
    assert said(client.post(back, follow=True)) == ["Nothing of this payment is left."]


def test_disputes_and_price_differences_are_listed(sign_in, waiting):
    capture = waiting.ledger.get()
    Dispute.objects.create(
        stripe_id="dp_1", order=waiting, payment=capture, amount_cents=1_500, reason="fraudulent", status="needs_response", due_by=now()
    )
    page = shown(sign_in(Role.BUYER).get(page_url(waiting)))
    assert "dp_1 needs our answer fraudulent" in page
    assert "Item 1 billed at once open +₩50,000" in page


# --- The margin -----------------------------------------------------------------------------------------------------------


def test_the_margin_is_shown_to_those_who_may_see_the_ledger(sign_in, paid):
    for role in Role:
        if role == Role.MODERATOR:
            continue
        page = sign_in(role).get(page_url(paid))
        assert ('id="order-margin"' in page.content.decode()) == (role in (Role.FINANCE, Role.OWNER)), role
    page = sign_in(Role.FINANCE).get(page_url(paid))
    assert (page.context["margin"].earned_krw, page.context["margin"].percent) == (33_996, Decimal("65.4"))
    assert "Margin ₩33,996 65.4%" in shown(page)
    assert "Not included: what the courier charges us, and what Stripe keeps of each payment." in shown(page)


def test_what_the_page_has_read_is_enough_for_the_margin(paid, django_assert_num_queries):
    order = reading.load(paid.pk)
    with django_assert_num_queries(0):
        assert margins.margin_of(order) is not None


def test_what_came_twice_and_went_back_is_not_counted_against_what_was_paid(sign_in):
    order = order_at(State.ITEMS_PAID)
    for currency, cents in (("usd", 3_714), ("eur", 500)):
        payment = ledger.book(
            order=transitions.lock_order(order.pk), kind="unapplied", amount_cents=cents, currency=currency, source="stripe",
            reference=f"pi_{currency}", payment_intent_id=f"pi_{currency}",
        )  # fmt: skip
        Refund.objects.create(
            order=order,
            payment=payment,
            amount_usd_cents=cents,
            reason="dashboard",
            key=currency,
            stripe_id=f"re_{currency}",
            status="sent",
        )
        ledger.book(
            order=transitions.lock_order(order.pk), kind="refund", amount_cents=-cents, currency=currency, source="stripe",
            reference=f"re_{currency}", payment_intent_id=f"pi_{currency}",
        )  # fmt: skip

    money = sign_in(Role.FINANCE).get(page_url(order)).context["money"]

    assert (money.paid, money.back) == (3_714, 0)


def test_money_in_another_currency_is_named_in_it_and_has_no_buttons(sign_in):
    order = order_at(State.AWAITING_DELIVERY_PAYMENT)
    ledger.book(
        order=transitions.lock_order(order.pk), kind="unapplied", amount_cents=9_900, currency="eur", source="stripe", reference="pi_eur",
        payment_intent_id="pi_eur",
    )  # fmt: skip

    page = sign_in(Role.FINANCE).get(page_url(order))

    assert "99.00 EUR that nobody expected" in shown(page)
    assert f"/order/{order.pk}/unapplied/" not in page.content.decode()

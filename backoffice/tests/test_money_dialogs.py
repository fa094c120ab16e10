"""The dialogs over an order's money: looking changes nothing, what is refused comes back as typed, who may not gets 403."""

import pytest

from backoffice.tests.conftest import books, lines_of, page_url, said, shown, url_of
from workflow import adjustments, refunds, transitions
from workflow.models import Adjustment, Dispute, Order, Refund
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.factories import by, order_at, reload
from workflow.transitions import perform

pytestmark = pytest.mark.django_db

#: of the items, at 1,400 won for a dollar: 10,000, 2 x 20,000, and 4 %
FIRST, SECOND, FEE = 714, 2857, 143


# --- Refund ---------------------------------------------------------------------------------------------------------------


def test_chosen_cents_of_chosen_lines_go_back_for_a_reason(sign_in, paid):
    # given support before the dialog
    client = sign_in(Role.SUPPORT)
    first, second, _fee = lines_of(paid)
    before = books(paid)
    assert client.get(url_of(paid, "refund")).status_code == 200
    assert books(paid) == before
    # when they give back a part of one line and the whole other, and let an item go
    data = {
        "version": paid.version,
        f"usd-{first.pk}": "$5.5",
        f"usd-{second.pk}": "28.57",
        "reason": "damaged",
        "note": "Broken lid",
        f"leave-{second.item_id}": "on",
    }
    response = client.post(url_of(paid, "refund"), data, follow=True)
    # then a refund with these lines is on its way, and the item has left
    assert said(response) == ["The refund is decided."]
    refund = Refund.objects.get(order=paid)
    assert (refund.amount_usd_cents, refund.reason, refund.note) == (550 + SECOND, "damaged", "Broken lid")
    assert (refund.status, refund.proposed_by) == ("approved", client.user)
    assert list(refund.lines.values_list("invoice_line", "amount_usd_cents")) == [(first.pk, 550), (second.pk, SECOND)]
    assert [item.status for item in reload(paid).items.all()] == ["purchased", "refunded"]


@pytest.mark.parametrize(
    ("typed", "reason", "words"),
    [
        ("7.15", "damaged", "No more than $7.14 is left of this line."),
        ("1.005", "damaged", "Please enter an amount in dollars."),
        ("-1", "damaged", "Please enter an amount in dollars."),
        ("lots", "damaged", "Please enter an amount in dollars."),
        ("5", "", "This field is required."),
        ("5", "cancelled", "Select a valid choice."),
        ("", "damaged", "Nothing is to be given back."),
        ("0", "damaged", "Nothing is to be given back."),
    ],
)
def test_what_cannot_be_given_back_comes_back_as_it_was_typed(sign_in, paid, typed, reason, words):
    client, first, before = sign_in(Role.SUPPORT), lines_of(paid)[0], books(paid)
    data = {"version": paid.version, f"usd-{first.pk}": typed, "reason": reason, "note": "my note", f"leave-{first.item_id}": "on"}

    response = client.post(url_of(paid, "refund"), data)

    page = response.content.decode()
    assert response.status_code == 422
    assert words in page
    assert f'name="usd-{first.pk}" id="dialog-usd-{first.pk}" value="{typed}"' in page
    assert 'value="my note"' in page
    assert f'name="leave-{first.item_id}" checked' in page
    assert books(paid) == before


def test_lines_of_a_payment_give_back_no_more_than_it_holds(sign_in, paid):
    # given a dispute that took most of the payment
    Dispute.objects.create(stripe_id="dp", order=paid, payment=paid.ledger.get(), amount_cents=3_000, reason="fraudulent", status="lost")
    first, second, _fee = lines_of(paid)
    client, before = sign_in(Role.SUPPORT), books(paid)
    assert "Of this payment only $7.14 can go back" in shown(client.get(url_of(paid, "refund")))

    data = {"version": paid.version, f"usd-{first.pk}": "7.14", f"usd-{second.pk}": "0.01", "reason": "late"}
    response = client.post(url_of(paid, "refund"), data)

    assert response.status_code == 422
    assert "Of the payment of Items #1 no more than $7.14 is left." in response.content.decode()
    assert books(paid) == before


def test_a_stale_refund_keeps_what_was_typed_and_tells_who_changed_what(sign_in, paid):
    client, first = sign_in(Role.SUPPORT), lines_of(paid)[0]
    transitions.hold(paid.pk, reason="fraud check", by=by(Role.SUPPORT))
    before = books(paid)

    response = client.post(url_of(paid, "refund"), {"version": paid.version, f"usd-{first.pk}": "5", "reason": "late"})

    page = response.content.decode()
    assert response.status_code == 409
    assert all(words in page for words in ("Somebody changed this order meanwhile", "fraud check", 'value="5"'))
    assert f'name="version" value="{reload(paid).version}"' in page
    assert books(paid) == before


def test_whether_a_second_person_is_needed_is_said_before_it_is_sent(sign_in):
    # given an order of $743 of which $150 went back already, one person deciding
    order = order_at(State.ITEMS_PAID, items=6)
    first = order.invoices.get().lines.get(position=6)
    client = sign_in(Role.SUPPORT)
    assert first.amount_usd_cents == 25_714
    refunds.refund_lines(order.pk, lines={first.pk: 150_00}, reason="late", by=by(Role.SUPPORT))
    # when the next is worked out
    url, field = url_of(order, "refund"), f"usd-{first.pk}"
    enough = client.get(url, {"preview": "1", field: "50", "reason": ""})
    too_much = client.get(url, {"preview": "1", field: "50.01", "reason": ""})
    # then $200 in all are one person's, a cent more is not
    assert (enough.context["total"], enough.context["alone"], enough.context["needs_second"]) == (5_000, 15_000, False)
    assert (too_much.context["total"], too_much.context["needs_second"]) == (5_001, True)
    assert "So far one person alone decided on $150.00 of this order." in shown(too_much)
    # and so it is
    client.post(url, {"version": reload(order).version, field: "50.01", "reason": "late"})
    assert Refund.objects.filter(order=order).latest("pk").status == "proposed"


def test_everything_is_offered_up_to_what_each_line_has_left(sign_in, paid):
    first, second, fee = lines_of(paid)
    refunds.refund_lines(paid.pk, lines={first.pk: 700}, reason="late", by=by(Role.SUPPORT))

    (rows,) = sign_in(Role.SUPPORT).get(url_of(paid, "refund")).context["form"].rows()

    assert [(row.line, row.rest_usd_cents, row.most_usd_cents) for row in rows.lines] == [
        (first, 14, 14),
        (second, SECOND, SECOND),
        (fee, FEE, FEE),
    ]
    assert rows.left_usd_cents == FIRST + SECOND + FEE - 700


def test_where_nothing_is_left_nothing_is_offered(sign_in, paid):
    client = sign_in(Role.FINANCE)
    assert [dialog.name for dialog in client.get(page_url(paid)).context["dialogs"]] == ["refund", "sold_out"]
    perform(paid.pk, Order.cancel, by=by(Role.FINANCE), reason="lost", our_fault=True)

    assert client.get(page_url(paid)).context["dialogs"] == []
    assert "There is nothing to do here" in shown(client.get(url_of(paid, "refund")))


@pytest.mark.parametrize(
    ("what", "allowed"),
    [
        ("refund", {Role.SUPPORT, Role.FINANCE, Role.OWNER}),
        ("sold_out", {Role.BUYER, Role.SUPPORT, Role.FINANCE, Role.OWNER}),
        ("dearer", {Role.BUYER, Role.SUPPORT, Role.FINANCE, Role.OWNER}),
    ],
)
def test_who_may_not_gets_403_and_sees_no_button(sign_in, what, allowed):
    order = order_at(State.ITEMS_PAID)
    before = books(order)
    for role in Role:
        client, answers = sign_in(role), 200 if role in allowed else 403
        assert client.get(url_of(order, what)).status_code == answers, role
        if role not in allowed:
            assert client.post(url_of(order, what), {"version": order.version}).status_code == 403, role
        page = client.get(page_url(order)).content.decode()
        assert (f'data-money="{what}"' in page) == (role in allowed), role
    assert books(order) == before


# --- Sold out -------------------------------------------------------------------------------------------------------------


def test_what_is_sold_out_goes_back_to_the_cent_of_the_preview(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.ITEMS_PAID)
    item, before = order.items.get(position=2), books(order)
    url = url_of(order, "sold_out")

    preview = client.get(url, {"preview": "1", f"item-{item.pk}": "on"})
    # the line, and its share of the fee: 143 less 29 of the other
    assert preview.context["goes_back"]["total"] == SECOND + 114
    assert books(order) == before

    assert client.post(url, {"version": order.version, f"item-{item.pk}": "on"}).status_code == 302
    refund = Refund.objects.get(order=order)
    assert (refund.amount_usd_cents, refund.reason, refund.status) == (SECOND + 114, "sold_out", "approved")
    assert [one.status for one in reload(order).items.all()] == ["paid", "unavailable"]


def test_nothing_ticked_is_refused(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.ITEMS_PAID)
    before = books(order)
    response = client.post(url_of(order, "sold_out"), {"version": order.version})
    assert (response.status_code, books(order)) == (422, before)
    assert "Nothing was chosen." in shown(response)


def test_an_item_whose_difference_is_billed_is_refused_and_stays_ticked(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.ITEMS_PAID)
    item = order.items.get(position=1)
    adjustments.raise_prices(order.pk, prices_krw={item.pk: 60_000}, by=by(Role.BUYER))
    before = books(order)

    response = client.post(url_of(order, "sold_out"), {"version": reload(order).version, f"item-{item.pk}": "on"})

    assert response.status_code == 409
    assert "The price difference of this item is being billed; withdraw that first." in shown(response)
    assert f'name="item-{item.pk}" id="dialog-item-{item.pk}" checked' in response.content.decode()
    assert books(order) == before


def test_after_the_time_for_it_the_dialog_says_so(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.SHIPPED)
    before = books(order)
    item = order.items.get(position=1)
    for what, field in (("sold_out", f"item-{item.pk}"), ("dearer", f"price_krw-{item.pk}")):
        assert "There is nothing to do here while the order is “Shipped”." in shown(client.get(url_of(order, what)))
        assert client.post(url_of(order, what), {"version": order.version, field: "99000"}).status_code in (409, 422)
    assert books(order) == before


# --- Dearer ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "krw", "cents", "route", "letter"),
    [
        ("20,500", 1_000, 71, "absorbed", "The customer is asked for nothing and gets no letter"),
        ("20,501", 1_002, 72, "delivery", "The customer gets a letter that says so and has nothing to pay now"),
        ("35,001", 30_002, 2_143, "invoice", "The customer gets a letter with a pay link"),
    ],
)
def test_who_pays_a_difference_is_said_before_it_is_entered(sign_in, price, krw, cents, route, letter):
    client, order = sign_in(Role.BUYER), order_at(State.ITEMS_PAID)
    item, before = order.items.get(position=2), books(order)
    url = url_of(order, "dearer")

    preview = client.get(url, {"preview": "1", f"price_krw-{item.pk}": price})
    dearer = preview.context["dearer"]
    assert (dearer["priced"].total_krw, dearer["priced"].total_usd_cents, dearer["route"]) == (krw, cents, route)
    assert letter in shown(preview)
    assert books(order) == before

    assert client.post(url, {"version": order.version, f"price_krw-{item.pk}": price}).status_code == 302
    adjustment = Adjustment.objects.get(order=order)
    assert (adjustment.difference_krw, adjustment.route) == (krw, route)
    billed = order.invoices.filter(kind="adjustment")
    assert [invoice.amount_usd_cents for invoice in billed] == ([cents] if route == "invoice" else [])


@pytest.mark.parametrize(
    ("typed", "words"),
    [("20000", "This is not more than was quoted."), ("dear", "Please enter a whole number."), ("", "Nothing was entered.")],
)
def test_a_price_that_is_none_comes_back_as_it_was_typed(sign_in, typed, words):
    client, order = sign_in(Role.BUYER), order_at(State.ITEMS_PAID)
    item, before = order.items.get(position=2), books(order)

    response = client.post(url_of(order, "dearer"), {"version": order.version, f"price_krw-{item.pk}": typed})

    assert response.status_code == 422
    assert words in shown(response)
    assert f'id="dialog-price_krw-{item.pk}" value="{typed}"' in response.content.decode()
    assert books(order) == before


def test_while_a_difference_waits_the_page_says_so_with_its_pay_link(sign_in, waiting):
    page = sign_in(Role.BUYER).get(page_url(waiting))
    token = waiting.pay_links.get(kind="adjustment").token
    assert "Waiting for the customer to pay the difference of ₩50,000 ($35.71)" in shown(page)
    assert f'data-copy="{page.context["difference"].pay_url}"' in page.content.decode()
    assert page.context["difference"].pay_url.endswith(f"/pay/{token}")
    assert "dearer" not in [dialog.name for dialog in page.context["dialogs"]]


def test_a_difference_is_withdrawn_by_a_post(sign_in, waiting):
    client, url, before = sign_in(Role.SUPPORT), url_of(waiting, "withdraw"), books(waiting)
    assert client.get(url).status_code == 405
    assert sign_in(Role.WAREHOUSE).post(url, {"version": waiting.version}).status_code == 403
    stale = client.post(url, {"version": waiting.version - 1}, follow=True)
    assert said(stale) == ["Somebody changed this order meanwhile. Please look at it again."]
    assert books(waiting) == before

    client.post(url, {"version": waiting.version}, follow=True)

    assert reload(waiting).difference_asked_at is None
    assert (Adjustment.objects.get().status, waiting.invoices.get(kind="adjustment").status) == ("withdrawn", "void")
    # and a second press is a message
    assert said(client.post(url, {}, follow=True)) == ["No price difference is waiting to be paid."]


def test_the_preview_of_a_price_that_rose_before_names_only_what_will_be_billed(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.ITEMS_PAID)
    item, url = order.items.get(position=2), url_of(order, "dearer")
    adjustments.raise_prices(order.pk, prices_krw={item.pk: 40_000}, by=by(Role.BUYER))
    factories.pay_difference(reload(order))
    adjustments.raise_prices(order.pk, prices_krw={item.pk: 50_000}, by=by(Role.BUYER))

    # of 2 x 32,000 won above the quote 40,000 are paid; the 20,000 that wait for the delivery bill are in it, not beside it
    dearer = client.get(url, {"preview": "1", f"price_krw-{item.pk}": "52,000"}).context["dearer"]
    client.post(url, {"version": reload(order).version, f"price_krw-{item.pk}": "52,000"})

    adjustment = Adjustment.objects.latest("pk")
    assert (adjustment.difference_krw, adjustment.route) == (24_000, "delivery")
    assert (dearer["priced"].total_krw, dearer["route"]) == (24_000, "delivery")


def test_a_price_that_the_customer_pays_already_has_no_preview(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.ITEMS_PAID)
    item, url = order.items.get(position=2), url_of(order, "dearer")
    adjustments.raise_prices(order.pk, prices_krw={item.pk: 40_000}, by=by(Role.BUYER))
    factories.pay_difference(reload(order))

    response = client.get(url, {"preview": "1", f"price_krw-{item.pk}": "30,000"})

    assert response.context["dearer"] is None


def test_before_the_payment_a_price_is_refused_and_not_an_error(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.AWAITING_ITEM_PAYMENT)
    item, before = order.items.get(position=2), books(order)
    typed = {"version": order.version, f"price_krw-{item.pk}": "99000"}

    assert client.get(url_of(order, "dearer"), {"preview": "1", **typed}).status_code == 200
    assert client.post(url_of(order, "dearer"), typed).status_code == 409
    assert books(order) == before

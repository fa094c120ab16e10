"""The buttons generated from the process table: shown to those who may, locked with the reason, refused as a message."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from backoffice.tests.conftest import do_url, fingerprint, page_url, said
from workflow import ledger, transitions, work
from workflow.models import CourierState, Order, OrderEvent
from workflow.process import CLOSED, TRANSITIONS, Role, State
from workflow.tests.factories import by, order_at, rate, reload
from workflow.transitions import By

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", list(Role))
def test_a_page_offers_exactly_the_moves_of_the_table(sign_in, role):
    client = sign_in(role)
    if role == Role.MODERATOR:
        return
    for state in (State.QUOTE_REQUESTED, State.QUOTE_APPROVED, State.ITEMS_PAID, State.SHIPPED, State.RETURNED):
        order = order_at(state)
        page = client.get(page_url(order)).content.decode()
        mine = {move.spec.name: move.is_ready for move in transitions.moves(reload(order), by=By.staff(client.user))}
        for name in TRANSITIONS:
            assert (f'data-move="{name}"' in page) == (name in mine), (state, name)
            assert (f'href="{do_url(order, name)}"' in page) == mine.get(name, False), (state, name)


def test_a_locked_button_says_what_is_missing(owner):
    order = order_at(State.QUOTE_APPROVED)
    page = owner.get(page_url(order)).content.decode()
    assert 'data-move="confirm_item_prices" aria-disabled="true"' in page
    assert "Every live item needs a price in won." in page


def test_pressing_makes_the_move_and_says_what_is_next(sign_in):
    # given an order whose items are screened, before a buyer
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_REQUESTED)
    work.screen_items(order.pk, verdicts={item.pk: {"verdict": "approved"} for item in order.items.all()}, by=by(Role.BUYER))
    # when the buyer opens the dialog and presses
    assert client.get(do_url(order, "approve_quote")).status_code == 200
    response = client.post(do_url(order, "approve_quote"), {"version": reload(order).version}, follow=True)
    # then the order has moved, by that person, and the message says whose move it is
    assert reload(order).state == State.QUOTE_APPROVED
    event = OrderEvent.objects.filter(order=order).latest("number")
    assert (event.name, event.user, event.door) == ("approve_quote", client.user, "admin")
    assert said(response) == ["“Approve quote” is done. The order is now “Approved, to be priced”; next: us."]


def test_a_refused_move_is_a_message_and_changes_nothing(sign_in):
    order = order_at(State.QUOTE_REQUESTED)
    before = fingerprint(order)
    response = sign_in(Role.BUYER).post(do_url(order, "approve_quote"), {"version": order.version})
    assert response.status_code == 409
    assert "Every item must be screened first" in response.content.decode()
    assert fingerprint(order) == before


def test_a_move_from_another_state_is_a_message(owner):
    order = order_at(State.SHIPPED)
    response = owner.post(do_url(order, "approve_quote"), {"version": order.version})
    assert response.status_code == 409
    assert "This is not possible while the order is “Shipped”." in response.content.decode()


def test_a_missing_reason_is_an_error_of_its_field(owner):
    order = order_at(State.QUOTE_REQUESTED)
    response = owner.post(do_url(order, "reject_quote"), {"version": order.version, "reason": " "})
    assert response.status_code == 422
    assert "This field is required." in response.content.decode()
    assert reload(order).state == State.QUOTE_REQUESTED


def test_a_stale_dialog_keeps_the_reason_and_tells_who_changed_what(owner):
    # given a dialog opened before a colleague put the order on hold
    order, colleague = order_at(State.QUOTE_REQUESTED), by(Role.SUPPORT)
    transitions.hold(order.pk, reason="fraud check", by=colleague)
    # when it is sent
    response = owner.post(do_url(order, "reject_quote"), {"version": order.version, "reason": "Sold out everywhere"})
    # then nothing happened, and the page shows the colleague's change, what was typed, and today's version
    page = response.content.decode()
    assert response.status_code == 409
    assert reload(order).state == State.QUOTE_REQUESTED
    assert all(words in page for words in ("Put on hold", colleague.user.nickname, "fraud check", "Sold out everywhere"))
    assert f'name="version" value="{reload(order).version}"' in page


def test_a_move_that_needs_stripe_first_is_only_asked_for(owner):
    order = order_at(State.AWAITING_ITEM_PAYMENT)
    invoice = order.invoices.get()
    from workflow.payments import new_attempt

    attempt = new_attempt(invoice)
    type(attempt).objects.filter(pk=attempt.pk).update(status="open", session_id="cs_test_1")
    response = owner.post(do_url(order, "revise_item_prices"), {"version": order.version}, follow=True)
    assert said(response) == [
        "“Revise item prices” is asked for: the checkout session is being closed at Stripe, the order moves as soon as it is."
    ]
    assert reload(order).state == State.AWAITING_ITEM_PAYMENT
    assert "A checkout session is being closed at Stripe" in response.content.decode()


def test_finance_gives_the_proof(sign_in):
    client, order = sign_in(Role.FINANCE), order_at(State.AWAITING_ITEM_PAYMENT)
    url = do_url(order, "record_item_payment")
    assert client.post(url, {"version": order.version}).status_code == 422
    client.post(url, {"version": order.version, "proof": "Bank line 4711"})
    assert reload(order).state == State.ITEMS_PAID
    assert order.ledger.get().note == "Bank line 4711"


def test_the_delivery_time_is_seouls(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.SHIPPED)
    facts = {"version": order.version, "delivered_at": "2026-11-20T09:30", "proof": "Courier on the phone"}
    client.post(do_url(order, "record_delivery"), facts)
    assert reload(order).delivered_at.isoformat() == "2026-11-20T00:30:00+00:00"


# --- Cancelling -----------------------------------------------------------------------------------------------------------


def test_before_anything_is_bought_the_dialog_asks_only_for_the_reason_and_shows_the_refund(sign_in):
    client, order = sign_in(Role.SUPPORT), order_at(State.ITEMS_PAID)
    form = client.get(do_url(order, "cancel"))
    assert "our_fault" not in form.context["form"].fields
    assert form.context["goes_back"]["total"] == order.invoices.get().amount_usd_cents


def test_the_preview_equals_the_refund(sign_in):
    # given an order whose items were bought
    client, order = sign_in(Role.FINANCE), order_at(State.ITEMS_PURCHASED)
    # when the refund is worked out for 17,500 won at 1,400, which changes nothing
    before = fingerprint(order)
    preview = client.get(do_url(order, "cancel"), {"preview": "1", "back_krw-2": "₩17,500", "reason": "shop closed"})
    assert preview.context["goes_back"]["total"] == 1250
    assert "shop closed" in preview.content.decode()
    assert fingerprint(order) == before
    # and then sent
    client.post(do_url(order, "cancel"), {"version": order.version, "reason": "shop closed", "back_krw-2": "17500"})
    assert reload(order).state == State.CANCELLED
    assert [refund.amount_usd_cents for refund in order.refunds.all()] == [1250]


def test_our_fault_gives_everything_back(sign_in):
    client, order = sign_in(Role.SUPPORT), order_at(State.AT_WAREHOUSE)
    client.post(do_url(order, "cancel"), {"version": order.version, "reason": "we lost it", "our_fault": "on"})
    assert [refund.amount_usd_cents for refund in order.refunds.all()] == [order.invoices.get().amount_usd_cents]
    assert ledger.left_cents(order.ledger.get()) == 0


# --- Beside the state -----------------------------------------------------------------------------------------------------


def test_hold_and_release(sign_in):
    client, order = sign_in(Role.SUPPORT), order_at(State.ITEMS_PAID)
    url = f"/admin/workflow/order/{order.pk}/beside/"
    assert client.post(url + "hold/", {"reason": "fraud check"}, follow=True).status_code == 200
    assert reload(order).hold_reason == "fraud check"
    assert client.post(url + "hold/", {"reason": "again"}).status_code == 409
    client.post(url + "release/")
    assert reload(order).hold_reason == ""


def test_ask_and_settle(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_REQUESTED)
    url = f"/admin/workflow/order/{order.pk}/beside/"
    client.post(url + "ask/", {"question": "Which colour?"})
    assert reload(order).question == "Which colour?"
    assert "Which colour?" in client.get(page_url(order)).content.decode()
    client.post(url + "answer/")
    assert reload(order).question == ""


def test_closed_orders_offer_nothing(owner):
    for state in CLOSED:
        page = owner.get(page_url(order_at(state)))
        assert (page.context["next"].primary, page.context["beside"], page.context["entries"]) == (None, [], []), state


def test_without_a_rate_the_page_says_so(owner):
    order = order_at(State.QUOTE_APPROVED)
    work.price_items(order.pk, prices={item.pk: 1000 for item in order.items.all()}, by=by(Role.BUYER))
    assert "There is no trustworthy exchange rate" in owner.get(page_url(order)).content.decode()
    rate()
    assert "Everything for “Confirm item prices” is there." in owner.get(page_url(Order.objects.get(pk=order.pk))).content.decode()


# --- Looking at a courier that rests --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said", "after"),
    [
        (
            "Unavailable: fedex: <b>down</b>",
            "FedEx does not answer; it is left alone until",
            ["The courier is being asked; what is new shows here in a moment.", "It is asked once all the same"],
        ),
        ("AuthRefused: fedex: no", "FedEx refuses our key; it is tried again at", ["FedEx refuses our key; it is tried again at"]),
    ],
)
def test_who_looks_at_a_courier_at_rest_is_told(sign_in, error, said, after):
    order, client = order_at(State.SHIPPED), sign_in(Role.SUPPORT)
    url = f"/admin/workflow/order/{order.pk}/beside/look/"
    assert "FedEx" not in client.get(url).content.decode()
    CourierState.objects.create(code="fedex", failing_since=now(), rests_until=now() + timedelta(minutes=9), last_error=error)

    page, dialog = (client.get(address).content.decode() for address in (f"/admin/workflow/order/{order.pk}/change/", url))
    answer = client.post(url, follow=True)

    assert said in page
    assert said in dialog
    messages = [str(message) for message in answer.context["messages"]]
    assert (len(messages), all(words in message for words, message in zip(after, messages, strict=True))) == (len(after), True)

"""One transition for the chosen rows of the list: what is offered, what will move and why not, and an answer for each."""

import pytest
from django.urls import reverse

from backoffice.bulk import moving, one_by_one
from backoffice.tests.conftest import fingerprint, said, shown
from workflow import many, transitions
from workflow.models import Order, OrderEvent
from workflow.process import TRANSITIONS, Role, State
from workflow.tests.factories import approve, by, new_order, order_at, rate, reload, staff
from workflow.transitions import By

pytestmark = pytest.mark.django_db
LIST, PAGE = "/admin/workflow/order/", "/admin/many/"


@pytest.fixture
def buyer(sign_in):
    return sign_in(Role.BUYER)


def priced() -> Order:
    order = order_at(State.QUOTE_APPROVED)
    order.items.update(price_krw=10_000)
    return reload(order)


def look(client, *orders: Order, move: str = ""):
    return client.get(PAGE, {"ids": ",".join(str(order.pk) for order in orders), **({"move": move} if move else {})})


def press(client, move: str, *orders: Order, **facts):
    return client.post(PAGE, {"move": move, "order": [f"{order.pk}.{order.version}" for order in orders], **facts})


def kinds(answer) -> dict[int, str]:
    return {row.order.pk: row.kind for row in answer.context["rows"]}


# --- From the list --------------------------------------------------------------------------------------------------------


def test_ticked_rows_lead_to_the_page_and_move_nothing(buyer):
    orders = [priced(), new_order()]
    before = [fingerprint(order) for order in orders]
    answer = buyer.post(LIST, {"action": "move_many", "_selected_action": [order.pk for order in orders]})
    assert (answer.status_code, answer["Location"]) == (302, moving.url_of([orders[1].pk, orders[0].pk]))
    assert len(buyer.get(answer["Location"]).context["rows"]) == 2
    assert [fingerprint(order) for order in orders] == before


def test_more_than_anybody_looks_through_are_refused(owner, monkeypatch):
    monkeypatch.setattr(many, "MOST", 1)
    orders = [priced(), priced()]
    answer = press(owner, "confirm_item_prices", *orders)
    assert (answer.status_code, said(answer)) == (422, ["At most 1 orders at once."])
    assert len(look(owner, *orders).context["rows"]) == 1
    assert {reload(order).state for order in orders} == {State.QUOTE_APPROVED}


# --- What is offered ------------------------------------------------------------------------------------------------------


def test_only_what_the_table_allows_for_one_of_them_and_this_person(buyer, sign_in):
    orders = [priced(), new_order(), order_at(State.SHIPPED)]
    offers = [(offer.spec.name, offer.count) for offer, _url in look(buyer, *orders).context["offers"]]
    assert offers == [("approve_quote", 1), ("reject_quote", 2), ("confirm_item_prices", 1)]
    warehouse = look(sign_in(Role.WAREHOUSE), *orders)
    assert [offer.spec.name for offer, _url in warehouse.context["offers"]] == ["record_return"]
    assert [(offer.spec.name, len(offer.own_facts)) for offer in warehouse.context["excluded"]] == [("record_delivery", 2)]
    assert "“Record delivery” is done on each order's own page, as each needs its own: Delivered at, Proof." in (
        shown(warehouse).replace("&#x27;", "'")
    )


def test_moves_that_need_facts_of_each_order_cannot_be_posted_either(owner):
    order = order_at(State.SHIPPED)
    for name in ("record_delivery", "record_item_payment", "complete", "nonsense"):
        assert press(owner, name, order, delivered_at="2026-01-01", proof="x").status_code == 404
    assert reload(order).state == State.SHIPPED


@pytest.mark.parametrize("name", [spec.name for spec in TRANSITIONS.values() if many.is_for_staff(spec) and not many.own_facts(spec)])
def test_nobody_may_through_here_what_they_may_not_on_the_orders_page(sign_in, name):
    order = priced()
    client = sign_in(Role.MODERATOR)
    assert press(client, name, order, reason="x").status_code == 403
    assert look(client, order).status_code == 403
    assert reload(order).version == order.version


# --- Looking through ------------------------------------------------------------------------------------------------------


def test_each_row_says_whether_it_will_move_and_why_not(buyer):
    rate()
    ready, unpriced, held, early = priced(), order_at(State.QUOTE_APPROVED), priced(), new_order()
    transitions.hold(held.pk, reason="address unclear", by=by(Role.SUPPORT))
    answer = look(buyer, ready, unpriced, held, early, move="confirm_item_prices")
    assert [str(row.refused or "") for row in answer.context["rows"]] == [
        "",
        "Every live item needs a price in won.",
        "The order is on hold: address unclear",
        "This is not possible while the order is “Quote requested”.",
    ]
    assert answer.context["movable"] == 1
    assert reload(ready).state == State.QUOTE_APPROVED


def test_what_was_bought_is_cancelled_on_its_own_page(owner):
    unpaid, bought = order_at(State.AWAITING_ITEM_PAYMENT), order_at(State.ITEMS_PURCHASED)
    answer = press(owner, "cancel", unpaid, bought, reason="The shop closed.")
    assert kinds(answer) == {unpaid.pk: "moved", bought.pk: "refused"}
    assert reload(unpaid).closed_reason == "The shop closed."
    assert reload(bought).state == State.ITEMS_PURCHASED
    assert "what goes back is decided on the order's own page" in shown(answer).replace("&#x27;", "'")


# --- Pressing -------------------------------------------------------------------------------------------------------------


def test_a_mixed_choice_moves_what_can_move_and_says_the_rest(buyer):
    rate()
    orders = [priced(), order_at(State.QUOTE_APPROVED), priced(), new_order()]
    colleague = staff(Role.SUPPORT)
    transitions.ask_customer(orders[2].pk, question="Which size?", by=By.staff(colleague))
    answer = press(buyer, "confirm_item_prices", *orders)
    assert kinds(answer) == dict(zip([o.pk for o in orders], ["moved", "refused", "refused", "refused"], strict=True))
    assert [str(row.words) for row in answer.context["rows"]][1:] == [
        "Every live item needs a price in won.",
        "Somebody changed this order meanwhile. Please look at it again.",
        "This is not possible while the order is “Quote requested”.",
    ]
    assert colleague.nickname in shown(answer)
    assert [reload(order).state for order in orders] == [
        State.AWAITING_ITEM_PAYMENT,
        State.QUOTE_APPROVED,
        State.QUOTE_APPROVED,
        State.QUOTE_REQUESTED,
    ]


def test_a_second_press_does_nothing_twice_and_says_so(buyer):
    rate()
    order = priced()
    press(buyer, "confirm_item_prices", order)
    events = OrderEvent.objects.count()
    answer = press(buyer, "confirm_item_prices", order)
    assert (kinds(answer), OrderEvent.objects.count()) == ({order.pk: "already"}, events)
    assert "You moved it already; nothing was done twice." in shown(answer)
    assert order.invoices.count() == 1


def test_a_reason_is_asked_for_once_for_all_and_needed(buyer):
    orders = [priced(), approve(new_order())]
    answer = press(buyer, "reject_quote", *orders)
    assert answer.status_code == 422
    assert "This field is required." in shown(answer)
    assert {reload(order).state for order in orders} == {State.QUOTE_APPROVED}
    orders = [reload(order) for order in orders]
    press(buyer, "reject_quote", *orders, reason="Not allowed into the USA.")
    assert [(reload(o).state, reload(o).closed_reason) for o in orders] == [(State.REJECTED, "Not allowed into the USA.")] * 2


def test_one_that_breaks_hides_nothing_of_the_others(buyer, monkeypatch):
    rate()
    orders, real = [priced(), priced(), priced()], moving.ask

    def breaks(order_id, *args, **kwargs):
        if order_id == orders[1].pk:
            raise RuntimeError("a bug")
        return real(order_id, *args, **kwargs)

    monkeypatch.setattr(moving, "ask", breaks)
    answer = press(buyer, "confirm_item_prices", *orders)
    assert list(kinds(answer).values()) == ["moved", "refused", "moved"]
    assert "This failed and nothing of this order was changed." in shown(answer)


def test_what_could_not_be_begun_in_time_is_said_and_left_alone(buyer, monkeypatch):
    rate()
    order = priced()
    monkeypatch.setattr(one_by_one, "BUDGET_S", -1.0)
    answer = press(buyer, "confirm_item_prices", order)
    assert (kinds(answer), reload(order).version) == ({order.pk: "refused"}, order.version)
    assert "Not begun, as the orders before it took too long." in shown(answer)


def test_nothing_ticked(buyer):
    answer = press(buyer, "approve_quote")
    assert (answer.status_code, said(answer)) == (422, ["No order is ticked."])
    assert buyer.delete(PAGE).status_code == 405
    assert reverse("admin:many") == PAGE

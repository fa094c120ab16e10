"""The price page: many orders saved one by one, each with its own answer; nothing typed is lost, and a save can be put back."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from backoffice.bulk import prices as page
from backoffice.bulk import typed as typing_
from backoffice.bulk.prices import ITEMS_A_PAGE
from backoffice.tests.conftest import fingerprint, said, shown, work_url
from workflow import transitions, work
from workflow.models import Item, ItemStatus, Order, OrderEvent, PriceSave, SavedPrices
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.factories import by, new_order, order_at, reload

pytestmark = pytest.mark.django_db
URL = "/admin/prices/"
JSON = {"headers": {"accept": "application/json"}}


@pytest.fixture
def buyer(sign_in):
    return sign_in(Role.BUYER)


@pytest.fixture
def orders(db) -> list[Order]:
    factories.rate()
    return [order_at(State.QUOTE_APPROVED) for _ in range(3)]


def cells(order: Order, *prices: str, names: tuple[str, ...] = ()) -> dict[str, str]:
    """What the form sends of an order: every cell as it is shown, the first ones typed over."""
    sent = {f"seen-{order.pk}": typing_.seen_of(order)}
    for n, item in enumerate(order.items.all()):
        sent[f"price-{order.pk}-{item.pk}"] = prices[n] if n < len(prices) else "" if item.price_krw is None else f"{item.price_krw:,}"
        sent[f"name-{order.pk}-{item.pk}"] = names[n] if n < len(names) else item.name
    return sent


def form(*sent: dict[str, str], **more) -> dict:
    return {name: text for one in sent for name, text in one.items()} | {"do": "save", **more}


def priced(order: Order) -> list[int | None]:
    return list(order.items.values_list("price_krw", flat=True))


def result(answer, order: Order) -> dict:
    return next(row for row in json.loads(answer.content)["results"] if row["order"] == order.pk)


# --- What is shown --------------------------------------------------------------------------------------------------------


def test_it_shows_the_orders_that_wait_for_prices_the_oldest_first(buyer, orders):
    held, asked, unscreened = order_at(State.QUOTE_APPROVED), order_at(State.QUOTE_APPROVED), new_order()
    transitions.hold(held.pk, reason="check", by=by(Role.SUPPORT))
    transitions.ask_customer(asked.pk, question="Which size?", by=by(Role.BUYER))
    Order.objects.filter(pk=orders[2].pk).update(state_since=now().replace(year=2020))
    orders[0].items.filter(position=1).update(status=ItemStatus.REJECTED)

    answer = buyer.get(URL)

    assert [row.order.pk for row in answer.context["orders"]] == [orders[2].pk, orders[0].pk, orders[1].pk]
    assert [len(row.items) for row in answer.context["orders"]] == [2, 1, 2]
    assert "https://smartstore.naver.com/shop/products/1" in answer.content.decode()
    assert {held.number, asked.number, unscreened.number} & set(shown(answer).split()) == set()


def test_pages_go_on_where_the_last_ended_and_lose_nothing(buyer, orders, monkeypatch):
    monkeypatch.setattr(page, "ITEMS_A_PAGE", 3)
    seen, url = [], URL
    while url:
        answer = buyer.get(url)
        seen.append([row.order.pk for row in answer.context["orders"]])
        url = answer.context["next_url"]
    assert seen == [[order.pk] for order in orders]


def test_as_many_statements_for_five_items_as_for_five_hundred(buyer, orders):
    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            answer = buyer.get(URL)
        counts.append(answer.context["items_count"])
        return len(asked)

    counts: list[int] = []
    buyer.get(URL)
    few = statements()
    Item.objects.bulk_create(
        Item(order=order, position=position, url=f"https://shop.example.com/{position}", status=ItemStatus.APPROVED)
        for order in orders
        for position in range(3, 167)
    )
    assert (statements(), counts) == (few, [6, 498])
    assert ITEMS_A_PAGE == 500


def test_customers_text_is_text(buyer):
    poison = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    order = order_at(State.QUOTE_APPROVED)
    order.items.update(options=poison, note=poison, name=poison, url=f"javascript:alert(1)//{poison}")
    Order.objects.filter(pk=order.pk).update(note=poison)
    for answer in (buyer.get(URL), buyer.post(URL, form(cells(reload(order), poison)))):
        body = answer.content.decode()
        assert not [bad for bad in ("<script>alert", "<img src=x", 'href="javascript') if bad in body]
        assert "&lt;script&gt;alert(1)" in body


# --- Who may --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.WAREHOUSE, Role.FINANCE, Role.SUPPORT])
def test_others_neither_see_it_nor_may_post_to_it(sign_in, orders, role):
    client, before = sign_in(role), fingerprint(orders[0])
    assert URL not in client.get("/admin/").content.decode()
    saved = PriceSave.objects.create(by=client.user)
    for answer in (client.get(URL), client.post(URL, form(cells(orders[0], "1000"))), client.post(f"{URL}undo/{saved.pk}/")):
        assert answer.status_code == 403
    assert fingerprint(orders[0]) == before


def test_the_buyer_and_the_owner_have_it_in_the_sidebar_and_looking_changes_nothing(buyer, owner, orders):
    for client in (buyer, owner):
        assert f'href="{URL}"' in client.get("/admin/").content.decode()
        client.get(URL, {"after": "nonsense_1"})
        assert client.get(f"{URL}undo/1/").status_code == 405
    assert (PriceSave.objects.count(), reload(orders[0]).version) == (0, orders[0].version)


def test_a_post_without_the_token_is_refused(sign_in, orders):
    assert sign_in(Role.BUYER, csrf=True).post(URL, form(cells(orders[0], "1000")), **JSON).status_code == 403
    assert priced(orders[0]) == [None, None]


# --- Numbers as people paste them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "won"),
    [
        ("12000", 12_000),
        ("12,000", 12_000),
        ("₩12,000", 12_000),
        ("￦ 12,000", 12_000),
        ("12000원", 12_000),
        (" 12 000 won ", 12_000),
        ("KRW 12000", 12_000),
        ("１２，０００원", 12_000),
        ("", None),
        ("   ", None),
    ],
)
def test_a_price_is_read(text, won):
    found = typing_.values(typing_.read({"price-1-2": text})[0], items=())
    assert (found.prices, found.errors) == ({2: won}, {})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("12.000,5", "Please enter a whole number."),
        ("zwölf", "Please enter a whole number."),
        ("-5", "Please enter a whole number."),
        ("1e4", "Please enter a whole number."),
        ("12만", "Please enter a whole number."),
        ("9" * 16, "Please enter a whole number."),
        ("0", "From ₩1 to ₩500,000,000."),
        ("500,000,001", "From ₩1 to ₩500,000,000."),
    ],
)
def test_a_price_that_cannot_be_taken_is_marked_with_the_reason(text, why):
    item = Item(pk=2, quantity=2)
    found = typing_.values(typing_.read({"price-1-2": text})[0], items=[item])
    assert (found.prices, found.errors) == ({}, {"price-1-2": why})


# --- Saving ---------------------------------------------------------------------------------------------------------------


def test_all_that_changed_is_saved_through_the_same_door_as_the_orders_own_page(buyer, orders):
    sent = form(cells(orders[0], "₩12,000", "3000", names=("Cap",)), cells(orders[1], "7,000"), cells(orders[2]))
    answer = buyer.post(URL, sent, follow=True)
    assert said(answer) == ["2 orders saved."]
    assert [priced(order) for order in orders] == [[12_000, 3_000], [7_000, None], [None, None]]
    event = OrderEvent.objects.filter(order=orders[0]).latest("number")
    assert (event.name, event.user, event.facts) == (
        "price_items",
        buyer.user,
        {"prices_krw": {"1": 12_000, "2": 3_000}, "names": {"1": "Cap"}},
    )
    assert orders[0].items.get(position=1).name == "Cap"
    assert reload(orders[2]).version == orders[2].version  # untouched: no event, no version


def test_only_the_ticked_are_saved_and_the_others_stay_typed(buyer, orders):
    sent = form(cells(orders[0], "1000"), cells(orders[1], "2000"), do="save_ticked", tick=[orders[1].pk])
    answer = buyer.post(URL, sent)
    assert answer.status_code == 200
    assert [priced(order)[0] for order in orders[:2]] == [None, 2_000]
    first = next(row for row in answer.context["orders"] if row.order.pk == orders[0].pk)
    assert (first.items[0].price.text, first.items[0].price.is_changed, first.seen) == ("1000", True, typing_.seen_of(orders[0]))


def test_an_order_with_an_unreadable_cell_waits_and_the_others_are_saved(buyer, orders):
    answer = buyer.post(URL, form(cells(orders[0], "1000", "zwei", names=("Cap",)), cells(orders[1], "2000")))
    assert answer.status_code == 422
    assert [priced(order)[0] for order in orders[:2]] == [None, 2_000]
    first = next(row for row in answer.context["orders"] if row.order.pk == orders[0].pk)
    assert [(one.name.text, one.price.text, one.price.error) for one in first.items] == [
        ("Cap", "1000", ""),
        ("", "zwei", "Please enter a whole number."),
    ]
    assert said(answer) == ["1 order saved. 1 order not done, see its row."]


def test_pressed_twice_nothing_happens_twice(buyer, orders):
    sent = form(cells(orders[0], "1000", "2000"))
    first, second = buyer.post(URL, sent, **JSON), buyer.post(URL, sent, **JSON)
    assert (result(first, orders[0])["kind"], result(second, orders[0])["kind"]) == ("saved", "same")
    assert (second.status_code, reload(orders[0]).version, PriceSave.objects.count()) == (200, orders[0].version + 1, 1)


def test_a_price_can_be_taken_back(buyer, orders):
    buyer.post(URL, form(cells(orders[0], "1000", "2000")))
    buyer.post(URL, form(cells(reload(orders[0]), "")))
    assert priced(orders[0]) == [None, 2_000]


def test_who_was_quicker_is_said_on_the_row_and_nothing_is_lost(buyer, orders):
    # given two people with the same page
    colleague = by(Role.BUYER)
    sent = form(cells(orders[0], "1000", "2000"), cells(orders[1], "5000"), cells(orders[2]))
    work.price_items(orders[0].pk, prices={orders[0].items.get(position=1).pk: 9_000}, by=colleague)
    work.price_items(orders[2].pk, prices={orders[2].items.get(position=1).pk: 8_000}, by=colleague)
    # when the slower one saves
    answer = buyer.post(URL, sent)
    # then the order says who did what, keeps what was typed, and the others are saved
    first = next(row for row in answer.context["orders"] if row.order.pk == orders[0].pk)
    assert answer.status_code == 422
    assert first.outcome.words == "Not saved: Somebody changed this order meanwhile. Please look at it again."
    meanwhile = shown(answer).partition("Meanwhile:")[2].partition("₩9,000")
    assert "".join(meanwhile[:2]).split() == f"{colleague.user.nickname} : Prices entered (unit prices 1: ₩9,000".split()
    assert [one.price.text for one in first.items] == ["1000", "2000"]
    assert [priced(order) for order in orders] == [[9_000, None], [5_000, None], [8_000, None]]
    # and saving again, knowing it, goes through
    again = cells(reload(orders[0]), "1000", "2000")
    assert again[f"seen-{orders[0].pk}"] == first.seen
    buyer.post(URL, form(again))
    assert priced(orders[0]) == [1_000, 2_000]


def test_a_cell_that_was_not_typed_over_shows_what_the_colleague_saved(buyer, orders):
    """Else pressing again would silently take back the colleague's price."""
    sent = form(cells(orders[0], "", "2000"))
    work.price_items(orders[0].pk, prices={orders[0].items.get(position=1).pk: 9_000}, by=by(Role.BUYER))
    answer = buyer.post(URL, sent)
    first = next(row for row in answer.context["orders"] if row.order.pk == orders[0].pk)
    assert [(one.price.text, one.price.is_changed) for one in first.items] == [("9,000", False), ("2000", True)]
    buyer.post(URL, form({f"seen-{orders[0].pk}": first.seen} | {c.name: c.text for one in first.items for c in (one.price, one.name)}))
    assert priced(orders[0]) == [9_000, 2_000]


def test_the_script_gets_the_same_in_json(buyer, orders):
    colleague = by(Role.BUYER)
    work.price_items(orders[0].pk, prices={orders[0].items.get(position=1).pk: 9_000}, by=colleague)
    answer = buyer.post(URL, form(cells(orders[0], "1000")), **JSON)
    row = result(answer, orders[0])
    fresh = reload(orders[0])
    assert (answer.status_code, row["kind"], row["seen"]) == (422, "refused", typing_.seen_of(fresh))
    row = result(buyer.post(URL, form(cells(orders[1], "1000")), **JSON), orders[1])
    assert row["cells"][f"price-{orders[1].pk}-{orders[1].items.get(position=1).pk}"] == "1,000"


def test_what_was_typed_for_an_order_that_went_on_is_shown(buyer, orders):
    sent = form(cells(orders[0], "1000", "2000", names=("Cap",)))
    transitions.perform(orders[0].pk, Order.reject_quote, by=by(Role.BUYER), reason="sold out")
    answer = buyer.post(URL, sent)
    assert answer.status_code == 422
    (gone,) = answer.context["elsewhere"]
    assert (gone.outcome.number, gone.typed) == (orders[0].number, ["Cap · 1000", "2000"])


def test_another_orders_item_and_an_unknown_order_are_refused(buyer, orders):
    foreign = orders[1].items.first()
    sent = {f"seen-{orders[0].pk}": typing_.seen_of(orders[0]), f"price-{orders[0].pk}-{foreign.pk}": "1000", "seen-99": "1.000000000000"}
    answer = buyer.post(URL, form(sent, {"price-99-1": "1000"}), **JSON)
    assert answer.status_code == 422
    assert result(answer, orders[0])["words"] == "Not saved: This item is not part of the order."
    assert [priced(order) for order in orders] == [[None, None]] * 3


# --- Confirming -----------------------------------------------------------------------------------------------------------


def test_the_ticked_are_saved_and_confirmed_each_with_its_answer(buyer, orders):
    sent = form(cells(orders[0], "1000", "2000"), cells(orders[1], "1000"), cells(orders[2], "4000"))
    answer = buyer.post(URL, sent | {"do": "confirm", "tick": [orders[0].pk, orders[1].pk]})
    assert [reload(order).state for order in orders] == [State.AWAITING_ITEM_PAYMENT, State.QUOTE_APPROVED, State.QUOTE_APPROVED]
    outcomes = {one.outcome.order_id: one.outcome for one in answer.context["elsewhere"]}
    assert outcomes[orders[0].pk].words == "Prices confirmed. The order is now “Waiting for items payment”."
    second, third = answer.context["orders"]
    assert second.outcome.words == "Saved, but not confirmed: Every live item needs a price in won."
    assert (third.outcome, third.items[0].price.text, priced(orders[2])) == (None, "4000", [None, None])


def test_one_order_by_its_own_button_and_nothing_without_a_tick(buyer, orders):
    buyer.post(URL, form(cells(orders[0], "1000", "2000"), confirm=str(orders[0].pk)))
    assert reload(orders[0]).state == State.AWAITING_ITEM_PAYMENT
    answer = buyer.post(URL, form(cells(orders[1], "1000", "2000"), do="confirm"), **JSON)
    assert (answer.status_code, json.loads(answer.content)["said"]) == (422, "No order is ticked.")
    assert priced(orders[1]) == [None, None]


# --- Putting back ---------------------------------------------------------------------------------------------------------


def test_a_save_is_put_back_where_nothing_happened_since(buyer, orders):
    # given prices of which one order's were changed again by a colleague
    work.price_items(orders[0].pk, prices={orders[0].items.get(position=1).pk: 500}, by=by(Role.BUYER))
    buyer.post(URL, form(cells(reload(orders[0]), "1000", "2000", names=("Cap",)), cells(orders[1], "3000")))
    colleague = by(Role.BUYER)
    work.price_items(orders[1].pk, prices={orders[1].items.get(position=1).pk: 9_000}, by=colleague)
    # when the save is put back
    undo = buyer.get(URL).context["undo"]["url"]
    answer = buyer.post(undo, **JSON)
    # then the first order has what it had, and the second says why not
    assert answer.status_code == 422
    assert (priced(orders[0]), orders[0].items.get(position=1).name) == ([500, None], "")
    assert result(answer, orders[0])["kind"] == "undone"
    refused = result(answer, orders[1])
    assert refused["words"] == "Not put back: Somebody changed this order meanwhile. Please look at it again."
    assert refused["meanwhile"] == [f"{colleague.user.nickname}: Prices entered (unit prices 1: ₩9,000)"]
    assert priced(orders[1]) == [9_000, None]
    # and there is nothing left to put back, however often it is pressed
    assert json.loads(answer.content)["undo"] == ""
    version = reload(orders[0]).version
    buyer.post(undo, **JSON)
    assert (reload(orders[0]).version, buyer.get(URL).context["undo"]) == (version, None)


def test_nobody_puts_back_what_another_saved(buyer, owner, orders):
    buyer.post(URL, form(cells(orders[0], "1000")))
    saved = PriceSave.objects.get()
    assert owner.get(URL).context["undo"] is None
    assert owner.post(f"{URL}undo/{saved.pk}/", **JSON).status_code == 404
    assert (priced(orders[0]), SavedPrices.objects.get().undone_at) == ([1_000, None], None)


def test_the_orders_page_and_the_sheet_agree_on_versions(buyer, orders):
    """A page of one order opened before the sheet was saved is refused, as between any two pages."""
    version = orders[0].version
    buyer.post(URL, form(cells(orders[0], "1000")))
    item = orders[0].items.first()
    answer = buyer.post(work_url(orders[0], "price_items"), {"version": version, f"price_krw-{item.pk}": "5"})
    assert (answer.status_code, priced(orders[0])) == (409, [1_000, None])


@pytest.mark.parametrize("after", ["0001-01-01T00:00:00+14:00_5", "9999-12-31T23:59:59-14:00_5"])
def test_keys_and_places_that_are_none_are_nobodys(sign_in, after):
    buyer = sign_in(Role.BUYER)
    assert buyer.get("/admin/prices/", {"after": after}).status_code == 200
    for sent in ({"tick": "9" * 5000}, {"confirm": "9" * 5000}):
        assert buyer.post("/admin/prices/", sent).status_code == 302

"""Requesting, reading and changing orders."""

from datetime import datetime, timedelta

import pytest
from django.utils.timezone import now

from core import events
from core.accounts.models import Address
from customer_api.tests.client import ADDRESS, RECIPIENT, wanted
from workflow.models import Order, OrderEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import hold

pytestmark = pytest.mark.django_db

LONG = "https://brand.naver.com/shop/products/1?" + "q=%ED%95%9C%EA%B8%80&" * 100


def test_a_request_becomes_an_order_with_everything_it_said(app, minji):
    # Given
    factories.rate("1472.1500")
    body = wanted("https://www.musinsa.com/products/4412", LONG, note="천천히 보내 주세요\n감사합니다 🙂")
    body["items"][0] |= {"options": "색상: 빨강 / 사이즈: 95", "quantity": 3, "note": "선물 포장 🎁 شكرا"}
    # When
    answer = app.post("/orders", body)
    # Then
    assert answer.status == 201, answer
    order = answer.json
    assert Order.objects.get(number=order["number"]).customer == minji
    assert [(item["position"], item["url"], item["quantity"], item["status"]) for item in order["items"]] == [
        (1, "https://www.musinsa.com/products/4412", 3, "requested"),
        (2, LONG, 1, "requested"),
    ]
    assert order["items"][0]["options"] == "색상: 빨강 / 사이즈: 95"
    assert order["items"][0]["note"] == "선물 포장 🎁 شكرا"
    assert order["note"] == "천천히 보내 주세요\n감사합니다 🙂"
    assert (order["state"], order["state_label"], order["step"], order["waiting_on"]) == ("quote_requested", "Quote requested", 1, "staff")
    assert [(step["step"], step["done"]) for step in order["steps"]] == [(1, True), (2, False), (3, False), (4, False), (5, False)]
    assert order["address"] == ADDRESS
    assert order["recipient"] == RECIPIENT
    assert order["exchange_rate"]["krw_per_usd"] == "1472.1500"
    assert order["totals"] == {"paid_usd_cents": 0, "refunded_usd_cents": 0, "due_usd_cents": 0}
    assert order["can"] == {"change": True, "cancel": True, "renew": False, "confirm_delivery": False}
    assert (order["invoices"], order["shipments"], order["hold"], order["question"]) == ([], [], False, "")


def test_the_answer_to_a_request_is_what_reading_it_says(app):
    made = app.post("/orders", wanted())
    read = app.get(f"/orders/{made['number']}")
    assert read.json == made.json


def test_a_request_waits_for_no_exchange_rate(app):
    answer = app.post("/orders", wanted())
    assert answer.status == 201
    assert answer["exchange_rate"] is None


def test_the_address_may_come_from_the_address_book(app, minji):
    saved = Address.objects.create(user=minji, recipient_name="Kim", recipient_phone="+12135550123", **ADDRESS)
    answer = app.post("/orders", {"items": wanted()["items"], "address_id": saved.pk})
    assert answer.status == 201, answer
    assert (answer["address"], answer["recipient"]) == (ADDRESS, {"name": "Kim", "phone": "+12135550123"})


def test_an_address_book_entry_without_a_recipient_needs_one(app, minji):
    saved = Address.objects.create(user=minji, **ADDRESS)
    answer = app.post("/orders", {"items": wanted()["items"], "address_id": saved.pk})
    assert answer.is_problem(422, "recipient_missing")
    assert Order.objects.count() == 0


def test_someone_elses_address_is_as_none(app):
    other = Address.objects.create(user=factories.customer(), recipient_name="X", recipient_phone="1234567", **ADDRESS)
    there = app.post("/orders", {"items": wanted()["items"], "address_id": other.pk})
    missing = app.post("/orders", {"items": wanted()["items"], "address_id": 2**62})
    assert there.is_problem(404, "not_found")
    assert there.body == missing.body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (wanted() | {"address_id": 1}, "address_choice"),
        ({"items": wanted()["items"]}, "address_choice"),
        ({"items": wanted()["items"], "address": ADDRESS}, "recipient_missing"),
    ],
)
def test_exactly_one_address_and_a_recipient(app, body, code):
    assert app.post("/orders", body).is_problem(422, code)


@pytest.mark.parametrize(("count", "status"), [(0, 422), (1, 201), (50, 201), (51, 422)])
def test_one_to_fifty_items(app, count, status):
    body = wanted() | {"items": [{"url": f"https://shop.kr/{n}"} for n in range(count)]}
    assert app.post("/orders", body).status == status


# --- Reading --------------------------------------------------------------------------------------------------------------


def test_an_order_on_its_way_shows_money_and_parcels(app, minji):
    # Given: 10,000 + 2 x 20,000 won at 1,400, 4 % service fee; 30,000 won delivery, 4 % card fee
    order = factories.order_at(State.SHIPPED, owner=minji)
    parcel = order.parcels.get()
    parcel.scans.create(at=order.shipped_at, code="PU", status="in_transit", text="Picked up", place="SEOUL KR")
    # When
    answer = app.get(f"/orders/{order.number}").json
    # Then
    items, delivery = answer["invoices"]
    assert (items["kind"], items["number"], items["status"], items["amount_krw"], items["amount_usd_cents"]) == (
        "items",
        1,
        "paid",
        52000,
        3714,
    )
    assert [(line["kind"], line["quantity"], line["amount_krw"], line["amount_usd_cents"]) for line in items["lines"]] == [
        ("item", 1, 10000, 714),
        ("item", 2, 40000, 2857),
        ("service_fee", 1, 2000, 143),
    ]
    assert items["lines"][2]["title"] == "Service fee 4%"
    assert (delivery["kind"], delivery["amount_krw"], delivery["amount_usd_cents"]) == ("delivery", 31200, 2229)
    assert items["pay_url"].startswith("http://127.0.0.1:8000/pay/")
    assert answer["totals"] == {"paid_usd_cents": 3714 + 2229, "refunded_usd_cents": 0, "due_usd_cents": 0}
    shipment = answer["shipments"][0]
    assert (shipment["courier"], shipment["tracking_number"]) == ("fedex", factories.FEDEX_NUMBER)
    assert shipment["items"] == [item["position"] for item in answer["items"]]
    assert factories.FEDEX_NUMBER in shipment["tracking_url"]
    assert [(scan["status"], scan["text"], scan["place"]) for scan in shipment["events"]] == [("in_transit", "Picked up", "SEOUL KR")]
    assert (answer["step"], answer["waiting_on"]) == (4, "courier")
    assert answer["milestones"]["shipped_at"] is not None
    assert answer["milestones"]["delivered_at"] is None
    assert answer["exchange_rate"]["krw_per_usd"] == "1400.0000"


def test_texts_are_in_the_callers_language(app, minji):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=minji)
    app.language = "ko-KR,ko;q=0.9,en;q=0.5"
    answer = app.get(f"/orders/{order.number}")
    assert answer.headers["Content-Language"] == "ko"
    assert answer["totals"]["due_usd_cents"] == 3714


def test_someone_elses_order_is_as_none(app, stranger, minji):
    order = factories.order_at(State.QUOTE_REQUESTED, owner=minji)
    theirs, missing = stranger.get(f"/orders/{order.number}"), stranger.get("/orders/BD-00000-00000")
    assert theirs.is_problem(404, "not_found")
    assert theirs.body == missing.body
    for method, path, body in [
        ("PATCH", "", {"note": "x"}),
        ("POST", "/cancel", {"reason": "x"}),
        ("POST", "/renew", None),
        ("POST", "/confirm-delivery", None),
        ("POST", "/invoices/items/checkout", None),
        ("GET", "/cancellation", None),
        ("GET", "/events", None),
    ]:
        answer = stranger(method, f"/orders/{order.number}{path}", body)
        assert answer.is_problem(404, "not_found"), path
        assert answer.body == missing.body
    assert OrderEvent.objects.filter(order=order).count() == 1


def test_the_etag_saves_the_answer_until_something_changes(app, minji):
    order = factories.order_at(State.QUOTE_REQUESTED, owner=minji)
    first = app.get(f"/orders/{order.number}")
    again = app.get(f"/orders/{order.number}", if_none_match=f'W/{first.headers["ETag"]}, "other"')
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    factories.approve(order)
    changed = app.get(f"/orders/{order.number}", if_none_match=first.headers["ETag"])
    assert changed.status == 200
    assert changed.headers["ETag"] != first.headers["ETag"]
    assert "private" in changed.headers["Cache-Control"]


def test_answers_carry_the_streams_position_from_before_the_data(app, minji):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=minji)
    newest = events.position(events.user_channel(minji.pk))
    assert newest > 2
    for path in ("/orders", f"/orders/{order.number}", f"/orders/{order.number}/events"):
        assert app.get(path).headers["Event-Stream-Position"] == str(newest)


# --- Lists ----------------------------------------------------------------------------------------------------------------


def test_lists_are_walked_by_cursor_newest_first(app, minji):
    numbers = [factories.new_order(owner=minji, items=1).number for _ in range(5)]
    factories.new_order()
    first = app.get("/orders?limit=2")
    second = app.get(f"/orders?limit=2&cursor={first['next_cursor']}")
    third = app.get(f"/orders?limit=2&cursor={second['next_cursor']}")
    walked = [order["number"] for page in (first, second, third) for order in page["items"]]
    assert walked == numbers[::-1]
    assert third["next_cursor"] is None


def test_lists_are_filtered_by_state_and_openness(app, minji):
    asked = factories.new_order(owner=minji)
    gone = factories.order_at(State.CANCELLED, owner=minji)

    def numbers(query: str) -> list[str]:
        return [order["number"] for order in app.get(f"/orders{query}")["items"]]

    assert numbers("?state=cancelled") == [gone.number]
    assert numbers("?open=true") == [asked.number]
    assert numbers("?open=false") == [gone.number]
    assert numbers("?open=true&state=cancelled") == []


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=0", "limit=101", "limit=8e22", "limit=NaN", "limit=99999999999999999999999", "limit=", "limit=1.5"]
)
def test_limits_are_one_to_a_hundred(app, query):
    answer = app.get(f"/orders?{query}")
    assert answer.status == 422
    assert list(answer.fields) == ["limit"]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("ordering=password", "ordering", "extra_forbidden"),
        ("owner__password__startswith=p", "owner__password__startswith", "extra_forbidden"),
        ("cursor=garbage", "cursor", "cursor_invalid"),
        ("cursor=orders-1.forged", "cursor", "cursor_invalid"),
        ("state=nonsense", "state", "literal_error"),
        ("open=perhaps", "open", "bool_parsing"),
    ],
)
def test_unknown_parameters_and_values_are_refused(app, query, field, code):
    answer = app.get(f"/orders?{query}")
    assert answer.is_problem(422, code)
    assert answer.fields == {field: code}


def test_a_cursor_is_good_for_its_own_list_only(app, minji):
    for _ in range(2):
        Address.objects.create(user=minji, **ADDRESS)
    cursor = app.get("/me/addresses?limit=1")["next_cursor"]
    assert cursor
    assert app.get(f"/orders?cursor={cursor}").is_problem(422, "cursor_invalid")


# --- History --------------------------------------------------------------------------------------------------------------


def test_the_history_tells_what_happened_and_keeps_our_facts(app, minji):
    order = factories.order_at(State.ITEMS_PURCHASED, owner=minji)
    answer = app.get(f"/orders/{order.number}/events")
    assert [event["name"] for event in answer["items"]] == [
        "request_quote", "screen_items", "approve_quote", "price_items", "confirm_item_prices", "record_item_payment", "buy_items",
        "mark_items_purchased",
    ]  # fmt: skip
    assert [event["number"] for event in answer["items"]] == list(range(1, 9))
    assert [event["by"] for event in answer["items"][:2]] == ["customer", "staff"]
    assert b"9000" not in answer.body
    assert sorted(answer["items"][0]) == ["at", "by", "from_state", "label", "name", "number", "to_state"]
    page = app.get(f"/orders/{order.number}/events?limit=5")
    rest = app.get(f"/orders/{order.number}/events?limit=5&cursor={page['next_cursor']}")
    assert [event["number"] for event in page["items"] + rest["items"]] == list(range(1, 9))
    assert rest["next_cursor"] is None


# --- Changing -------------------------------------------------------------------------------------------------------------


def test_the_request_may_be_changed_until_it_is_looked_at(app, minji):
    order = factories.order_at(State.QUOTE_REQUESTED, owner=minji)
    answer = app.patch(
        f"/orders/{order.number}",
        {
            "items": [{"url": "https://oliveyoung.co.kr/a", "quantity": 2}],
            "note": "quick",
            "recipient": {"name": "Lee", "phone": "02-123-4567"},
        },
    )
    assert answer.status == 200, answer
    assert [(item["position"], item["url"]) for item in answer["items"]] == [(1, "https://oliveyoung.co.kr/a")]
    assert (answer["note"], answer["recipient"]) == ("quick", {"name": "Lee", "phone": "02-123-4567"})
    assert answer["address"]["line1"] == "1600 Amphitheatre Parkway"


def test_a_later_change_is_refused_and_changes_nothing(app, minji):
    order = factories.order_at(State.QUOTE_APPROVED, owner=minji)
    before = app.get(f"/orders/{order.number}").json
    assert app.patch(f"/orders/{order.number}", {"note": "too late"}).is_problem(409, "too_late_to_change")
    assert app.get(f"/orders/{order.number}").json == before


def test_if_match_refuses_a_change_to_what_somebody_else_changed(app, minji):
    order = factories.order_at(State.QUOTE_REQUESTED, owner=minji)
    seen = app.get(f"/orders/{order.number}").headers["ETag"]
    assert app.patch(f"/orders/{order.number}", {"note": "one"}, if_match=seen).status == 200
    assert app.patch(f"/orders/{order.number}", {"note": "two"}, if_match=seen).is_problem(412, "changed_meanwhile")
    assert app.get(f"/orders/{order.number}")["note"] == "one"


@pytest.mark.parametrize("field", ["state", "paid_cents", "owner", "is_staff", "price", "exchange_rate", "number", "customer"])
def test_fields_nobody_offered_are_refused(app, minji, field):
    order = factories.order_at(State.QUOTE_REQUESTED, owner=minji)
    answer = app.patch(f"/orders/{order.number}", {"note": "x", field: 1})
    assert answer.is_problem(422, "extra_forbidden")
    assert answer.fields == {field: "extra_forbidden"}
    assert factories.reload(order).note == ""


# --- The customer's moves -------------------------------------------------------------------------------------------------


def test_an_expired_quote_is_asked_for_again(app, minji):
    order = factories.order_at(State.QUOTE_EXPIRED, owner=minji)
    assert app.get(f"/orders/{order.number}")["can"]["renew"] is True
    answer = app.post(f"/orders/{order.number}/renew")
    assert (answer.status, answer["state"]) == (200, "quote_approved")
    assert app.post(f"/orders/{order.number}/renew").is_problem(409, "transition_refused")


def test_a_delivered_order_is_confirmed(app, minji):
    order = factories.order_at(State.DELIVERED, owner=minji)
    assert app.get(f"/orders/{order.number}")["can"]["confirm_delivery"] is True
    answer = app.post(f"/orders/{order.number}/confirm-delivery", {})
    assert (answer.status, answer["state"]) == (200, "completed")


def test_an_open_refund_holds_up_the_confirmation(app, minji):
    order = factories.order_at(State.DELIVERED, owner=minji)
    order.refunds.create(amount_usd_cents=100, reason="scratch", key="r1")
    assert app.get(f"/orders/{order.number}")["can"]["confirm_delivery"] is False
    assert app.post(f"/orders/{order.number}/confirm-delivery").status == 409


def test_cancelling_gives_back_what_the_preview_said(app, minji):
    order = factories.order_at(State.ITEMS_PAID, owner=minji)
    preview = app.get(f"/orders/{order.number}/cancellation")
    assert (preview["allowed"], preview["refund_usd_cents"]) == (True, 3714)
    assert [(payment["kind"], payment["paid_usd_cents"], payment["refund_usd_cents"]) for payment in preview["payments"]] == [
        ("items", 3714, 3714)
    ]
    assert [line["amount_usd_cents"] for line in preview["payments"][0]["lines"]] == [714, 2857, 143]
    answer = app.post(f"/orders/{order.number}/cancel", {"reason": "changed my mind"})
    assert (answer["state"], answer["can"]["cancel"]) == ("cancelled", False)
    assert [refund.amount_usd_cents for refund in order.refunds.all()] == [3714]


def test_nothing_was_paid_so_nothing_goes_back(app, minji):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=minji)
    preview = app.get(f"/orders/{order.number}/cancellation")
    assert (preview["allowed"], preview["refund_usd_cents"], preview["payments"]) == (True, 0, [])


@pytest.mark.parametrize("state", [State.ITEMS_PURCHASED, State.SHIPPED])
def test_bought_orders_are_cancelled_by_staff(app, minji, state):
    order = factories.order_at(state, owner=minji)
    preview = app.get(f"/orders/{order.number}/cancellation")
    assert (preview["allowed"], preview["code"], preview["refund_usd_cents"]) == (False, "cancel_needs_staff", 0)
    assert preview["detail"]
    assert app.post(f"/orders/{order.number}/cancel", {"reason": "x"}).is_problem(409, "cancel_needs_staff")
    assert factories.reload(order).state == state


def test_what_is_stored_is_said_with_its_days_and_fee(app, minji):
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT, owner=minji)
    since = now() - timedelta(days=32, hours=1)
    Order.objects.filter(pk=order.pk).update(storage_since=since)

    stored = app.get(f"/orders/{order.number}")["storage"]

    assert {name: stored[name] for name in ("days", "free_days", "fee_krw")} == {"days": 33, "free_days": 30, "fee_krw": 1_500}
    moments = [datetime.fromisoformat(stored[name]) - since for name in ("free_until", "ends_at")]
    assert [round(passed / timedelta(days=1), 4) for passed in moments] == [30, 60]
    hold(order.pk, reason="a dispute", by=factories.by(Role.FINANCE))
    standing = app.get(f"/orders/{order.number}")["storage"]
    assert (standing["days"], standing["free_until"], standing["ends_at"]) == (33, None, None)
    assert app.get(f"/orders/{factories.order_at(State.SHIPPED, owner=minji).number}")["storage"] is None

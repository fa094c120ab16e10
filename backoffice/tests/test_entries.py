"""What staff type in: one POST a task, numbers as people write them, and every typed value kept when it is refused."""

import pytest

from backoffice.tests.conftest import fingerprint, page_url, said, work_url
from workflow import intake, work
from workflow.models import Item, OrderEvent
from workflow.process import Role, State
from workflow.tests.factories import EMS_NUMBER, FEDEX_NUMBER, by, order_at, rate, reload
from workflow.transitions import By

pytestmark = pytest.mark.django_db


def items_of(order) -> list[Item]:
    return list(order.items.all())


def last_event(order) -> OrderEvent:
    return OrderEvent.objects.filter(order=order).latest("number")


def test_screening(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_REQUESTED)
    one, two = items_of(order)
    data = {
        "version": order.version,
        f"verdict-{one.pk}": "approved",
        f"note-{one.pk}": "fine",
        f"verdict-{two.pk}": "rejected",
        f"note-{two.pk}": "No alcohol",
    }
    response = client.post(work_url(order, "screen_items"), data, follow=True)
    assert [(item.status, item.screening_note) for item in items_of(reload(order))] == [("approved", "fine"), ("rejected", "No alcohol")]
    assert said(response) == ["Screening: saved. Next: “Approve quote”."]
    assert (last_event(order).user, last_event(order).door) == (client.user, "admin")


def test_a_rejection_without_a_reason_comes_back_with_what_was_chosen(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_REQUESTED)
    one, _two = items_of(order)
    before = fingerprint(order)
    response = client.post(work_url(order, "screen_items"), {"version": order.version, f"verdict-{one.pk}": "rejected"})
    assert response.status_code == 422
    assert "Please say why the item is rejected" in response.content.decode()
    assert response.context["entry"].forms[0][f"verdict-{one.pk}"].value() == "rejected"
    assert fingerprint(order) == before


@pytest.mark.parametrize("typed", ["12000", "12,000", "₩12,000", " 12 000 원", "１２，０００"])
def test_prices_as_people_type_them(sign_in, typed):
    rate()
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED)
    one, two = items_of(order)
    data = {"version": order.version, f"price_krw-{one.pk}": typed, f"name-{one.pk}": "빨간 양말", f"price_krw-{two.pk}": "3000"}
    response = client.post(work_url(order, "price_items"), data, follow=True)
    assert [(item.price_krw, item.name) for item in items_of(reload(order))] == [(12000, "빨간 양말"), (3000, "")]
    assert said(response) == ["Prices: saved. Next: “Confirm item prices”."]


@pytest.mark.parametrize("typed", ["12.5", "-1", "1e9", "NaN", "twelve", "9" * 20, "٣"])
def test_what_is_no_price_is_an_error_of_its_field_and_kept(sign_in, typed):
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED)
    one, two = items_of(order)
    before = fingerprint(order)
    response = client.post(
        work_url(order, "price_items"), {"version": order.version, f"price_krw-{one.pk}": typed, f"price_krw-{two.pk}": "500"}
    )
    page = response.content.decode()
    assert response.status_code == 422
    assert "Please enter a whole number." in page
    assert 'value="500"' in page
    assert fingerprint(order) == before


def test_a_stale_price_form_keeps_every_value_and_tells_who_changed_what(sign_in):
    # given a form opened before a colleague entered other prices
    client, order, colleague = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED), by(Role.BUYER)
    one, two = items_of(order)
    work.price_items(order.pk, prices={one.pk: 7777}, by=colleague)
    # when it is saved
    data = {"version": order.version, f"price_krw-{one.pk}": "12000", f"name-{one.pk}": "Typed name", f"price_krw-{two.pk}": "3000"}
    response = client.post(work_url(order, "price_items"), data)
    # then nothing of it is written, all of it is still there, and so is the colleague's change
    page = response.content.decode()
    assert response.status_code == 409
    assert [item.price_krw for item in items_of(reload(order))] == [7777, None]
    assert all(f'value="{value}"' in page for value in ("12000", "Typed name", "3000"))
    assert all(words in page for words in ("Prices entered", colleague.user.nickname, "₩7,777"))
    # and saving again, now knowingly, works
    data["version"] = response.context["order"].version
    assert client.post(work_url(order, "price_items"), data).status_code == 302
    assert [item.price_krw for item in items_of(reload(order))] == [12000, 3000]


def test_values_typed_for_items_that_the_customer_replaced_are_shown(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_REQUESTED)
    gone = items_of(order)[0]
    intake.change_request(order.pk, by=By.customer(order.customer), items=[intake.WantedItem(url="https://www.gmarket.co.kr/item/1")])
    response = client.post(work_url(order, "price_items"), {"version": order.version, f"price_krw-{gone.pk}": "12345"})
    assert response.status_code in (409, 422)
    assert "price_krw: 12345" in response.content.decode()


def test_a_form_of_a_state_that_is_over_shows_what_was_typed(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.ITEMS_PAID)
    item = items_of(order)[0]
    response = client.post(work_url(order, "price_items"), {"version": order.version, f"price_krw-{item.pk}": "4711"})
    assert response.status_code == 409
    assert 'value="4711"' in response.content.decode()
    assert "can no longer be saved" in response.content.decode()


def test_purchases(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.ITEMS_PAID)
    one, two = items_of(order)
    url = work_url(order, "buy_items")
    half = client.post(url, {"version": order.version, f"shop_order_number-{one.pk}": "S-1", f"paid_price_krw-{two.pk}": "900"})
    assert half.status_code == 422
    assert "What did we pay in all, in won?" in half.content.decode()
    assert "The shop&#x27;s order number is missing." in half.content.decode()
    data = {"version": order.version, f"shop_order_number-{one.pk}": "S-1", f"paid_price_krw-{one.pk}": "9,900"}
    assert client.post(url, data).status_code == 302
    assert [(item.shop_order_number, item.paid_price_krw) for item in items_of(reload(order))] == [("S-1", 9900), ("", None)]


def test_arrivals(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.ITEMS_PURCHASED)
    one, two = items_of(order)
    url = work_url(order, "receive_items")
    assert client.post(url, {"version": order.version, "inspected": "1"}).status_code == 422
    assert client.post(url, {"version": order.version, "inspected": "1", "item": [one.pk, two.pk]}).status_code == 302
    assert [item.status for item in items_of(reload(order))] == ["inspected", "inspected"]


def test_parcels_by_sides_by_volume_and_taken_apart(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.AT_WAREHOUSE)
    one, two = items_of(order)
    url = work_url(order, "pack_parcels")
    sides = {"version": order.version, "weight_g": "1,200", "length_cm": "30", "width_cm": "20", "height_cm": "10", "item": [one.pk]}
    assert client.post(url, sides).status_code == 302
    parcel = order.parcels.get()
    assert (parcel.weight_g, parcel.volume_cm3, list(parcel.items.all())) == (1200, 6000, [one])
    change = {"version": reload(order).version, "parcel": parcel.pk, "weight_g": "1300", "volume_cm3": "7000", "item": [one.pk, two.pk]}
    assert client.post(url, change).status_code == 302
    assert (order.parcels.get().weight_g, order.parcels.get().items.count()) == (1300, 2)
    assert client.post(url, {"version": reload(order).version, "parcel": parcel.pk, "remove": "1"}).status_code == 302
    assert order.parcels.count() == 0


def test_a_parcel_without_its_measures_says_which(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.AT_WAREHOUSE)
    response = client.post(work_url(order, "pack_parcels"), {"version": order.version, "weight_g": "1200"})
    assert (response.status_code, order.parcels.count()) == (422, 0)
    assert "This is needed." in response.content.decode()
    assert 'value="1200"' in response.content.decode()


def test_the_proposed_fee_is_offered_and_saved(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.AT_WAREHOUSE)
    work.pack_parcel(order.pk, weight_g=1200, volume_cm3=9000, by=by(Role.WAREHOUSE))
    # chargeable: the larger of 1,200 g and 9,000 cm³ / 6 = 1,500 g, at 3,000 won a kilogram
    assert 'name="fee_krw" value="4500"' in client.get(page_url(order)).content.decode()
    assert client.post(work_url(order, "set_delivery_fee"), {"version": reload(order).version, "fee_krw": "4,500"}).status_code == 302
    assert reload(order).delivery_fee_krw == 4500


def test_labels_are_checked_and_the_good_one_stays(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.DELIVERY_PAID)
    parcel = order.parcels.get()
    url = work_url(order, "label_parcels")
    bad = client.post(url, {"version": order.version, f"courier-{parcel.pk}": "fedex", f"tracking_number-{parcel.pk}": "123"})
    assert bad.status_code == 422
    assert bad.content.decode().count("123 is not a valid FedEx number.") == 2, "above the form, and beside the row"
    assert 'value="123"' in bad.content.decode()
    data = {"version": order.version, f"courier-{parcel.pk}": "ems", f"tracking_number-{parcel.pk}": " eg 123 456 785 kr "}
    response = client.post(url, data, follow=True)
    assert said(response) == ["Courier and tracking number: saved. Next: “Ship”."]
    assert (order.parcels.get().courier, order.parcels.get().tracking_number) == ("ems", EMS_NUMBER)


def test_a_number_of_another_courier_is_put_right_with_one_click(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.DELIVERY_PAID)
    pk, url = order.parcels.get().pk, work_url(order, "label_parcels")
    typed = {"version": order.version, f"courier-{pk}": "fedex", f"tracking_number-{pk}": EMS_NUMBER}
    body = client.post(url, typed).content.decode()
    assert "This looks like a number of EMS." in body
    assert f'name="use-{pk}" value="ems"' in body
    assert f'value="{EMS_NUMBER}"' in body
    assert client.post(url, {**typed, f"use-{pk}": "ems"}).status_code == 302
    assert (order.parcels.get().courier, order.parcels.get().tracking_number) == ("ems", EMS_NUMBER)


def test_a_number_alone_finds_its_courier(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.DELIVERY_PAID)
    pk = order.parcels.get().pk
    data = {"version": order.version, f"courier-{pk}": "", f"tracking_number-{pk}": EMS_NUMBER}
    assert client.post(work_url(order, "label_parcels"), data).status_code == 302
    assert order.parcels.get().courier == "ems"


def test_insisting_needs_a_reason(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.DELIVERY_PAID)
    pk, url = order.parcels.get().pk, work_url(order, "label_parcels")
    data = {"version": order.version, f"courier-{pk}": "fedex", f"tracking_number-{pk}": "123456789", f"insist-{pk}": "1"}
    assert "Say why the number is right." in client.post(url, data).content.decode()
    assert order.parcels.get().tracking_number == ""
    assert client.post(url, {**data, f"reason-{pk}": "printed so"}).status_code == 302
    assert (order.parcels.get().tracking_number, order.parcels.get().number_insisted) == ("123456789", True)
    assert "somebody insisted" in client.get(page_url(order)).content.decode()


def test_the_order_page_says_what_lies_where_and_what_it_was_labelled_with(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.AT_WAREHOUSE)
    one, _two = items_of(order)
    data = {"version": order.version, "weight_g": "1200", "length_cm": "30", "width_cm": "20", "height_cm": "10", "item": [one.pk]}
    assert client.post(work_url(order, "pack_parcels"), {**data, "height_cm": ""}).status_code == 422
    assert client.post(work_url(order, "pack_parcels"), {**data, "courier": "ems"}).status_code == 302
    body = client.get(page_url(order)).content.decode()
    assert "1 item is in no parcel yet:" in body
    assert "30 × 20 × 10 cm" in body
    assert "to go with EMS" in body
    shipped = order_at(State.SHIPPED)
    pk = shipped.parcels.get().pk
    client.post(
        work_url(shipped, "label_parcels"),
        {"version": shipped.version, f"courier-{pk}": "ems", f"tracking_number-{pk}": EMS_NUMBER},
    )
    body = client.get(page_url(shipped)).content.decode()
    assert "1 earlier label" in body
    assert f"/track/{shipped.track_link.token}" in body


def test_two_labels_at_once(sign_in):
    client, order = sign_in(Role.WAREHOUSE), order_at(State.DELIVERY_PAID)
    from workflow.models import Parcel

    one, two = order.parcels.get(), Parcel.objects.create(order=order, position=2, weight_g=1, volume_cm3=1)
    data = {
        "version": order.version,
        f"courier-{one.pk}": "fedex",
        f"tracking_number-{one.pk}": FEDEX_NUMBER,
        f"courier-{two.pk}": "ems",
        f"tracking_number-{two.pk}": EMS_NUMBER,
    }
    assert client.post(work_url(order, "label_parcels"), data).status_code == 302
    assert [parcel.courier for parcel in order.parcels.all()] == ["fedex", "ems"]


def test_a_form_without_a_version_is_refused(sign_in):
    client, order = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED)
    item = items_of(order)[0]
    before = fingerprint(order)
    assert client.post(work_url(order, "price_items"), {f"price_krw-{item.pk}": "1"}).status_code == 422
    assert fingerprint(order) == before


@pytest.mark.parametrize(("state", "task"), [(State.AT_WAREHOUSE, "pack_parcels"), (State.ITEMS_PURCHASED, "receive_items")])
def test_ticked_boxes_with_odd_digits_are_a_wrong_form_and_no_error(sign_in, state, task):
    client, order = sign_in(Role.WAREHOUSE), order_at(state)
    before = fingerprint(order)
    for odd in ("²", "９", "9" * 5000):
        response = client.post(work_url(order, task), {"version": order.version, "item": odd, "inspected": "1", "weight_g": "5"})
        assert response.status_code == 422, odd
    assert fingerprint(order) == before

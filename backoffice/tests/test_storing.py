"""Storage, returns and losses on the order's page: the clock in words, dialogs that show before they do, and the list's filter."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.timezone import now

from backoffice.tests.conftest import page_url, said, url_of
from backoffice.tests.test_fee_pages import text
from core.tests.ground.conftest import ROOT
from workflow.models import Disposal, Order, Photo
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.test_returns import NOTE, tell
from workflow.transitions import hold

pytestmark = pytest.mark.django_db


def stored(state: State, *, days: float) -> Order:
    order = factories.order_at(state)
    Order.objects.filter(pk=order.pk).update(storage_since=now() - timedelta(days=days))
    return factories.reload(order)


def names(client, order: Order) -> list[str]:
    return [dialog.name for dialog in client.get(page_url(order)).context["dialogs"]]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (11.5, "Storage : Day 12 of 30 free. The clock runs: it is the customer's move. From"),
        (33.5, "Storage : Day 34, ₩2,000 so far. The clock runs: it is the customer's move. Ends on"),
        (61.5, "Storage : Over: day 62 of 60. The clock runs"),
    ],
)
def test_the_page_says_where_the_clock_is_and_for_whom_it_waits(owner, days, words):
    order = stored(State.AWAITING_DELIVERY_PAYMENT, days=days)
    assert words.replace("'", "&#x27;") in text(owner.get(page_url(order))).replace("Storage:", "Storage :")


def test_a_clock_that_stands_says_why(owner):
    order = stored(State.AWAITING_DELIVERY_PAYMENT, days=3)
    hold(order.pk, reason="a dispute", by=factories.by(Role.FINANCE))
    assert "The clock stands: the order is on hold." in text(owner.get(page_url(order)))
    assert owner.get(page_url(factories.order_at(State.ITEMS_PAID))).context["storage"] is None


def test_disposing_shows_what_was_told_and_what_goes_back_and_then_does_it(sign_in):
    client, order = sign_in(Role.SUPPORT), stored(State.AWAITING_DELIVERY_PAYMENT, days=61)
    tell(order, leads=(6.5, 2.5))
    shown = text(client.get(url_of(order, "dispose")))
    assert "1 day before not sent" in shown
    assert "Grant more days, then they are." in shown

    tell(order, leads=(0.5,))
    shown = text(client.get(url_of(order, "dispose")))
    assert "not sent" not in shown
    assert "What goes back" in shown

    short = client.post(url_of(order, "dispose"), {"version": order.version, "note": "binned"})
    assert (short.status_code, Disposal.objects.count()) == (400 if short.status_code == 400 else 422, 0)
    done = client.post(url_of(order, "dispose"), {"version": order.version, "note": NOTE}, follow=True)
    assert said(done) == ["The disposal is on record, and the order is closed."]
    assert factories.reload(order).state == State.CANCELLED


@pytest.mark.parametrize(
    ("role", "offered"),
    [
        (Role.WAREHOUSE, ["extend_storage"]),
        (Role.SUPPORT, ["extend_storage", "dispose"]),
        (Role.BUYER, []),
    ],
)
def test_who_is_offered_what_at_the_end_of_storage(sign_in, role, offered):
    order = stored(State.AWAITING_DELIVERY_PAYMENT, days=61)
    assert [name for name in names(sign_in(role), order) if name in ("extend_storage", "dispose")] == offered


def test_more_days_are_granted(sign_in):
    order = stored(State.RETURNED, days=61)
    response = sign_in(Role.WAREHOUSE).post(
        url_of(order, "extend_storage"), {"version": order.version, "days": "14", "reason": "travels"}, follow=True
    )
    assert said(response) == ["Storage ends later now."]
    assert factories.reload(order).storage_extra_days == 14


def test_a_parcel_is_received_back_with_its_charge(sign_in):
    client, order = sign_in(Role.WAREHOUSE), factories.order_at(State.RETURNED)
    parcel = order.parcels.get()
    assert client.get(url_of(order, "receive_back")).status_code == 200
    data = {"version": order.version, f"parcel-{parcel.pk}": "on", "note": "dented", "return_charge_krw": "7,000"}
    assert said(client.post(url_of(order, "receive_back"), data, follow=True)) == ["The parcels are received."]
    assert (factories.reload(order).return_charge_krw, bool(order.parcels.get().closed_at)) == (7_000, True)
    assert "receive_back" not in names(client, order)


def test_photos_are_taken_along_and_a_bad_one_leaves_the_parcel_received(sign_in):
    client, order = sign_in(Role.WAREHOUSE), factories.order_at(State.RETURNED)
    parcel = order.parcels.get()
    good = SimpleUploadedFile("box.jpg", (ROOT / "fixtures" / "sample-photo.jpg").read_bytes(), "image/jpeg")
    bad = SimpleUploadedFile("not.jpg", b"<html>", "image/jpeg")
    assert f'name="photos-{parcel.pk}"' in client.get(url_of(order, "receive_back")).content.decode()
    data = {"version": order.version, f"parcel-{parcel.pk}": "on", f"photos-{parcel.pk}": [good, bad]}
    done, refused = said(client.post(url_of(order, "receive_back"), data, follow=True))
    assert (done, refused.startswith("not.jpg: ")) == ("The parcels are received.", True)
    assert [photo.order_id for photo in Photo.objects.filter(parcel=parcel)] == [order.pk]
    assert order.parcels.get().closed_at


def test_a_parcel_is_given_up_for_lost(sign_in):
    client, order = sign_in(Role.SUPPORT), factories.order_at(State.SHIPPED)
    parcel = order.parcels.get()
    data = {"version": order.version, "parcel": str(parcel.pk), "proof": "case 4711"}
    assert client.post(url_of(order, "parcel_lost"), {**data, "parcel": "0"}).status_code == 422
    assert said(client.post(url_of(order, "parcel_lost"), data, follow=True)) == ["The parcel is given up for lost."]
    assert factories.reload(order).state == State.RETURNED


def test_the_list_finds_what_ends_soon_and_what_is_over(owner):
    soon, over = (stored(State.AWAITING_DELIVERY_PAYMENT, days=days) for days in (54.5, 61))
    stored(State.AWAITING_DELIVERY_PAYMENT, days=40)
    found = {
        value: {row.pk for row in owner.get("/admin/workflow/order/", {"storage": value}).context["cl"].result_list}
        for value in ("ending", "over")
    }
    assert found == {"ending": {soon.pk, over.pk}, "over": {over.pk}}


def test_the_dialog_of_disposal_of_an_order_that_somebody_ended_meanwhile_says_so(sign_in):
    """Nothing lies with us any more: a page with the reason, and nothing to press."""
    support, order = sign_in(Role.SUPPORT), factories.order_at(State.CANCELLED)
    for response in (support.get(url_of(order, "dispose")), support.post(url_of(order, "dispose"), {"version": 1, "note": "x" * 30})):
        assert response.status_code in (200, 409)
        assert "bo-button--danger-solid" not in response.content.decode()

"""The public tracking page: how far the parcels are, for whoever has the link, and nothing about anybody."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from workflow import work
from workflow.models import Order, Parcel, TrackingEvent, TrackLink
from workflow.process import Role, State
from workflow.tests import factories

pytestmark = pytest.mark.django_db
OTHER_NUMBER = "477179081230"


@pytest.fixture
def order(db) -> Order:
    """On its way with one parcel, two scans old."""
    order = factories.order_at(State.SHIPPED, owner=factories.customer(locale="ko"))
    order.items.update(name="Secret socks")
    parcel = order.parcels.get()
    for hours, status, place in ((30, "in_transit", "INCHEON"), (20, "customs", "MEMPHIS")):
        scan(parcel, status, place, hours=hours)
    Parcel.objects.filter(pk=parcel.pk).update(status="customs", polled_at=now(), status_since=now() - timedelta(hours=20))
    return order


def scan(parcel: Parcel, status: str, place: str, *, hours: int) -> None:
    TrackingEvent.objects.create(
        parcel=parcel, tracking_number=parcel.tracking_number, at=now() - timedelta(hours=hours), code=place, status=status,
        text="Signed for by MINJI", place=place,
    )  # fmt: skip


def page_of(order: Order) -> str:
    return f"/track/{TrackLink.objects.get(order=order).token}"


def text(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_the_page_shows_the_way_and_nobody(client, order):
    # When
    response = client.get(page_of(order))
    # Then
    shown = text(response)
    assert response.status_code == 200
    assert f"{order.number} Where your parcel is" in shown
    assert "At customs" in shown
    assert "FedEx 986578788855 See it at FedEx" in shown
    assert shown.index("MEMPHIS") < shown.index("INCHEON")
    assert "The courier was last asked" in shown
    assert re.findall(r'class="leg leg-(\w+)"', response.content.decode()) == ["done", "done", "now", "ahead", "ahead"]
    secrets = (order.recipient_name, "Amphitheatre", "94043", order.customer.email, order.recipient_phone, "Secret socks", "naver", "MINJI")
    assert [secret for secret in secrets if secret in response.content.decode()] == []


@pytest.mark.parametrize("status", ["out_for_delivery", "available_for_pickup", "attempt_failed", "delivered"])
def test_the_recipients_town_is_not_told_by_the_couriers_scans(client, order, status):
    scan(order.parcels.get(), status, "MOUNTAIN VIEW, CA, US", hours=2)
    shown = text(client.get(page_of(order)))
    assert ("MEMPHIS" in shown, "MOUNTAIN VIEW" in shown, "place not named" in shown) == (True, False, False)


def test_looking_asks_no_courier_and_changes_nothing(client, order, django_assert_num_queries):
    before = Parcel.objects.filter(order=order).values_list("next_poll_at", "polled_at", "poll_failures").get()
    path = page_of(order)
    with django_assert_num_queries(3):
        client.get(path)
    assert Parcel.objects.filter(order=order).values_list("next_poll_at", "polled_at", "poll_failures").get() == before


def test_a_corrected_number_is_the_only_one_shown(client, order):
    parcel = order.parcels.get()
    work.label_parcel(order.pk, parcel_id=parcel.pk, courier="fedex", tracking_number=OTHER_NUMBER, by=factories.by(Role.WAREHOUSE))
    shown = text(client.get(page_of(order)))
    assert [OTHER_NUMBER in shown, factories.FEDEX_NUMBER in shown, "MEMPHIS" in shown] == [True, False, False]
    assert "With the courier, no record yet" in shown


def test_the_page_is_shut_tight_also_where_nothing_is(client, order):
    for path in (page_of(order), "/track/" + "0" * 22):
        response = client.get(path)
        assert response["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert (response["Cache-Control"], response["Referrer-Policy"]) == ("no-store", "no-referrer")
        assert (response["X-Robots-Tag"], response["X-Frame-Options"]) == ("noindex, nofollow", "DENY")
        assert not re.search(rb"<script(?! src=)|style=|<form", response.content)
        assert Client().post(path).status_code == 405


@pytest.mark.parametrize("token", ["0" * 22, "x", "%00", "%EA%B0%80", "'%20or%201=1--", "A" * 500])
def test_unknown_links_are_not_found(client, order, token):
    assert client.get(f"/track/{token}").status_code == 404


@pytest.mark.parametrize(
    ("query", "accepted", "language"), [("", "ko", "ko"), ("", "en-US", "en"), ("?lang=ko", "en", "ko"), ("?lang=fr", "en", "en")]
)
def test_the_reader_chooses_the_language(client, order, query, accepted, language):
    response = client.get(page_of(order) + query, HTTP_ACCEPT_LANGUAGE=accepted)
    assert f'<html lang="{language}">' in response.content.decode()


def test_one_link_stays_through_every_journey(order):
    token = TrackLink.objects.get(order=order).token
    factories.come_back(order)
    factories.perform(order.pk, Order.reship, by=factories.by(Role.WAREHOUSE))
    for step in (factories.confirm_fee, lambda order: factories.pay(order, "delivery"), factories.ship):
        step(factories.reload(order))
    assert list(TrackLink.objects.filter(order=order).values_list("token", flat=True)) == [token]
    assert len(token) == 22  # 128 bits


@pytest.mark.parametrize(
    ("status", "earlier", "legs"),
    [
        ("pending", (), "now ahead ahead ahead ahead"),
        ("in_transit", ("customs",), "done done now ahead ahead"),
        ("attempt_failed", ("customs",), "done done done now ahead"),
        ("exception", ("in_transit",), "done now ahead ahead ahead"),
        ("some_new_word", (), "now ahead ahead ahead ahead"),
        ("delivered", (), "done done done done done"),
        ("returning", ("in_transit",), ""),
    ],
)
def test_the_bar_shows_how_far_it_came(client, status, earlier, legs):
    order = factories.order_at(State.SHIPPED)
    for hours, said in enumerate(earlier, start=1):
        scan(order.parcels.get(), said, "X", hours=hours)
    Parcel.objects.filter(order=order).update(status=status, delivered_at=now() if status == "delivered" else None)
    response = client.get(page_of(order))
    assert " ".join(re.findall(r'class="leg leg-(\w+)"', response.content.decode())) == legs

"""Labels of parcels: check digits, numbers of another courier or another parcel, insisting, and what a correction leaves behind."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.errors import Invalid
from core.outbox.models import Effect
from workflow import labels, packing, tracking, work
from workflow.entry_rules import NumberRefused, set_label, set_measures
from workflow.guards import every_parcel_is_labelled
from workflow.models import Order, Parcel, ParcelLabel, TrackingEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import TransitionRefused, perform

FEDEX, EMS = factories.FEDEX_NUMBER, factories.EMS_NUMBER
OTHER, WRONG = "477179081230", "986578788856"
OFFERED = ("fedex", "ems")


@pytest.fixture
def shipped(db) -> Order:
    return factories.order_at(State.SHIPPED)


def label(order: Order, **said) -> Parcel:
    parcel = order.parcels.filter(closed_at=None).first()
    return work.label_parcel(order.pk, parcel_id=parcel.pk, by=factories.by(Role.WAREHOUSE), **{"courier": "fedex", **said})


# --- What is taken --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("courier", "number", "suggested"),
    [
        ("fedex", WRONG, ""),
        ("fedex", EMS, "ems"),
        ("ems", FEDEX, "fedex"),
        ("ems", "EG123456784KR", ""),
        ("fedex", " eg 123-456-785 kr", "ems"),
    ],
)
def test_a_wrong_number_says_whose_it_looks_like(courier, number, suggested):
    parcel = Parcel()
    with pytest.raises(NumberRefused) as refused:
        set_label(parcel, courier=courier, tracking_number=number, offered=OFFERED, at=now())
    assert (refused.value.suggested, refused.value.field) == (suggested, "tracking_number")
    assert (parcel.courier, parcel.tracking_number, parcel.is_labelled) == ("", "", False)


@pytest.mark.parametrize("number", ["", "12", "ABCDEFGH", "번호123456", "1" * 3])
def test_nobody_insists_on_what_can_be_no_number(number):
    with pytest.raises(Invalid):
        set_label(Parcel(), courier="fedex", tracking_number=number, offered=OFFERED, at=now(), insist="it is printed so")


@pytest.mark.parametrize(("number", "insisted"), [(WRONG, True), (FEDEX, False)])
def test_insisting_takes_a_number_and_remembers_only_what_is_odd(number, insisted):
    parcel = Parcel()
    assert set_label(parcel, courier="fedex", tracking_number=number, offered=OFFERED, at=now(), insist="printed so")
    assert (parcel.number_insisted, parcel.is_labelled) == (insisted, True)


def test_an_insisted_number_ships_and_its_reason_is_kept(db):
    order = factories.order_at(State.DELIVERY_PAID)
    label(order, tracking_number=WRONG, insist="printed so")
    assert every_parcel_is_labelled(factories.reload(order))
    assert order.events.last().facts == {"parcel": 1, "courier": "fedex", "tracking_number": WRONG, "insisted": "printed so"}
    assert perform(order.pk, Order.ship, by=factories.by(Role.WAREHOUSE)).state == State.SHIPPED


def test_a_number_of_another_open_parcel_is_refused_unless_insisted(shipped):
    order = factories.order_at(State.DELIVERY_PAID)
    with pytest.raises(NumberRefused, match=f"{shipped.number} #1"):
        label(order, tracking_number=FEDEX)
    assert order.parcels.get().tracking_number == ""
    label(order, tracking_number=FEDEX, insist="two boxes under one number")
    assert order.parcels.get().tracking_number == FEDEX
    Parcel.objects.filter(order=shipped).update(delivered_at=now())
    assert labels.other_of(labels.taken([FEDEX])[FEDEX], order.parcels.get()) == ""


# --- Correcting -----------------------------------------------------------------------------------------------------------


def test_a_correction_starts_anew_keeps_the_old_and_tells_once(shipped):
    # Given: something was heard of the wrong number
    parcel = shipped.parcels.get()
    TrackingEvent.objects.create(parcel=parcel, tracking_number=FEDEX, at=now(), code="x", status="in_transit", place="ELSEWHERE")
    Parcel.objects.filter(pk=parcel.pk).update(
        status="in_transit", status_since=now(), last_scan_at=now(), answer_digest="d", poll_failures=4, poll_error="no", polled_at=now(),
        next_poll_at=now() + timedelta(hours=20), news_at=now(),
    )  # fmt: skip
    Effect.objects.all().delete()
    # When
    label(shipped, tracking_number=OTHER)
    label(shipped, tracking_number=OTHER)
    # Then
    parcel.refresh_from_db()
    assert {name: getattr(parcel, name) for name in labels.NOTHING_KNOWN} == labels.NOTHING_KNOWN
    assert parcel.next_poll_at <= now()
    kept = [(one.tracking_number, one.until is None, one.set_by is not None) for one in ParcelLabel.objects.filter(parcel=parcel)]
    assert kept == [(FEDEX, False, True), (OTHER, True, True)]
    assert [scan.place for scan in parcel.scans.all() if labels.is_of_present_label(scan, parcel)] == []
    assert sorted(Effect.objects.values_list("name", flat=True)) == ["notify_customer", "track_parcels"]
    assert [event.facts.get("corrected") for event in shipped.events.filter(name="label_parcels")][1:] == [{"1": ["fedex", FEDEX]}, None]


def test_a_delivered_parcel_is_corrected_only_with_a_reason_and_the_order_stays_shipped(db):
    # Given: the first of two parcels was delivered, as it seems
    order = factories.order_at(State.SHIPPED)
    parcel = order.parcels.get()
    Parcel.objects.create(order=order, position=2, weight_g=1, volume_cm3=1, handed_over_at=now(), courier="ems", tracking_number=EMS)
    Parcel.objects.filter(pk=parcel.pk).update(status="delivered", delivered_at=now(), next_poll_at=None)
    # When, Then
    with pytest.raises(TransitionRefused, match="delivered"):
        label(order, tracking_number=OTHER)
    label(order, tracking_number=OTHER, insist="that was somebody else's parcel")
    parcel.refresh_from_db()
    assert (parcel.status, parcel.delivered_at, parcel.next_poll_at is not None) == ("pending", None, True)
    tracking.move_order(order.pk)
    assert factories.reload(order).state == State.SHIPPED


@pytest.mark.django_db
def test_a_delivered_order_keeps_its_labels():
    order = factories.order_at(State.DELIVERED)
    with pytest.raises(TransitionRefused):
        label(order, tracking_number=OTHER, insist="it was another's")
    assert order.parcels.get().tracking_number == FEDEX


def test_a_parcel_that_came_back_uses_its_label_up(shipped):
    factories.come_back(shipped)
    perform(shipped.pk, Order.reship, by=factories.by(Role.WAREHOUSE))
    assert [one.until is not None for one in ParcelLabel.objects.filter(parcel__order=shipped)] == [True]


# --- Packing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "measures"),
    [
        ({"sides_cm": [30, 20, 10]}, (6000, 30, 20, 10)),
        ({"sides_cm": [30, 20, 10], "volume_cm3": 1}, (6000, 30, 20, 10)),
        ({"volume_cm3": 5000}, (5000, None, None, None)),
    ],
)
def test_three_sides_make_the_volume_and_a_bare_one_is_possible(said, measures):
    parcel = Parcel(length_cm=1, width_cm=1, height_cm=1)
    set_measures(parcel, weight_g=1200, **said)
    assert (parcel.volume_cm3, parcel.length_cm, parcel.width_cm, parcel.height_cm) == measures


@pytest.mark.parametrize("said", [{}, {"sides_cm": [0, 1, 1]}, {"sides_cm": [301, 1, 1]}, {"sides_cm": [1.5, 1, 1]}, {"courier": "owl"}])
def test_measures_that_cannot_be_are_refused(said):
    parcel = Parcel(weight_g=7)
    with pytest.raises(Invalid):
        set_measures(parcel, weight_g=1, **({"volume_cm3": 1} if "courier" in said else {}), **said)
    assert parcel.weight_g == 7


@pytest.mark.django_db
def test_an_item_moves_to_another_parcel_in_one_save():
    order, warehouse = factories.order_at(State.AT_WAREHOUSE), factories.by(Role.WAREHOUSE)
    first, second = order.items.all()
    one = work.pack_parcel(order.pk, weight_g=1, sides_cm=[10, 10, 10], courier="ems", by=warehouse)
    two = work.pack_parcel(order.pk, weight_g=1, volume_cm3=1, item_ids=[second.pk], by=warehouse)
    assert list(order.items.values_list("parcel", flat=True)) == [one.pk, two.pk]
    work.pack_parcel(order.pk, parcel_id=two.pk, weight_g=1, volume_cm3=1, item_ids=[first.pk], by=warehouse)
    assert list(order.items.values_list("parcel", flat=True)) == [two.pk, None]
    assert [item.pk for item in packing.loose_items(factories.reload(order))] == [second.pk]
    assert order.parcels.get(pk=one.pk).courier == "ems"


@pytest.mark.parametrize(
    ("parcel", "items", "count"),
    [
        (Parcel(weight_g=1200, volume_cm3=6000, length_cm=30, width_cm=20, height_cm=10), 1, 0),
        (Parcel(weight_g=1200, volume_cm3=6000), 0, 1),
        (Parcel(weight_g=2, volume_cm3=6000), 1, 1),
        (Parcel(weight_g=6000, volume_cm3=600), 1, 1),
        (Parcel(weight_g=31_000, volume_cm3=151 * 20 * 20, length_cm=151, width_cm=20, height_cm=20), 1, 2),
        (Parcel(weight_g=300, volume_cm3=600, length_cm=30, width_cm=20, height_cm=1), 1, 1),
    ],
)
def test_odd_parcels_are_doubted_and_ordinary_ones_are_not(parcel, items, count):
    assert len(packing.doubts(parcel, items=items)) == count


def test_an_empty_parcel_is_not_billed_and_one_that_became_empty_stays_here(db):
    order, warehouse = factories.order_at(State.AT_WAREHOUSE), factories.by(Role.WAREHOUSE)
    first, second = order.items.all()
    one = work.pack_parcel(order.pk, weight_g=800, volume_cm3=3000, item_ids=[first.pk, second.pk], by=warehouse)
    two = work.pack_parcel(order.pk, weight_g=400, volume_cm3=2000, item_ids=[], by=warehouse)
    work.set_delivery_fee(order.pk, fee_krw=30_000, reason="a round sum", by=warehouse)
    with pytest.raises(TransitionRefused, match="A parcel is empty"):
        perform(order.pk, Order.confirm_delivery_fee, by=warehouse)
    work.pack_parcel(order.pk, parcel_id=two.pk, weight_g=400, volume_cm3=2000, item_ids=[second.pk], by=warehouse)
    perform(order.pk, Order.confirm_delivery_fee, by=warehouse)
    factories.pay(order, "delivery")
    # when its only item leaves the order before the courier comes
    order.items.filter(pk=second.pk).update(status="refunded")
    work.label_parcel(order.pk, parcel_id=one.pk, courier="fedex", tracking_number=FEDEX, by=warehouse)
    perform(order.pk, Order.ship, by=warehouse)
    # then the order goes without it, and nobody is asked about it
    assert [(p.closed_at is None, p.next_poll_at is None) for p in order.parcels.all()] == [(True, False), (False, True)]

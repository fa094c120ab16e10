"""What couriers say, against the sandbox's FedEx and EMS: the order moves with its last parcel, once, and bad answers move nothing."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.couriers import TrackingResult, TrackingScan, TrackingStatus
from workflow import tracking, work
from workflow.models import Order, Parcel, StaffTask, TrackingEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import TransitionRefused, perform

pytestmark = pytest.mark.django_db

FEDEX, EMS = ("fedex", factories.FEDEX_NUMBER), ("ems", factories.EMS_NUMBER)


@pytest.fixture
def order(sandbox) -> Order:
    """Shipped in two parcels, by two couriers."""
    order = factories.order_at(State.DELIVERY_PAID)
    warehouse, first = factories.by(Role.WAREHOUSE), order.parcels.get()
    second = Parcel.objects.create(order=order, position=2, weight_g=300, volume_cm3=500)
    order.items.filter(position=2).update(parcel=second)
    for parcel, (courier, number) in ((first, FEDEX), (second, EMS)):
        work.label_parcel(order.pk, parcel_id=parcel.pk, courier=courier, tracking_number=number, by=warehouse)
    return perform(order.pk, Order.ship, by=warehouse)


def poll() -> None:
    Parcel.objects.filter(next_poll_at__isnull=False).update(next_poll_at=now())
    tracking.poll_due()


def statuses(order: Order) -> list[str]:
    return list(order.parcels.order_by("position").values_list("status", flat=True))


def test_the_order_is_delivered_with_its_last_parcel_and_told_once(order, sandbox):
    for status in ("picked_up", "in_transit", "delivered"):
        sandbox.move_parcel(*FEDEX, status)
    sandbox.move_parcel(*EMS, "picked_up")
    poll()
    assert (factories.reload(order).state, statuses(order)) == (State.SHIPPED, ["delivered", "in_transit"])

    sandbox.move_parcel(*EMS, "delivered")
    poll()
    poll()

    delivered = factories.reload(order)
    assert delivered.state == State.DELIVERED
    assert delivered.delivered_at == max(order.parcels.values_list("delivered_at", flat=True))
    assert delivered.events.filter(name="record_delivery").count() == 1
    assert delivered.events.last().actor == "courier"


def test_scans_are_stored_once_however_often_we_look(order, sandbox):
    sandbox.move_parcel(*FEDEX, "picked_up")
    sandbox.move_parcel(*FEDEX, "in_transit")
    poll()
    count = TrackingEvent.objects.count()
    assert count >= 2

    poll()
    poll()

    assert TrackingEvent.objects.count() == count


def test_all_parcels_of_one_courier_are_asked_for_in_one_request(order, sandbox):
    for _another in range(3):
        factories.order_at(State.SHIPPED)  # by FedEx too
    poll()
    sandbox.reset()

    poll()

    (request,) = [request for request in sandbox.requests("fedex") if "trackingnumbers" in request["path"]]
    assert request["body"].count("986578788855") == 1, "one number is asked for once, however many parcels carry it"


@pytest.mark.parametrize("mode", ["500", "429", "html", "reset"])
def test_a_courier_in_trouble_changes_nothing_and_is_asked_later(order, sandbox, mode):
    sandbox.faults("fedex", mode, path="/track", times=5)
    sandbox.move_parcel(*EMS, "picked_up")

    poll()

    fedex = order.parcels.get(courier="fedex")
    assert (fedex.status, fedex.poll_failures) == ("pending", 1)
    assert fedex.next_poll_at > now() + timedelta(minutes=14)
    assert order.parcels.get(courier="ems").status == "in_transit", "the other courier is not disturbed"


def test_five_silent_rounds_are_told_to_staff_once(order, sandbox):
    sandbox.faults("fedex", "500", path="/track")
    for _round in range(7):
        poll()
    assert StaffTask.objects.filter(kind="courier_silent", order=order).count() == 1


def test_all_parcels_back_is_a_return(order, sandbox):
    for parcel in (FEDEX, EMS):
        sandbox.move_parcel(*parcel, "picked_up")
        sandbox.move_parcel(*parcel, "returned")
    poll()

    assert factories.reload(order).state == State.RETURNED

    again = perform(order.pk, Order.reship, by=factories.by(Role.SUPPORT))
    assert again.state == State.AT_WAREHOUSE
    assert not order.items.filter(parcel__isnull=False).exists()
    factories.confirm_fee(factories.reload(order))
    assert order.invoices.filter(kind="delivery", status="open").count() == 1


def test_delivered_is_never_undone_by_a_machine(order, sandbox):
    sandbox.move_parcel(*FEDEX, "delivered")
    poll()
    sandbox.move_parcel(*FEDEX, "in_transit", at=(now() + timedelta(minutes=1)).isoformat())
    parcel = order.parcels.get(courier="fedex")
    delivered_at = parcel.delivered_at

    Parcel.objects.filter(pk=parcel.pk).update(next_poll_at=now())
    tracking.poll_due()

    parcel.refresh_from_db()
    assert (parcel.status, parcel.delivered_at) == ("delivered", delivered_at)


def test_a_corrected_number_starts_anew_and_the_old_answer_no_longer_counts(order, sandbox):
    sandbox.move_parcel(*FEDEX, "delivered")
    parcel = order.parcels.get(courier="fedex")
    stale = tracking.COURIERS["fedex"].track([parcel.tracking_number])[parcel.tracking_number]

    work.label_parcel(order.pk, parcel_id=parcel.pk, courier="fedex", tracking_number="477179081230", by=factories.by(Role.WAREHOUSE))
    tracking.take_in(parcel, stale)

    parcel.refresh_from_db()
    assert (parcel.status, parcel.delivered_at) == ("pending", None)
    assert not parcel.scans.exists()


def test_nothing_heard_for_thirty_days_stops_the_asking_and_tells_staff(order, sandbox):
    sandbox.move_parcel(*FEDEX, "picked_up", at=(now() - timedelta(days=31)).isoformat())
    Parcel.objects.filter(order=order).update(handed_over_at=now() - timedelta(days=31))

    poll()

    assert order.parcels.get(courier="fedex").next_poll_at is None
    assert StaffTask.objects.filter(kind="courier_silent", order=order).exists()


def test_a_worker_that_dies_before_it_moves_the_order_leaves_the_parcel_to_be_asked_again(order, sandbox, monkeypatch):
    for parcel in (FEDEX, EMS):
        sandbox.move_parcel(*parcel, "delivered")

    def die(*args, **kwargs):
        raise SystemExit

    with monkeypatch.context() as here, pytest.raises(SystemExit):
        here.setattr(tracking, "perform", die)
        poll()
    poll()

    assert factories.reload(order).state == State.DELIVERED


def test_what_was_delivered_stays_with_the_customer_when_the_rest_is_sent_again(order, sandbox):
    sandbox.move_parcel(*FEDEX, "delivered")
    sandbox.move_parcel(*EMS, "returned")
    poll()
    assert factories.reload(order).state == State.RETURNED

    perform(order.pk, Order.reship, by=factories.by(Role.WAREHOUSE))

    assert list(order.items.values_list("status", "parcel__status")) == [("shipped", "delivered"), ("inspected", None)]
    factories.confirm_fee(factories.reload(order))
    factories.pay(factories.reload(order), "delivery")
    last = order.parcels.latest("position")
    work.label_parcel(order.pk, parcel_id=last.pk, courier="fedex", tracking_number="477179081230", by=factories.by(Role.WAREHOUSE))
    perform(order.pk, Order.ship, by=factories.by(Role.WAREHOUSE))
    assert list(order.items.values_list("status", "parcel__position")) == [("shipped", 1), ("shipped", 3)]


def test_nothing_is_packed_into_a_parcel_of_an_earlier_journey(order, sandbox):
    for parcel in (FEDEX, EMS):
        sandbox.move_parcel(*parcel, "returned")
    poll()
    warehouse = factories.by(Role.WAREHOUSE)
    perform(order.pk, Order.reship, by=warehouse)

    with pytest.raises(TransitionRefused):
        work.pack_parcel(order.pk, parcel_id=order.parcels.first().pk, weight_g=1, volume_cm3=1, by=warehouse)


def test_a_parcel_of_an_earlier_journey_gets_no_new_number(order, sandbox):
    for parcel in (FEDEX, EMS):
        sandbox.move_parcel(*parcel, "returned")
    poll()
    warehouse = factories.by(Role.WAREHOUSE)
    perform(order.pk, Order.reship, by=warehouse)
    factories.confirm_fee(factories.reload(order))
    factories.pay(factories.reload(order), "delivery")

    with pytest.raises(TransitionRefused):
        work.label_parcel(order.pk, parcel_id=order.parcels.first().pk, courier="fedex", tracking_number="477179081230", by=warehouse)


def test_places_that_differ_only_in_spaces_are_one_place(order, sandbox):
    """MariaDB's unique keys hold "SEOUL" and "SEOUL " equal: the second would refuse the whole answer, for ever."""
    parcel, at = order.parcels.get(courier="fedex"), now() - timedelta(hours=1)
    scans = tuple(TrackingScan(at=at, code="PU", status=TrackingStatus.IN_TRANSIT, text="x", place=place) for place in ("SEOUL", "SEOUL "))
    result = TrackingResult(number=parcel.tracking_number, status=TrackingStatus.IN_TRANSIT, scans=scans)

    tracking.take_in(parcel, result)
    tracking.take_in(parcel, result)

    assert [scan.place for scan in parcel.scans.all()] == ["SEOUL"]


def test_the_warehouse_can_stand_in_with_a_proof(order):
    warehouse = factories.by(Role.WAREHOUSE)

    done = perform(order.pk, Order.record_delivery, by=warehouse, delivered_at="2026-11-20T10:00:00+09:00", proof="photo 7")

    assert done.state == State.DELIVERED
    assert statuses(order) == ["delivered", "delivered"]


def test_a_courier_set_to_be_asked_more_seldom_is(order):
    parcel = order.parcels.get(courier="fedex")
    result = TrackingResult(number=parcel.tracking_number, status=TrackingStatus.IN_TRANSIT, scans=())
    for percent, hours in ((100, 2), (200, 4), (50, 1)):
        tracking.take_in(parcel, result, percent=percent)
        parcel.refresh_from_db()
        assert abs(parcel.next_poll_at - now() - timedelta(hours=hours)) < timedelta(minutes=1)

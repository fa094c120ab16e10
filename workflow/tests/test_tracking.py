"""What couriers say, against the sandbox's FedEx and EMS: the order moves with its last parcel, once, and bad answers move nothing."""

import dataclasses
from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.notices.models import Notice
from integrations.couriers import COURIERS, TrackingResult, TrackingScan, TrackingStatus
from workflow import health, stuck, tracking, work
from workflow.models import CourierState, Order, Parcel, StaffTask, TrackingEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tracking import telling
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
    """Every open parcel is due, and every courier has rested."""
    Parcel.objects.filter(next_poll_at__isnull=False).update(next_poll_at=now())
    CourierState.objects.update(rests_until=None)
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


@pytest.mark.parametrize("mode", ["500", "429", "401", "reset"])
def test_a_courier_in_trouble_rests_and_its_parcels_stay_as_they_are(order, sandbox, mode):
    """429 asks for ten minutes; the others are asked again after at least two."""
    sandbox.faults("fedex", mode, path="/track", times=5, seconds=600 if mode == "429" else None)
    sandbox.move_parcel(*EMS, "picked_up")
    before = order.parcels.filter(courier="fedex").values().get()

    poll()

    fedex = order.parcels.filter(courier="fedex").values().get()
    assert fedex | {"next_poll_at": None} == before | {"next_poll_at": None}
    assert order.parcels.get(courier="ems").status == "in_transit", "the other courier is not disturbed"
    state = CourierState.objects.get(code="fedex")
    least = {"429": 595, "401": 1795}.get(mode, 115)
    assert state.rests_until > now() + timedelta(seconds=least)
    assert state.failing_since is not None
    assert tracking.due_couriers() == [], "a courier at rest is not asked"
    shown = next(finding for finding in health.findings() if finding.name == "courier:fedex")
    assert (shown.tone in (health.SOON, health.BAD), shown.facts) == (True, (1, True))


def test_an_outage_is_one_task_that_closes_by_itself(order, sandbox):
    for _another in range(2):
        factories.order_at(State.SHIPPED)
    sandbox.faults("fedex", "500", path="/track")
    poll()
    assert not StaffTask.objects.exists(), "a hiccup is none of staff's business"
    CourierState.objects.update(failing_since=now() - timedelta(minutes=20))
    for _round in range(3):
        poll()
    task = StaffTask.objects.get(kind="courier_outage")
    assert (task.order, task.done_at) == (None, None)

    sandbox.reset()
    poll()

    task.refresh_from_db()
    assert task.done_at is not None
    assert CourierState.objects.get(code="fedex").last_error == ""


def test_a_refused_key_is_told_at_once(order, sandbox):
    sandbox.faults("fedex", "401", path="/track")
    poll()
    assert StaffTask.objects.filter(kind="courier_outage", done_at=None).count() == 1
    assert health.refused_keys() == (1, ["fedex"])


def test_five_bad_answers_about_one_parcel_are_told_to_staff_once(order, sandbox):
    sandbox.faults("fedex", "html", path="/track")
    for _round in range(7):
        poll()
    assert StaffTask.objects.filter(kind="courier_silent", order=order).count() == 1
    fedex = order.parcels.get(courier="fedex")
    assert (fedex.status, fedex.poll_failures) == ("pending", 7)
    assert fedex.poll_error.startswith("BadAnswer")
    assert fedex.next_poll_at > now() + timedelta(hours=15), "15 minutes, doubled six times"


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
    stale = COURIERS["fedex"].track([parcel.tracking_number])[parcel.tracking_number]

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


def test_a_worker_that_dies_before_it_moves_the_order_leaves_the_news_to_be_told(order, sandbox, monkeypatch):
    for parcel in (FEDEX, EMS):
        sandbox.move_parcel(*parcel, "delivered")

    def die(*args, **kwargs):
        raise SystemExit

    with monkeypatch.context() as here, pytest.raises(SystemExit):
        here.setattr(telling, "perform", die)
        poll()
    assert [undone.key for undone in stuck.undone_since(now())], "and if nobody told them, it would be seen"
    tracking.tell_news()

    assert factories.reload(order).state == State.DELIVERED
    assert factories.reload(order).events.filter(name="record_delivery").count() == 1


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
        usual = timedelta(hours=hours)
        assert usual - timedelta(minutes=1) < parcel.next_poll_at - now() < usual * 1.1


# --- Claims ---------------------------------------------------------------------------------------------------------------


def test_one_round_of_a_courier_at_a_time_and_a_dead_workers_is_taken_over(order, sandbox):
    Parcel.objects.update(next_poll_at=now())
    CourierState.objects.create(code="fedex", round_token="x" * 32, round_until=now() + timedelta(seconds=50))
    assert tracking.poll_courier("fedex") is None
    assert tracking.due_couriers() == ["ems"]

    CourierState.objects.update(round_until=now())  # kill -9: nobody let go of it

    assert tracking.poll_courier("fedex").asked == 1


def test_a_round_whose_claim_was_lost_stores_nothing(order, sandbox, monkeypatch):
    sandbox.move_parcel(*FEDEX, "in_transit")
    Parcel.objects.update(next_poll_at=now())
    track = COURIERS["fedex"].track

    def slowly(numbers):
        CourierState.objects.update(round_token="another's")
        return track(numbers)

    _ask_by(monkeypatch, "fedex", slowly)
    assert tracking.poll_courier("fedex") is None

    assert not TrackingEvent.objects.exists()
    assert order.parcels.get(courier="fedex").polled_at is None


def test_what_staff_changed_while_the_courier_was_asked_stays(order, sandbox, monkeypatch):
    sandbox.move_parcel(*FEDEX, "delivered")
    Parcel.objects.update(next_poll_at=now())
    track = COURIERS["fedex"].track

    def meanwhile(numbers):
        Parcel.objects.filter(courier="fedex").update(tracking_number="477179081230")
        return track(numbers)

    _ask_by(monkeypatch, "fedex", meanwhile)
    assert tracking.poll_courier("fedex").asked == 1

    assert order.parcels.get(courier="fedex").status == "pending"
    assert not TrackingEvent.objects.exists()


def _ask_by(monkeypatch, code, track):
    """In this thread, as the test's transaction is its own."""
    monkeypatch.setattr("workflow.tracking.asking.ThreadPoolExecutor", _Here)
    monkeypatch.setitem(COURIERS, code, dataclasses.replace(COURIERS[code], track=track))


class _Here:
    def __init__(self, *_args, **_kwargs):
        pass

    def submit(self, function, batch):
        function(batch)

    def shutdown(self, **_kwargs):
        pass


def test_the_days_budget_is_kept_and_told(order, sandbox, monkeypatch):
    budget = dataclasses.replace(COURIERS["fedex"].budget, per_day=2)
    monkeypatch.setitem(COURIERS, "fedex", dataclasses.replace(COURIERS["fedex"], budget=budget))
    for _round in range(4):
        poll()
    asked = [request for request in sandbox.requests("fedex") if "trackingnumbers" in request["path"]]
    assert [request["status"] for request in asked if request["status"] != 401] == [200, 200], "an old token is asked again once"
    assert StaffTask.objects.filter(kind="courier_outage", done_at=None).count() == 1


# --- What holds a parcel up -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "by_sms"), [("attempt_failed", 1), ("available_for_pickup", 1), ("exception", 0), ("returning", 0)])
def test_what_holds_a_parcel_up_is_told_to_customer_and_staff_once_a_day(order, sandbox, jobs, monkeypatch, status, by_sms):
    jobs.clear()
    for _day in range(2):
        sandbox.move_parcel(*FEDEX, status)
        poll()
        jobs.run(only="outbox")

    told = Notice.objects.filter(kind="parcel_trouble")
    assert [told.filter(channel=channel).count() for channel in ("email", "sms")] == [1, by_sms]
    assert StaffTask.objects.filter(kind="parcel_trouble", order=order).count() == 1
    assert order.events.get(name="parcel_trouble").facts["status"] == status

    monkeypatch.setattr(telling, "QUIET_FOR", timedelta(0))
    sandbox.move_parcel(*FEDEX, status, at=now() + timedelta(minutes=1))
    poll()

    assert order.events.filter(name="parcel_trouble").count() == 2, "the next day it is news again"


def test_passing_customs_is_nothing_and_standing_there_for_days_is_told(order, sandbox, jobs):
    sandbox.move_parcel(*FEDEX, "customs", at=now() - timedelta(hours=4))
    poll()
    assert not order.events.filter(name="parcel_trouble").exists()

    Parcel.objects.filter(courier="fedex").update(status_since=now() - timedelta(days=3, minutes=1), polled_at=now() - timedelta(hours=2))
    poll()
    poll()

    assert order.events.get(name="parcel_trouble").facts["status"] == "customs"


def test_an_older_message_stores_its_scan_and_takes_nothing_back(order, sandbox):
    parcel = order.parcels.get(courier="fedex")
    for minutes, status in ((5, TrackingStatus.OUT_FOR_DELIVERY), (60, TrackingStatus.IN_TRANSIT)):
        scan = TrackingScan(at=now() - timedelta(minutes=minutes), code=status[:4], status=status, text="x", place="SEOUL")
        tracking.take_in(parcel, TrackingResult(parcel.tracking_number, status, (scan,)), is_whole=False)

    assert order.parcels.get(courier="fedex").status == "out_for_delivery"
    assert parcel.scans.count() == 2


def test_delivered_and_then_in_transit_is_stored_shown_and_given_to_staff(order, sandbox):
    parcel = order.parcels.get(courier="fedex")
    for minutes, status in ((60, TrackingStatus.DELIVERED), (5, TrackingStatus.IN_TRANSIT), (4, TrackingStatus.DELIVERED)):
        scan = TrackingScan(at=now() - timedelta(minutes=minutes), code=status[:4], status=status, text="x", place="SEOUL")
        tracking.take_in(parcel, TrackingResult(parcel.tracking_number, status, (scan,)), is_whole=False)

    assert order.parcels.get(courier="fedex").status == "delivered"
    assert [scan.status for scan in parcel.scans.all()] == ["delivered", "in_transit", "delivered"]
    assert StaffTask.objects.filter(kind="courier_contradiction", order=order).count() == 1


def test_delivered_and_then_in_transit_in_one_answer_is_given_to_staff_too(order, sandbox):
    sandbox.move_parcel(*FEDEX, "delivered", at=now() - timedelta(hours=2))
    sandbox.move_parcel(*FEDEX, "in_transit", at=now() - timedelta(hours=1))

    poll()
    poll()

    parcel = order.parcels.get(courier="fedex")
    assert (parcel.status, parcel.delivered_at, factories.reload(order).state) == ("in_transit", None, State.SHIPPED)
    task = StaffTask.objects.get(kind="courier_contradiction", order=order)
    assert task.values == {"old": "delivered", "new": "in_transit"}

"""Ten thousand parcels in one round, against the sandbox's FedEx that takes 100 ms to answer; and two workers at once."""

import math
import os
import resource
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils.timezone import now
from django_eventstream.models import Event

from core.management.bench import fleet
from core.management.bench.measured import Statements
from core.notices.models import Notice
from integrations.couriers import COURIERS
from workflow import tracking, work
from workflow.models import CourierState, Order, Parcel, TrackingEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import perform

FLEET, LATENCY_S, MOST_STATEMENTS, TRIES = 10_000, 0.1, 12, 3
IN_FLIGHT, BATCH = COURIERS["fedex"].budget.in_flight, COURIERS["fedex"].batch_size
pytestmark = pytest.mark.mysql
on_mariadb = pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite takes fewer values a statement, and one writer at a time")


def forget() -> None:
    """As if nothing had been heard yet, so that every round has all of its work; nobody waits for news."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM workflow_trackingevent")
    Parcel.objects.update(answer_digest="", last_scan_at=None, status="pending", news_at=None, next_poll_at=now())


def tracked(sandbox) -> list[dict]:
    return [request for request in sandbox.requests("fedex") if "trackingnumbers" in request["path"] and request["status"] == 200]


def busy() -> float:
    """How many processes want each core; a machine that runs much else at the time cannot be measured as one that does not."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@on_mariadb
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_ten_thousand_parcels_in_one_round(sandbox):
    numbers = sandbox.make_parcels("fedex", FLEET, status="in_transit")
    fleet.handed_over(numbers, courier="fedex", parcels_an_order=5)
    sandbox.faults("fedex", "slow", seconds=LATENCY_S)
    Parcel.objects.exclude(tracking_number__in=numbers[:100]).update(next_poll_at=now() + timedelta(hours=1))
    CourierState.objects.create(code="fedex")
    with Statements() as of_hundred:
        tracking.poll_courier("fedex")

    limit_s = 1.4 * math.ceil(math.ceil(FLEET / BATCH) / IN_FLIGHT) * LATENCY_S
    walls, peaks = [], []
    for _round in range(TRIES):
        forget()
        sandbox.post("reset", books=False)
        sandbox.faults("fedex", "slow", seconds=LATENCY_S)
        with Statements() as of_all:
            started = time.monotonic()
            done = tracking.poll_courier("fedex")
            walls.append(time.monotonic() - started)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        asked = tracked(sandbox)
        assert (done.asked, done.news, len(asked)) == (FLEET, FLEET, math.ceil(FLEET / BATCH))
        assert fleet.most_in_flight(asked) <= IN_FLIGHT
        assert of_all.count == of_hundred.count <= MOST_STATEMENTS
        if len(walls) >= 2 and min(walls) <= limit_s * busy():
            break

    assert TrackingEvent.objects.count() == FLEET
    assert (
        Parcel.objects.filter(status="in_transit", poll_failures=0, next_poll_at__gt=now() + timedelta(hours=1, minutes=59)).count()
        == FLEET
    )
    assert peaks[-1] - peaks[0] <= 48, f"memory grows from round to round: {peaks} MB"
    assert min(walls) <= limit_s * busy(), f"{min(walls):.2f} s, the limit is {limit_s:.2f} s: {walls}"


@pytest.mark.django_db
def test_one_poisonous_parcel_in_five_hundred_disturbs_none_of_the_others(sandbox):
    numbers = sandbox.make_parcels("fedex", 500, status="in_transit")
    fleet.handed_over(numbers, courier="fedex")
    sandbox.faults("fedex", "garbage", path="/track", number=numbers[250])

    tracking.poll_courier("fedex")

    (left,) = Parcel.objects.exclude(status="in_transit")
    assert (left.tracking_number, left.status, left.poll_failures) == (numbers[250], "pending", 1)
    assert TrackingEvent.objects.count() == 499
    assert len(tracked(sandbox)) <= math.ceil(500 / BATCH) + 2 * math.ceil(math.log2(BATCH)) + 1, "found by halving"
    assert CourierState.objects.get().failing_since is None


@pytest.mark.django_db
def test_a_round_that_runs_out_of_time_gives_the_rest_back(sandbox, settings):
    numbers = sandbox.make_parcels("fedex", 90, status="in_transit")
    fleet.handed_over(numbers, courier="fedex")
    settings.JOB_TIMEOUT_S = 0

    done = tracking.poll_courier("fedex")

    assert done.has_more
    assert Parcel.objects.filter(polled_at=None, next_poll_at__lte=now()).count() == 90
    settings.JOB_TIMEOUT_S = 45
    assert tracking.poll_courier("fedex").has_more is False
    assert Parcel.objects.filter(status="in_transit").count() == 90


@on_mariadb
@pytest.mark.django_db(transaction=True)
def test_two_workers_and_a_message_at_once_tell_it_once(sandbox, jobs):
    order = factories.order_at(State.DELIVERY_PAID)
    parcels = [order.parcels.get(), Parcel.objects.create(order=order, position=2, weight_g=300, volume_cm3=500)]
    order.items.filter(position=2).update(parcel=parcels[1])
    labels = [("fedex", factories.FEDEX_NUMBER), ("ems", factories.EMS_NUMBER)]
    warehouse = factories.by(Role.WAREHOUSE)
    for parcel, (courier, number) in zip(parcels, labels, strict=True):
        work.label_parcel(order.pk, parcel_id=parcel.pk, courier=courier, tracking_number=number, by=warehouse)
        sandbox.move_parcel(courier, number, "delivered")
    perform(order.pk, Order.ship, by=warehouse)
    jobs.clear()
    Event.objects.all().delete()
    message = COURIERS["fedex"].track([factories.FEDEX_NUMBER])[factories.FEDEX_NUMBER]
    start, errors = threading.Barrier(4), []

    def work_on(what):
        try:
            start.wait(timeout=10)
            what()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    whats = [tracking.poll_due, tracking.poll_due, lambda: tracking.take_in(parcels[0], message), tracking.tell_news]
    threads = [threading.Thread(target=work_on, args=(what,)) for what in whats]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    tracking.poll_due()
    jobs.run(only="outbox")

    assert errors == []
    assert factories.reload(order).state == State.DELIVERED
    assert order.events.filter(name="record_delivery").count() == 1
    assert Notice.objects.filter(kind="record_delivery", channel="email").count() == 1
    assert sorted(TrackingEvent.objects.values_list("parcel__position", "status")) == [(1, "delivered"), (2, "delivered")]
    told = Event.objects.filter(type="shipment.status", channel=f"user:{order.customer_id}")
    assert told.count() == 2, [event.data for event in told]

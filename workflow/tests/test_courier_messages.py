"""What couriers tell by themselves goes the way of a polled answer: the order moves, once, and what cannot be read moves nothing."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.sandbox import ems as ems_sandbox
from integrations.sandbox import fedex as fedex_sandbox
from integrations.sandbox import ups as ups_sandbox
from workflow import courier_messages, tracking
from workflow.models import CourierMessage, Parcel, StaffTask, TrackingEvent
from workflow.process import State
from workflow.tests import factories

pytestmark = pytest.mark.django_db

FEDEX, OTHER, UPS = factories.FEDEX_NUMBER, "477179081230", "1Z5R89390357567127"


def scans(*statuses: str) -> list[dict]:
    start = now().replace(microsecond=0) - timedelta(hours=len(statuses))
    return [{"status": status, "at": (start + timedelta(hours=place)).isoformat()} for place, status in enumerate(statuses)]


def tell(body: bytes, courier: str = "fedex") -> CourierMessage:
    """A message as if its signature had been found good."""
    row = CourierMessage.objects.create(courier=courier, digest=hashlib.sha256(body).hexdigest(), body=body.decode())
    courier_messages.settle_message(row.pk)
    row.refresh_from_db()
    return row


def by_fedex(*statuses: str, number: str = FEDEX) -> bytes:
    return json.dumps(fedex_sandbox.push(number, scans(*statuses))).encode()


@pytest.fixture
def order():
    """Shipped in one parcel, by FedEx."""
    return factories.order_at(State.SHIPPED)


def test_a_message_moves_the_order_once(order):
    body = by_fedex("picked_up", "in_transit", "delivered")

    row = tell(body)
    courier_messages.settle_message(row.pk)

    delivered = factories.reload(order)
    assert (delivered.state, row.settled_at is not None, row.attempts, row.error) == (State.DELIVERED, True, 1, "")
    assert TrackingEvent.objects.count() == 3
    assert delivered.events.filter(name="record_delivery").count() == 1
    assert delivered.events.last().actor == "courier"


def test_old_news_after_new_takes_nothing_back(order):
    tell(by_fedex("picked_up", "in_transit", "delivered"))
    tell(by_fedex("in_transit"))

    assert factories.reload(order).state == State.DELIVERED
    assert order.parcels.get().status == "delivered"


def test_the_wire_from_signature_to_delivery(order, settings):
    body = by_fedex("delivered")
    signature = base64.b64encode(hmac.digest(settings.FEDEX_WEBHOOK_SECRETS[0].encode(), body, hashlib.sha256)).decode()

    courier_messages.receive("fedex", body, {"Fdx-Signature": signature})
    courier_messages.settle_message(CourierMessage.objects.get().pk)

    assert factories.reload(order).state == State.DELIVERED


def test_a_relay_tells_of_ems_in_its_xml_and_in_our_json(order):
    number = factories.EMS_NUMBER
    Parcel.objects.update(courier="ems", tracking_number=number)
    said = {"number": number.lower(), "status": "eaten", "scans": [
        {"at": (now() - timedelta(minutes=5)).isoformat(), "code": "발송", "status": "customs"}, {"at": "2026-11-18T14:05:00"},
    ]}  # fmt: skip

    assert tell(json.dumps({"parcels": [said]}).encode(), "ems").settled_at
    assert order.parcels.get().status == "customs"
    assert TrackingEvent.objects.get().code == "발송"

    assert tell(ems_sandbox.document(number, scans("picked_up", "delivered")).encode(), "ems").settled_at
    assert factories.reload(order).state == State.DELIVERED


def test_ups_only_says_that_there_is_news_and_is_asked_at_once(order, sandbox, jobs):
    Parcel.objects.update(courier="ups", tracking_number=UPS, next_poll_at=now() + timedelta(hours=6))
    event = ups_sandbox.track_alert(UPS, scans("delivered")[0])

    jobs.clear()
    sandbox.move_parcel("ups", UPS, "in_transit", at=now() - timedelta(hours=2))

    assert tell(json.dumps(event).encode(), "ups").settled_at
    assert tell(json.dumps(event | {"again": 1}).encode(), "ups").settled_at
    parcel = order.parcels.get()
    assert (parcel.status, parcel.next_poll_at <= now()) == ("pending", True)
    assert jobs.run(only="poll_couriers") == ["workflow.jobs.poll_couriers"]
    assert order.parcels.get().status == "in_transit"

    at = now() - timedelta(hours=1)
    event |= {"gmtActivityDate": at.strftime("%Y%m%d"), "gmtActivityTime": at.strftime("%H%M%S")}
    tell(json.dumps(event | {"activityStatus": {"type": "I", "code": "OT", "statusCode": "021"}}).encode(), "ups")
    assert order.parcels.get().status == "out_for_delivery"


def test_numbers_of_nobody_of_others_and_of_closed_parcels_move_nothing(order):
    Parcel.objects.update(closed_at=now())
    assert tell(by_fedex("delivered")).settled_at
    Parcel.objects.update(closed_at=None, courier="ups")
    assert tell(by_fedex("out_for_delivery")).settled_at
    assert tell(by_fedex("delivered", number=OTHER)).settled_at

    assert factories.reload(order).state == State.SHIPPED
    assert not TrackingEvent.objects.exists()
    assert not StaffTask.objects.filter(kind="courier_message").exists()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"output": {"completeTrackResults": "none"}}', b'{"a": NaN}', b"[" * 60_000])
def test_what_cannot_be_read_is_kept_and_told_to_staff_once(order, body):
    row = tell(body)
    courier_messages.settle_waiting()
    courier_messages.settle_message(row.pk)

    row.refresh_from_db()
    assert (row.settled_at, row.body, row.error.partition(":")[0]) == (None, body.decode(), "BadAnswer")
    assert StaffTask.objects.filter(kind="courier_message").count() == 1
    assert factories.reload(order).state == State.SHIPPED


def test_one_poisonous_parcel_stops_no_other_and_is_tried_again(order, monkeypatch):
    other = factories.order_at(State.SHIPPED)
    other.parcels.update(tracking_number=OTHER)
    both = [fedex_sandbox.push(number, scans("delivered"))["output"]["completeTrackResults"][0] for number in (FEDEX, OTHER)]
    take_in = tracking.take_in

    def poisonous(parcel, result, **more):
        if parcel.tracking_number == FEDEX:
            raise RuntimeError("poison")
        take_in(parcel, result, **more)

    with monkeypatch.context() as patched:
        patched.setattr(tracking, "take_in", poisonous)
        row = tell(json.dumps({"output": {"completeTrackResults": both}}).encode())
    assert (factories.reload(order).state, factories.reload(other).state) == (State.SHIPPED, State.DELIVERED)
    assert (row.settled_at, row.attempts, row.error) == (None, 1, f"not taken in: {FEDEX}")

    CourierMessage.objects.update(received_at=now() - timedelta(minutes=1))
    assert courier_messages.settle_waiting() == 1
    assert factories.reload(order).state == State.DELIVERED
    assert CourierMessage.objects.get().settled_at


def test_settled_messages_are_forgotten_after_a_month_the_others_stay(order):
    settled, waiting = tell(by_fedex("in_transit")), tell(b"<html>")
    CourierMessage.objects.filter(pk=settled.pk).update(settled_at=now() - timedelta(days=31))

    assert courier_messages.forget_old() == 1
    assert CourierMessage.objects.get() == waiting

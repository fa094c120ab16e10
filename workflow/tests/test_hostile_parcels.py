"""Attacks."""

import json
from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.couriers import TrackingResult, TrackingScan, TrackingStatus
from workflow import courier_messages, disposal, giving_back, invariants, returns, storage, storage_bills, tracking, work
from workflow.models import Attempt, Disposal, Invoice, ItemStatus, Order, OrderEvent, Parcel, StaffTask
from workflow.process import Role, State
from workflow.storage import DAY
from workflow.tests import factories
from workflow.tests.test_returns import say, shipped_in_two, statuses
from workflow.transitions import perform

pytestmark = pytest.mark.django_db


def answer(parcel: Parcel, status: TrackingStatus, *, at=None) -> None:
    at = at or now() - timedelta(minutes=5)
    scan = TrackingScan(at, "X", status, "said", "Seoul")
    delivered_at = at if status == "delivered" else None
    tracking.take_in(parcel, TrackingResult(parcel.tracking_number, status, (scan,), delivered_at), is_whole=False)


def test_fee_share_of_delivered_our_fault():
    order, first, second = shipped_in_two()
    say(first, "delivered", delivered_at=now())
    say(second, "returned")
    backs = giving_back.cancellation(factories.locked(order), facts={"our_fault": True})
    print([(p.line.kind, p.line.item and p.line.item.position, p.line.amount_usd_cents, p.amount_usd_cents) for b in backs for p in b.parts])
    fee = [p for b in backs for p in b.parts if p.line.kind == "service_fee"]
    assert fee[0].amount_usd_cents < fee[0].line.amount_usd_cents


@pytest.mark.parametrize("status", ["in_transit", "delivered", "out_for_delivery"])
def test_returned_is_not_undone(status):
    order, first, second = shipped_in_two()
    Parcel.objects.filter(pk=second.pk).update(tracking_number="477179081230")
    second.refresh_from_db()
    answer(first, TrackingStatus.RETURNED)
    answer(second, TrackingStatus.RETURNED, at=now() - timedelta(minutes=8))
    assert factories.reload(order).state == State.RETURNED
    answer(second, TrackingStatus(status), at=now() - timedelta(minutes=1))
    second.refresh_from_db()
    print(second.status, second.delivered_at, second.next_poll_at, list(StaffTask.objects.values_list("kind", "done_at")))
    assert second.status == "returned"
    assert StaffTask.objects.filter(kind="courier_contradiction").exists()


def test_cancelled_order_is_not_followed():
    order, first, second = shipped_in_two()
    Parcel.objects.filter(pk=second.pk).update(tracking_number="477179081230")
    say(first, "returned")
    say(second, "returned")
    perform(order.pk, Order.cancel, by=factories.by(Role.SUPPORT), reason="gone")
    print(list(order.parcels.values_list("status", "closed_at", "next_poll_at")))
    second.refresh_from_db()
    answer(second, TrackingStatus.IN_TRANSIT)
    second.refresh_from_db()
    print(second.status, second.next_poll_at)
    assert second.next_poll_at is None


def test_late_delivery_leaves_a_claim_window():
    order = factories.order_at(State.SHIPPED)
    Parcel.objects.filter(order=order).update(handed_over_at=now() - 40 * DAY)
    [parcel] = order.parcels.all()
    answer(parcel, TrackingStatus.DELIVERED, at=now() - 30 * DAY)
    order = factories.reload(order)
    assert order.state == State.DELIVERED
    print(order.delivered_at, order.claims_until)
    assert order.claims_until > now()


def test_revise_while_storage_closes():
    pass


def test_lost_item_not_packed_again():
    order, first, second = shipped_in_two()
    w = factories.by(Role.WAREHOUSE)
    returns.give_up(order.pk, parcel_id=first.pk, proof="letter", by=w)
    say(second, "returned")
    assert factories.reload(order).state == State.RETURNED
    perform(order.pk, Order.reship, by=w)
    order = factories.reload(order)
    lost = order.items.get(position=1)
    print(lost.status, lost.parcel_id)
    try:
        work.pack_parcel(order.pk, weight_g=100, volume_cm3=100, item_ids=[lost.pk, order.items.get(position=2).pk], by=w)
    except Exception as e:
        print("refused", e)
    lost.refresh_from_db()
    assert lost.parcel_id == first.pk


def test_undo_undoes_question_mark():
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT)
    sup = factories.by(Role.SUPPORT)
    for _ in range(4):
        try:
            disposal.extend(order.pk, days=365, reason="x", by=sup)
        except Exception as e:
            print(type(e), e)
        try:
            disposal.extend(order.pk, days=1, reason="x", by=sup)
        except Exception as e:
            print(type(e), e)
    print(factories.reload(order).storage_extra_days)
    assert factories.reload(order).storage_extra_days <= 365

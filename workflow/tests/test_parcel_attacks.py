"""What couriers, timers and two people may do to an order with parcels at the wrong moment, and what it must not cost anybody."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.errors import Conflict, Invalid
from integrations.couriers import TrackingResult, TrackingScan, TrackingStatus
from workflow import courier_settings, disposal, giving_back, invariants, jobs, returns, storage, storage_bills, tracking, work
from workflow.imports import applying, undoing
from workflow.models import Invoice, InvoiceLine, LineKind, Order, Parcel, StaffTask
from workflow.process import Role, State
from workflow.storage import DAY
from workflow.tests import factories
from workflow.tests.test_imports import bring
from workflow.tests.test_returns import say, shipped_in_two
from workflow.transitions import TransitionRefused, hold, perform

pytestmark = pytest.mark.django_db
OTHER_NUMBER = "477179081230"


@pytest.fixture(autouse=True)
def _holds_always(db):
    yield
    assert [line for one in invariants.INVARIANTS if not one.needs for line in one.check()] == []


@pytest.fixture
def two() -> tuple[Order, Parcel, Parcel]:
    """On the road in two parcels with a number each."""
    order, first, second = shipped_in_two()
    Parcel.objects.filter(pk=second.pk).update(tracking_number=OTHER_NUMBER)
    second.refresh_from_db()
    return order, first, second


def hear(parcel: Parcel, status: TrackingStatus, *, minutes: float = 5) -> Parcel:
    """A courier's own message of one scan so long ago."""
    at = now() - timedelta(minutes=minutes)
    scan = TrackingScan(at, "X", status, "said", "SEOUL")
    delivered_at = at if status == TrackingStatus.DELIVERED else None
    tracking.take_in(parcel, TrackingResult(parcel.tracking_number, status, (scan,), delivered_at), is_whole=False)
    parcel.refresh_from_db()
    return parcel


def contradictions(order: Order) -> int:
    return StaffTask.objects.filter(kind="courier_contradiction", order=order).count()


# --- Couriers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [TrackingStatus.IN_TRANSIT, TrackingStatus.DELIVERED])
def test_what_came_back_is_neither_under_way_nor_delivered_by_a_machine(two, later):
    """Couriers call it delivered when the sender has it again, and scan it once more on our shelf."""
    order, first, second = two
    hear(first, TrackingStatus.RETURNED)
    hear(second, TrackingStatus.RETURNED, minutes=8)
    assert factories.reload(order).state == State.RETURNED
    hear(second, later, minutes=1)
    assert (second.status, second.delivered_at, second.next_poll_at) == ("returned", None, None)
    assert contradictions(order) == 1
    assert returns.on_the_way(factories.reload(order)) == [first, second]


def test_a_message_that_comes_late_contradicts_nothing(two):
    order, first, _second = two
    hear(first, TrackingStatus.DELIVERED, minutes=5)
    hear(first, TrackingStatus.OUT_FOR_DELIVERY, minutes=60)
    assert (first.status, contradictions(order), first.scans.count()) == ("delivered", 0, 2)
    hear(first, TrackingStatus.IN_TRANSIT, minutes=1)
    assert (first.status, contradictions(order)) == ("delivered", 1)


def test_nobody_asks_about_the_parcels_of_a_cancelled_order(two):
    order, first, second = two
    say(first, "delivered", delivered_at=now())
    say(second, "returned")
    perform(order.pk, Order.cancel, by=factories.by(Role.SUPPORT), reason="does not want it")
    first.refresh_from_db()
    hear(second, TrackingStatus.IN_TRANSIT, minutes=1)
    assert (first.closed_at, first.delivered_at is None) == (None, False)
    assert (second.closed_at is None, second.status, second.next_poll_at) == (False, "returned", None)
    assert not second.labels.filter(until=None).exists()
    other = factories.order_at(State.DELIVERY_PAID)
    work.label_parcel(
        other.pk, parcel_id=other.parcels.get().pk, courier="fedex", tracking_number=OTHER_NUMBER, by=factories.by(Role.WAREHOUSE)
    )


def test_a_delivery_that_we_hear_of_late_leaves_the_whole_time_for_claims():
    order = factories.order_at(State.SHIPPED)
    Parcel.objects.filter(order=order).update(handed_over_at=now() - 40 * DAY)
    hear(order.parcels.get(), TrackingStatus.DELIVERED, minutes=20 * 24 * 60)
    order = factories.reload(order)
    assert (order.state, order.claims_until) == (State.DELIVERED, order.state_since + 14 * DAY)
    assert jobs.complete_orders() == 0
    assert factories.reload(order).state == State.DELIVERED
    long_ago = now() - 15 * DAY
    Order.objects.filter(pk=order.pk).update(delivered_at=long_ago, state_since=long_ago)
    jobs.complete_orders()
    assert factories.reload(order).state == State.COMPLETED


def test_undoing_a_file_of_numbers_leaves_what_was_delivered_since(two):
    order, first, _second = two
    warehouse = factories.by(Role.WAREHOUSE)
    text = f"order,parcel,courier,tracking\n{order.number},1,fedex,986578788866\n"
    batch = applying.confirm(bring(text, by=warehouse, kind="tracking").pk, only_good=False, by=warehouse)
    first.refresh_from_db()
    hear(first, TrackingStatus.DELIVERED)
    assert undoing.request(batch.pk, by=warehouse).undone_count == 0
    first.refresh_from_db()
    assert (first.tracking_number, first.status, first.next_poll_at) == ("986578788866", "delivered", None)
    assert batch.rows.get().error == "The parcel was delivered since."


def test_a_parcel_that_is_delivered_this_very_moment_is_not_lost(two, monkeypatch):
    """A competitor at the line after the order was read: couriers' answers are stored under the parcel's lock alone."""
    order, first, second = two
    read = returns.locked_for_staff

    def read_then_delivered(*arguments, **more):
        found = read(*arguments, **more)
        hear(first, TrackingStatus.DELIVERED)
        return found

    monkeypatch.setattr(returns, "locked_for_staff", read_then_delivered)
    with pytest.raises(Invalid):
        returns.give_up(order.pk, parcel_id=first.pk, proof="the courier's letter 7", by=factories.by(Role.WAREHOUSE))
    monkeypatch.undo()
    returns.give_up(order.pk, parcel_id=second.pk, proof="the courier's letter 8", by=factories.by(Role.WAREHOUSE))
    assert factories.reload(order).state == State.SHIPPED  # what was heard within the refused change went with it


def test_the_same_label_once_more_writes_nothing_over(two, monkeypatch):
    order, first, _second = two
    read = work._begin

    def read_then_delivered(*arguments, **more):
        found = read(*arguments, **more)
        Parcel.objects.filter(pk=first.pk).update(status="delivered", delivered_at=now(), next_poll_at=None)
        return found

    monkeypatch.setattr(work, "_begin", read_then_delivered)
    label = {"courier": first.courier, "tracking_number": first.tracking_number}
    work.label_parcel(order.pk, parcel_id=first.pk, **label, by=factories.by(Role.WAREHOUSE))
    first.refresh_from_db()
    assert (first.status, first.delivered_at is None, first.next_poll_at) == ("delivered", False, None)


# --- Money ----------------------------------------------------------------------------------------------------------------


def test_our_fault_keeps_the_service_fee_of_what_was_delivered():
    order, first, second = shipped_in_two()
    say(first, "delivered", delivered_at=now())
    say(second, "returned")
    fee = InvoiceLine.objects.get(invoice__order=order, kind=LineKind.SERVICE_FEE)
    backs = giving_back.cancellation(factories.locked(order), facts={"our_fault": True})
    # on 10,000 and 40,000 won
    assert fee.amount_usd_cents == 143
    assert [part.amount_usd_cents for back in backs for part in back.parts if part.line == fee] == [114]


def test_what_was_lost_stays_lost_when_the_rest_is_sent_again(two):
    order, first, second = two
    warehouse = factories.by(Role.WAREHOUSE)
    returns.give_up(order.pk, parcel_id=first.pk, proof="the courier's letter 7", by=warehouse)
    say(second, "returned")
    perform(order.pk, Order.reship, by=warehouse)
    with pytest.raises(TransitionRefused):
        work.pack_parcel(order.pk, weight_g=900, volume_cm3=3000, item_ids=[item.pk for item in order.items.all()], by=warehouse)
    again = work.pack_parcel(order.pk, weight_g=900, volume_cm3=3000, by=warehouse)
    assert [item.position for item in again.items.all()] == [2]


# --- Storage --------------------------------------------------------------------------------------------------------------


def stored(days: float) -> Order:
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT)
    Order.objects.filter(pk=order.pk).update(storage_since=now() - days * DAY)
    storage_bills.bring_up_to_date(order.pk)
    return order


def billed(order: Order) -> int:
    line = InvoiceLine.objects.filter(invoice__in=Invoice.objects.filter(order=order, status="open"), kind=LineKind.STORAGE).first()
    return line.quantity if line else 0


def test_a_clock_that_stops_shows_no_less_than_was_billed_a_moment_ago():
    """The bill of a day's first moment, and a hold in its first second."""
    order = stored(33)
    before = billed(order)
    hold(order.pk, reason="a question of the customs", by=factories.by(Role.SUPPORT))
    order = factories.reload(order)
    seen = storage.storage_of(order)
    assert seen is not None
    assert (seen.runs, seen.fee_days, billed(order)) == (False, before, before)


def test_days_granted_after_the_end_count_from_now_and_nobody_pays_for_those_between():
    order = stored(100)
    assert billed(order) == 30
    disposal.extend(order.pk, days=10, reason="travels", by=factories.by(Role.SUPPORT))
    storage_bills.bring_up_to_date(order.pk)
    seen = storage.storage_of(factories.reload(order))
    assert seen is not None
    assert seen.ends_at is not None
    assert (seen.is_over, round((seen.ends_at - now()) / DAY), billed(order)) == (False, 10, 30)


def test_no_more_days_than_a_year_in_all():
    order, support = factories.order_at(State.AWAITING_DELIVERY_PAYMENT), factories.by(Role.SUPPORT)
    disposal.extend(order.pk, days=365, reason="travels", by=support)
    with pytest.raises(Invalid):
        disposal.extend(order.pk, days=1, reason="travels", by=support)
    assert factories.reload(order).storage_extra_days == 365


# --- Two people -----------------------------------------------------------------------------------------------------------


def test_a_parcel_that_somebody_changed_meanwhile_is_not_taken_apart():
    order, warehouse = factories.order_at(State.AT_WAREHOUSE), factories.by(Role.WAREHOUSE)
    parcel = work.pack_parcel(order.pk, weight_g=900, volume_cm3=3000, by=warehouse)
    with pytest.raises(TransitionRefused) as refused:
        work.remove_parcel(order.pk, parcel_id=parcel.pk, by=warehouse, seen_version=order.version)
    assert refused.value.code == "changed_meanwhile"
    assert order.parcels.count() == 1


def test_a_couriers_settings_are_not_overwritten_unseen():
    owner = factories.by(Role.OWNER)
    first = courier_settings.save("ems", by=owner, is_enabled=False, seen="")
    with pytest.raises(Conflict):
        courier_settings.save("ems", by=owner, is_enabled=True, seen="")
    assert courier_settings.save("ems", by=owner, is_enabled=True, seen=courier_settings.version(first)).is_enabled

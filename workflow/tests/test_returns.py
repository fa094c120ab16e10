"""What comes back, what is lost, what lies too long: every loop walked to its end, with the books right after each."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.accounts.models import User
from core.errors import Conflict, Invalid
from core.notices.models import Notice
from workflow import disposal, giving_back, invariants, jobs, notices, returns, storage, tracking, work
from workflow.models import Disposal, Invoice, ItemStatus, Order, OrderEvent, Parcel, StaffTask
from workflow.process import Role, State
from workflow.storage import DAY
from workflow.tests import factories
from workflow.transitions import TransitionRefused, perform

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _holds_always(db):
    yield
    assert [line for one in invariants.INVARIANTS if not one.needs for line in one.check()] == []


@pytest.fixture
def queue(request):
    """The queue's jobs, by a name that the module of the same name leaves free."""
    return request.getfixturevalue("jobs")


def shipped_in_two() -> tuple[Order, Parcel, Parcel]:
    """Two items, a parcel each, on the road."""
    order, warehouse = factories.order_at(State.AT_WAREHOUSE), factories.by(Role.WAREHOUSE)
    for item in order.items.all():
        work.pack_parcel(order.pk, weight_g=1000, volume_cm3=3000, item_ids=[item.pk], by=warehouse)
    work.set_delivery_fee(order.pk, fee_krw=30_000, reason="a round sum", by=warehouse)
    perform(order.pk, Order.confirm_delivery_fee, by=warehouse)
    factories.pay(order, "delivery")
    factories.ship(factories.reload(order))
    first, second = order.parcels.all()
    return factories.reload(order), first, second


def say(parcel: Parcel, status: str, **fields) -> None:
    """As the courier says it, and the order moves if it was the last."""
    Parcel.objects.filter(pk=parcel.pk).update(status=status, next_poll_at=None, **fields)
    tracking.move_order(parcel.order_id)


def send_again(order: Order, *, fee_krw: int = 20_000) -> Invoice:
    """Weighed, billed, paid, shipped once more; the second delivery bill."""
    warehouse = factories.by(Role.WAREHOUSE)
    work.pack_parcel(order.pk, weight_g=900, volume_cm3=3000, by=warehouse)
    work.set_delivery_fee(order.pk, fee_krw=fee_krw, reason="a round sum", by=warehouse)
    perform(order.pk, Order.confirm_delivery_fee, by=warehouse)
    invoice = Invoice.objects.get(order=order, kind="delivery", status="open")
    factories.pay(order, "delivery")
    factories.ship(factories.reload(order))
    return invoice


def statuses(order: Order) -> list[str]:
    return list(order.items.order_by("position").values_list("status", flat=True))


# --- One delivered, one returned ------------------------------------------------------------------------------------------


def test_what_came_back_is_sent_again_and_the_claim_window_opens_with_the_last_parcel():
    order, first, second = shipped_in_two()
    long_ago, later = now() - 20 * DAY, now() - timedelta(hours=1)
    say(first, "delivered", delivered_at=long_ago)
    assert factories.reload(order).state == State.SHIPPED
    say(second, "returned")
    assert factories.reload(order).state == State.RETURNED
    assert StaffTask.objects.get(order=order, kind="returned").done_at is None

    warehouse = factories.by(Role.WAREHOUSE)
    back = returns.receive_back(order.pk, parcel_ids=[second.pk], note="box dented", return_charge_krw=7_000, by=warehouse)
    assert (statuses(order), back.return_charge_krw) == (["shipped", "inspected"], 7_000)
    assert [bool(parcel.closed_at) for parcel in order.parcels.all()] == [False, True]
    perform(order.pk, Order.reship, by=warehouse)
    Order.objects.filter(pk=order.pk).update(storage_used_s=32 * 86_400)
    assert StaffTask.objects.get(order=order, kind="returned").done_at is not None

    bill = send_again(order)

    assert [(line.kind, line.amount_krw) for line in bill.lines.all()] == [("delivery", 27_000), ("card_fee", 1_080), ("storage", 1_000)]
    third = order.parcels.get(position=3)
    assert [item.position for item in third.items.all()] == [2]
    say(third, "delivered", delivered_at=later)
    order = factories.reload(order)
    assert (order.state, order.delivered_at, statuses(order)) == (State.DELIVERED, later, ["shipped", "shipped"])


def test_cancelling_what_came_back_leaves_what_was_delivered():
    order, first, second = shipped_in_two()
    say(first, "delivered", delivered_at=now())
    say(second, "returned")
    facts = {"shops_give_back_krw": {"1": 5_000, "2": 5_000}}
    preview = giving_back.total_cents(giving_back.cancellation(factories.locked(order), facts=facts))

    perform(order.pk, Order.cancel, by=factories.by(Role.SUPPORT), reason="does not want it", **facts)

    assert statuses(order) == ["shipped", "cancelled"]
    # 5,000 of the 20,000 won of the second line, 1,429 cents of which were charged; freight is kept, the first item is theirs
    assert [refund.amount_usd_cents for refund in order.refunds.all()] == [preview] == [357]
    assert StaffTask.objects.get(order=order, kind="returned").done_at is not None


def test_even_our_fault_gives_back_nothing_of_what_was_delivered():
    order, first, second = shipped_in_two()
    say(first, "delivered", delivered_at=now())
    say(second, "returned")
    backs = giving_back.cancellation(factories.locked(order), facts={"our_fault": True})
    assert {part.line.item.position for back in backs for part in back.parts if part.line.item} == {2}


@pytest.mark.parametrize("receives", [True, False])
def test_a_whole_order_that_came_back_goes_again(receives):
    order = factories.order_at(State.RETURNED)
    warehouse = factories.by(Role.WAREHOUSE)
    if receives:
        returns.receive_back(order.pk, parcel_ids=[order.parcels.get().pk], by=warehouse)
    again = perform(order.pk, Order.reship, by=warehouse)
    assert (again.delivery_fee_krw, statuses(order)) == (None, ["inspected", "inspected"]), "the old fee is not billed again unseen"
    send_again(order)
    assert factories.reload(order).state == State.SHIPPED


def test_only_the_warehouse_receives_and_only_what_is_on_its_way():
    order = factories.order_at(State.RETURNED)
    parcel = order.parcels.get()
    with pytest.raises(TransitionRefused):
        returns.receive_back(order.pk, parcel_ids=[parcel.pk], by=factories.by(Role.SUPPORT))
    returns.receive_back(order.pk, parcel_ids=[parcel.pk], by=factories.by(Role.WAREHOUSE))
    for wrong in ([], [parcel.pk], [parcel.pk + 999]):
        with pytest.raises(Invalid):
            returns.receive_back(order.pk, parcel_ids=wrong, by=factories.by(Role.WAREHOUSE))


# --- Lost -----------------------------------------------------------------------------------------------------------------


def test_a_lost_parcel_lets_the_order_end_with_the_others_and_its_customer_is_told_once(queue):
    order, first, second = shipped_in_two()
    User.objects.filter(pk=order.customer_id).update(locale="en")
    at = now() - timedelta(hours=2)
    say(first, "delivered", delivered_at=at)

    returns.give_up(order.pk, parcel_id=second.pk, proof="FedEx letter 4711", by=factories.by(Role.SUPPORT))

    order = factories.reload(order)
    assert (order.state, order.delivered_at, statuses(order)) == (State.DELIVERED, at, ["shipped", "shipped"])
    lost = order.parcels.get(pk=second.pk)
    assert (bool(lost.closed_at), bool(lost.lost_at), lost.next_poll_at) == (True, True, None)
    assert StaffTask.objects.get(order=order, kind="parcel_lost").values == {"parcel": 2}
    event = OrderEvent.objects.get(order=order, name="parcel_lost")
    assert (event.facts, event.actor) == ({"parcel": 2, "proof": "FedEx letter 4711"}, "staff")
    queue.run(only="outbox")
    lost, rest = Notice.objects.filter(user=order.customer, kind__in=("parcel_lost", "record_delivery")).order_by("pk")
    assert (lost.kind, lost.subject) == ("parcel_lost", f"One of your parcels is lost ({order.number})")
    assert lost.text.count(" × ") == 1, "what lay in it, and nothing else"
    assert rest.subject == f"Everything but the lost parcel has arrived ({order.number})"


def test_a_lost_parcel_while_another_is_on_the_road_waits_for_it():
    order, first, second = shipped_in_two()
    returns.give_up(order.pk, parcel_id=second.pk, proof="case 1", by=factories.by(Role.WAREHOUSE))
    assert factories.reload(order).state == State.SHIPPED
    say(first, "returned")
    assert factories.reload(order).state == State.RETURNED
    perform(order.pk, Order.reship, by=factories.by(Role.WAREHOUSE))
    assert statuses(order) == ["inspected", "shipped"], "what is lost stays in its parcel"
    send_again(order)
    say(order.parcels.get(position=3), "delivered", delivered_at=now())
    assert factories.reload(order).state == State.DELIVERED


def test_when_all_is_lost_staff_end_the_order_and_the_letter_says_so(queue):
    order = factories.order_at(State.SHIPPED)
    returns.give_up(order.pk, parcel_id=order.parcels.get().pk, proof="case 2", by=factories.by(Role.WAREHOUSE))
    assert factories.reload(order).state == State.RETURNED
    queue.run(only="outbox")
    told = Notice.objects.filter(user=order.customer, kind__in=("parcel_lost", "record_return"), channel="email")
    assert [notice.subject for notice in told] == [f"택배가 분실되었습니다 ({order.number})"], "once"
    perform(order.pk, Order.cancel, by=factories.by(Role.SUPPORT), reason="lost by the courier", our_fault=True)
    assert set(statuses(order)) == {"cancelled"}


@pytest.mark.parametrize(("role", "proof", "error"), [(Role.BUYER, "x", TransitionRefused), (Role.WAREHOUSE, "  ", Invalid)])
def test_giving_up_needs_the_role_and_a_proof(role, proof, error):
    order = factories.order_at(State.SHIPPED)
    with pytest.raises(error):
        returns.give_up(order.pk, parcel_id=order.parcels.get().pk, proof=proof, by=factories.by(role))
    assert order.parcels.get().closed_at is None


# --- The end of storage ---------------------------------------------------------------------------------------------------

NOTE = "Given to the recycling company, nobody answered."


@pytest.fixture
def over(request) -> Order:
    """Storage is over, in the state of the parameter; nobody was told yet."""
    order = factories.order_at(getattr(request, "param", State.AWAITING_DELIVERY_PAYMENT))
    Order.objects.filter(pk=order.pk).update(storage_since=now() - 61 * DAY - timedelta(minutes=1))
    return factories.reload(order)


def tell(order: Order, *, sent: bool = True, leads: tuple[float, ...] = (6.5, 2.5, 0.5)) -> None:
    """The notices ahead of the end, as the reminders wrote them at their time."""
    clock, end = {"storage_since": order.storage_since, "storage_used_s": order.storage_used_s}, storage.storage_of(order).terms.max_days
    for lead in leads:
        Order.objects.filter(pk=order.pk).update(storage_since=now() - (end - lead) * DAY, storage_used_s=0)
        notices.send_reminders()
    Order.objects.filter(pk=order.pk).update(**clock)
    if sent:
        Notice.objects.update(status="sent", sent_at=now())


@pytest.mark.parametrize("over", [State.AWAITING_DELIVERY_PAYMENT, State.RETURNED], indirect=True)
def test_a_person_disposes_after_three_notices_and_the_order_closes(over):
    tell(over)
    jobs.bill_storage()
    support = factories.by(Role.SUPPORT)

    disposal.dispose(over.pk, note=NOTE, by=support)

    order, row = factories.reload(over), Disposal.objects.get(order=over)
    assert (order.state, order.closed_reason, set(statuses(order))) == (State.CANCELLED, NOTE, {"cancelled"})
    assert (row.note, row.by, row.storage_days, [one["kind"] for one in row.notices]) == (
        NOTE,
        support.user,
        62,
        ["storage_end:7d", "storage_end:3d", "storage_end:1d"],
    )
    assert not order.invoices.filter(status="open").exists(), "storage that was never paid is not asked for any more"
    assert not order.refunds.exists(), "the shops were paid"
    event = OrderEvent.objects.filter(order=order).latest("number")
    assert (event.name, event.facts["disposal"]) == ("cancel", row.pk)
    notices.tell_customer(event)
    assert Notice.objects.get(kind="cancel").subject.startswith("보관이 끝나 상품을 처분했습니다")


@pytest.mark.parametrize(
    ("role", "note", "leads", "error"),
    [
        (Role.WAREHOUSE, NOTE, (6.5, 2.5, 0.5), TransitionRefused),
        (Role.FINANCE, NOTE, (6.5, 2.5, 0.5), TransitionRefused),
        (Role.SUPPORT, "thrown away", (6.5, 2.5, 0.5), Invalid),
        (Role.OWNER, NOTE, (2.5, 0.5), TransitionRefused),
    ],
)
def test_disposal_is_refused_without_the_role_the_reason_or_a_notice(over, role, note, leads, error):
    tell(over, leads=leads)
    with pytest.raises(error):
        disposal.dispose(over.pk, note=note, by=factories.by(role))
    assert (factories.reload(over).state, Disposal.objects.count()) == (State.AWAITING_DELIVERY_PAYMENT, 0)


def test_a_notice_that_was_written_and_never_sent_is_no_proof(over):
    tell(over, sent=False)
    with pytest.raises(TransitionRefused) as refused:
        disposal.dispose(over.pk, note=NOTE, by=factories.by(Role.OWNER))
    assert refused.value.code == "not_told"


def test_nothing_is_disposed_of_before_the_end_nor_while_somebody_pays(over):
    tell(over)
    Order.objects.filter(pk=over.pk).update(storage_since=now() - 59 * DAY)
    with pytest.raises(TransitionRefused) as refused:
        disposal.dispose(over.pk, note=NOTE, by=factories.by(Role.OWNER))
    assert refused.value.code == "storage_not_over"

    Order.objects.filter(pk=over.pk).update(storage_since=over.storage_since)
    from workflow.payments import new_attempt

    attempt = new_attempt(over.invoices.get(kind="delivery", status="open"))
    attempt.status, attempt.processing = "open", True
    attempt.save()
    with pytest.raises(Conflict):
        disposal.dispose(over.pk, note=NOTE, by=factories.by(Role.OWNER))


def test_the_end_is_put_before_staff_once_and_more_days_begin_the_notices_anew(over):
    tell(over)
    assert [jobs.bill_storage() for _again in range(2)] == [1, 0]
    task = StaffTask.objects.get(kind="storage_over")
    assert task.values["told"].startswith("7d 20")

    disposal.extend(over.pk, days=14, reason="travels until the 20th", by=factories.by(Role.WAREHOUSE))

    task.refresh_from_db()
    assert task.done_at is not None
    order = factories.reload(over)
    assert storage.storage_of(order).terms.max_days == 74
    assert [one.sent_at for one in disposal.told(order, storage.storage_of(order))] == [None, None, None]
    tell(order, leads=(6.5,))
    assert disposal.told(order, storage.storage_of(order))[0].sent_at is not None


def test_a_paid_order_has_no_task_of_storage_left(over):
    jobs.bill_storage()
    factories.pay(over, "delivery")
    jobs.bill_storage()
    assert not StaffTask.objects.filter(kind="storage_over", done_at=None).exists()


@pytest.mark.parametrize(("days", "reason"), [(0, "because"), (366, "because"), (7, " "), (True, "because")])
def test_more_days_need_a_number_and_a_reason(over, days, reason):
    with pytest.raises(Invalid):
        disposal.extend(over.pk, days=days, reason=reason, by=factories.by(Role.SUPPORT))
    assert factories.reload(over).storage_extra_days == 0


def test_storage_that_was_paid_is_kept_when_the_delivery_is_cancelled():
    order = factories.order_at(State.AT_WAREHOUSE)
    Order.objects.filter(pk=order.pk).update(storage_used_s=40 * 86_400)
    factories.confirm_fee(order)
    factories.pay(order, "delivery")
    backs = giving_back.cancellation(factories.locked(order), facts={})
    assert {part.line.kind for back in backs for part in back.parts} == {"delivery", "card_fee"}
    assert ItemStatus.INSPECTED in statuses(order)

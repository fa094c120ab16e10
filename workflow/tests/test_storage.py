"""The storage clock: what it counts and on whose time, what it costs, how bills and notices follow it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from core.money import krw_to_usd_cents
from core.notices.models import Notice
from workflow import invariants, jobs, notices, pricing, reminders, storage, storage_bills, work
from workflow.invoices import line_title, what_changed
from workflow.models import Attempt, Invoice, LineKind, Order, OrderEvent, StaffTask
from workflow.process import Role, State
from workflow.storage import DAY, Terms, begun_days
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, hand_over, open_sessions
from workflow.transitions import answer_question, ask, ask_customer, hold, perform, release

pytestmark = pytest.mark.django_db
TERMS = Terms(free_days=30, krw_per_day=500, max_days=60)


def stored(order: Order, *, days: float) -> Order:
    """As if the clock had run for so long, a moment less than the day's end."""
    passed = timedelta(days=days) - timedelta(minutes=1)
    Order.objects.filter(pk=order.pk).update(storage_since=now() - passed, storage_used_s=0)
    return factories.reload(order)


def seconds(order: Order) -> int:
    return factories.reload(order).storage_used_s


def delivery(order: Order) -> Invoice:
    return Invoice.objects.get(order=order, kind="delivery", status="open")


def storage_line(invoice: Invoice) -> tuple[int, int, int] | None:
    line = invoice.lines.filter(kind=LineKind.STORAGE).first()
    return (line.quantity, line.amount_krw, line.amount_usd_cents) if line else None


def broken() -> list[str]:
    return [line for one in invariants.INVARIANTS if not one.needs for line in one.check()]


# --- What it costs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "days", "fee_days"),
    [
        (timedelta(), 0, 0),
        (timedelta(seconds=1), 1, 0),
        (30 * DAY, 30, 0),
        (30 * DAY + timedelta(seconds=1), 31, 1),
        (31 * DAY, 31, 1),
        (60 * DAY, 60, 30),
        (90 * DAY, 90, 30),
    ],
)
def test_a_day_counts_once_begun_and_the_fee_ends_with_storage(used, days, fee_days):
    assert (begun_days(used), TERMS.fee_days(used), TERMS.fee_krw(used)) == (days, fee_days, fee_days * 500)


@pytest.mark.parametrize("terms", [Terms(30, 0, 60), Terms(60, 500, 60)])
def test_without_a_price_or_days_between_there_is_no_fee(terms):
    assert (terms.fee_krw(59 * DAY), terms.has_fee) == (0, False)


@given(
    used=st.timedeltas(timedelta(), 900 * DAY), more=st.timedeltas(timedelta(), 30 * DAY), free=st.integers(0, 90), paid=st.integers(0, 90)
)
def test_the_fee_never_falls_and_grows_by_one_day_a_day(used, more, free, paid):
    terms = Terms(free, 500, free + paid)
    now_, later = terms.fee_days(used), terms.fee_days(used + more)
    assert 0 <= now_ <= later <= paid
    assert later - now_ <= begun_days(more)


# --- On whose time --------------------------------------------------------------------------------------------------------


def test_the_clock_runs_while_the_customer_has_to_act_and_stands_while_we_work():
    order = factories.order_at(State.AT_WAREHOUSE)
    assert (order.storage_since, order.storage_used_s, order.storage_began_at) == (None, 0, order.state_since)

    asked = ask_customer(order.pk, question="Which box?", by=factories.by(Role.SUPPORT))
    assert asked.storage_since is not None
    Order.objects.filter(pk=order.pk).update(storage_since=now() - 2 * DAY)
    answered = answer_question(order.pk, by=factories.by(Role.SUPPORT))
    assert (answered.storage_since, answered.storage_used_s) == (None, 2 * 86_400)

    factories.confirm_fee(factories.reload(order))
    Order.objects.filter(pk=order.pk).update(storage_since=now() - 3 * DAY)
    held = hold(order.pk, reason="a dispute", by=factories.by(Role.FINANCE))
    assert (held.storage_since, held.storage_used_s) == (None, 5 * 86_400)
    assert release(order.pk, by=factories.by(Role.FINANCE)).storage_since is not None

    paid = factories.pay(order, "delivery")
    assert (paid.storage_since, paid.storage_used_s) == (None, 5 * 86_400)


def test_what_comes_back_is_stored_anew():
    order = factories.order_at(State.SHIPPED)
    Order.objects.filter(pk=order.pk).update(storage_used_s=50 * 86_400, storage_extra_days=7, return_charge_krw=1_000)
    Order.objects.filter(pk=order.pk).update(storage_began_at=now() - 50 * DAY)

    back = factories.come_back(order)

    assert (back.storage_used_s, back.storage_extra_days, back.return_charge_krw) == (0, 0, 0)
    assert back.storage_since is not None
    assert back.storage_began_at == back.state_since


def test_nothing_is_stored_before_it_came_nor_after_it_left():
    for state in (State.ITEMS_PURCHASED, State.SHIPPED):
        assert storage.storage_of(factories.order_at(state)) is None


def test_what_it_says_ahead():
    order = stored(factories.order_at(State.AWAITING_DELIVERY_PAYMENT), days=12)

    seen = storage.storage_of(order)

    assert (seen.days, seen.fee_krw, seen.is_over) == (12, 0, False)
    assert seen.free_until == order.storage_since + 30 * DAY
    assert seen.ends_at == order.storage_since + 60 * DAY


# --- The bill -------------------------------------------------------------------------------------------------------------


def test_days_that_passed_during_a_question_are_on_the_next_bill():
    order = factories.order_at(State.AT_WAREHOUSE)
    Order.objects.filter(pk=order.pk).update(storage_used_s=33 * 86_400)

    factories.confirm_fee(order)

    invoice = delivery(order)
    # 1,500 won at 1,400: 107 cents. 30,000 won: 2,143, and 4 % card fee on the delivery alone: 86
    assert storage_line(invoice) == (3, 1_500, 107)
    assert (invoice.amount_krw, invoice.amount_usd_cents) == (30_000 + 1_200 + 1_500, 2_143 + 86 + 107)
    line = invoice.lines.get(kind=LineKind.STORAGE)
    assert [line_title(line, locale=locale) for locale in ("en",)] == ["Storage, 3 days"]
    assert broken() == []


@given(days=st.integers(0, 70), fee=st.integers(1, 500_000), rate=st.decimals("900", "2000", places=2))
def test_the_lines_are_the_total_to_the_cent(days, fee, rate):
    with transaction.atomic():
        order = Order(state=State.AT_WAREHOUSE, delivery_fee_krw=fee, storage_used_s=days * 86_400)
        policy = pricing.policy_at(now())
        seen = storage.storage_of(order, policy=policy)
    line = pricing.storage_line(seen, krw_per_usd=rate)
    assert line.amount_krw == 500 * min(max(0, days - 30), 30)
    assert line.amount_usd_cents == krw_to_usd_cents(line.amount_krw, krw_per_usd=Decimal(rate))


def test_the_open_bill_grows_once_for_each_further_day_on_the_same_pay_link():
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT)
    link, first = order.pay_links.get(kind="delivery").token, delivery(order)
    events = order.last_event_number

    assert jobs.bill_storage() == 0
    stored(order, days=31)
    assert [jobs.bill_storage(), jobs.bill_storage()] == [1, 0]
    second = delivery(order)
    stored(order, days=33)
    jobs.bill_storage()
    third = delivery(order)

    assert [storage_line(one) for one in (first, second, third)] == [None, (1, 500, 36), (3, 1_500, 107)]
    assert list(Invoice.objects.filter(order=order, kind="delivery").values_list("status", flat=True)) == ["void", "void", "open"]
    assert order.pay_links.get(kind="delivery").token == link
    assert [change.line.kind for change in what_changed(third).lines] == [LineKind.STORAGE]
    said = OrderEvent.objects.filter(order=order, number__gt=events).order_by("number")
    assert [(event.name, event.facts["storage_days"], event.actor) for event in said] == [
        ("storage_day", 1, "job"),
        ("storage_day", 3, "job"),
    ]
    assert not Attempt.objects.filter(invoice__in=(second, third)).exists(), "sessions are opened when they are asked for"
    assert broken() == []


def test_a_run_bills_so_many_and_the_next_one_the_rest(monkeypatch):
    monkeypatch.setattr(storage_bills, "MOST", 1)
    monkeypatch.setattr(storage_bills, "STEP", 1)
    orders = [stored(factories.order_at(State.AWAITING_DELIVERY_PAYMENT), days=days) for days in (20, 31, 32)]
    assert [jobs.bill_storage() for _run in range(3)] == [1, 1, 0]
    assert [storage_line(delivery(order)) for order in orders] == [None, (1, 500, 36), (2, 1_000, 71)]


def test_what_ends_soon_is_found_also_where_the_clock_stood_in_between():
    ended, broken_off, _early = [stored(factories.order_at(State.AWAITING_DELIVERY_PAYMENT), days=days) for days in (61, 4, 40)]
    Order.objects.filter(pk=broken_off.pk).update(storage_used_s=52 * 86_400)
    assert (storage.ending(within_days=7), storage.ending(within_days=0)) == ([ended.pk, broken_off.pk], [ended.pk])
    assert storage.ending(within_days=7, most=1) == [ended.pk]


@pytest.mark.parametrize("aside", ["held", "paid", "revised"])
def test_nothing_is_billed_while_the_clock_stands_or_the_bill_is_settled(aside):
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT)
    stored(order, days=40)
    {
        "held": lambda: hold(order.pk, reason="a dispute", by=factories.by(Role.FINANCE)),
        "paid": lambda: factories.pay(order, "delivery"),
        "revised": lambda: perform(order.pk, Order.revise_delivery_fee, by=factories.by(Role.WAREHOUSE)),
    }[aside]()
    before = list(Invoice.objects.filter(order=order).values_list("pk", "status"))

    jobs.bill_storage()
    assert storage_bills.bring_up_to_date(order.pk) is False

    assert list(Invoice.objects.filter(order=order).values_list("pk", "status")) == before


# --- Beside a customer who pays -------------------------------------------------------------------------------------------


@pytest.fixture
def paying(sandbox, jobs) -> Order:
    """An order with an open session, opened long ago, and 31 days of storage."""
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT)
    jobs.run()
    Attempt.objects.filter(invoice__order=order).update(created_at=now() - timedelta(hours=2))
    return stored(order, days=31)


def test_an_open_session_is_closed_before_the_bill_is_replaced(paying, sandbox, jobs):
    old = delivery(paying)

    assert storage_bills.bring_up_to_date(paying.pk) is False
    assert (attempt_of(paying).status, delivery(paying).pk) == ("closing", old.pk)
    storage_bills.bring_up_to_date(paying.pk)  # asked again meanwhile: nothing more happens
    jobs.run()

    assert (open_sessions(sandbox), attempt_of(paying).status) == ([], "closed")
    assert storage_line(delivery(paying)) == (1, 500, 36)
    assert broken() == []


def test_who_pays_while_the_session_is_being_closed_has_paid_the_old_amount(paying, sandbox, jobs):
    old = delivery(paying)
    storage_bills.bring_up_to_date(paying.pk)
    sandbox.pay(attempt_of(paying).session_id, deliver=0)

    jobs.run()
    hand_over(sandbox, jobs, "checkout.session.completed")  # the webhook comes late

    order = factories.reload(paying)
    assert order.state == State.DELIVERY_PAID
    assert order.invoices.filter(kind="delivery").get().pk == old.pk
    assert order.ledger.filter(invoice=old).get().amount_cents == old.amount_usd_cents
    assert not StaffTask.objects.filter(kind="unapplied_money").exists()
    assert broken() == []


def test_a_payment_in_process_and_a_session_just_opened_are_left_alone(paying, sandbox):
    Attempt.objects.filter(invoice__order=paying).update(processing=True)
    assert (storage_bills.bring_up_to_date(paying.pk), attempt_of(paying).status) == (False, "open")
    Attempt.objects.filter(invoice__order=paying).update(processing=False, created_at=now() - timedelta(minutes=5))
    assert (storage_bills.bring_up_to_date(paying.pk), attempt_of(paying).status) == (False, "open")


def test_staff_who_revise_meanwhile_are_not_overtaken(paying, sandbox, jobs):
    storage_bills.bring_up_to_date(paying.pk)
    ask(paying.pk, Order.revise_delivery_fee, by=factories.by(Role.WAREHOUSE))

    jobs.run()

    assert factories.reload(paying).state == State.AT_WAREHOUSE
    assert not Invoice.objects.filter(order=paying, kind="delivery", status="open").exists()


# --- Notices --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting() -> Order:
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT)
    # what reminds of the bill itself is not looked at here
    Invoice.objects.filter(order=order).update(created_at=now() + 99 * DAY)
    return order


def told_of(order: Order) -> list[tuple[str, str]]:
    rows = Notice.objects.filter(key__contains=":storage-").order_by("pk")
    return [(row.key.split(":", 3)[3], row.channel) for row in rows]


def test_three_notices_before_each_step_and_an_sms_with_the_last(waiting):
    written = []
    for days in (22, 23.5, 24, 27.5, 29.5, 30.5, 52, 54, 58, 59.5, 61):
        stored(waiting, days=days)
        written.append(notices.send_reminders())

    assert written == [0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 0]
    assert told_of(waiting) == [
        ("storage_free:30:7d", "email"),
        ("storage_free:30:3d", "email"),
        ("storage_free:30:1d", "email"),
        ("storage_free:30:1d", "sms"),
        ("storage_end:60:7d", "email"),
        ("storage_end:60:3d", "email"),
        ("storage_end:60:1d", "email"),
        ("storage_end:60:1d", "sms"),
    ]


def test_after_a_pause_of_ours_only_the_latest_goes_out(waiting):
    stored(waiting, days=29.5)
    assert (notices.send_reminders(), [key for key, _channel in told_of(waiting)]) == (1, ["storage_free:30:1d"] * 2)


def test_nothing_is_said_while_the_clock_stands(waiting):
    stored(waiting, days=29.5)
    hold(waiting.pk, reason="a dispute", by=factories.by(Role.FINANCE))
    assert notices.send_reminders() == 0


@pytest.mark.parametrize("locale", ["ko", "en"])
def test_notices_say_the_day_in_korea_and_the_sums(waiting, locale):
    order = Order.objects.select_related("customer").get(pk=waiting.pk)
    order.customer.locale = locale
    order.storage_since = at = now().replace(year=2027, month=1, day=1, hour=3, minute=0, second=0, microsecond=0)
    seen = storage.storage_of(order, at=at + 29.5 * DAY)
    free, end = (
        reminders.Reminder(key="k", kind=kind, order=order, storage=seen, lead=1).letter() for kind in ("storage_free", "storage_end")
    )
    if locale == "ko":
        assert "2027년 1월 31일 오후 12시 (한국 시간)까지 무료로" in free.lines[1]
        assert "하루 500원" in free.lines[1]
        assert "15,000원" in end.lines[2]
    else:
        assert "until January 31, 2027, 12:00 PM (Korea time); after that a day costs ₩500." in free.lines[1]
        assert "until March 2, 2027" in end.lines[1]
        assert end.lines[2] == "The storage fee will be ₩15,000 by then."
        assert "₩" not in free.sms
    assert free.button[1].endswith(order.pay_links.get(kind="delivery").token)


def test_the_return_charge_is_part_of_the_delivery_fee():
    order = factories.order_at(State.AT_WAREHOUSE)
    Order.objects.filter(pk=order.pk).update(return_charge_krw=7_000)
    work.pack_parcel(order.pk, weight_g=1200, volume_cm3=6000, by=factories.by(Role.WAREHOUSE))
    work.set_delivery_fee(order.pk, fee_krw=30_000, reason="a round sum", by=factories.by(Role.WAREHOUSE))

    priced = pricing.delivery_quote(factories.locked(order))

    assert [line.amount_krw for line in priced.lines] == [37_000, 1_480]

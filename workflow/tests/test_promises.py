"""The promise clocks: exact boundaries, weekends, holidays, and that counting by an index says what each clock says."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow import business_time, transitions
from workflow.models import Order
from workflow.models.orders import SetAside
from workflow.models.promises import Unit
from workflow.process import WAITS_ON, Role, State, Waits
from workflow.promises import DEFAULTS, Promises, Target
from workflow.tests import factories

SEOUL = ZoneInfo("Asia/Seoul")
FRIDAY, MONDAY = date(2026, 11, 27), date(2026, 11, 30)
CHRISTMAS = date(2026, 12, 25)  # a Friday
TWO_DAYS = Promises({"ship": Target(2, Unit.BUSINESS_DAYS)}, frozenset({CHRISTMAS}))


def seoul(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("since", "due"),
    [
        ("2026-11-24 10:00", "2026-11-26 10:00"),  # Tuesday
        ("2026-11-27 15:00", "2026-12-01 15:00"),  # Friday: nine hours of it, Monday, fifteen hours of Tuesday
        ("2026-11-28 11:00", "2026-12-02 00:00"),  # Saturday: runs from Monday's first minute to Tuesday's last
        ("2026-11-29 23:59", "2026-12-02 00:00"),
        ("2026-11-26 00:00", "2026-11-28 00:00"),  # Thursday and Friday, to the last minute
        ("2026-12-24 12:00", "2026-12-29 12:00"),  # Christmas, Saturday and Sunday do not count
    ],
)
def test_business_days_run_from_monday_to_friday_without_holidays(since, due):
    clock = TWO_DAYS.clock("ship", seoul(since), at=seoul(since))
    assert clock.due_at == seoul(due)


def test_the_days_are_those_of_seoul_wherever_the_time_was_written():
    # Friday 15:30 in London is Saturday in Seoul
    clock = TWO_DAYS.clock("ship", datetime(2026, 11, 27, 15, 30, tzinfo=UTC), at=datetime(2026, 11, 27, 16, tzinfo=UTC))
    assert clock.due_at == seoul("2026-12-02 00:00")


def test_it_is_late_from_the_very_moment_and_not_a_microsecond_before():
    since, step = seoul("2026-11-27 15:00"), timedelta(microseconds=1)
    for key, target, due in (
        ("a", Target(24), since + timedelta(hours=24)),
        ("b", Target(7, Unit.DAYS), since + timedelta(days=7)),
        ("c", Target(2, Unit.BUSINESS_DAYS), seoul("2026-12-01 15:00")),
    ):
        promised = Promises({key: target})
        assert [promised.clock(key, since, at=at).is_late for at in (due - step, due)] == [False, True]
        assert promised.late_before(key, at=due) == since
        assert promised.late_before(key, at=due - step) < since


def test_the_last_quarter_is_amber_and_what_is_late_red():
    since = seoul("2026-11-24 10:00")
    tones = {hours: Promises({"a": Target(24)}).clock("a", since, at=since + timedelta(hours=hours)).tone for hours in (0, 17, 18, 23, 24)}
    assert tones == {0: "good", 17: "good", 18: "staff", 23: "staff", 24: "bad"}


def test_where_nothing_is_promised_nothing_is_late():
    promised = Promises({"a": Target(0)})
    assert promised.clock("a", seoul("2020-01-01 00:00"), at=seoul("2026-01-01 00:00")) is None
    assert promised.late_before("a", at=seoul("2026-01-01 00:00")) is None
    assert promised.clock("unknown", seoul("2020-01-01 00:00"), at=seoul("2026-01-01 00:00")) is None


def test_every_state_that_waits_on_us_can_be_promised():
    assert {state for state, on in WAITS_ON.items() if on == Waits.STAFF} == {key for key in DEFAULTS if key in State.values}


@pytest.mark.django_db
def test_the_clock_stands_while_an_order_is_set_aside_and_goes_on_where_it_stood(monkeypatch):
    # given a request, at a clock of our own
    clock = [seoul("2026-11-24 10:00")]
    monkeypatch.setattr(transitions, "now", lambda: clock[0])
    order = factories.new_order()
    Order.objects.filter(pk=order.pk).update(state_since=clock[0], clock_since=clock[0])
    begun, hour, support, buyer = clock[0], timedelta(hours=1), factories.by(Role.SUPPORT), factories.by(Role.BUYER)
    seen = lambda: Order.objects.values_list("set_aside", "clock_since", "clock_stopped_at").get(pk=order.pk)  # noqa: E731
    # when the customer is asked after an hour, the order is held meanwhile, and both end at different times
    clock[0] += hour
    transitions.ask_customer(order.pk, question="Which size?", by=buyer)
    assert seen() == (SetAside.ASKED, begun, begun + hour)
    clock[0] += hour
    transitions.hold(order.pk, reason="check", by=support)
    assert seen() == (SetAside.BOTH, begun, begun + hour)
    clock[0] += hour
    transitions.answer_question(order.pk, by=buyer)
    assert seen() == (SetAside.HELD, begun, begun + hour)
    clock[0] += 10 * hour
    transitions.release(order.pk, by=support)
    # then the twelve hours that it stood do not count
    assert seen() == (SetAside.NO, begun + 12 * hour, None)
    # and the next state begins with a clock of its own
    clock[0] += hour
    factories.approve(order)
    assert seen() == (SetAside.NO, clock[0], None)


@pytest.mark.django_db
def test_an_order_that_moves_while_it_is_asked_begins_with_a_clock_that_stands():
    order = factories.new_order()
    transitions.ask_customer(order.pk, question="Which size?", by=factories.by(Role.BUYER))
    moved = factories.approve(order)
    assert (moved.set_aside, moved.clock_since, moved.clock_stopped_at) == (SetAside.ASKED, moved.state_since, moved.state_since)


MINUTES = st.integers(0, 28 * 24 * 60)
HOLIDAYS = st.frozensets(st.integers(0, 27).map(lambda day: FRIDAY + timedelta(days=day)), max_size=6)


@given(since=MINUTES, later=MINUTES, days=st.integers(1, 6), holidays=HOLIDAYS, whole_days=st.booleans())
def test_the_bound_of_the_index_is_what_the_clock_says(since, later, days, holidays, whole_days):
    start, unit = seoul(f"{FRIDAY} 00:00"), timedelta(days=1) if whole_days else timedelta(minutes=1)
    came = start + since // (1440 if whole_days else 1) * unit
    at = start + later // (1440 if whole_days else 1) * unit
    is_over = business_time.after(came, days=days, holidays=holidays) <= at
    assert is_over == (came <= business_time.before(at, days=days, holidays=holidays))

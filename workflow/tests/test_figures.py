"""Figures by day: exact values, the same when reckoned again, and what a stopped worker missed is caught up."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import localdate, make_aware

from workflow import figures
from workflow.figures import percentile, reckon, rounded
from workflow.models import DailyFigure, ExchangeRate, LedgerEntry, OrderEvent
from workflow.process import State
from workflow.tests.factories import new_order, order_at

pytestmark = pytest.mark.django_db


def at(days_ago: int, clock: str) -> datetime:
    return make_aware(datetime.fromisoformat(f"{localdate() - timedelta(days=days_ago)} {clock}"))


def booked(kind: str, cents: int, when: datetime, currency: str = "usd") -> None:
    LedgerEntry.objects.create(
        kind=kind, amount_cents=cents, currency=currency, source="stripe", reference=f"{kind}{when}{cents}", booked_at=when
    )


def happened(order, number: int, from_state: str, to_state: str, when: datetime) -> None:
    OrderEvent.objects.create(
        order=order, number=number, name="x", from_state=from_state, to_state=to_state, actor="job", door="job", at=when, hash="h"
    )


def known(name: str) -> dict:
    return {(localdate() - day).days: value for day, value in figures.by_day(name, days=90)[name].items()}


def test_money_of_each_day_in_seoul_in_dollars(db):
    # given the last and the first moment of days, money of all kinds, and won
    booked("capture", 10_000, at(1, "00:00:00"))
    booked("unapplied", 500, at(1, "23:59:59.999999"))
    booked("capture", 700, at(0, "00:00:00"))
    booked("refund", -2_000, at(1, "12:00:00"))
    booked("refund_reversal", 2_000, at(0, "00:00:00"))
    booked("dispute", -300, at(1, "12:00:01"))
    booked("capture", 99_000, at(1, "12:00:00"), currency="krw")
    # when it is reckoned
    assert reckon() == 91
    # then
    assert (known("money_in")[1], known("money_out")[1]) == (10_500, 2_300)
    assert (known("money_in")[0], known("money_out")[0]) == (700, -2_000)
    assert known("money_in")[2] == 0


def test_the_time_in_each_state_is_that_between_two_moves(db):
    for minutes in (10, 20, 137):
        order = new_order()
        happened(order, 2, "", State.QUOTE_REQUESTED, at(2, "22:00"))
        happened(order, 3, State.QUOTE_REQUESTED, State.QUOTE_REQUESTED, at(2, "22:05"))  # entered, asked, held: no move
        happened(order, 4, State.QUOTE_REQUESTED, State.QUOTE_APPROVED, at(2, "22:00") + timedelta(minutes=minutes))
    reckon()
    # 137 minutes lead into the next day, and are kept to two digits
    assert known("stay:quote_requested") == {2: {"10": 1, "20": 1}, 1: {"140": 1}}
    assert figures.stays() == {State.QUOTE_REQUESTED: {"count": 3, "median": 20, "p90": 140}}
    assert DailyFigure.objects.get(name="stays", day=localdate() - timedelta(days=2)).value == {
        State.QUOTE_REQUESTED: {"count": 2, "median": 10, "p90": 20}
    }


def test_the_rate_of_a_day_is_the_last_one_in_force(db):
    for clock, rate, why in (("09:00", "1390.5", ""), ("15:00", "1401.25", ""), ("16:00", "9999", "outside 900..2000")):
        ExchangeRate.objects.create(krw_per_usd=Decimal(rate), source="t", as_of=localdate(), fetched_at=at(1, clock), refused_because=why)
    reckon()
    assert known("rate") == {1: "1401.2500"}


def test_reckoned_again_it_is_the_same_and_only_the_last_days_are_looked_at(db):
    order_at(State.ITEMS_PAID)
    reckon()
    rows = list(DailyFigure.objects.order_by("day", "name").values_list("day", "name", "value"))
    assert reckon() == 2
    assert list(DailyFigure.objects.order_by("day", "name").values_list("day", "name", "value")) == rows


def test_what_a_stopped_worker_missed_is_caught_up(db):
    # given a last run five days ago, before money came on that day and on those after
    DailyFigure.objects.create(day=localdate() - timedelta(days=5), name="money_in", value=0)
    for days_ago in (7, 5, 3, 0):
        booked("capture", 100 + days_ago, at(days_ago, "00:00"))
    # when the worker is back
    assert reckon() == 7
    # then the days since are right, and older ones are left alone
    assert {ago: cents for ago, cents in known("money_in").items() if cents} == {5: 105, 3: 103, 0: 100}
    assert 7 not in known("money_in")


def test_percentiles_go_by_nearest_rank():
    assert [percentile({5: 1}, percent) for percent in (50, 90)] == [5, 5]
    assert [percentile({1: 5, 2: 4, 100: 1}, percent) for percent in (50, 51, 90, 91)] == [1, 2, 2, 100]
    assert percentile({}, 50) == 0


def test_minutes_are_kept_to_two_digits():
    assert [rounded(minutes) for minutes in (0, 7, 42, 99, 104, 105, 137, 995, 10_080)] == [0, 7, 42, 99, 100, 110, 140, 1000, 10_000]

"""Figures by day, reckoned by a job and only read by pages: money in and out, how long orders stayed in each state, the exchange rate.

A day is one in Seoul. Each run reckons today, and every day since the last run's day: safe to run at any time, any number of times.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import F, OuterRef, Subquery, Sum
from django.utils.timezone import localdate, make_aware, now

from workflow.models import DailyFigure, ExchangeRate, LedgerEntry, OrderEvent
from workflow.models.ledger import MONEY_IN

MONEY_INTO, MONEY_OUT, RATE, STAYS = "money_in", "money_out", "rate", "stays"
#: the minutes that orders left this state after, by how often
STAY = "stay:"
LOOK_BACK_DAYS = 90
STAYS_DAYS = 30


def reckon() -> int:
    """Bring the figures up to date; the number of days reckoned."""
    today = localdate()
    days = list(_days(today))
    for day in days:
        for name, value in _figures_of(day):
            _put(day, name, value)
        _put(day, STAYS, _stays(day))
    return len(days)


def _days(today: date) -> Iterator[date]:
    """From the day before the last one reckoned (a change may have been committed after its midnight) to today."""
    last = DailyFigure.objects.order_by("-day").values_list("day", flat=True).first()
    day = max(last - timedelta(days=1), today - timedelta(days=LOOK_BACK_DAYS)) if last else today - timedelta(days=LOOK_BACK_DAYS)
    while day <= today:
        yield day
        day += timedelta(days=1)


def _put(day: date, name: str, value: Any) -> None:
    DailyFigure.objects.update_or_create(day=day, name=name, defaults={"value": value, "reckoned_at": now()})


def _figures_of(day: date) -> Iterator[tuple[str, Any]]:
    begins, ends = _midnight(day), _midnight(day + timedelta(days=1))
    yield from _money(begins, ends)
    rate = ExchangeRate.objects.filter(refused_because="", fetched_at__gte=begins, fetched_at__lt=ends)
    last = rate.order_by("-fetched_at", "-pk").values_list("krw_per_usd", flat=True).first()
    if last is not None:
        yield RATE, str(last)
    for state, minutes in _minutes_by_state(begins, ends).items():
        yield f"{STAY}{state}", minutes


def _money(begins: datetime, ends: datetime) -> Iterator[tuple[str, int]]:
    """Cents. What came in is payments; what went out is refunds and what banks took back, less what of it came again."""
    rows = LedgerEntry.objects.filter(booked_at__gte=begins, booked_at__lt=ends, currency="usd").order_by()
    sums = dict(rows.values_list("kind").annotate(cents=Sum("amount_cents")))
    yield MONEY_INTO, sum(cents for kind, cents in sums.items() if kind in MONEY_IN)
    yield MONEY_OUT, -sum(cents for kind, cents in sums.items() if kind not in MONEY_IN)


# --- How long orders stay -------------------------------------------------------------------------------------------------


def _minutes_by_state(begins: datetime, ends: datetime) -> dict[str, dict[str, int]]:
    """state -> {minutes: how many orders left it after so long}, of the orders that left a state within the day."""
    moved = OrderEvent.objects.exclude(from_state=F("to_state"))
    came = moved.filter(order=OuterRef("order"), number__lt=OuterRef("number")).order_by("-number").values("at")[:1]
    left = moved.filter(at__gte=begins, at__lt=ends).exclude(from_state="").order_by().annotate(came_at=Subquery(came))
    found: dict[str, Counter[str]] = {}
    for state, at, came_at in left.values_list("from_state", "at", "came_at").iterator(chunk_size=2000):
        if came_at is not None:
            found.setdefault(state, Counter())[str(rounded(int((at - came_at).total_seconds() // 60)))] += 1
    return {state: dict(minutes) for state, minutes in found.items()}


def rounded(minutes: int) -> int:
    """To two significant digits, so that a day's row stays short however many orders there are: 137 -> 140."""
    step = 10 ** max(0, len(str(minutes)) - 2)
    return (minutes + step // 2) // step * step


def _stays(day: date) -> dict[str, dict[str, int]]:
    """Over the thirty days up to this one: state -> how many left it, and after how many minutes half and nine of ten had."""
    rows = DailyFigure.objects.filter(name__startswith=STAY, day__gt=day - timedelta(days=STAYS_DAYS), day__lte=day)
    merged: dict[str, Counter[int]] = {}
    for name, value in rows.values_list("name", "value"):
        of_state = merged.setdefault(name.removeprefix(STAY), Counter())
        for minutes, count in value.items():
            of_state[int(minutes)] += count
    return {
        state: {"count": counted.total(), "median": percentile(counted, 50), "p90": percentile(counted, 90)}
        for state, counted in merged.items()
    }


def percentile(counted: Mapping[int, int], percent: int) -> int:
    """The smallest value that at least so many of a hundred do not exceed (nearest rank)."""
    rank = -(-sum(counted.values()) * percent // 100)
    for value in sorted(counted):
        rank -= counted[value]
        if rank <= 0:
            return value
    return 0


def _midnight(day: date) -> datetime:
    return make_aware(datetime.combine(day, time.min))


# --- Reading --------------------------------------------------------------------------------------------------------------


def by_day(*names: str, days: int) -> dict[str, dict[date, Any]]:
    """The last so many days of each figure; days without one are missing. One query over an index."""
    rows = DailyFigure.objects.filter(name__in=names, day__gt=localdate() - timedelta(days=days))
    found: dict[str, dict[date, Any]] = {name: {} for name in names}
    for name, day, value in rows.values_list("name", "day", "value"):
        found[name][day] = value
    return found


def stays() -> dict[str, dict[str, int]]:
    """The newest `_stays`; empty before the first run."""
    return DailyFigure.objects.filter(name=STAYS).order_by("-day").values_list("value", flat=True).first() or {}

"""The promise clocks: how long each thing may wait for us, and when what waits is late. The owner changes them; changes are recorded.

An order's clock begins with its state. It stands still while the order is on hold, or waits for an answer or a price difference of the
customer (`Order.tend_clock`): such orders are never late, and the time they stood does not count afterwards. Business days:
`business_time.py`. Counting by these clocks: `queues.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.formats import date_format
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.errors import Conflict, Invalid
from workflow import business_time
from workflow.models import Holiday, Promise, PromiseChange
from workflow.models.promises import Unit
from workflow.process import State

if TYPE_CHECKING:
    from workflow.transitions import By

REFUND, UNAPPLIED = "refund_to_decide", "unapplied_money"
#: the last quarter of the promised time is shown as such
SOON = 0.75
MOST = {Unit.HOURS: 2000, Unit.DAYS: 365, Unit.BUSINESS_DAYS: 250}
MOST_HOLIDAYS = 400
FIRST_YEAR, LAST_YEAR = 2000, 2199


@dataclass(frozen=True)
class Target:
    """The promised time; an amount of 0 promises nothing."""

    amount: int
    unit: str = Unit.HOURS

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}"


#: what is promised unless the owner says otherwise, and what can be promised at all: only where we must act
DEFAULTS: dict[str, Target] = {
    State.QUOTE_REQUESTED: Target(24),
    State.QUOTE_APPROVED: Target(24),
    State.ITEMS_PAID: Target(24),
    State.ITEMS_PURCHASED: Target(7, Unit.DAYS),
    State.AT_WAREHOUSE: Target(24),
    State.DELIVERY_PAID: Target(2, Unit.BUSINESS_DAYS),
    State.RETURNED: Target(0, Unit.DAYS),
    REFUND: Target(24),
    UNAPPLIED: Target(24),
}


@dataclass(frozen=True)
class Clock:
    """The promised time of one thing, looked at `at`."""

    since: datetime
    due_at: datetime
    at: datetime

    @property
    def left(self) -> timedelta:
        """Below zero: that much too late."""
        return self.due_at - self.at

    @property
    def share(self) -> float:
        """How much of the promised time is used up, 0 to 1."""
        return min(1.0, max(0.0, (self.at - self.since) / (self.due_at - self.since)))

    @property
    def is_late(self) -> bool:
        return self.due_at <= self.at

    @property
    def tone(self) -> str:
        return "bad" if self.is_late else "staff" if self.share >= SOON else "good"


@dataclass(frozen=True)
class Promises:
    """Everything that is promised now."""

    targets: Mapping[str, Target] = field(default_factory=lambda: DEFAULTS)
    holidays: frozenset[date] = frozenset()

    def clock(self, key: str, since: datetime | None, *, at: datetime) -> Clock | None:
        """None where nothing is promised or nothing waits."""
        target = self.targets.get(key)
        if since is None or target is None or not target.amount:
            return None
        if target.unit == Unit.BUSINESS_DAYS:
            due = business_time.after(since, days=target.amount, holidays=self.holidays)
        else:
            due = since + _plain(target)
        return Clock(since, due, at)

    def late_before(self, key: str, *, at: datetime) -> datetime | None:
        """What waits since then or longer is late; exactly what `clock` says of each, as a bound for an index."""
        target = self.targets.get(key)
        if target is None or not target.amount:
            return None
        if target.unit == Unit.BUSINESS_DAYS:
            return business_time.before(at, days=target.amount, holidays=self.holidays)
        return at - _plain(target)


def _plain(target: Target) -> timedelta:
    return timedelta(days=target.amount) if target.unit == Unit.DAYS else timedelta(hours=target.amount)


def in_force() -> Promises:
    """Two short queries."""
    chosen = {row.key: Target(row.amount, row.unit) for row in Promise.objects.all() if row.key in DEFAULTS}
    return Promises({**DEFAULTS, **chosen}, frozenset(Holiday.objects.values_list("day", flat=True)))


# --- Changing them --------------------------------------------------------------------------------------------------------


@transaction.atomic
def change(*, targets: Mapping[str, Target], holidays: Mapping[date, str], by: "By", seen: int | None = None) -> int:
    """Make exactly these the promises and the holidays; returns how many changed, each with a row of who did it. Raises Invalid.

    `seen` is `last_change()` when the person looked; what somebody changed since is not overwritten unseen.
    """
    from workflow.transitions import TransitionRefused

    if by.user is None or not by.user.has_perm("workflow.change_promise"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    for key, target in targets.items():
        check_target(key, target)
    check_holidays(holidays)
    before = _locked()
    if seen is not None and seen != last_change():
        raise Conflict(_("Somebody changed the promises meanwhile. Please look at them again."), code="changed_meanwhile")
    changed = [(key, str(before[key]), str(target)) for key, target in targets.items() if before[key] != target]
    for key, _was, _becomes in changed:
        Promise.objects.filter(key=key).update(amount=targets[key].amount, unit=targets[key].unit)
    changed += _change_holidays(holidays)
    PromiseChange.objects.bulk_create(
        PromiseChange(what=key, was=was, becomes=becomes, by=by.user, at=now()) for key, was, becomes in changed
    )
    return len(changed)


def _locked() -> dict[str, Target]:
    """What is promised now, under the rows' locks: the second of two who save at once compares with what the first left."""
    rows = [Promise(key=key, amount=target.amount, unit=target.unit) for key, target in DEFAULTS.items()]
    Promise.objects.bulk_create(rows, ignore_conflicts=True)
    return {row.key: Target(row.amount, row.unit) for row in Promise.objects.select_for_update().order_by("key")}


def _change_holidays(wanted: Mapping[date, str]) -> list[tuple[str, str, str]]:
    known = dict(Holiday.objects.values_list("day", "name"))
    changed = [
        (day.isoformat(), known.get(day, ""), wanted.get(day, "")) for day in sorted({*known, *wanted}) if known.get(day) != wanted.get(day)
    ]
    Holiday.objects.filter(day__in=[day for day in known if day not in wanted]).delete()
    for day, name in wanted.items():
        if known.get(day) != name:
            Holiday.objects.update_or_create(day=day, defaults={"name": name})
    return changed


def check_target(key: str, target: Target) -> None:
    if key not in DEFAULTS or target.unit not in Unit.values:
        raise Invalid(_("There is no such promise."), field=key)
    most = MOST[Unit(target.unit)]
    if not 0 <= target.amount <= most:
        raise Invalid(_("A whole number from %(low)s to %(high)s is needed.") % {"low": 0, "high": most}, field=key)


def check_holidays(holidays: Mapping[date, str]) -> None:
    if len(holidays) > MOST_HOLIDAYS:
        raise Invalid(_("There can be at most %(most)s holidays.") % {"most": MOST_HOLIDAYS}, field="holidays")
    for day, name in holidays.items():
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise Invalid(_("Nobody can have meant the year %(year)s.") % {"year": day.year}, field="holidays")
        if not name.strip() or len(name) > 80:
            raise Invalid(_("The name of %(day)s is missing or too long.") % {"day": date_format(day, "Y-m-d")}, field="holidays")


def last_change() -> int:
    """The newest change's number; 0 before the first."""
    return PromiseChange.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def recent_changes(most: int = 20) -> list[PromiseChange]:
    return list(PromiseChange.objects.select_related("by").order_by("-pk")[:most])

"""Time that runs on business days only: not on Saturdays, Sundays and holidays, in Seoul. A business day has 24 hours.

What comes in on a Saturday begins to wait at midnight before Monday; of what comes in on a Friday at 15:00, nine hours run that day.
"""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta

from django.utils.timezone import localtime

DAY = timedelta(days=1)


def is_business_day(day: date, *, holidays: Collection[date]) -> bool:
    return day.weekday() < 5 and day not in holidays


def after(since: datetime, *, days: int, holidays: Collection[date]) -> datetime:
    """When so many business days have passed since then; the earliest such moment."""
    at, left = localtime(since), DAY * days
    while True:
        midnight = _midnight(at) + DAY
        if is_business_day(at.date(), holidays=holidays):
            if left <= midnight - at:
                return at + left
            left -= midnight - at
        at = midnight


def before(at: datetime, *, days: int, holidays: Collection[date]) -> datetime:
    """The latest moment since which so many business days have passed: `after(since) <= at` exactly if `since <= before(at)`."""
    at, left = localtime(at), DAY * days
    while True:
        midnight = _midnight(at)
        if midnight == at:  # the day that ends now
            midnight -= DAY
        if is_business_day(midnight.date(), holidays=holidays):
            if left <= at - midnight:
                return at - left
            left -= at - midnight
        at = midnight


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.date(), time.min, tzinfo=at.tzinfo)

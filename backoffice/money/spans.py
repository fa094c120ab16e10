"""From which day to which, in Seoul; a day that nobody can have meant is left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils.dateparse import parse_date
from django.utils.timezone import localdate, make_aware
from django.utils.translation import gettext_lazy as _

FROM, TO = "from", "to"
#: sums are never taken over more days than these
MOST_SUMMED = 31


@dataclass(frozen=True)
class Span:
    """Both days belong to it; None is without end."""

    first: date | None
    last: date | None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Span":
        return cls(day_said(said.get(FROM, "")), day_said(said.get(TO, "")))

    @property
    def is_short(self) -> bool:
        return self.first is not None and self.last is not None and (self.last - self.first).days < MOST_SUMMED

    @property
    def query(self) -> str:
        return urlencode({name: day.isoformat() for name, day in ((FROM, self.first), (TO, self.last)) if day})

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows booked within it."""
        if self.first:
            rows = rows.filter(booked_at__gte=midnight(self.first))
        return rows.filter(booked_at__lt=midnight(self.last + timedelta(days=1))) if self.last else rows

    def summed(self) -> "Span":
        """Itself where it is short, else the month that it ends in."""
        return self if self.is_short else month_of(min(self.last or localdate(), localdate()))

    def __str__(self) -> str:
        whole = self.first is not None and self == month_of(self.first)
        return f"{self.first:%Y-%m}" if whole else f"{self.first or '…'} – {self.last or '…'}"


def month_of(day: date) -> Span:
    first = day.replace(day=1)
    return Span(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


def presets() -> list[tuple[Any, Span]]:
    this = month_of(localdate())
    assert this.first is not None
    return [(_("This month"), this), (_("Last month"), month_of(this.first - timedelta(days=1)))]


def day_said(said: str) -> date | None:
    """A day as a query string says it, or None."""
    try:
        day = parse_date(said)
    except ValueError:
        return None
    return day if day and 2000 <= day.year < 2200 else None


def midnight(day: date) -> datetime:
    """When the day begins in Seoul."""
    return make_aware(datetime.combine(day, time.min))

"""Spans of time, shares and counts as the home page shows them."""

from datetime import datetime, timedelta

from django import template
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _

register = template.Library()
HOUR, DAY = 3600, 86400


@register.filter
def span(length: timedelta | None) -> str:
    """The largest unit that says enough, rounded down: `40 s`, `95 min`, `26 h`, `3 d`; without its sign."""
    if length is None:
        return "–"
    seconds = int(abs(length.total_seconds()))
    if not seconds:
        return _("< 1 min")
    if seconds < 60:
        return _("%(n)s s") % {"n": seconds}
    if seconds < 2 * HOUR:
        return _("%(n)s min") % {"n": seconds // 60}
    if seconds < 2 * DAY:
        return _("%(n)s h") % {"n": seconds // HOUR}
    return _("%(n)s d") % {"n": seconds // DAY}


@register.filter
def span_since(at: datetime) -> str:
    return span(now() - at)


@register.filter
def when(at: datetime) -> str:
    return localtime(at).strftime("%m-%d %H:%M")


@register.filter
def percent(number: float) -> str:
    """A width of an SVG, with a point in every language."""
    return f"{number:.1f}%"


@register.filter
def share(part: float) -> str:
    return percent(100 * part)


@register.filter
def grouped(number: int) -> str:
    return f"{number:,}"

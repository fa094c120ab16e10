"""When a letter goes out and what it belongs to, in words."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice.words import notice_kind
from workflow.letters.catalogue import Entry, Group
from workflow.process import TRANSITIONS, State

GROUPS: dict[str, Any] = {
    Group.QUOTING: gettext_lazy("Quote and payment"),
    Group.DELIVERING: gettext_lazy("Purchase and delivery"),
    Group.CHANGING: gettext_lazy("Changes and refunds"),
    Group.BESIDE: gettext_lazy("Questions and cancelling"),
    Group.REMINDING: gettext_lazy("Reminders"),
    Group.ACCOUNTS: gettext_lazy("Accounts"),
    Group.STAFF: gettext_lazy("To staff"),
}


def title(entry: Entry) -> str:
    return str(notice_kind(entry.kind))


def when(entry: Entry) -> str:
    """`When an order becomes “Shipped”`, `24 hours and 6 hours before the time to pay ends`"""
    if entry.group == Group.ACCOUNTS:
        return _("When somebody asks for a code")
    if entry.steps:
        return _reminding(entry)
    spec = TRANSITIONS.get(entry.event)
    if spec is None:
        return _("As soon as it happens")
    state = State(spec.target).label
    return _("When an order becomes “%(state)s”") % {"state": state}


def _reminding(entry: Entry) -> str:
    spans = _list([_span(abs(step)) for step in entry.steps])
    if entry.kind.startswith("remind_storage_"):
        return _("%(spans)s before the day it is about") % {"spans": spans}
    if entry.steps[0] < timedelta():
        return _("%(spans)s before the time to pay ends") % {"spans": spans}
    if entry.event == "ask":
        return _("%(spans)s after a question that is still open") % {"spans": spans}
    return _("%(spans)s after a bill that is still unpaid") % {"spans": spans}


def _span(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    if hours % 24 or hours == 24:
        return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}
    return ngettext("%(count)s day", "%(count)s days", hours // 24) % {"count": hours // 24}


def _list(parts: list[str]) -> str:
    return ", ".join(parts)

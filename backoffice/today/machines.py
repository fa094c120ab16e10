"""How the machines do, in words for people; what is known of them is `workflow/health.py`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from backoffice.words import courier_name
from workflow import health, waiting
from workflow.health import BAD, GOOD, Finding


@dataclass(frozen=True)
class Line:
    tone: str
    icon: str
    title: Any
    #: what is the matter, or that nothing is
    words: Any
    at: datetime | None


def lines() -> list[Line]:
    return [_line(finding) for finding in waiting.recently("health", health.findings)]


def worst(found: list[Line]) -> str:
    tones = {line.tone for line in found}
    return next((tone for tone in (BAD, health.SOON) if tone in tones), GOOD)


def _line(finding: Finding) -> Line:
    kind, _colon, name = finding.name.partition(":")
    icon, title, words = SAID[kind](finding, name)
    return Line(finding.tone, icon, title, words, finding.at)


def _worker(finding: Finding, _name: str) -> tuple[str, Any, Any]:
    count, clusters = finding.facts
    if not count:
        return "memory", _("Worker"), _("No worker is running: nothing is sent, charged or tracked.")
    running = ngettext("%(count)s running", "%(count)s running", count) % {"count": count}
    return "memory", _("Worker"), f"{running}: {', '.join(clusters)}" if clusters else running


def _queue(finding: Finding, _name: str) -> tuple[str, Any, Any]:
    return "list_alt", _("Jobs"), _("The oldest due job waits.") if finding.at else _("Nothing is due.")


def _stripe(finding: Finding, _name: str) -> tuple[str, Any, Any]:
    return "credit_card", _("Stripe"), _("An event waits to be settled.") if finding.at else _("Everything heard is settled.")


def _messages(finding: Finding, _name: str) -> tuple[str, Any, Any]:
    (unread,) = finding.facts
    if finding.at:
        words: Any = _("A message waits to be taken in.")
    elif unread:
        words = ngettext("%(count)s message could not be taken in.", "%(count)s messages could not be taken in.", unread) % {
            "count": unread
        }
    else:
        words = _("Everything heard is settled.")
    return "forward_to_inbox", _("Couriers’ messages"), words


def _courier(finding: Finding, name: str) -> tuple[str, Any, Any]:
    failing, is_down = finding.facts
    if is_down:
        words: Any = _("Is not followed at present; its parcels wait.")
    elif failing:
        words = ngettext("%(count)s parcel gets no answer.", "%(count)s parcels get no answer.", failing) % {"count": failing}
    else:
        words = _("Answers.") if finding.at else _("Not asked yet.")
    return "local_shipping", courier_name(name), words


def _rate(finding: Finding, _name: str) -> tuple[str, Any, Any]:
    words = {
        GOOD: _("Up to date."),
        health.SOON: _("No new rate for a while; the last one is used."),
        BAD: _("No usable rate: prices cannot be confirmed."),
    }
    return "currency_exchange", _("Exchange rate"), words[finding.tone]


def _keys(finding: Finding, _name: str) -> tuple[str, Any, Any]:
    _count, names = finding.facts
    return "key_off", _("Keys"), _("Refused our key: %(names)s") % {"names": ", ".join(names) or "?"}


SAID = {
    "worker": _worker,
    "queue": _queue,
    "stripe": _stripe,
    "messages": _messages,
    "courier": _courier,
    "rate": _rate,
    "keys": _keys,
}

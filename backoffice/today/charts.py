"""The figures that a job keeps by day (`workflow/figures.py`), as Unfold's charts and as bars of our own."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.timezone import localdate
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from backoffice.today.cards import Card
from backoffice.words import STATE_TONES, TONE_OF_WAITS, TURNS
from workflow import figures
from workflow.process import WAITS_ON, State

MONEY_DAYS, RATE_DAYS = 30, 90
DIM = "#9ca3af"


@dataclass(frozen=True)
class Chart:
    """`data` and `options` are Chart.js's, in JSON; `words` says the same in short."""

    data: str
    options: str
    words: dict[str, Any]
    is_empty: bool


@dataclass(frozen=True)
class Bar:
    """One line of a list with a bar; widths are percentages of the longest."""

    label: Any
    tone: str
    words: tuple[Any, ...]
    width: float
    inner_width: float = 0.0
    url: str = ""


def charts(request: HttpRequest) -> dict[str, Any]:
    """Only what this person may see elsewhere; one query for each."""
    may = request.user.has_perm
    shown: dict[str, Any] = {}
    if may("workflow.view_ledgerentry"):
        shown["money_chart"] = money()
    if may("workflow.view_exchangerate"):
        shown["rate_chart"] = rate()
    if may("workflow.view_order"):
        shown["stays"] = stays()
    return shown


def money() -> Chart:
    """Dollars in and out by day; days without a figure have none."""
    found = figures.by_day(figures.MONEY_INTO, figures.MONEY_OUT, days=MONEY_DAYS)
    into, out = found[figures.MONEY_INTO], found[figures.MONEY_OUT]
    days = _days(MONEY_DAYS)
    data = _data(days, _dollars(_("In"), into, days, "--color-primary-500"), _dollars(_("Out"), out, days, "--color-orange-500"))
    words = {"in_cents": sum(into.values()), "out_cents": sum(out.values()), "days": MONEY_DAYS}
    dollars = {"style": "currency", "currency": "USD", "minimumFractionDigits": 0, "maximumFractionDigits": 2}
    return Chart(data, _options(dollars), words, is_empty=not any(into.values()) and not any(out.values()))


def rate() -> Chart:
    """Won for a dollar; a day on which no rate came keeps the one before."""
    known = figures.by_day(figures.RATE, days=RATE_DAYS)[figures.RATE]
    days = _days(RATE_DAYS)
    values = [float(known[day]) if day in known else None for day in days]
    line = {"data": values, "label": _("₩ for $1"), "borderColor": "var(--color-primary-500)", "borderWidth": 2, "spanGaps": True}
    heard = [value for value in values if value is not None]
    # One day alone would be a line without length.
    look = {"tension": 0.2, "pointRadius": 0 if len(heard) > 1 else 3, "pointHitRadius": 8}
    words = {"low": min(heard, default=None), "high": max(heard, default=None), "days": RATE_DAYS}
    return Chart(_data(days, {**line, **look}), _options({"maximumFractionDigits": 2}), words, is_empty=not heard)


def _days(count: int) -> list[date]:
    return [localdate() - timedelta(days=back) for back in range(count - 1, -1, -1)]


def _dollars(label: str, cents: dict[date, int], days: list[date], colour: str) -> dict[str, Any]:
    values = [cents[day] / 100 if day in cents else None for day in days]
    return {"data": values, "label": label, "backgroundColor": f"var({colour})", "borderRadius": 2, "maxBarThickness": 12}


def _data(days: list[date], *datasets: dict[str, Any]) -> str:
    return json.dumps({"labels": [day.strftime("%m-%d") for day in days], "datasets": datasets})


def _options(number_format: dict[str, Any]) -> str:
    """Unfold's own options leave numbers bare; these name the currency. Colours of the grid are Unfold's, by light and dark."""
    return json.dumps(
        {
            "animation": False,
            "responsive": True,
            "maintainAspectRatio": False,
            "locale": get_language(),
            "interaction": {"mode": "index", "intersect": False},
            "plugins": {"legend": {"display": False}, "tooltip": {"boxWidth": 8, "boxHeight": 8, "boxPadding": 4, "padding": 8}},
            "scales": {
                "x": {
                    "grid": {"display": False},
                    "border": {"display": False},
                    "ticks": {"color": DIM, "maxRotation": 0, "autoSkipPadding": 16},
                },
                "y": {
                    "grid": {"tickLength": 0},
                    "border": {"display": False},
                    "ticks": {"color": DIM, "maxTicksLimit": 5, "padding": 8, "format": number_format},
                },
            },
        }
    )


# --- Bars -----------------------------------------------------------------------------------------------------------------


def by_state(cards: dict[str, list[Card]]) -> list[Bar]:
    """The open orders, in the order of the process."""
    counted = {card.key: card for group in cards.values() for card in group if card.key in State.values}
    most = max((card.count for card in counted.values()), default=0) or 1
    found = [counted[state] for state in State.values if state in counted]
    return [Bar(card.name, card.tone, (card.count,), 100 * card.count / most, url=card.url) for card in found]


def stays() -> list[Bar]:
    """Half and nine of ten of the orders that left a state in the last thirty days had left it after so long (`figures.py`)."""
    known = figures.stays()
    most = max((found["p90"] for found in known.values()), default=0) or 1
    return [
        Bar(
            TURNS[state].queue,
            STATE_TONES.get(State(state), TONE_OF_WAITS[WAITS_ON[state]]),
            (timedelta(minutes=found["median"]), timedelta(minutes=found["p90"]), found["count"]),
            100 * found["p90"] / most,
            100 * found["median"] / most,
        )
        for state, found in ((state, known[state]) for state in State.values if state in known)
    ]

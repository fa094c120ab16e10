"""/track/{token}: how far an order's parcels are, for whoever has the link: no sign-in, and nothing about a person or what they bought.

A view asks no courier: it shows what was heard at the last look. Korean or English by `?lang=`, else by the browser's languages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import localtime
from django.utils.translation import gettext, override
from django.views.decorators.http import require_safe

from customer_api.schema import language
from workflow import road
from workflow.models import Parcel, TrackingEvent
from workflow.road import Leg

LANGUAGES = {"ko": "한국어", "en": "English"}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def guarded(view: Callable[[HttpRequest, str], HttpResponse]) -> Callable[[HttpRequest, str], HttpResponse]:
    """Own files only, no frames, nothing kept, nothing told to the courier's site that a link leads to."""

    @wraps(view)
    def answer(request: HttpRequest, token: str) -> HttpResponse:
        response = view(request, token)
        response["Content-Security-Policy"] = POLICY
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Referrer-Policy"] = "no-referrer"
        return response

    return answer


@guarded
@require_safe
def track(request: HttpRequest, token: str) -> HttpResponse:
    wanted = request.GET.get("lang", "")
    locale = wanted if wanted in LANGUAGES else language()
    with override(locale):
        found = road.order_behind(token)
        shown: dict[str, Any] = {"language": locale, "languages": LANGUAGES.items()}
        if found is None:
            return render(request, "customer_api/track_missing.html", shown, status=404)
        order, parcels = found
        return render(request, "customer_api/track.html", {**shown, "number": order.number, "parcels": [Shown.of(one) for one in parcels]})


@dataclass(frozen=True)
class Shown:
    """One parcel, in the language of now."""

    parcel: Parcel
    courier: str
    status: str
    tone: str
    advice: str
    #: (words, "done" | "now" | "ahead"); none of a parcel that goes back
    legs: list[tuple[str, str]]
    scans: list["ShownScan"]

    @classmethod
    def of(cls, parcel: Parcel) -> "Shown":
        scans: list[TrackingEvent] = parcel.newest_scans  # type: ignore[attr-defined]
        reached = road.leg_of(parcel, scans)
        back = road.goes_back(parcel)
        return cls(
            parcel=parcel,
            courier=road.courier_label(parcel),
            status=road.words_of(parcel),
            tone="good" if parcel.delivered_at else "wait" if back or parcel.status in ("exception", "attempt_failed") else "plain",
            advice=road.advice_of(parcel),
            legs=[] if back else [(str(road.LEG_WORDS[leg]), _where(leg, reached)) for leg in Leg],
            scans=[ShownScan.of(scan) for scan in scans],
        )


def _where(leg: Leg, reached: Leg) -> str:
    if leg == reached and leg != Leg.DELIVERED:
        return "now"
    return "done" if leg <= reached else "ahead"


@dataclass(frozen=True)
class ShownScan:
    """In our words: a courier's own may name who signed for it. Where the recipient lives is not told either."""

    at: datetime
    words: str
    place: str

    @classmethod
    def of(cls, scan: TrackingEvent) -> "ShownScan":
        place = "" if scan.status in road.AT_THE_DOOR else scan.place or gettext("place not named")
        return cls(localtime(scan.at), road.status_words(scan.status), place)

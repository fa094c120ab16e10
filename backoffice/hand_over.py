"""The hand-over list of a day: what the drivers took and what is ready for them, by courier; to look at, to print and sign, to take along
as CSV. What is listed: `workflow/hand_over.py`.
"""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from backoffice.access import holds
from backoffice.exports import files
from backoffice.exports.lists import HAND_OVER
from backoffice.exports.pages import keep_log
from backoffice.money.spans import day_said
from backoffice.words import courier_name
from workflow import hand_over
from workflow.models import Parcel
from workflow.process import Role

SEEN_BY = frozenset({Role.WAREHOUSE, Role.OWNER})
PER_PAGE, MOST_READY = 300, 300


@dataclass(frozen=True)
class Group:
    """One courier's parcels of this page, with the sums of the whole day."""

    courier: str
    parcels: list[Parcel]
    count: int
    weight_g: int


def may(request: HttpRequest) -> bool:
    return holds(request, SEEN_BY)


def urls(site: Any) -> list[URLPattern]:
    def view(shown: Callable[..., HttpResponseBase], allowed: Callable[[Any], Any]) -> Any:
        def framed(request: HttpRequest) -> HttpResponseBase:
            if not may(request):
                raise PermissionDenied
            return shown(request, frame=site.each_context(request))

        return site.admin_view(allowed(framed))

    return [
        path("hand-over/", view(page, require_safe), name="hand_over"),
        path("hand-over/csv/", view(table, require_POST), name="hand_over_csv"),
    ]


def day_of(request: HttpRequest) -> date:
    """Today where none is asked for; nothing was handed over tomorrow."""
    return min(day_said(request.GET.get("day", "")) or localdate(), localdate())


def page(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    day, number = day_of(request), _page_number(request)
    start = (number - 1) * PER_PAGE
    rows = list(hand_over.handed_over_on(day)[start : start + PER_PAGE + 1])
    waiting = hand_over.ready(most=MOST_READY + 1) if day == localdate() and number == 1 else []
    sums = hand_over.sums(day)
    context = {
        **frame,
        "title": _("Hand-over"),
        "day": day,
        "is_today": day == localdate(),
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1) if day < localdate() else None,
        "groups": _groups(rows[:PER_PAGE], sums),
        "total_count": sum(one.parcels for one in sums),
        "total_weight_g": sum(one.weight_g for one in sums),
        "ready": [(parcel, hand_over.is_late(parcel)) for parcel in hand_over.late_first(waiting[:MOST_READY])],
        "more_ready": len(waiting) > MOST_READY,
        "page": number,
        "next_page": number + 1 if len(rows) > PER_PAGE else None,
    }
    return render(request, "backoffice/hand_over.html", context)


def _page_number(request: HttpRequest) -> int:
    said = request.GET.get("page", "")
    return max(int(said), 1) if said.isascii() and said.isdigit() and len(said) < 5 else 1


def _groups(rows: list[Parcel], sums: list[hand_over.CourierSum]) -> list[Group]:
    whole = {one.courier: one for one in sums}
    by_courier = groupby(rows, key=lambda parcel: parcel.courier)
    return [Group(courier_name(code), list(some), whole[code].parcels, whole[code].weight_g) for code, some in by_courier]


def table(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponseBase:
    """The day as a file; who took it is kept, as with every export."""
    columns = list(HAND_OVER.columns)
    keys = array("q", hand_over.handed_over_on(day_of(request)).values_list("pk", flat=True)[: HAND_OVER.most])
    keep_log(request, HAND_OVER, columns, file_format="csv", rows=len(keys))
    return files.answer(request, HAND_OVER, keys, columns, file_format="csv")

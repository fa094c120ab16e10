"""The home page and its live parts. The page is fetched once; then `today.js` asks for the live parts alone when staff are told of a
change, and every minute."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from backoffice.access import EFFECTS_SEEN_BY, background, holds
from backoffice.today import charts, machines
from backoffice.today.cards import cards
from core import events
from workflow import pricing
from workflow.models import StaffTask

MOST_TASKS = 6


def overview(request: HttpRequest) -> dict[str, Any]:
    """Everything on the page; nothing but what this person may open."""
    hears = request.user.has_perm("workflow.view_order")  # whom the staff's event stream lets in, see core/web
    heard = events.position(events.STAFF_CHANNEL) if hears else 0  # before anything is read: the page listens from there on
    found = {"hears": hears, "heard": heard, **live_parts(request), **charts.charts(request)}
    if request.user.has_perm("workflow.view_exchangerate"):
        rate = pricing.last_rate()
        found |= {"rate": rate, "rate_is_stale": rate is None or pricing.is_stale(rate)}
    return found


def live_parts(request: HttpRequest) -> dict[str, Any]:
    """What changes by itself."""
    queues = cards(request)
    found: dict[str, Any] = {"now": now(), **queues}
    if request.user.has_perm("workflow.view_order"):
        found["states"] = charts.by_state(queues)
    if request.user.has_perm("workflow.view_stafftask"):
        rows = list(StaffTask.objects.filter(done_at=None).prefetch_related("order").order_by("created_at")[: MOST_TASKS + 1])
        found |= {"tasks": rows[:MOST_TASKS], "more_tasks": len(rows) > MOST_TASKS}
    if holds(request, EFFECTS_SEEN_BY):
        found["machines"] = machines.lines()
        found["machines_tone"] = machines.worst(found["machines"])
    return found


def urls(site: Any) -> list[URLPattern]:
    def fragment(request: HttpRequest) -> HttpResponse:
        """The live parts and the sidebar's badges, without a page around them."""
        parts = live_parts(request)
        context = {"home": parts, "sidebar_navigation": site.get_sidebar_list(request)}
        return render(request, "backoffice/today/fragment.html", context)

    return [path("today/", background(site.admin_view(require_safe(fragment))), name="today")]

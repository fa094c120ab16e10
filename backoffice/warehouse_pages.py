"""The warehouse's own pages: arrivals by scanned number, and the inspections that are open. The rules: `workflow/work.py`,
`workflow/inspections.py`.

The field for the number has the focus whenever the page opens and is empty, so that a scanner may type on at any time; the buttons come
next in the order of the Tab key. Everything works without a script.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from backoffice.access import acting
from backoffice.orders.inspecting import TONES, version_of
from core.errors import BidangilError
from workflow import arrivals, inspection_rows, work
from workflow.models import Inspection, Item, ItemStatus, Verdict

PAGE_SIZE = 50


def may_receive(request: HttpRequest) -> bool:
    return bool(acting(request).roles & work.RECEIVE.roles)


def may_look(request: HttpRequest) -> bool:
    return request.user.has_perm("workflow.view_order")


def urls(site: Any) -> list[URLPattern]:
    def view(shown: Callable[..., HttpResponse], may: Callable[[HttpRequest], bool]) -> Any:
        def framed(request: HttpRequest) -> HttpResponse:
            if not may(request):
                raise PermissionDenied
            return shown(request, frame=site.each_context(request))

        return site.admin_view(framed)

    return [
        path("arrivals/", view(require_http_methods(["GET", "HEAD", "POST"])(arrive), may_receive), name="arrivals"),
        path("inspections/", view(require_GET(open_inspections), may_look), name="inspections"),
    ]


# --- Arrivals -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Match:
    """An item behind the number, and what may be said of it now."""

    item: Item

    @property
    def is_open(self) -> bool:
        return self.item.is_live and self.item.order.state in work.RECEIVE.states and not self.item.is_held  # type: ignore[attr-defined]

    @property
    def may_arrive(self) -> bool:
        return self.is_open and self.item.status == ItemStatus.PURCHASED

    @property
    def may_be_fine(self) -> bool:
        return self.is_open and self.item.status in (ItemStatus.PURCHASED, ItemStatus.ARRIVED)

    @property
    def may_undo(self) -> bool:
        return self.is_open and self.item.status in (ItemStatus.ARRIVED, ItemStatus.INSPECTED)

    @property
    def tone(self) -> str:
        return {ItemStatus.INSPECTED: "good", ItemStatus.ARRIVED: "customer"}.get(ItemStatus(self.item.status), "nobody")


def arrive(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    if request.method == "POST":
        return _enter(request)
    said = request.GET.get("q", "").strip()[: arrivals.LONGEST]
    matches = [Match(item) for item in arrivals.find(said)]
    context = {**frame, "title": _("Arrivals"), "said": said, "matches": matches, "last": _last(request), "most": arrivals.MOST}
    return render(request, "backoffice/warehouse/arrivals.html", context)


def _last(request: HttpRequest) -> Match | None:
    """What was entered a moment ago, which may be taken back."""
    said = request.GET.get("last", "")
    if not (said.isascii() and said.isdigit() and len(said) < 19):
        return None
    item = Item.objects.select_related("order").filter(pk=int(said)).first()
    if item is None:
        return None
    item.is_held = False  # type: ignore[attr-defined]
    return Match(item)


def _enter(request: HttpRequest) -> HttpResponse:
    """`what` is `arrived`, `fine` or `undo`, of the item `item`."""
    said, what, pk = request.POST.get("q", "")[: arrivals.LONGEST], request.POST.get("what", ""), request.POST.get("item", "")
    if not (pk.isascii() and pk.isdigit() and len(pk) < 19) or what not in ("arrived", "fine", "undo"):
        raise Http404
    item = Item.objects.filter(pk=int(pk)).first()
    if item is None:
        raise Http404
    by, seen = acting(request), version_of(request)
    try:
        if what == "undo":
            work.undo_arrival(item.order_id, item_ids=[item.pk], by=by, seen_version=seen)
        else:
            work.receive_items(item.order_id, item_ids=[item.pk], inspected=what == "fine", by=by, seen_version=seen)
    except BidangilError as refused:
        messages.error(request, str(refused))
        return HttpResponseRedirect(_address(q=said))
    more = what == "undo" or any(Match(one).may_be_fine for one in arrivals.find(said))
    return HttpResponseRedirect(_address(q=said if more else "", last="" if what == "undo" else item.pk))


def _address(**query: Any) -> str:
    given = urlencode({name: value for name, value in query.items() if value})
    return reverse("admin:arrivals") + (f"?{given}" if given else "")


# --- Open inspections -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Open:
    inspection: Inspection

    @property
    def tone(self) -> str:
        return TONES[Verdict(self.inspection.verdict)]

    @property
    def waits(self) -> tuple[str, Any]:
        """The tone of whose move it is, and for what."""
        one = self.inspection
        if one.asked_at is None:
            return "staff", _("us: ask the customer")
        if one.choice or not one.item.order.question:
            return "staff", _("us: the customer decided")
        if one.answer_by and one.answer_by <= now():
            return "staff", _("us: no answer in time")
        return "customer", _("the customer")


def open_inspections(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    """The oldest first, a page at a time by the last one's key; with `waits=us` those that wait for no answer."""
    said = request.GET.get("after", "")
    after = int(said) if said.isascii() and said.isdigit() and len(said) < 19 else 0
    ours = request.GET.get("waits") == "us"
    wanted = inspection_rows.wait_for_us() if ours else inspection_rows.still_open()
    rows = list(wanted.filter(pk__gt=after).order_by("pk")[: PAGE_SIZE + 1])
    shown = [Open(one) for one in rows[:PAGE_SIZE]]
    context = {
        **frame,
        "title": _("Inspections"),
        "rows": shown,
        "ours": ours,
        "after": after,
        "following": rows[PAGE_SIZE - 1].pk if rows[PAGE_SIZE:] else 0,
    }
    return render(request, "backoffice/warehouse/inspections.html", context)

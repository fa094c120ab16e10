"""The palette (Ctrl+K) and the sidebar's search: the pages this person may open, and orders by what people hold in their hand.

Exact look-ups over indexes only (`workflow/lookup.py`), a handful of statements whatever is typed; nothing is remembered, so that a role
that was taken away is gone at once. And the page that shows the keyboard's shortcuts.
"""

import time
from collections.abc import Iterable
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET
from unfold.dataclasses import SearchResult

from backoffice.privacy import Personal, sees
from workflow.lookup import matching
from workflow.models import Order

#: orders under one e-mail or shop number; whoever wants all of them has the list
MOST = 10
LONGEST = 254


def urls(site: Any) -> list[URLPattern]:
    return [path("keys/", site.admin_view(require_GET(lambda request: keys(request, site))), name="keys")]


def search(request: HttpRequest, *, pages: Iterable[dict[str, Any]]) -> HttpResponse:
    """`s` is what was typed; `extended` asks for orders too (the palette), without it for pages alone (the sidebar)."""
    began = time.monotonic()
    said, is_palette = request.GET.get("s", "").strip()[:LONGEST], "extended" in request.GET
    if not said:
        return HttpResponse()
    found = [*(orders(request, said) if is_palette else []), *_pages(pages, said)]
    template = "unfold/helpers/command_results.html" if is_palette else "unfold/helpers/search_results.html"
    paginator = Paginator(found, 100)
    context = {"page_obj": paginator, "results": paginator.page(1), "page_counter": 0, "command_show_history": False}
    response = render(request, template, {**context, "execution_time": time.monotonic() - began})
    response["HX-Trigger"] = "search"
    return response


def _pages(groups: Iterable[dict[str, Any]], said: str) -> list[SearchResult]:
    wanted = said.casefold()
    return [
        SearchResult(title=link["title"], description=group["title"] or _("Page"), link=link["link"], icon=link["icon"])
        for group in groups
        for link in group["items"]
        if wanted in str(link["title"]).casefold()
    ]


def orders(request: HttpRequest, said: str) -> list[SearchResult]:
    """The newest orders that `said` names exactly: by number, tracking or shop number, and by e-mail for those who see e-mails."""
    if not request.user.has_perm("workflow.view_order") or not may_look_up(request, said):
        return []
    found = Order.objects.filter(matching(said)).prefetch_related("customer").order_by("-pk")[:MOST]
    return [
        SearchResult(
            title=order.number,
            description=f"{order.get_state_display()} · {order.customer.nickname}",
            link=reverse("admin:workflow_order_change", args=[order.pk]),
            icon="inventory_2",
        )
        for order in found
    ]


def may_look_up(request: HttpRequest, said: str) -> bool:
    """Whoever does not see e-mails does not find out by them either."""
    return "@" not in said or sees(request, Personal.EMAIL)


# --- Shortcuts ------------------------------------------------------------------------------------------------------------

#: as static/backoffice/keys.js has them
KEYS = (
    (("?",), _("These shortcuts")),
    (("Ctrl", "K"), _("Find an order or a page")),
    (("/",), _("Search in this list")),
    (("g", "h"), _("Today")),
    (("g", "o"), _("Orders")),
    (("g", "t"), _("Tasks")),
    (("g", "r"), _("Refunds")),
    (("j",), _("Next row")),
    (("k",), _("Row before")),
    (("Enter",), _("Open the row")),
    (("n",), _("Order: the next move")),
    (("e",), _("Order: the first field to fill in")),
    (("m",), _("Order: write to the customer")),
    (("i",), _("Order: internal note")),
)


def keys(request: HttpRequest, site: Any) -> HttpResponse:
    return render(request, "backoffice/keys.html", {**site.each_context(request), "title": _("Shortcuts"), "keys": KEYS})

"""One transition for the chosen rows of the order list: choose it, look through what will move and what not and why, press once.

Generated from the process table. A GET changes nothing; the POST asks for each order by itself with the version that was seen, and
answers with a row for each.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from backoffice.access import acting
from backoffice.bulk.one_by_one import attempt, deadline, happened_since
from backoffice.orders.history import Happening
from backoffice.orders.moves import fact_field, follows, what_is_next
from backoffice.words import WAITS_WORDS, tone_of
from core.errors import BidangilError
from workflow import many
from workflow.fsm import Spec
from workflow.models import Order
from workflow.process import TRANSITIONS, WAITS_ON, State
from workflow.transitions import By, ask

_CHOSEN = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})")


# --- What is shown --------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """One chosen order: will be moved, or cannot, because; afterwards what came of it (moved, already, refused)."""

    order: Order
    refused: BidangilError | None = None
    kind: str = ""
    words: str = ""
    meanwhile: list[Happening] = field(default_factory=list)

    @property
    def tone(self) -> str:
        return tone_of(self.order.state, self.order.waiting_on)


class FactsForm(forms.Form):
    """The facts that one answer can give for all of them."""

    def __init__(self, spec: Spec, data: Any = None) -> None:
        super().__init__(data, auto_id="many-%s")
        for name, kind in spec.asks.items():
            if kind in many.SHARED_KINDS:
                self.fields[name] = fact_field(name, kind)


# --- Pages ----------------------------------------------------------------------------------------------------------------


def urls(site: Any) -> list[URLPattern]:
    def view(shown: Callable[..., HttpResponse]) -> Any:
        def framed(request: HttpRequest) -> HttpResponse:
            if not request.user.has_perm("workflow.view_order"):
                raise PermissionDenied
            return shown(request, frame=site.each_context(request))

        return site.admin_view(framed)

    return [path("many/", view(page), name="many")]


def chosen(request: HttpRequest, order_ids: Iterable[int]) -> HttpResponse:
    """From the order list to the page, with the rows that were ticked."""
    ids = list(order_ids)
    if len(ids) > many.MOST:
        messages.error(request, _("At most %(most)s orders at once.") % {"most": many.MOST})
        return HttpResponseRedirect(request.get_full_path())
    return HttpResponseRedirect(url_of(ids))


def url_of(order_ids: Iterable[int], **more: str) -> str:
    return reverse("admin:many") + "?" + urlencode({"ids": ",".join(map(str, order_ids)), **more})


def page(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    if request.method == "POST":
        return _press(request, _spec(request, request.POST.get("move", "")), frame=frame)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    ids = [int(pk) for pk in request.GET.get("ids", "").split(",") if pk.isascii() and pk.isdigit() and len(pk) < 19][: many.MOST]
    name = request.GET.get("move", "")
    return _look(request, ids, _spec(request, name) if name else None, frame=frame)


def _spec(request: HttpRequest, name: str) -> Spec:
    """404 for what is no button of staff's, or is not for many orders; 403 for somebody else's."""
    spec = TRANSITIONS.get(name)
    if spec is None or not many.is_for_staff(spec) or many.own_facts(spec):
        raise Http404
    if not request.user.has_perm(f"workflow.{spec.name}"):
        raise PermissionDenied
    return spec


def _look(
    request: HttpRequest, ids: list[int], spec: Spec | None, *, frame: Mapping[str, Any], form: FactsForm | None = None
) -> HttpResponse:
    by, orders = acting(request), many.loaded(ids)
    offers = [(offer, url_of(ids, move=offer.spec.name)) for offer in many.offers(orders, by=by)]
    rows = [Row(order, many.why_not(order, spec, by=by) if spec else None) for order in orders]
    context = {
        "title": spec.label if spec else _("Move orders"),
        "spec": spec,
        "offers": [(offer, url) for offer, url in offers if not offer.own_facts],
        "excluded": [offer for offer, _url in offers if offer.own_facts],
        "rows": rows,
        "movable": sum(row.refused is None for row in rows) if spec else 0,
        "form": form or (FactsForm(spec) if spec else None),
        **(_target(spec) if spec else {}),
    }
    return _page(request, "many", context, frame=frame, status=422 if form else 200)


def _target(spec: Spec) -> dict[str, Any]:
    return {"target": State(spec.target).label, "target_whose": WAITS_WORDS[WAITS_ON[spec.target]], "follows": follows(spec)}


def _page(request: HttpRequest, name: str, context: Mapping[str, Any], *, frame: Mapping[str, Any], status: int = 200) -> HttpResponse:
    shown = {**frame, **context, "is_fullwidth": "1", "list_url": reverse("admin:workflow_order_changelist")}
    return render(request, f"backoffice/bulk/{name}.html", shown, status=status)


def _press(request: HttpRequest, spec: Spec, *, frame: Mapping[str, Any]) -> HttpResponse:
    seen = {int(one[1]): int(one[2]) for text in request.POST.getlist("order") if (one := _CHOSEN.fullmatch(text))}
    form = FactsForm(spec, request.POST)
    if not 1 <= len(seen) <= many.MOST or not form.is_valid():
        if len(seen) > many.MOST:
            messages.error(request, _("At most %(most)s orders at once.") % {"most": many.MOST})
        elif not seen:
            messages.error(request, _("No order is ticked."))
        return _look(request, list(seen)[: many.MOST], spec, frame=frame, form=form)
    rows = move_all(spec, seen=seen, facts=form.cleaned_data, by=acting(request))
    moved = sum(row.kind == "moved" for row in rows)
    context = {"title": spec.label, "spec": spec, "rows": rows, "moved": moved, "others": len(rows) - moved}
    return _page(request, "many_done", context, frame=frame)


# --- Doing it -------------------------------------------------------------------------------------------------------------


def move_all(spec: Spec, *, seen: Mapping[int, int], facts: Mapping[str, Any], by: By) -> list[Row]:
    """Ask for the move of each order at the version that was seen, one after the other, whatever becomes of the others."""
    until = deadline()
    rows = [_move(order, spec, version=seen[order.pk], facts=facts, by=by, until=until) for order in many.loaded(seen)]
    quicker = {row.order.pk: seen[row.order.pk] for row in rows if row.refused and row.refused.code == "changed_meanwhile"}
    for pk, happened in happened_since(quicker).items():
        row = next(row for row in rows if row.order.pk == pk)
        row.meanwhile = happened
        if any(h.event.name == spec.name and by.user and h.event.user_id == by.user.pk for h in happened):
            row.kind, row.words = "already", _("You moved it already; nothing was done twice.")
    return rows


def _move(order: Order, spec: Spec, *, version: int, facts: Mapping[str, Any], by: By, until: float) -> Row:
    if order.version == version and (own_page := many.own_page(order, spec)):
        return Row(order, own_page, "refused", str(own_page))
    moved, refused = attempt(lambda: ask(order.pk, spec.name, by=by, seen_version=version, **facts), about=order.number, until=until)
    if refused:
        return Row(order, refused, "refused", str(refused))
    return Row(order, None, "moved", what_is_next(spec, moved or order))

"""The price page: every order that waits for prices as one sheet of cells. `typed.py` reads what was typed, `saving.py` does it.

Works as a plain form; with `bulk.js` the same addresses answer in JSON. A GET changes nothing.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Media
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backoffice.access import acting
from backoffice.bulk import saving
from backoffice.bulk.saving import Outcome, Run
from backoffice.bulk.typed import TypedOrder, read, seen_of, values
from backoffice.orders.pricing_hints import rate_and_fee
from core.errors import BidangilError, Invalid
from workflow import price_sheet, pricing
from workflow.guards import live_items
from workflow.models import Item, Order
from workflow.work import PRICE

ITEMS_A_PAGE = ORDERS_A_SAVE = 500


# --- What is shown --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    name: str
    text: str
    saved: str
    error: str

    @property
    def is_changed(self) -> bool:
        return self.text != self.saved


@dataclass(frozen=True)
class SheetItem:
    item: Item
    name: Cell
    price: Cell


class SheetOrder:
    """An order's rows; where the form comes back, with what was typed over and is not saved."""

    def __init__(self, order: Order, *, typed: TypedOrder | None, outcome: Outcome | None, terms: Mapping[str, Any]) -> None:
        self.order, self.outcome, items = order, outcome, live_items(order)
        self.seen = seen_of(order)
        kept: dict[tuple[str, int], str] = {}
        if typed and outcome is None:  # not part of this press: as it was sent, over what the person saw
            self.seen, kept = f"{typed.version}.{typed.digests}", typed.cells()
        elif typed and outcome and outcome.is_refused and not outcome.is_saved:
            over = values(typed, items=items).touched
            kept = {cell: text for cell, text in typed.cells().items() if cell in over}
        errors = outcome.errors if outcome else {}
        self.items = [SheetItem(item, *(_cell(item, name, kept, errors) for name in ("name", "price"))) for item in items]
        self.bill = pricing.items_quote(order, rate=terms["rate"], policy=terms["policy"]) if terms["rate"] and terms["policy"] else None
        self.goods_krw = sum(item.line_krw or 0 for item in items)

    @property
    def fee_krw(self) -> int:
        return self.bill.total_krw - self.goods_krw if self.bill else 0


def _cell(item: Item, name: str, kept: Mapping[tuple[str, int], str], errors: Mapping[str, str]) -> Cell:
    field, saved = f"{name}-{item.order_id}-{item.pk}", saving.text(item, name)
    return Cell(field, kept.get((name, item.pk), saved), saved, errors.get(field, ""))


@dataclass(frozen=True)
class Elsewhere:
    """What became of an order that is not on this page (any more), and what had been typed for it where that was not saved."""

    outcome: Outcome
    typed: list[str]


def context(request: HttpRequest, *, typed: Sequence[TypedOrder] = (), run: Run | None = None) -> dict[str, Any]:
    """A fixed number of queries, whatever waits."""
    after, terms = _place(request), rate_and_fee()
    ids, place = price_sheet.one_page(after=after, items=ITEMS_A_PAGE)
    by_order = {one.order_id: one for one in typed}
    outcomes = {outcome.order_id: outcome for outcome in (run.outcomes if run else ())}
    orders = [
        SheetOrder(order, typed=by_order.get(order.pk), outcome=outcomes.get(order.pk), terms=terms) for order in price_sheet.loaded(ids)
    ]
    last = price_sheet.last_save(by=acting(request))
    return {
        "title": _("Prices"),
        "is_fullwidth": "1",
        "orders": orders,
        "items_count": sum(len(row.items) for row in orders),
        "terms": terms,
        "elsewhere": [Elsewhere(o, _typed_words(by_order.get(pk), o)) for pk, o in outcomes.items() if pk not in ids],
        "action": _url(after),
        "next_url": _url(place) if place else "",
        "is_first": after is None,
        "first_url": _url(None),
        "undo": _undo(last) if last else None,
        "words": json.dumps(script_words()),
        "script": Media(js=["backoffice/bulk.js"]),
    }


def _typed_words(typed: TypedOrder | None, outcome: Outcome) -> list[str]:
    if typed is None or not outcome.is_refused or outcome.is_saved:
        return []
    pks = dict.fromkeys((*typed.names, *typed.prices))
    return [" · ".join(filter(None, (typed.names.get(pk, ""), typed.prices.get(pk, "")))) for pk in pks]


def _undo(last: price_sheet.PriceSave) -> dict[str, Any]:
    return {"url": reverse("admin:prices_undo", args=[last.pk]), "saved_at": last.saved_at}


def script_words() -> dict[str, str]:
    """What bulk.js says, in the reader's language."""
    return {
        "changed": _("Changed orders: {n}"),
        "unchanged": _("Nothing changed"),
        "unread": _("Cells that cannot be read: {n}"),
        "not_whole": _("Please enter a whole number."),
        "did_not_fit": _("Pasted values that did not fit: {values}"),
        "confirm": _("Confirm the prices? Orders: {n}. Each customer gets the bill and can pay it."),
        "nothing": _("Nothing to save."),
        "none_ticked": _("No order is ticked."),
        "saving": _("Saving …"),
        "failed": _("The server did not answer as expected; nothing is lost here. Are you still signed in? Please try again."),
        "meanwhile": _("Meanwhile:"),
    }


# --- Pages ----------------------------------------------------------------------------------------------------------------


def may(request: HttpRequest) -> bool:
    """Whoever may price items on the order's own page."""
    return bool(acting(request).roles & PRICE.roles)


def urls(site: Any) -> list[URLPattern]:
    def view(shown: Callable[..., HttpResponse]) -> Any:
        def framed(request: HttpRequest, **found: Any) -> HttpResponse:
            if not may(request):
                raise PermissionDenied
            return shown(request, frame=site.each_context(request), **found)

        return site.admin_view(framed)

    return [path("prices/", view(sheet), name="prices"), path("prices/undo/<int:pk>/", view(undo), name="prices_undo")]


def sheet(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    if request.method == "POST":
        return _pressed(request, _save, frame=frame)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    return render(request, "backoffice/bulk/prices.html", {**frame, **context(request)})


def undo(request: HttpRequest, pk: int, *, frame: Mapping[str, Any]) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    return _pressed(request, lambda request, typed: saving.undo(pk, typed=typed, by=acting(request)), frame=frame)


def _save(request: HttpRequest, typed: list[TypedOrder]) -> Run:
    """`do` is save, save_ticked or confirm; `confirm` names one order."""
    ticked = {int(pk) for pk in request.POST.getlist("tick") if _is_key(pk)}
    one, do = request.POST.get("confirm", ""), request.POST.get("do", "save")
    confirm = {int(one)} if _is_key(one) else ticked if do == "confirm" else set()
    if not confirm and not ticked and do != "save":
        raise Invalid(_("No order is ticked."), field="tick")
    chosen = confirm or (None if do == "save" else ticked)
    return saving.save_and_confirm(typed, chosen=chosen, confirm=confirm, by=acting(request))


def _pressed(request: HttpRequest, act: Callable[[HttpRequest, list[TypedOrder]], Run], *, frame: Mapping[str, Any]) -> HttpResponse:
    typed, in_json = read(request.POST), "application/json" in request.headers.get("Accept", "")
    try:
        if len(typed) > ORDERS_A_SAVE:
            raise Invalid(_("At most %(most)s orders at once.") % {"most": ORDERS_A_SAVE})
        run = act(request, typed)
    except BidangilError as refused:
        if in_json:
            return JsonResponse({"said": str(refused), "results": []}, status=refused.status_code)
        messages.error(request, str(refused))
        return _shown(request, typed, None, status=refused.status_code, frame=frame)
    if in_json:
        last = price_sheet.last_save(by=acting(request))
        said = {"said": summary(run), "results": saving.as_json(run.outcomes), "undo": _undo(last)["url"] if last else ""}
        return JsonResponse(said, status=422 if run.refused else 200)
    if run.refused or run.pending:
        (messages.warning if run.refused else messages.success)(request, summary(run))
        return _shown(request, typed, run, status=422 if run.refused else 200, frame=frame)
    messages.success(request, summary(run))
    return HttpResponseRedirect(_url(_place(request)))


def _shown(request: HttpRequest, typed: Sequence[TypedOrder], run: Run | None, *, status: int, frame: Mapping[str, Any]) -> HttpResponse:
    return render(request, "backoffice/bulk/prices.html", {**frame, **context(request, typed=typed, run=run)}, status=status)


def summary(run: Run) -> str:
    """`3 orders saved. 1 refused.`"""
    n = {kind: run.count(kind) for kind in ("saved", "confirmed", "undone", "refused")}
    said = [
        (n["saved"], ngettext("%(n)s order saved.", "%(n)s orders saved.", n["saved"])),
        (n["confirmed"], ngettext("Prices of %(n)s order confirmed.", "Prices of %(n)s orders confirmed.", n["confirmed"])),
        (n["undone"], ngettext("%(n)s order put back.", "%(n)s orders put back.", n["undone"])),
        (n["refused"], ngettext("%(n)s order not done, see its row.", "%(n)s orders not done, see their rows.", n["refused"])),
    ]
    return " ".join(words % {"n": number} for number, words in said if number) or _("Nothing to save.")


# --- Where on the queue ---------------------------------------------------------------------------------------------------


def _place(request: HttpRequest) -> price_sheet.Place | None:
    """`?after=<time>_<order id>`; the first page for anything else."""
    since, _sign, pk = request.GET.get("after", "").partition("_")
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        return None
    # at either end of the calendar another zone's time is none in UTC
    is_place = moment.tzinfo and 1 < moment.year < MAXYEAR and _is_key(pk)
    return price_sheet.Place(moment, int(pk)) if is_place else None


def _is_key(said: str) -> bool:
    return said.isascii() and said.isdigit() and len(said) < 19


def _url(place: price_sheet.Place | None) -> str:
    url = reverse("admin:prices")
    return url + "?" + urlencode({"after": f"{place.since.isoformat()}_{place.order_id}"}) if place else url

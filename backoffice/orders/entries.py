"""The pages on which staff type something in: one per task of `workflow/work.py`, and the dialogs beside the state.

The order page holds the same forms; they post here. What is refused comes back with every typed value, with the reason, and, where
somebody else was quicker, with who changed what since.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from backoffice.access import acting
from backoffice.orders import beside, meanwhile, reading
from backoffice.orders.beside import ASIDES
from backoffice.orders.forms import EntryForm
from backoffice.orders.next_move import entry
from backoffice.orders.parcel_forms import FORMS
from backoffice.words import TASK_TITLES
from core.errors import BidangilError
from workflow import work
from workflow.models import Order
from workflow.transitions import moves


def enter(request: HttpRequest, order_id: int, task: str, *, frame: Mapping[str, Any]) -> HttpResponse:
    form_class = FORMS.get(task)
    if form_class is None:
        raise Http404
    if not acting(request).roles & form_class.task.roles:
        raise PermissionDenied
    order = reading.load(order_id)
    if request.method != "POST":
        return _show(request, order, entry(order, form_class.task), frame=frame)
    form = form_class(order, request.POST)
    if not form.is_valid():
        return _show(request, order, entry(order, form_class.task, bound=form), frame=frame, status=422, seen=_version(form))
    try:
        form.save(by=acting(request))
    except BidangilError as refused:
        fresh = reading.load(order.pk)
        bound = form_class(fresh, form_class(fresh, request.POST).only_typed())
        if refused.field in bound.fields:
            bound.add_error(refused.field, str(refused))
        return _show(
            request,
            fresh,
            entry(fresh, form_class.task, bound=bound),
            frame=frame,
            status=refused.status_code,
            refused=refused,
            seen=_version(form),
        )
    messages.success(request, _saved(request, order_id, task))
    return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order_id]))


def _version(form: EntryForm) -> int | None:
    return form.cleaned_data.get("version")


def _saved(request: HttpRequest, order_id: int, task: str) -> str:
    """What was saved, and the move that is possible now."""
    ready = [move.spec.label for move in moves(reading.load(order_id), by=acting(request)) if move.is_ready and not move.spec.destructive]
    words = {"what": TASK_TITLES[task], "move": ready[0] if ready else ""}
    return (_("%(what)s: saved. Next: “%(move)s”.") if ready else _("%(what)s: saved.")) % words


def _show(
    request: HttpRequest,
    order: Order,
    shown: Any,
    *,
    frame: Mapping[str, Any],
    status: int = 200,
    refused: BidangilError | None = None,
    seen: int | None = None,
) -> HttpResponse:
    context = {
        **frame,
        **reading.heading(order),
        "title": shown.title,
        "entry": shown,
        "refused": refused,
        "meanwhile": meanwhile.since(order, seen),
        "is_open": shown.task in work.tasks_open(order, by=acting(request)),
    }
    return render(request, "backoffice/order/enter.html", context, status=status)


# --- Beside the state -----------------------------------------------------------------------------------------------------


def set_aside(request: HttpRequest, order_id: int, name: str, *, frame: Mapping[str, Any]) -> HttpResponse:
    """Hold, release, ask, answer, look."""
    aside = ASIDES.get(name)
    if aside is None:
        raise Http404
    if not acting(request).roles & aside.roles:
        raise PermissionDenied
    order = reading.load(order_id)
    rests = work.waits_for(order) if name == "look" else []
    return beside.answer(
        request,
        order,
        aside,
        run=lambda text: aside.run(order, by=acting(request), text=text),
        action=reverse("admin:workflow_order_beside", args=[order_id, name]),
        frame=frame,
        notes=[beside.look_words(rest) for rest in rests],
        is_done=not rests or beside.is_anybody_asked(order, rests),
    )

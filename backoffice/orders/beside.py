"""Beside the state: holding an order, asking its customer, looking at the courier. Each is a small dialog over one function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from backoffice.orders import reading
from core.errors import BidangilError
from workflow import transitions, work
from workflow.models import Order
from workflow.tracking import Rest, Why
from workflow.transitions import ASKERS, HOLDERS, By


@dataclass(frozen=True)
class Aside:
    """`asks` is the text a person gives with it, "" for none; it is offered where `makes_sense` and to the roles that may."""

    name: str
    label: Any
    hint: Any
    icon: str
    done: Any
    roles: frozenset[Any]
    asks: str
    asks_label: Any
    makes_sense: Callable[[Order], bool]

    def run(self, order: Order, *, by: By, text: str) -> None:
        functions: dict[str, Callable[..., Any]] = {
            "hold": transitions.hold,
            "release": transitions.release,
            "ask": transitions.ask_customer,
            "answer": transitions.answer_question,
            "look": work.look_now,
        }
        functions[self.name](order.pk, by=by, **({self.asks: text} if self.asks else {}))

    def form(self, data: Any = None) -> forms.Form:
        form = forms.Form(data, auto_id="dialog-%s")
        if self.asks:
            most = 200 if self.asks == "reason" else 2000
            form.fields[self.asks] = forms.CharField(label=self.asks_label, max_length=most, widget=forms.Textarea(attrs={"rows": 3}))
        return form


ASIDES = {
    aside.name: aside
    for aside in (
        Aside(
            "hold", _("Put on hold"), _("Stops the way forward; payments and cancelling stay possible."), "pause_circle",
            _("The order is on hold."), HOLDERS, "reason", _("Why?"), lambda order: not order.hold_reason,
        ),
        Aside(
            "release", _("End the hold"), _("The order can go on."), "play_circle",
            _("The hold is over."), HOLDERS, "", "", lambda order: bool(order.hold_reason),
        ),
        Aside(
            "ask", _("Ask the customer"), _("The customer is told at once; the order waits on them until they answer."), "contact_support",
            _("The customer was asked."), ASKERS, "question", _("Your question, as the customer will read it"),
            lambda order: not order.question,
        ),
        Aside(
            "answer", _("Question settled"), _("The order waits on us again."), "mark_chat_read",
            _("The question is settled."), ASKERS, "", "", lambda order: bool(order.question),
        ),
        Aside(
            "look", _("Look at the courier now"), _("The courier is asked at once rather than at the next turn."), "radar",
            _("The courier is being asked; what is new shows here in a moment."), work.LOOK.roles, "", "",
            lambda order: order.state in work.LOOK.states,
        ),
    )
}  # fmt: skip


def offered(order: Order, *, by: By) -> list[Aside]:
    if order.is_closed:
        return []
    return [aside for aside in ASIDES.values() if by.roles & aside.roles and aside.makes_sense(order)]


# --- Couriers at rest -----------------------------------------------------------------------------------------------------

RESTS = {
    Why.SILENT: _("{courier} does not answer; it is left alone until {until}."),
    Why.TOO_FAST: _("{courier} asked us to wait; it is asked again at {until}."),
    Why.QUOTA: _("What we may ask {courier} today is used up; it is asked again at {until}."),
    Why.KEY: _("{courier} refuses our key; it is tried again at {until}. There is a task about it."),
}
ONCE = _("It is asked once all the same; if that brings nothing, it is asked again then.")


def rest_words(rest: Rest) -> Any:
    until = localtime(rest.until)
    return format_lazy(
        RESTS[rest.why], courier=rest.label, until=until.strftime("%m-%d %H:%M" if until.date() != localtime().date() else "%H:%M")
    )


def look_words(rest: Rest) -> Any:
    """What the rest means for somebody who asks for a look now."""
    return format_lazy("{rests} {once}", rests=rest_words(rest), once=ONCE) if rest.may_be_asked_once else rest_words(rest)


def is_anybody_asked(order: Order, rests: Sequence[Rest]) -> bool:
    silent = {rest.code for rest in rests if not rest.may_be_asked_once}
    return any(parcel.courier not in silent for parcel in order.parcels.all() if not parcel.closed_at and not parcel.delivered_at)


# --- The dialog -----------------------------------------------------------------------------------------------------------


def answer(
    request: HttpRequest,
    order: Order,
    aside: Any,
    *,
    run: Callable[[str], object],
    action: str,
    frame: Mapping[str, Any],
    notes: Sequence[Any] = (),
    is_done: bool = True,
    **more: Any,
) -> HttpResponse:
    """A dialog that asks for one text at most: shown on a GET, acted on by a POST (`run` gets the text), and shown again with what was
    refused. `aside` is an `Aside` or looks like one. `notes` are said before and after; without `is_done` nothing else is said after."""
    refused, status = None, 200
    form = aside.form(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                run(form.cleaned_data.get(aside.asks, ""))
            except BidangilError as error:
                refused, status = error, error.status_code
            else:
                if is_done:
                    messages.success(request, aside.done)
                for words in notes:
                    messages.warning(request, words)
                return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order.pk]))
    context = {**frame, **reading.heading(order), "title": aside.label, "aside": aside, "form": form, "refused": refused, "action": action}
    context["notes"] = notes
    return render(request, "backoffice/order/aside.html", {**context, **more}, status=status)

"""The transition buttons' dialogs, one for all of them, generated from the process table.

A GET shows what is asked and what will happen, and changes nothing; the POST is one call of `transitions.ask`. A refusal comes back as
the same page with the reason and what was typed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.numbers import WholeField
from backoffice.orders import bills, meanwhile, reading
from backoffice.orders.going_back import goes_back
from backoffice.words import WAITS_WORDS
from core.errors import BidangilError
from core.money import format_krw
from workflow import giving_back, shipping
from workflow.fsm import Spec
from workflow.models import Item, Order
from workflow.process import FACT_LABELS, TRANSITIONS, WAITS_ON, Effect, State, Write, roles_of
from workflow.transitions import Move, ask, moves

FACT_HINTS = {
    "reason": _("The customer reads it."),
    "proof": _("What you saw that proves it: a bank statement's line, a courier's confirmation."),
    "delivered_at": format_lazy(_("Time in Seoul ({zone})."), zone=get_current_timezone_name()),
}


# --- The form -------------------------------------------------------------------------------------------------------------


class MoveForm(forms.Form):
    """`version`, and a field for each fact that the table says the move asks for."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    def __init__(self, spec: Spec, order: Order, data: Any = None) -> None:
        super().__init__(data, auto_id="dialog-%s", initial={"version": order.version})
        self.spec, self.order = spec, order
        for name, kind in spec.asks.items():
            if kind != "proof" or spec.proof_from:
                self.fields[name] = fact_field(name, kind)
        if spec.name == "cancel" and not giving_back.is_untouched(order):
            self.fields["our_fault"] = forms.BooleanField(
                required=False, label=_("It is our fault"), help_text=_("Then everything goes back, our fees too.")
            )
            for item in bought_items(order):
                self.fields[f"back_krw-{item.position}"] = WholeField(
                    required=False,
                    label=format_lazy("{n}. {name}", n=item.position, name=str(item)),
                    help_text=format_lazy(_("What the shop gives back, in won, of {krw}"), krw=format_krw(item.line_krw or 0)),
                )

    def plain_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if not field.name.startswith("back_krw-")]

    def shops(self) -> list[tuple[Item, forms.BoundField]]:
        """The bought items, with what their shop gives back."""
        bought = ((item, f"back_krw-{item.position}") for item in bought_items(self.order))
        return [(item, self[name]) for item, name in bought if name in self.fields]

    def facts(self) -> dict[str, Any]:
        """As `transitions.ask` takes them: JSON-able, with the names in `process.py`."""
        said = {name: _as_json(value) for name, value in self.cleaned_data.items() if name in self.spec.asks}
        return said | money_facts(self.cleaned_data)


def bought_items(order: Order) -> list[Item]:
    """Whose shop may give something back: not what the customer has already."""
    return [item for item in order.items.all() if giving_back.was_bought(item) and not shipping.is_with_customer(order, item)]


def money_facts(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a cancellation gives back, as `giving_back.cancellation` takes it."""
    facts: dict[str, Any] = {"our_fault": True} if said.get("our_fault") else {}
    given = {name.partition("-")[2]: krw for name, krw in said.items() if name.startswith("back_krw-") and krw}
    return facts | ({"shops_give_back_krw": given} if given else {})


def fact_field(name: str, kind: str) -> forms.Field:
    words: dict[str, Any] = {"label": FACT_LABELS.get(name, name), "help_text": FACT_HINTS.get(name, "")}
    if kind == "datetime":
        return forms.DateTimeField(widget=forms.DateTimeInput(attrs={"type": "datetime-local"}), **words)
    if kind == "krw":
        return WholeField(**words)
    return forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 3}), **words)


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


# --- The page -------------------------------------------------------------------------------------------------------------


def do(request: HttpRequest, order_id: int, transition: str, *, frame: Mapping[str, Any]) -> HttpResponse:
    """`frame` is what every page of the admin needs around it."""
    spec = TRANSITIONS.get(transition)
    if spec is None or not any(roles_of(spec, state) for state in spec.sources):
        raise Http404
    if not request.user.has_perm(f"workflow.{spec.name}"):
        raise PermissionDenied
    order = reading.load(order_id)
    if request.method == "POST":
        return _press(request, order, spec, frame=frame)
    form = MoveForm(spec, order, _previewed(request, order))
    return _show(request, order, spec, form, frame=frame)


def _previewed(request: HttpRequest, order: Order) -> dict[str, str] | None:
    """What was typed so far, when the dialog is asked to reckon the refund anew."""
    return {**request.GET.dict(), "version": str(order.version)} if "preview" in request.GET else None


def _press(request: HttpRequest, order: Order, spec: Spec, *, frame: Mapping[str, Any]) -> HttpResponse:
    form = MoveForm(spec, order, request.POST)
    if not form.is_valid():
        return _show(request, order, spec, form, frame=frame, status=422)
    try:
        moved = ask(order.pk, spec.name, by=acting(request), seen_version=form.cleaned_data["version"], **form.facts())
    except BidangilError as refused:
        fresh = reading.load(order.pk)
        seen = form.cleaned_data["version"]
        return _show(request, fresh, spec, form, frame=frame, status=refused.status_code, refused=refused, seen=seen)
    messages.success(request, what_is_next(spec, moved))
    return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order.pk]))


def what_is_next(spec: Spec, order: Order) -> str:
    """What the message after a move says: where the order is now and whose move it is; or that Stripe is asked first."""
    if order.state != spec.target:
        return gettext("“%(move)s” is asked for: the checkout session is being closed at Stripe, the order moves as soon as it is.") % {
            "move": spec.label
        }
    words = {"move": spec.label, "state": State(order.state).label, "whose": WAITS_WORDS[order.waiting_on]}
    if order.is_closed:
        return gettext("“%(move)s” is done. The order is now “%(state)s”.") % words
    return gettext("“%(move)s” is done. The order is now “%(state)s”; next: %(whose)s.") % words


def _show(
    request: HttpRequest,
    order: Order,
    spec: Spec,
    form: MoveForm,
    *,
    frame: Mapping[str, Any],
    status: int = 200,
    refused: BidangilError | None = None,
    seen: int | None = None,
) -> HttpResponse:
    move = next((found for found in moves(order, by=acting(request)) if found.spec.name == spec.name), None)
    context = {
        **frame,
        **reading.heading(order),
        "title": spec.label,
        "action": reverse("admin:workflow_order_do", args=[order.pk, spec.name]),
        "spec": spec,
        "move": move,
        "form": form,
        "refused": refused,
        "meanwhile": meanwhile.since(order, seen if refused and refused.code == "changed_meanwhile" else None),
        "follows": follows(spec),
        "target": State(spec.target).label,
        "target_whose": WAITS_WORDS[WAITS_ON[spec.target]],
        "goes_back": preview(order, form) if spec.name == "cancel" and move else None,
        "bill": bills.preview(order, transition=spec.name) if move else None,
        "can_preview": "our_fault" in form.fields,
    }
    return render(request, "backoffice/order/do.html", context, status=status)


def follows(spec: Spec) -> list[Any]:
    """What the move brings with it, from the table: what is written at once, then what is done after."""
    return [*(Write(name).label for name in spec.also), *(Effect(name).label for name in spec.then)]


def preview(order: Order, form: MoveForm) -> dict[str, Any]:
    """What cancelling now gives back, by the very function that plans the refunds."""
    form.is_bound and form.is_valid()
    said = form.cleaned_data if form.is_bound else {}
    return goes_back(order, giving_back.cancellation(order, facts=money_facts(said)))


def is_allowed(move: Move | None) -> bool:
    return move is not None and move.is_ready

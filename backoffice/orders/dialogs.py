"""The dialogs over an order's money: refund, sold out, dearer. Each is a form over one function of `workflow/`.

A GET shows the dialog, also with what was typed so far and what would come of it (`?preview=`), and changes nothing. What is refused
comes back with every typed value, the reason, and, where somebody else was quicker, with who changed what since.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from backoffice.access import acting
from backoffice.orders import meanwhile, reading
from core.errors import BidangilError
from workflow.models import Order
from workflow.transitions import By


class OrderForm(forms.Form):
    """`version` is the order's version the person looked at; `workflow` refuses when it has moved on."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    def __init__(self, order: Order, data: Any = None) -> None:
        self.order = order
        super().__init__(data, auto_id="dialog-%s", initial={"version": order.version})
        self.build()

    def build(self) -> None:
        """Add the fields that this order needs."""

    def open_with(self, asked: Mapping[str, Any]) -> None:
        """What a link to the dialog chose already."""

    @property
    def seen_version(self) -> int | None:
        return self.cleaned_data.get("version")

    def typed(self) -> dict[str, Any]:
        """What was typed and makes sense, also of a form that is not valid as a whole."""
        if not self.is_bound:
            return {}
        self.is_valid()
        return self.cleaned_data


class Dialog:
    name: ClassVar[str]
    #: of its button, and above it
    label: ClassVar[Any]
    title: ClassVar[Any]
    icon: ClassVar[str]
    hint: ClassVar[Any]
    done: ClassVar[Any]
    roles: ClassVar[frozenset[Any]]
    form: ClassVar[type[OrderForm]]

    @property
    def template(self) -> str:
        return f"backoffice/order/dialogs/{self.name}.html"

    @property
    def url_name(self) -> str:
        return f"admin:workflow_order_{self.name}"

    def makes_sense(self, order: Order, *, by: By) -> bool:
        raise NotImplementedError

    def comes_of(self, order: Order, form: Any) -> dict[str, Any]:
        """What would come of the form as it is typed, for the template."""
        return {}

    def save(self, order: Order, form: Any, *, by: By) -> Sequence[str] | None:
        """Whatever was saved but not as a whole is said in words."""
        raise NotImplementedError


def answer(request: HttpRequest, order_id: int, dialog: Dialog, *, frame: Mapping[str, Any]) -> HttpResponse:
    if not acting(request).roles & dialog.roles:
        raise PermissionDenied
    order = reading.load(order_id)
    if request.method != "POST":
        form = dialog.form(order, _previewed(request, order))
        form.open_with(request.GET)
        return _show(request, order, dialog, form, frame=frame)
    form = dialog.form(order, request.POST)
    form.files = request.FILES
    if not form.is_valid():
        return _show(request, order, dialog, form, frame=frame, status=422)
    try:
        warnings = dialog.save(order, form, by=acting(request))
    except BidangilError as refused:
        fresh = reading.load(order.pk)
        bound = dialog.form(fresh, request.POST)
        return _show(request, fresh, dialog, bound, frame=frame, status=refused.status_code, refused=refused, seen=form.seen_version)
    messages.success(request, dialog.done)
    for words in warnings or ():
        messages.warning(request, words)
    return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order_id]))


def _previewed(request: HttpRequest, order: Order) -> Any:
    if "preview" not in request.GET:
        return None
    typed = request.GET.copy()
    typed["version"] = str(order.version)
    return typed


def _show(
    request: HttpRequest,
    order: Order,
    dialog: Dialog,
    form: OrderForm,
    *,
    frame: Mapping[str, Any],
    status: int = 200,
    refused: BidangilError | None = None,
    seen: int | None = None,
) -> HttpResponse:
    context = {
        **frame,
        **reading.heading(order),
        "title": dialog.title,
        "dialog": dialog,
        "action": reverse(dialog.url_name, args=[order.pk]),
        "form": form,
        "is_open": dialog.makes_sense(order, by=acting(request)),
        "refused": refused,
        "meanwhile": meanwhile.since(order, seen if refused and refused.code == "changed_meanwhile" else None),
        **dialog.comes_of(order, form),
    }
    return render(request, dialog.template, context, status=status)

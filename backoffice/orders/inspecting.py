"""What was found of an order's items, what its customer wants, and what to do next: the panels on the order page, the dialogs and the
buttons. The rules: `workflow/inspections.py`, and `work.undo_arrival`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from backoffice.orders.dialogs import Dialog, OrderForm
from core.errors import BidangilError
from workflow import inspection_rows, inspection_words, inspections, photos, work
from workflow.guards import live_items
from workflow.models import Choice, Inspection, Item, ItemStatus, Order, Outcome, Verdict
from workflow.photos import Subject
from workflow.transitions import ASKERS, By

TONES = {Verdict.OK: "good", Verdict.WRONG: "bad", Verdict.DAMAGED: "bad", Verdict.MISSING: "staff", Verdict.PROHIBITED: "bad"}


# --- On the order page ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Panel:
    """One item: every look at it, and what this person may do now."""

    order: Order
    item: Item
    found: list[Inspection]
    by: By

    @property
    def current(self) -> Inspection | None:
        """The open one."""
        return self.found[-1] if self.found and self.found[-1].is_open else None

    @property
    def rows(self) -> list[tuple[Inspection, str]]:
        """Newest first, with the tone of the verdict."""
        return [(one, TONES[Verdict(one.verdict)]) for one in reversed(self.found)]

    @property
    def _is_time(self) -> bool:
        return self.order.state in inspections.STATES and self.item.is_live

    @property
    def may_inspect(self) -> bool:
        return self._is_time and self.current is None and bool(self.by.roles & inspections.INSPECTORS)

    @property
    def may_undo_arrival(self) -> bool:
        is_here = self.item.status in (ItemStatus.ARRIVED, ItemStatus.INSPECTED)
        return self._is_time and is_here and self.current is None and bool(self.by.roles & work.UNDO_ARRIVAL.roles)

    @property
    def may_undo(self) -> bool:
        return self.current is not None and self.current.asked_at is None and bool(self.by.roles & inspections.INSPECTORS)

    @property
    def may_ask(self) -> bool:
        return self.current is not None and self.current.asked_at is None and bool(self.by.roles & ASKERS)

    @property
    def may_end(self) -> bool:
        return self.current is not None and bool(self.by.roles & inspections.ENDERS)

    @property
    def why_not_kept(self) -> Any:
        return inspections.why_not_kept(self.current, self.order) if self.current else ""

    @property
    def next(self) -> tuple[str, Any]:
        """The tone of whose move it is, and the next step in words."""
        current = self.current
        if current is None:
            return "", ""
        if current.asked_at is None:
            return "staff", _("Ask the customer what to do.")
        if current.choice:
            return "staff", NEXT_STEPS[Choice(current.choice)]
        if not self.order.question:
            return "staff", _("The customer has written: read the message, then end the inspection.")
        if current.answer_by and current.answer_by <= now():
            return "staff", _("The time to answer is over: write or call once more, or take the item out of the order.")
        return "customer", _("Waits for the customer.")


NEXT_STEPS = {
    Choice.KEEP: _("The customer wants it as it is: end the inspection as kept."),
    Choice.RETURN: _("Send it back to the shop, then take it out of the order with its refund."),
    Choice.OTHER: _("Read what the customer wrote, and decide."),
}


def panels(order: Order, *, by: By) -> dict[int, Panel]:
    """By item id; nothing is asked of the database before anything was bought."""
    items = [item for item in order.items.all() if item.was_bought or item.arrived_at]
    found = inspection_rows.of_items([item.pk for item in items]) if items else {}
    made = {item.pk: Panel(order, item, found.get(item.pk, []), by) for item in items}
    for panel in made.values():
        for inspection in panel.found:
            inspection.item = panel.item
    return made


# --- Looking at an item ---------------------------------------------------------------------------------------------------


class InspectForm(OrderForm):
    item = forms.TypedChoiceField(label=_("Item"), coerce=int)
    verdict = forms.ChoiceField(label=_("What was found"), choices=Verdict, widget=forms.RadioSelect(attrs={"autofocus": True}))
    note = forms.CharField(
        label=_("What is wrong"),
        max_length=inspections.NOTE_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The customer reads it. Not needed where everything is fine."),
    )
    some_came = forms.BooleanField(label=_("A part of what is missing is here"), required=False)

    def build(self) -> None:
        choices = [(item.pk, format_lazy("{n}. {name}", n=item.position, name=str(item))) for item in live_items(self.order)]
        self.fields["item"].choices = choices  # type: ignore[attr-defined]

    def open_with(self, asked: Mapping[str, Any]) -> None:
        self.initial["item"] = asked.get("item", "")
        if asked.get("verdict") in Verdict.values:
            self.initial["verdict"] = asked["verdict"]

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        if said.get("verdict") not in (None, Verdict.OK) and not said.get("note", "").strip() and "note" not in self.errors:
            self.add_error("note", _("Please say what is wrong; the customer reads it."))
        return said


class InspectDialog(Dialog):
    name, icon = "inspect", "search"
    label, title = _("Inspect…"), _("Inspect an item")
    hint = _(
        "Fine items are ready to be packed. With any other verdict the order stays here until the customer was asked and it is decided."
    )
    done = _("What was found is noted.")
    roles = inspections.INSPECTORS
    form = InspectForm

    def makes_sense(self, order: Order, *, by: By) -> bool:
        return order.state in inspections.STATES and bool(by.roles & self.roles) and bool(live_items(order))

    def save(self, order: Order, form: InspectForm, *, by: By) -> list[str]:
        """The verdict first: a photo that cannot be taken leaves it standing, and may be added afterwards."""
        said = form.cleaned_data
        inspection = inspections.inspect_item(
            order.pk,
            item_id=said["item"],
            verdict=said["verdict"],
            note=said["note"],
            some_came=said["some_came"],
            by=by,
            seen_version=form.seen_version,
        )
        return add_photos(order.pk, form.files.getlist("photos"), subject=Subject(inspection_id=inspection.pk), by=by)


def add_photos(order_id: int, uploads: Sequence[Any], *, subject: Subject, by: By) -> list[str]:
    """What a dialog took along; why which could not be added."""
    if not uploads:
        return []
    try:
        added = photos.add_photos(order_id, uploads=uploads, subject=subject, by=by)
    except BidangilError as refused:
        return [str(refused)]
    return [f"{name}: {why}" for name, why in added.refused]


# --- Asking the customer --------------------------------------------------------------------------------------------------


class AskForm(OrderForm):
    inspection = forms.TypedMultipleChoiceField(
        label=_("About"), coerce=int, widget=forms.CheckboxSelectMultiple, error_messages={"required": _("Choose at least one.")}
    )
    text = forms.CharField(
        label=_("Your question, as the customer will read it"), max_length=2000, widget=forms.Textarea(attrs={"rows": 8})
    )

    def build(self) -> None:
        waiting = to_ask(self.order)
        self.fields["inspection"].choices = [  # type: ignore[attr-defined]
            (one.pk, format_lazy("{n}. {name}: {verdict}", n=one.item.position, name=str(one.item), verdict=one.get_verdict_display()))
            for one in waiting
        ]
        self.initial["inspection"] = [one.pk for one in waiting]
        self.initial["text"] = inspection_words.question(waiting, locale=self.order.customer.locale) if waiting else ""


def to_ask(order: Order) -> list[Inspection]:
    """Open inspections that the customer does not know of yet."""
    rows = Inspection.objects.filter(item__order=order, ended_at=None, asked_at=None)
    return list(rows.select_related("item").order_by("item__position"))


class AskDialog(Dialog):
    name, icon = "ask_about", "contact_support"
    label, title = _("Ask the customer…"), _("Ask about what was found")
    hint = _("The customer gets a letter with your question and sees the photos on the order's page. The order waits until they answer.")
    done = _("The customer was asked.")
    roles = ASKERS
    form = AskForm

    def makes_sense(self, order: Order, *, by: By) -> bool:
        return order.state in inspections.STATES and bool(by.roles & self.roles) and bool(to_ask(order))

    def save(self, order: Order, form: AskForm, *, by: By) -> None:
        said = form.cleaned_data
        inspections.ask_about(order.pk, inspection_ids=said["inspection"], text=said["text"], by=by, seen_version=form.seen_version)


DIALOGS = (InspectDialog(), AskDialog())


# --- One button each ------------------------------------------------------------------------------------------------------


def press(request: HttpRequest, order_id: int, inspection_id: int, what: str) -> HttpResponse:
    """`keep` it, look `again`, or `undo` the verdict."""
    by, seen = acting(request), version_of(request)
    acts: dict[str, tuple[Callable[[], Any], frozenset[Any], Any]] = {
        "keep": (_end(order_id, inspection_id, Outcome.KEPT, by, seen), inspections.ENDERS, _("It is sent as it is.")),
        "again": (
            _end(order_id, inspection_id, Outcome.LOOKED_AGAIN, by, seen),
            inspections.ENDERS,
            _("The item is to be inspected anew."),
        ),
        "undo": (
            lambda: inspections.undo_inspection(order_id, inspection_id=inspection_id, by=by, seen_version=seen),
            inspections.INSPECTORS,
            _("The verdict is taken back."),
        ),
    }
    if what not in acts or not Inspection.objects.filter(pk=inspection_id, item__order=order_id).exists():
        raise Http404
    act, roles, done = acts[what]
    return pressed(request, act, roles=roles, done=done, back=reverse("admin:workflow_order_change", args=[order_id]))


def _end(order_id: int, inspection_id: int, outcome: Outcome, by: By, seen: int | None) -> Callable[[], Any]:
    return lambda: inspections.end_inspection(order_id, inspection_id=inspection_id, outcome=outcome, by=by, seen_version=seen)


def undo_arrival(request: HttpRequest, order_id: int, item_id: int) -> HttpResponse:
    if not Item.objects.filter(pk=item_id, order=order_id).exists():
        raise Http404
    by, seen = acting(request), version_of(request)
    return pressed(
        request,
        lambda: work.undo_arrival(order_id, item_ids=[item_id], by=by, seen_version=seen),
        roles=work.UNDO_ARRIVAL.roles,
        done=_("The arrival is taken back."),
        back=reverse("admin:workflow_order_change", args=[order_id]),
    )


def version_of(request: HttpRequest) -> int | None:
    said = request.POST.get("version", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else None


def pressed(request: HttpRequest, act: Callable[[], Any], *, roles: frozenset[Any], done: Any, back: str) -> HttpResponse:
    """One call of `workflow`; a refusal is a message."""
    if not acting(request).roles & roles:
        raise PermissionDenied
    try:
        act()
    except BidangilError as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, done)
    return HttpResponseRedirect(back)

"""The settings page "Promise clocks": the promised times and the holidays. The rules, and who may change them: `workflow/promises.py`."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from backoffice.access import acting
from backoffice.numbers import WholeField
from backoffice.words import TURNS
from core.errors import BidangilError
from workflow import promises
from workflow.models import Holiday, PromiseChange
from workflow.models.promises import Unit
from workflow.process import State
from workflow.promises import DEFAULTS, REFUND, UNAPPLIED, Target

UNIT = "_unit"
#: what each promise is about, and from when the time runs
HINTS = {
    State.QUOTE_REQUESTED: _("First answer to a request"),
    State.QUOTE_APPROVED: _("Price after the approval"),
    State.ITEMS_PAID: _("Bought after the payment"),
    State.ITEMS_PURCHASED: _("At the warehouse after the purchase"),
    State.AT_WAREHOUSE: _("Weighed and billed after the arrival"),
    State.DELIVERY_PAID: _("Handed over after the delivery was paid"),
    State.RETURNED: _("Settled after a parcel came back"),
    REFUND: _("Decided after a refund was proposed or failed"),
    UNAPPLIED: _("Decided after money came that nobody expected"),
}
TITLES = {REFUND: _("Refunds to decide"), UNAPPLIED: _("Unapplied money")}


def title_of(key: str) -> Any:
    return TURNS[key].queue if key in TURNS else TITLES.get(key, key)


class HolidaysField(forms.CharField):
    """One day a line, `2027-01-01 New Year`; its value is {day: name}."""

    widget = forms.Textarea

    def clean(self, value: str) -> dict[date, str]:
        found: dict[date, str] = {}
        for line in (super().clean(value) or "").splitlines():
            if not line.strip():
                continue
            said, _space, name = line.strip().partition(" ")
            day = _day(said)
            if day is None or not name.strip():
                raise forms.ValidationError(_("“%(line)s” is not a day with its name."), params={"line": line.strip()[:60]})
            if day in found:
                raise forms.ValidationError(_("%(day)s stands there twice."), params={"day": said})
            found[day] = name.strip()
        return found


def _day(said: str) -> date | None:
    try:
        return parse_date(said)
    except ValueError:
        return None


class PromisesForm(forms.Form):
    holidays = HolidaysField(label=_("Holidays"), required=False, max_length=40_000, help_text=_("One a line: 2027-01-01 New Year’s Day"))
    seen = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key in DEFAULTS:
            self.fields[key] = WholeField(label=title_of(key))
            self.fields[key].widget.attrs = {"inputmode": "numeric", "autocomplete": "off"}
            self.fields[key + UNIT] = forms.ChoiceField(choices=Unit.choices, label=_("unit"))

    def rows(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        """title, what it is about, amount, unit."""
        for key in DEFAULTS:
            yield title_of(key), HINTS[key], self[key], self[key + UNIT]

    def targets(self) -> dict[str, Target]:
        return {key: Target(self.cleaned_data[key], self.cleaned_data[key + UNIT]) for key in DEFAULTS}


def urls(site: Any) -> list[URLPattern]:
    def view(request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("workflow.view_order"):
            raise PermissionDenied
        return page(request, frame=site.each_context(request))

    return [path("promises/", site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(view)), name="promises")]


def page(request: HttpRequest, *, frame: dict[str, Any]) -> HttpResponse:
    may_change = request.user.has_perm("workflow.change_promise")
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    form = PromisesForm(request.POST or None, initial=_as_typed())
    if form.is_valid() and _saved(request, form):
        return HttpResponseRedirect(reverse("admin:promises"))
    changes = [(change, _what(change), *(_said(words) for words in (change.was, change.becomes))) for change in promises.recent_changes()]
    context = {**frame, "title": _("Promise clocks"), "form": form, "may_change": may_change, "changes": changes}
    return render(request, "backoffice/today/promises.html", context, status=422 if form.errors else 200)


def _saved(request: HttpRequest, form: PromisesForm) -> bool:
    said = form.cleaned_data
    try:
        count = promises.change(targets=form.targets(), holidays=said["holidays"], by=acting(request), seen=said["seen"])
    except BidangilError as refused:
        field = getattr(refused, "field", None)
        form.add_error(field if field in form.fields else None, str(refused))
        return False
    messages.success(request, _("The promises are saved.") if count else _("Nothing was changed."))
    return True


def _as_typed() -> dict[str, Any]:
    targets = promises.in_force().targets
    typed: dict[str, Any] = {key: target.amount for key, target in targets.items()}
    typed |= {key + UNIT: target.unit for key, target in targets.items()}
    days = "\n".join(f"{day.isoformat()} {name}" for day, name in Holiday.objects.values_list("day", "name"))
    return {**typed, "holidays": days, "seen": promises.last_change()}


def _what(change: PromiseChange) -> Any:
    return title_of(change.what)


def _said(words: str) -> Any:
    """`24 hours` in the reader's language; a holiday's name as it is."""
    amount, _space, unit = words.partition(" ")
    if unit not in Unit.values or not amount.isdigit():
        return words or "–"
    return f"{amount} {Unit(unit).label}" if int(amount) else _("nothing promised")

"""Couriers: which are offered for new parcels, to where, and what colleagues should know. The rules: `workflow/courier_settings.py`."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from backoffice.access import acting
from core.errors import BidangilError
from workflow import courier_settings
from workflow.courier_settings import Known


class SettingForm(forms.Form):
    is_enabled = forms.BooleanField(label=_("Offered for new parcels"), required=False)
    countries = forms.CharField(
        label=_("Destinations"), required=False, max_length=300, help_text=_("Two letters each, like US, CA. Empty: all.")
    )
    poll_percent = forms.IntegerField(
        label=_("Looks (percent of the usual interval)"),
        min_value=courier_settings.LEAST_PERCENT,
        max_value=courier_settings.MOST_PERCENT,
        help_text=_("200 asks half as often. Usual: 2 hours when moving, 6 when quiet, 24 when stale."),
    )
    note_ko = forms.CharField(label=_("Note for staff (Korean)"), required=False, max_length=300)
    note_en = forms.CharField(label=_("Note for staff (English)"), required=False, max_length=300)
    #: what the person looked at (`courier_settings.version`); one who does not say so overwrites nothing
    seen = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(self, known: Known, said: Any = None) -> None:
        setting, self.known = known.setting, known
        first = {name: getattr(setting, name) for name in ("is_enabled", "poll_percent", "note_ko", "note_en")}
        super().__init__(
            said,
            initial={**first, "countries": ", ".join(setting.countries), "seen": courier_settings.version(setting)},
            auto_id=f"{known.code}-%s",
        )

    def save(self, request: HttpRequest) -> None:
        said = self.cleaned_data
        countries = said["countries"].replace(";", ",").replace(" ", ",").split(",")
        courier_settings.save(self.known.code, by=acting(request), **{**said, "countries": countries})


def may_edit(request: HttpRequest) -> bool:
    return request.user.has_perm("workflow.change_couriersetting")


def urls(site: Any) -> list[URLPattern]:
    def view(shown: Callable[..., HttpResponse]) -> Any:
        def framed(request: HttpRequest, **found: Any) -> HttpResponse:
            if not request.user.has_perm("workflow.view_couriersetting"):
                raise PermissionDenied
            return shown(request, frame=site.each_context(request), **found)

        return site.admin_view(framed)

    return [
        path("couriers/", view(overview), name="couriers"),
        path("couriers/<slug:code>/", view(save), name="courier_save"),
    ]


def overview(request: HttpRequest, *, frame: Mapping[str, Any]) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return _show(request, [SettingForm(known) for known in courier_settings.all_known()], frame=frame)


def save(request: HttpRequest, code: str, *, frame: Mapping[str, Any]) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not may_edit(request):
        raise PermissionDenied
    all_forms = [SettingForm(known, request.POST if known.code == code else None) for known in courier_settings.all_known()]
    form = next((form for form in all_forms if form.known.code == code), None)
    if form is None:
        raise Http404
    if form.is_valid():
        try:
            form.save(request)
        except BidangilError as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        else:
            messages.success(request, _("%(courier)s: saved.") % {"courier": form.known.label})
            return HttpResponseRedirect(reverse("admin:couriers"))
    return _show(request, all_forms, frame=frame, status=422)


def _show(request: HttpRequest, all_forms: list[SettingForm], *, frame: Mapping[str, Any], status: int = 200) -> HttpResponse:
    context = {**frame, "title": _("Couriers"), "forms": all_forms, "may_edit": may_edit(request)}
    return render(request, "backoffice/goods/couriers.html", context, status=status)

"""Two-step sign-in under one's own account: open to all staff, whatever their role, also where it is not required."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from backoffice.pages import moment
from backoffice.signing_in.door import enter
from backoffice.signing_in.steps import answer, app_of, show_codes
from core.accounts import two_steps
from core.accounts.models import User
from core.errors import BidangilError

NAMES = frozenset({"two_step", "two_step_begin", "two_step_set_up", "two_step_renew", "two_step_remove"})


def urls(site: Any) -> list[URLPattern]:
    def view(shown: Any) -> Any:
        def framed(request: HttpRequest) -> HttpResponse:
            return shown(request, request.user, frame=site.each_context(request))

        return site.admin_view(framed)

    either = require_http_methods(["GET", "HEAD", "POST"])
    return [
        path("two-step/", view(require_GET(overview)), name="two_step"),
        path("two-step/begin/", view(require_POST(begin)), name="two_step_begin"),
        path("two-step/set-up/", view(either(set_up)), name="two_step_set_up"),
        path("two-step/renew/", view(either(renew)), name="two_step_renew"),
        path("two-step/remove/", view(either(remove)), name="two_step_remove"),
    ]


def overview(request: HttpRequest, user: User, *, frame: dict[str, Any]) -> HttpResponse:
    device = two_steps.device_of(user)
    facts = {"since": moment(device.created_at), "left": two_steps.codes_left(user)} if device else {}
    return render(request, "backoffice/sign_in/own.html", {**frame, "title": _("Two-step sign-in"), "device": device, **facts})


def begin(request: HttpRequest, user: User, *, frame: dict[str, Any]) -> HttpResponse:
    try:
        two_steps.begin(user)
    except BidangilError as refused:
        messages.error(request, str(refused))
        return HttpResponseRedirect(reverse("admin:two_step"))
    return HttpResponseRedirect(reverse("admin:two_step_set_up"))


def set_up(request: HttpRequest, user: User, *, frame: dict[str, Any]) -> HttpResponse:
    def given(code: str) -> HttpResponse:
        codes = two_steps.confirm(user, code)
        user.refresh_from_db()
        enter(request, user, two_steps=True)  # confirming has ended every session, also this one
        return show_codes(request, codes, frame=frame, way_on=reverse("admin:two_step"))

    device = two_steps.pending_device(user)
    if device is None:
        return HttpResponseRedirect(reverse("admin:two_step"))
    context = {**frame, "title": _("Set up two-step sign-in"), **app_of(device), "cancel_url": reverse("admin:two_step")}
    return answer(request, given, template="backoffice/sign_in/own_set_up.html", context=context)


def renew(request: HttpRequest, user: User, *, frame: dict[str, Any]) -> HttpResponse:
    def given(code: str) -> HttpResponse:
        return show_codes(request, two_steps.renew_codes(user, code), frame=frame, way_on=reverse("admin:two_step"))

    words = {
        "title": _("New recovery codes"),
        "what": _("The codes you have now stop working. Give a code of your app, and ten new ones are shown once."),
        "button": _("Make new codes"),
    }
    return answer(request, given, template="backoffice/sign_in/own_code.html", context={**frame, **words})


def remove(request: HttpRequest, user: User, *, frame: dict[str, Any]) -> HttpResponse:
    def given(code: str) -> HttpResponse:
        two_steps.remove(user, code)
        logout(request)
        return HttpResponseRedirect(reverse("admin:login"))

    words = {
        "title": _("Remove two-step sign-in"),
        "what": _("Your password alone will open the back office, unless a second step is required here. You are signed out everywhere."),
        "button": _("Remove"),
        "is_dangerous": True,
    }
    return answer(request, given, template="backoffice/sign_in/own_code.html", context={**frame, **words})

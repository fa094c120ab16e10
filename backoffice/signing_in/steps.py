"""The second step: a code of the app, or, the first time, setting the app up. Open to whoever has just given the right password."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import segno
from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from backoffice.signing_in import half
from backoffice.signing_in.door import enter, refused, way_on, with_next
from core.accounts import two_steps
from core.accounts.models import User
from core.errors import BidangilError, TooManyRequests

LOCKED = _("Too many wrong codes. Please wait before you try again.")


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=32,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false", "class": "bo-input bo-code"}
        ),
    )


def urls(site: Any) -> list[URLPattern]:
    return [
        path("login/code/", _for_half(site, ask_code), name="sign_in_code"),
        path("login/set-up/", _for_half(site, set_up), name="sign_in_set_up"),
    ]


def _for_half(site: Any, view: Callable[..., HttpResponse]) -> Any:
    """For nobody but who gave the password just now; the others are led to the login."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        user = half.person(request)
        if user is None:
            return HttpResponseRedirect(with_next(request, "admin:login"))
        return view(request, user, frame=site.each_context(request))

    return require_http_methods(["GET", "HEAD", "POST"])(guarded)


def ask_code(request: HttpRequest, user: User, *, frame: dict[str, Any]) -> HttpResponse:
    def given(code: str) -> HttpResponse:
        two_steps.check(user, code)
        enter(request, user, two_steps=True)
        return HttpResponseRedirect(way_on(request))

    return answer(request, given, template="backoffice/sign_in/code.html", context={**frame, "title": _("Two-step sign-in")})


def set_up(request: HttpRequest, user: User, *, frame: dict[str, Any]) -> HttpResponse:
    def given(code: str) -> HttpResponse:
        codes = two_steps.confirm(user, code)
        user.refresh_from_db()
        enter(request, user, two_steps=True)
        return show_codes(request, codes, frame=frame, way_on=way_on(request))

    device = two_steps.pending_device(user)
    if device is None:
        return HttpResponseRedirect(with_next(request, "admin:login"))
    context = {**frame, "title": _("Set up two-step sign-in"), **app_of(device)}
    return answer(request, given, template="backoffice/sign_in/set_up.html", context=context)


# --- Shared with one's own account ----------------------------------------------------------------------------------------


def answer(request: HttpRequest, given: Callable[[str], HttpResponse], *, template: str, context: dict[str, Any]) -> HttpResponse:
    """The page with its code field; a refused code is said there, with 422, or 429 and when the next try is free."""
    if request.method != "POST":
        return render(request, template, {**context, "form": CodeForm()})
    form = CodeForm(request.POST)
    locked = None
    if form.is_valid():
        try:
            return given(form.cleaned_data["code"])
        except TooManyRequests as refusal:
            locked = refusal
            form.add_error("code", str(LOCKED))
        except BidangilError as wrong:
            form.add_error("code", str(wrong))
    page = render(request, template, {**context, "form": form}, status=422)
    return refused(page, locked) if locked else page


def app_of(device: Any) -> dict[str, Any]:
    """What an authenticator app is fed with: the picture, or the secret typed in."""
    return {"qr": qr(device.config_url), "secret": two_steps.secret_of(device), "account": device.user.email}


def qr(text: str) -> SafeString:
    """An SVG in the page itself, so that no address leads to the secret. Dark on light in both themes: cameras want it so."""
    drawn = segno.make(text, error="m").svg_inline(scale=5, border=3, dark="#101828", light="#ffffff", svgclass="bo-qr__svg", omitsize=True)
    return mark_safe(drawn)  # noqa: S308 - drawn by segno, which puts nothing but squares into it


def show_codes(request: HttpRequest, codes: list[str], *, frame: dict[str, Any], way_on: str) -> HttpResponse:
    """The only time that they are in clear."""
    context = {**frame, "title": _("Recovery codes"), "codes": codes, "way_on": way_on or reverse("admin:index")}
    return render(request, "backoffice/sign_in/recovery_codes.html", context)

"""The login page. A wrong password, an unknown address, a closed account and a customer's account are told apart by nothing: the same
answer after the same work. The lock after five wrong passwords is the one of the customers' door.
"""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm

from backoffice.signing_in import half
from core.accounts import login_limit, staff_sessions, two_steps
from core.accounts.models import User, normalise_email
from core.accounts.staff_sessions import ADMIN, Ended
from core.errors import TooManyRequests

BACKEND = settings.AUTHENTICATION_BACKENDS[0]
LONGEST_PASSWORD = 256
WHY_ENDED: dict[str, Any] = {
    Ended.IDLE: _("You were signed out because nothing was done here for 30 minutes."),
    Ended.OLD: _("You were signed out because a session ends after 8 hours."),
    Ended.ONE_STEP: _("Please sign in again: a code is needed beside the password now."),
}
LOCKED = _("Too many wrong passwords. Please wait before you try again.")


class StaffLogin(AuthenticationForm):
    def clean(self) -> dict[str, Any]:
        """Sets the person, or says no. Raises TooManyRequests, past Django's own errors, when the address is locked."""
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not email or not password:
            return self.cleaned_data
        mark = login_limit.count_try(email)
        known = (
            authenticate(self.request, username=normalise_email(email), password=password) if len(password) <= LONGEST_PASSWORD else None
        )
        if not isinstance(known, User) or not known.is_staff:
            raise self.get_invalid_login_error()
        login_limit.forgive(email, mark)
        self.user_cache: Any = known
        return self.cleaned_data


def sign_in(site: Any, request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if request.method != "POST":
        here = site.has_permission(request)
        return HttpResponseRedirect(way_on(request)) if here else _page(site, request, StaffLogin(request))
    form = StaffLogin(request, data=request.POST)
    try:
        is_right = form.is_valid()
    except TooManyRequests as locked:
        form = StaffLogin(request, initial={"username": request.POST.get("username", "")})
        return refused(_page(site, request, form, error=LOCKED), locked)
    return _password_was_right(request, form.user_cache) if is_right else _page(site, request, form)


def _password_was_right(request: HttpRequest, user: User) -> HttpResponse:
    if two_steps.has_device(user):
        half.remember(request, user)
        return HttpResponseRedirect(with_next(request, "admin:sign_in_code"))
    if settings.STAFF_TOTP_REQUIRED:
        two_steps.begin(user)
        half.remember(request, user)
        return HttpResponseRedirect(with_next(request, "admin:sign_in_set_up"))
    enter(request, user, two_steps=False)
    return HttpResponseRedirect(way_on(request))


def enter(request: HttpRequest, user: User, *, two_steps: bool) -> None:
    """Signed in from here on, in a session of its own."""
    request.session.pop(half.KEY, None)
    login(request, user, backend=BACKEND)
    staff_sessions.begin(request.session, two_steps=two_steps)
    # Nobody is greeted by what was said to them before their last session ended.
    list(messages.get_messages(request))


def _page(site: Any, request: HttpRequest, form: StaffLogin, *, error: Any = None) -> HttpResponse:
    context = {
        **site.each_context(request),
        "title": _("Log in"),
        "app_path": request.get_full_path(),
        "form": form,
        "error": error,
        "ended": "" if request.method == "POST" else WHY_ENDED.get(request.GET.get("ended", ""), ""),
    }
    return render(request, "backoffice/sign_in/password.html", context)


def refused(page: HttpResponse, why: TooManyRequests) -> HttpResponse:
    """The page with what the lock says: 429, and when the next try is free."""
    page.status_code = why.status_code
    for name, value in why.headers.items():
        page[name] = value
    return page


# --- Where one goes next --------------------------------------------------------------------------------------------------


def way_on(request: HttpRequest) -> str:
    """The page of ours that was asked for; never another site, and not the login again."""
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith(ADMIN)
    return wanted if is_ours and not wanted.startswith(reverse("admin:login")) else reverse("admin:index")


def with_next(request: HttpRequest, name: str) -> str:
    wanted = way_on(request)
    return reverse(name) + ("" if wanted == reverse("admin:index") else f"?{urlencode({'next': wanted})}")

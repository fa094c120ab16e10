"""How long staff stay signed in: 8 hours in all, 30 minutes without doing anything, and only with the second step where it is required.

The clocks are in the session (`staff`), so that a request costs no more than reading it. What a page asks by itself (its live parts,
the event stream) keeps nobody signed in: such requests carry the header `X-Background`.
"""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve, reverse
from django.utils.timezone import now

KEY = "staff"
#: the time of the last request is written down at most this often
TOUCH_EVERY_S = 60
BACKGROUND_HEADER = "X-Background"
ADMIN = "/admin/"
#: where a session says who somebody is
DOORS = (ADMIN, "/api/")


class Ended(StrEnum):
    """Why staff must sign in again; the login page says it."""

    IDLE = "idle"
    OLD = "old"
    ONE_STEP = "one_step"


def begin(session: Any, *, two_steps: bool) -> None:
    """Start the clocks of a session that a member of staff has just signed in to."""
    moment = int(time.time())
    session[KEY] = {"since": moment, "seen": moment, "two_steps": two_steps}
    session.set_expiry(now() + settings.STAFF_SESSION_LIFETIME)


def why_ended(clocks: Mapping[str, Any] | None) -> Ended | None:
    """Whether a session of staff with these clocks is over. One without clocks was begun elsewhere and has had no second step."""
    moment = time.time()
    if settings.STAFF_TOTP_REQUIRED and not (clocks and clocks["two_steps"]):
        return Ended.ONE_STEP
    if clocks and moment >= clocks["since"] + _seconds(settings.STAFF_SESSION_LIFETIME):
        return Ended.OLD
    if clocks and moment >= clocks["seen"] + _seconds(settings.STAFF_SESSION_IDLE):
        return Ended.IDLE
    return None


def _seconds(span: timedelta) -> float:
    return span.total_seconds()


class StaffSessions:
    """Middleware: ends what is over, and keeps the clocks of what is not."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(DOORS) and settings.SESSION_COOKIE_NAME in request.COOKIES and _is_staffs(request):
            ended = why_ended(request.session.get(KEY))
            if ended:
                logout(request)
                if request.path.startswith(ADMIN):
                    return _to_login(request, ended)
            elif not is_background(request):
                touch(request)
        return self.get_response(request)


def _is_staffs(request: HttpRequest) -> bool:
    """Without asking for the person where the session tells; the admin asks for it anyway."""
    if KEY in request.session:
        return True
    return request.path.startswith(ADMIN) and bool(getattr(request.user, "is_staff", False))


def touch(request: HttpRequest) -> None:
    """Somebody did something. A session of staff that was begun without clocks gets them here."""
    clocks = request.session.get(KEY)
    if clocks is None:
        begin(request.session, two_steps=False)
    elif time.time() >= clocks["seen"] + TOUCH_EVERY_S:
        request.session[KEY] = {**clocks, "seen": int(time.time())}


def is_background(request: HttpRequest) -> bool:
    """Asked by a page, not by a person: by its header, or because the view is for nothing else (`backoffice.access.background`)."""
    if BACKGROUND_HEADER in request.headers:
        return True
    try:
        return getattr(resolve(request.path_info).func, "is_background", False)
    except Resolver404:
        return False


def _to_login(request: HttpRequest, ended: Ended) -> HttpResponse:
    """A page's own requests get a plain refusal, people the login page, which leads back to where they were."""
    if is_background(request):
        return HttpResponse(status=401)
    return HttpResponseRedirect(f"{reverse('admin:login')}?{urlencode({'next': _way_back(request), 'ended': ended})}")


def _way_back(request: HttpRequest) -> str:
    """The page itself, or the one that held the form; always an address of ours."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    page = urlsplit(request.headers.get("Referer", ""))
    is_ours = page.netloc == request.get_host() and page.path.startswith(ADMIN)
    return page.path + (f"?{page.query}" if page.query else "") if is_ours else reverse("admin:index")

"""Who asks: an app with its bearer token, or a browser with its session and CSRF token. `request.auth` is the person.

A token, when given, decides alone: a wrong one is 401 even beside a valid cookie, and needs no CSRF token, since no other site can
send it.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja.errors import AuthenticationError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from core.accounts import tokens
from core.accounts.models import User
from core.errors import BidangilError
from customer_api.texts import BIDI_CONTROLS

BACKEND = "django.contrib.auth.backends.ModelBackend"


class Asked(HttpRequest):
    """A request that has passed `PEOPLE`."""

    auth: User


class CsrfFailed(BidangilError):
    status_code = 403
    code = "csrf_failed"
    message = _("The CSRF token is missing or wrong. Please load the page again.")


def bearer_of(request: HttpRequest) -> str | None:
    """The token of the Authorization header; None without one."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class Bearer(HttpBearer):
    def __call__(self, request: HttpRequest) -> User | None:
        token = bearer_of(request)
        if token is None:
            return None
        user = tokens.user_of(token)
        if user is None:
            raise AuthenticationError
        return user

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        raise NotImplementedError


class Session(APIKeyCookie):
    def __call__(self, request: HttpRequest) -> User | None:
        if not isinstance(request.user, User):
            return None
        if check_csrf(request):
            raise CsrfFailed
        return request.user

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        raise NotImplementedError


Session.param_name = settings.SESSION_COOKIE_NAME
PEOPLE = [Bearer(), Session()]


def person_of(request: HttpRequest) -> User | None:
    """The signed-in person where an endpoint asks nobody to be; only for reading, as CSRF is not checked."""
    token = bearer_of(request)
    if token is not None:
        return tokens.user_of(token)
    return request.user if isinstance(request.user, User) else None


def refuse_foreign_pages(request: HttpRequest) -> None:
    """Signing in needs no CSRF token, as there is no session yet; but another site's page must not sign a visitor in."""
    origin = request.headers.get("Origin")
    own = {f"{request.scheme}://{request.get_host()}", settings.PUBLIC_BASE_URL, *settings.CORS_ALLOWED_ORIGINS}
    if origin and origin not in own:
        raise CsrfFailed


def sign_in(request: HttpRequest, user: User) -> str:
    """A token for apps and, for customers, a session for browsers; the session of before ends, and with it what was preset.

    Staff get no session here: theirs begins at the admin's own login page, with its own rules.
    """
    token = tokens.issue(user, label=device_name(request))
    if not user.is_staff:
        login(request, user, backend=BACKEND)
    return token


def device_name(request: HttpRequest) -> str:
    """What the person's list of devices calls it."""
    agent = "".join(char for char in request.headers.get("User-Agent", "") if char.isprintable())
    return BIDI_CONTROLS.sub("", agent).strip()[:100]

"""Signing up, in and out. Known and unknown addresses get the same answers in the same time; only the mailbox differs."""

from typing import Annotated, Literal

from django.contrib.auth import authenticate, logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.utils.translation import gettext_lazy as _
from ninja import Router
from ninja.responses import Status

from core.accounts import login_limit, registration, tokens
from core.accounts.letters import send_code
from core.accounts.models import EmailCode, User, normalise_email
from core.errors import BidangilError
from customer_api import security
from customer_api.resources.me import Person, person_out
from customer_api.schema import In, Nothing, Out, language
from customer_api.security import Asked
from customer_api.texts import Email, Nickname, Password, Text

router = Router(tags=["Signing in"])
Purpose = Literal["signup", "password_reset"]


class CodeWanted(In):
    email: Email
    purpose: Purpose


class CodeGiven(In):
    email: Email
    purpose: Purpose
    code: Annotated[str, Text(longest=12, shortest=1)]


class Verified(Out):
    verification_token: str


class SignUp(In):
    verification_token: Annotated[str, Text(longest=500, shortest=1)]
    password: Password
    nickname: Nickname
    locale: Literal["ko", "en"]


class Login(In):
    email: Email
    password: Password


class PasswordReset(In):
    verification_token: Annotated[str, Text(longest=500, shortest=1)]
    password: Password


class SignedIn(Out):
    token: str
    user: Person


class SessionState(Out):
    authenticated: bool
    user: Person | None


class Accepted(Out):
    status: Literal["sent"] = "sent"


class CredentialsInvalid(BidangilError):
    status_code = 401
    code = "credentials_invalid"
    message = _("The e-mail address or the password is wrong.")


@router.post("/email-codes", response={202: Accepted}, auth=None)
def request_email_code(request: HttpRequest, body: CodeWanted) -> Status:
    """A six-digit code goes to the address, known or not; it lives ten minutes. At most five an hour."""
    registration.request_code(email=body.email, purpose=body.purpose, send=_send)
    return Status(202, Accepted())


def _send(row: EmailCode, code: str) -> None:
    """In the language of the account or, without one, of the page."""
    locale = User.objects.filter(email=row.email).values_list("locale", flat=True).first()
    send_code(row, code, locale=locale or language())


@router.post("/email-codes/verify", response=Verified, auth=None)
def verify_email_code(request: HttpRequest, body: CodeGiven) -> Verified:
    """Turn a code into a proof for sign-up or a new password; a code is judged five times at most and used once."""
    return Verified(verification_token=registration.verify_code(email=body.email, purpose=body.purpose, code=body.code))


@router.post("/signup", response={201: SignedIn}, auth=None)
def sign_up(request: HttpRequest, body: SignUp) -> Status:
    security.refuse_foreign_pages(request)
    user = registration.sign_up(proof=body.verification_token, password=body.password, nickname=body.nickname, locale=body.locale)
    return Status(201, SignedIn(token=security.sign_in(request, user), user=person_out(user)))


@router.post("/login", response=SignedIn, auth=None)
def log_in(request: HttpRequest, body: Login) -> SignedIn:
    """A token for apps, and for browsers a session cookie beside it. Five wrong passwords in fifteen minutes, then 429."""
    security.refuse_foreign_pages(request)
    mark = login_limit.count_try(body.email)
    # The same work and the same words for a wrong password, an unknown address and a closed account.
    user = authenticate(request, username=normalise_email(body.email), password=body.password)
    if not isinstance(user, User):
        raise CredentialsInvalid
    login_limit.forgive(body.email, mark)
    return SignedIn(token=security.sign_in(request, user), user=person_out(user))


@router.post("/logout", response={204: None})
def log_out(request: Asked, body: Nothing | None = None) -> Status:
    """Ends the token or the session that asks; an app's own session ends with its token."""
    token = security.bearer_of(request)
    if token is not None:
        tokens.revoke(token)
    if request.user == request.auth:
        logout(request)
    return Status(204, None)


@router.get("/session", response=SessionState, auth=None)
def read_session(request: HttpRequest, response: HttpResponse) -> SessionState:
    """Who is signed in. Browsers get their CSRF token here: as a cookie, and in the header X-CSRFToken to send back with each change."""
    response["X-CSRFToken"] = get_token(request)
    user = security.person_of(request)
    return SessionState(authenticated=user is not None, user=person_out(user) if user else None)


@router.post("/password-reset", response={204: None}, auth=None)
def reset_password(request: HttpRequest, body: PasswordReset) -> Status:
    """Set a new password; every session and token ends."""
    with transaction.atomic():
        registration.reset_password(proof=body.verification_token, password=body.password)
    return Status(204, None)

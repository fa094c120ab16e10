"""Who opens an event stream: the same answer as for a request, without one (the streams live on the event loop, see core/asgi.py)."""

from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from core.accounts import staff_sessions, tokens
from core.accounts.models import User


@dataclass(frozen=True)
class Person:
    id: int
    is_staff: bool
    #: staff whose role lets them see orders: what all staff's stream tells of
    sees_orders: bool


def person_for(*, session_key: str | None, bearer: str | None) -> Person | None:
    """The signed-in person behind a bearer token or a session cookie; a token, when given, decides alone."""
    user = tokens.user_of(bearer) if bearer else _user_of_session(session_key) if session_key else None
    if user is None:
        return None
    return Person(id=user.pk, is_staff=user.is_staff, sees_orders=user.is_staff and user.has_perm("workflow.view_order"))


def _user_of_session(session_key: str) -> User | None:
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user_id, backend = session.get(SESSION_KEY), session.get(BACKEND_SESSION_KEY)
    if user_id is None or backend not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return None
    if user.is_staff and staff_sessions.why_ended(session.get(staff_sessions.KEY)):
        return None
    return user

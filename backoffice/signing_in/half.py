"""Between the password and the code: nobody is signed in, but the session remembers for ten minutes whose password was right."""

import time

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from core.accounts.models import User

KEY = "half_signed_in"
LIVES_S = 10 * 60


def remember(request: HttpRequest, user: User) -> None:
    request.session.flush()
    request.session[KEY] = {"user": user.pk, "hash": user.get_session_auth_hash(), "until": int(time.time()) + LIVES_S}
    request.session.set_expiry(LIVES_S)


def person(request: HttpRequest) -> User | None:
    """Whose password was right just now; None when it is too long ago, or the account has been closed or changed since."""
    said = request.session.get(KEY)
    if not said or time.time() >= said["until"]:
        return None
    user = User.objects.filter(pk=said["user"], is_active=True, is_staff=True).first()
    return user if user and constant_time_compare(said["hash"], user.get_session_auth_hash()) else None

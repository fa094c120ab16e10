"""Bearer tokens of apps: issued at login, 90 days from the last use, hashed at rest, ended by logout or a new password."""

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone
from django.utils.crypto import constant_time_compare

from core.accounts.models import AccessToken, User

LIFETIME = timedelta(days=90)
#: `last_used_at` is written at most this often, so that reading costs no write
TOUCH_EVERY = timedelta(hours=1)


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def issue(user: User, *, label: str = "") -> str:
    """A new token in clear, which is never stored; 256 random bits."""
    token = secrets.token_urlsafe(32)
    AccessToken.objects.create(user=user, digest=digest_of(token), label=label[:100], session_hash=user.get_session_auth_hash())
    return token


def user_of(token: str) -> User | None:
    """The active person who holds this token, or None for an unknown, old or ended one."""
    row = AccessToken.objects.select_related("user").filter(digest=digest_of(token)).first()
    if row is None or not row.user.is_active or row.last_used_at < timezone.now() - LIFETIME:
        return None
    if not constant_time_compare(row.session_hash, row.user.get_session_auth_hash()):
        return None
    if row.last_used_at < timezone.now() - TOUCH_EVERY:
        AccessToken.objects.filter(pk=row.pk).update(last_used_at=timezone.now())
    return row.user


def revoke(token: str) -> None:
    AccessToken.objects.filter(digest=digest_of(token)).delete()

"""Sign-up and password reset by e-mail codes: ask for a code, verify it, then use the proof once.

The mail itself is a notice (core/notices); callers pass `send`, which must only promise it in the current transaction. Known and
unknown addresses get the same answer, only the mailbox differs.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.accounts.models import AccessToken, EmailCode, User, normalise_email
from core.errors import BidangilError, Conflict, Invalid, TooManyRequests

LIFETIME = timedelta(minutes=10)
MAX_TRIES = 5
#: how long a verified code may be turned into an account or a new password
PROOF_LIFETIME = timedelta(minutes=30)
#: at most this many codes an address, purpose and hour: bounds guessing to 5 x 5 tries in 900,000 and stops mail floods
MAX_CODES_AN_HOUR = 5
_SALT = "accounts.email-code"


def _hash(email: str, purpose: str, code: str) -> str:
    key = hashlib.sha256(settings.SECRET_KEY.encode() + _SALT.encode()).digest()
    return hmac.new(key, f"{email}\n{purpose}\n{code}".encode(), "sha256").hexdigest()


def code_refused() -> BidangilError:
    return BidangilError(_("The code is wrong or has run out."), code="code_invalid", field="code")


@transaction.atomic
def request_code(*, email: str, purpose: str, send: Callable[[EmailCode, str], None]) -> None:
    """Store a new six-digit code and let `send(row, code)` promise its mail. Earlier codes of the purpose end.

    Raises TooManyRequests after five codes an hour for one address and purpose.
    """
    email, now = normalise_email(email), timezone.now()
    earlier = EmailCode.objects.filter(email=email, purpose=purpose)
    if earlier.filter(created_at__gt=now - timedelta(hours=1)).count() >= MAX_CODES_AN_HOUR:
        raise TooManyRequests(headers={"Retry-After": "3600"})
    earlier.filter(used_at=None, expires_at__gt=now).update(expires_at=now)
    code = f"{secrets.randbelow(900_000) + 100_000}"
    row = EmailCode.objects.create(
        email=email, purpose=purpose, code_hash=_hash(email, purpose, code), created_at=now, expires_at=now + LIFETIME
    )
    send(row, code)


def verify_code(*, email: str, purpose: str, code: str) -> str:
    """A signed proof that the caller reads this mailbox. Each call spends one of five tries, also under parallel guesses."""
    email, now = normalise_email(email), timezone.now()
    with transaction.atomic():
        row = (
            EmailCode.objects.select_for_update()
            .filter(email=email, purpose=purpose, expires_at__gt=now, verified_at=None)
            .order_by("-created_at", "-pk")
            .first()
        )
        if row is None:
            raise code_refused()
        if row.tries >= MAX_TRIES:
            raise TooManyRequests(_("Too many wrong codes. Please ask for a new one."), headers={"Retry-After": "600"})
        row.tries += 1
        right = hmac.compare_digest(row.code_hash, _hash(email, purpose, code))
        row.verified_at = now if right else None
        row.save(update_fields=["tries", "verified_at"])
    if not right:
        raise code_refused()
    return signing.dumps(row.pk, salt=_SALT)


def _spend_proof(proof: str, *, purpose: str) -> EmailCode:
    """Lock and use up the code behind a proof; call inside the transaction that acts on it."""
    try:
        pk = signing.loads(proof, salt=_SALT, max_age=PROOF_LIFETIME)
    except signing.BadSignature:
        raise code_refused() from None
    row = EmailCode.objects.select_for_update().filter(pk=pk, purpose=purpose, used_at=None).first()
    if row is None or row.verified_at is None:
        raise code_refused()
    row.used_at = timezone.now()
    row.save(update_fields=["used_at"])
    return row


def check_password_rules(password: str, *, user: User | None = None) -> None:
    if len(password) > 256:
        raise Invalid(_("The password is too long."), code="password_too_long", field="password")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), code="password_too_weak", field="password") from None


def sign_up(*, proof: str, password: str, nickname: str, locale: str) -> User:
    """A new customer whose address is proved. Raises Conflict for a taken address or nickname, Invalid for a weak password."""
    try:
        with transaction.atomic():
            email = _spend_proof(proof, purpose=EmailCode.Purpose.SIGNUP).email
            if User.objects.filter(email=email).exists():
                raise Conflict(_("There is already an account with this address."), code="email_taken", field="email")
            if User.objects.filter(nickname=nickname).exists():
                raise Conflict(_("This nickname is taken."), code="nickname_taken", field="nickname")
            check_password_rules(password, user=User(email=email, nickname=nickname))
            return User.objects.create_user(email, password, nickname=nickname, locale=locale)
    except IntegrityError:
        raise Conflict(_("This address or nickname was taken just now."), code="nickname_taken", field="nickname") from None


@transaction.atomic
def reset_password(*, proof: str, password: str) -> None:
    """Set a new password; every session and token of the person ends (both carry the old session hash)."""
    row = _spend_proof(proof, purpose=EmailCode.Purpose.PASSWORD_RESET)
    user = User.objects.select_for_update().filter(email=row.email, is_active=True).first()
    if user is None:
        raise code_refused()
    check_password_rules(password, user=user)
    user.set_password(password)
    user.save(update_fields=["password"])
    AccessToken.objects.filter(user=user).delete()

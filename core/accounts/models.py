"""People: customers and staff sign in with an e-mail address. Codes and tokens are kept as hashes only.

The functions that change these rows are in `registration.py` (codes, sign-up), `tokens.py` and `authentication.py`.
"""

import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from core import events
from core.fields import ExactCharField

_SESSION_SALT = "accounts.session-stamp"


def normalise_email(email: str) -> str:
    """One account per address whatever its case or Unicode form."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


class Locale(models.TextChoices):
    KOREAN = "ko", _("Korean")
    ENGLISH = "en", _("English")


class UserManager(BaseUserManager["User"]):
    @transaction.atomic
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=normalise_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        # Made here, once: two transactions that both make a person's first counter row would lose the second one's order.
        events.make_channel(events.user_channel(user.pk))
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"nickname": "owner", **fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=normalise_email(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    email = ExactCharField(_("e-mail"), max_length=254, unique=True)
    nickname = models.CharField(_("nickname"), max_length=40, unique=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    locale = models.CharField(_("language"), max_length=2, choices=Locale, default=Locale.KOREAN)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    joined_at = models.DateTimeField(_("joined"), default=timezone.now)
    #: one more, and every session and token of before has ended (`end_sessions`)
    session_stamp = models.PositiveIntegerField(default=0, db_default=0)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return self.nickname or f"#{self.pk}"

    def get_short_name(self) -> str:
        return self.nickname

    def get_full_name(self) -> str:
        return self.nickname

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Sessions and tokens carry it. Without a stamp it is Django's own, so that those of before the stamp live on."""
        if not self.session_stamp:
            return super()._get_session_auth_hash(secret)  # type: ignore[misc]
        return salted_hmac(_SESSION_SALT, f"{self.password}#{self.session_stamp}", secret=secret, algorithm="sha256").hexdigest()

    def end_sessions(self) -> None:
        """On a row of one's own transaction: whoever is signed in as this person must sign in again, everywhere."""
        self.session_stamp += 1
        self.save(update_fields=["session_stamp"])


class EmailCode(models.Model):
    """A six-digit code sent to an address for one purpose; lives ten minutes, judged at most five times, used once."""

    class Purpose(models.TextChoices):
        SIGNUP = "signup", _("sign-up")
        PASSWORD_RESET = "password_reset", _("password reset")

    email = ExactCharField(max_length=254)
    purpose = models.CharField(max_length=20, choices=Purpose)
    code_hash = ExactCharField(max_length=128)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    verified_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["email", "purpose", "-created_at"], name="code_by_address")]

    def __str__(self) -> str:
        return f"code {self.pk} ({self.purpose})"


class AccessToken(models.Model):
    """A signed-in device of an app; only the SHA-256 of the token is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_tokens")
    digest = ExactCharField(max_length=64, unique=True)
    label = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(default=timezone.now)
    #: the person's session hash when it was issued: a changed password ends every token
    session_hash = ExactCharField(max_length=128)

    class Meta:
        verbose_name = _("signed-in device")
        verbose_name_plural = _("signed-in devices")

    def __str__(self) -> str:
        return self.label or f"token {self.pk}"


class WrongPasswords(models.Model):
    """The wrong passwords of the last minutes for one address, known or not; the address only as its SHA-256."""

    address = ExactCharField(max_length=64, unique=True)
    #: seconds since 1970, oldest first; a try is written down before it is judged
    tried_at = models.JSONField(default=list)
    changed_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        # It was made for the customers' door alone.
        db_table = "customer_api_wrongpasswords"

    def __str__(self) -> str:
        return f"{len(self.tried_at)} tries"


class AccountEvent(models.Model):
    """What was done to the account of a member of staff, and by whom. Append-only: the database refuses changes."""

    class Kind(models.TextChoices):
        MADE = "made", _("account made")
        CHANGED = "changed", _("roles or account changed")
        TWO_STEP_ON = "two_step_on", _("two-step sign-in set up")
        TWO_STEP_OFF = "two_step_off", _("two-step sign-in removed")
        TWO_STEP_RESET = "two_step_reset", _("two-step sign-in reset")
        CODES_RENEWED = "codes_renewed", _("new recovery codes")
        CODE_USED = "code_used", _("recovery code used")

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="account_events")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)
    #: what it was about: role names, whether the account is open; no personal data
    detail = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.kind} {self.user_id}"


class Address(models.Model):
    """An entry of a customer's address book."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="addresses")
    label = models.CharField(max_length=40, blank=True)
    recipient_name = models.CharField(max_length=80, blank=True)
    recipient_phone = models.CharField(max_length=20, blank=True)
    line1 = models.CharField(max_length=120)
    line2 = models.CharField(max_length=120, blank=True)
    city = models.CharField(max_length=80)
    state = models.CharField(max_length=40)
    postal_code = models.CharField(max_length=12)
    country = models.CharField(max_length=2, default="US")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")

    def __str__(self) -> str:
        return f"address {self.pk}"

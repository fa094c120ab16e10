"""Staff's two-step sign-in: an authenticator app (TOTP) and ten recovery codes, kept by django-otp's tables.

A code of the app is good once; so is a recovery code, of which only a keyed hash is stored. Wrong codes are limited by
`login_limit`, for a person; rows are locked while a code is judged, so that two at once cannot both be right.
"""

import hashlib
import hmac
import secrets
from base64 import b32encode

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.accounts import login_limit
from core.accounts.models import AccountEvent, User
from core.errors import Conflict, Invalid

NAME = "authenticator app"
RECOVERY_CODES = 10
#: no letters that are taken for others; 10 of 31 are 49 bits
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_SALT = b"accounts.recovery-code"


class CodeWrong(Invalid):
    code = "code_invalid"
    message = _("The code is wrong or was used before. Wait for the next one.")


def device_of(user: User) -> TOTPDevice | None:
    """The app that this person has set up and confirmed."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).first()


def has_device(user: User) -> bool:
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def pending_device(user: User) -> TOTPDevice | None:
    return TOTPDevice.objects.filter(user=user, confirmed=False).first()


@transaction.atomic
def begin(user: User) -> None:
    """A new secret, to be confirmed with its first code. One that was never confirmed goes."""
    if has_device(_locked(user)):
        raise Conflict(_("Two-step sign-in is set up already."), code="two_step_on")
    TOTPDevice.objects.filter(user=user, confirmed=False).delete()
    TOTPDevice.objects.create(user=user, name=NAME, confirmed=False)


def confirm(user: User, code: str) -> list[str]:
    """The first code is right: the app counts from now on. Returns the recovery codes, in clear for this once.

    Every session of before ends.
    """
    mark = login_limit.count_try(_limit(user))
    with transaction.atomic():
        row = _locked(user)
        device = TOTPDevice.objects.select_for_update().filter(user=row, confirmed=False).first()
        if device is None or has_device(row):
            raise Conflict(_("There is nothing to confirm. Please begin again."), code="nothing_to_confirm")
        if not device.verify_token(_digits(code)):
            raise CodeWrong(field="code")
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        codes = _new_codes(row)
        row.end_sessions()
        record(row, by=row, kind=AccountEvent.Kind.TWO_STEP_ON)
    login_limit.forgive(_limit(user), mark)
    return codes


def check(user: User, code: str) -> None:
    """A code of the app, or a recovery code: right once. Raises CodeWrong, and TooManyRequests from the sixth wrong one on."""
    mark = login_limit.count_try(_limit(user))
    with transaction.atomic():
        if not (_app_says(user, code) or _recovered(user, code)):
            raise CodeWrong(field="code")
    login_limit.forgive(_limit(user), mark)


def _app_says(user: User, code: str) -> bool:
    device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
    return device is not None and bool(device.verify_token(_digits(code)))


def _recovered(user: User, code: str) -> bool:
    device = StaticDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
    if device is None or not device.verify_token(_hash(user, code)):
        return False
    record(user, by=user, kind=AccountEvent.Kind.CODE_USED)
    return True


# --- Changing it ----------------------------------------------------------------------------------------------------------


def renew_codes(user: User, code: str) -> list[str]:
    """Ten new recovery codes for a fresh code; the old ones are good no more."""
    check(user, code)
    with transaction.atomic():
        codes = _new_codes(_locked(user))
        record(user, by=user, kind=AccountEvent.Kind.CODES_RENEWED)
    return codes


def remove(user: User, code: str) -> None:
    """The person gives the second step up, with a fresh code. Every session ends."""
    check(user, code)
    _forget(user, by=user, kind=AccountEvent.Kind.TWO_STEP_OFF)


def reset(user: User, *, by: User) -> None:
    """The app is lost: a colleague takes it off, the person sets up another. Never one's own."""
    if by.pk == user.pk:
        raise Conflict(_("Somebody else must reset your own two-step sign-in."), code="not_yourself")
    if not has_device(user):
        raise Conflict(_("This person has not set up two-step sign-in."), code="two_step_off")
    _forget(user, by=by, kind=AccountEvent.Kind.TWO_STEP_RESET)


@transaction.atomic
def _forget(user: User, *, by: User, kind: str) -> None:
    row = _locked(user)
    TOTPDevice.objects.filter(user=row).delete()
    StaticDevice.objects.filter(user=row).delete()
    row.end_sessions()
    record(row, by=by, kind=kind)


def codes_left(user: User) -> int:
    return StaticToken.objects.filter(device__user=user, device__confirmed=True).count()


def record(user: User, *, by: User, kind: str, detail: str = "") -> None:
    AccountEvent.objects.create(user=user, by=by, kind=kind, detail=detail[:200])


# --- Codes ----------------------------------------------------------------------------------------------------------------


def secret_of(device: TOTPDevice) -> str:
    """To be typed where no camera is: base 32 in groups of four."""
    text = b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def _new_codes(user: User) -> list[str]:
    device, _made = StaticDevice.objects.get_or_create(user=user, defaults={"name": "recovery codes"})
    device.token_set.all().delete()
    codes = ["".join(secrets.choice(ALPHABET) for _place in range(10)) for _number in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=_hash(user, code)) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _hash(user: User, code: str) -> str:
    """80 bits in the 16 letters that django-otp's column has room for; worthless without SECRET_KEY."""
    typed = "".join(char for char in code.lower() if char in ALPHABET)
    key = hashlib.sha256(settings.SECRET_KEY.encode() + _SALT).digest()
    return b32encode(hmac.new(key, f"{user.pk}\n{typed}".encode(), "sha256").digest()[:10]).decode()


def _digits(code: str) -> str:
    """As typed, without spaces; anything but six plain digits is no code of an app."""
    typed = "".join(code.split())
    return typed if len(typed) == 6 and typed.isascii() and typed.isdigit() else ""


def _limit(user: User) -> str:
    """Counted beside the addresses, in a form that no form lets anybody type."""
    return f"\0second step of {user.pk}"


def _locked(user: User) -> User:
    return User.objects.select_for_update().get(pk=user.pk)

"""Members of staff: made, given roles, let go. Roles are groups by name (workflow/roles.py); who may do this is asked by the door."""

from collections.abc import Collection

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.accounts import two_steps
from core.accounts.models import AccessToken, AccountEvent, User, normalise_email
from core.accounts.registration import check_password_rules
from core.errors import Conflict


@transaction.atomic
def create_staff(email: str, *, password: str, nickname: str, locale: str, roles: Collection[str], by: User | None = None) -> User:
    """Raises Conflict for a taken address or nickname, Invalid for a weak password."""
    if User.objects.filter(email=normalise_email(email)).exists():
        raise Conflict(_("There is already an account with this address."), code="email_taken", field="email")
    if User.objects.filter(nickname=nickname).exists():
        raise Conflict(_("This nickname is taken."), code="nickname_taken", field="nickname")
    check_password_rules(password, user=User(email=email, nickname=nickname))
    user = User.objects.create_user(email, password, nickname=nickname, locale=locale, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=roles))
    two_steps.record(user, by=by or user, kind=AccountEvent.Kind.MADE, detail=", ".join(sorted(roles)))
    return user


@transaction.atomic
def change_staff(user_id: int, *, by: User, is_active: bool, roles: Collection[str], known_roles: Collection[str]) -> User:
    """Give a person exactly these of the known roles (none: no longer staff), and open or close the account.

    Nobody changes themselves: the last owner cannot lock everybody out by a slip.
    """
    if by.pk == user_id:
        raise Conflict(_("Somebody else must change your own roles."), code="not_yourself")
    user = User.objects.select_for_update().get(pk=user_id)
    was_staff = user.is_staff
    kept = user.groups.exclude(name__in=known_roles)
    user.groups.set([*kept, *Group.objects.filter(name__in=roles)])
    user.is_active, user.is_staff = is_active, bool(roles) or user.is_superuser
    user.save(update_fields=["is_active", "is_staff"])
    if user.is_staff and not was_staff:
        user.end_sessions()  # a customer's sessions live longer than staff's may
    said = "" if is_active else "closed"
    two_steps.record(user, by=by, kind=AccountEvent.Kind.CHANGED, detail=", ".join([*sorted(roles), *filter(None, [said])]))
    if not is_active:
        AccessToken.objects.filter(user=user).delete()
    return user

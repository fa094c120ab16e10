"""Who of staff looks after an order. It binds nobody: everybody may still do what their role may do."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from core.errors import Invalid
from core.retries import retried
from workflow.models import Order
from workflow.transitions import By, TransitionRefused, lock_order, record, refuse_if_changed, roles_held, tell_staff

MAY = "workflow.change_order"


def may_assign(by: By) -> bool:
    return by.user is not None and by.user.has_perm(MAY)


def candidates() -> list[User]:
    """The staff who may look after orders, by name. 3 statements."""
    app, _dot, codename = MAY.partition(".")
    groups = Group.objects.filter(permissions__content_type__app_label=app, permissions__codename=codename)
    of_role = User.objects.filter(is_active=True, is_staff=True, groups__in=groups).distinct()
    return sorted(of_role.prefetch_related("groups"), key=lambda user: user.nickname.casefold())


@retried
@transaction.atomic
def give(order_id: int, *, to: User | None, by: By, seen_version: int | None = None) -> Order:
    """Give an order to somebody, oneself included; `to` None lets it go."""
    order = lock_order(order_id)
    if not may_assign(by):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    refuse_if_changed(order, seen_version=seen_version)
    if to is not None and not (roles_held(to) and to.has_perm(MAY)):
        raise Invalid(_("This person cannot look after orders."), field="to")
    if order.assigned_to_id == (to.pk if to else None):
        raise TransitionRefused(_("Nothing changes: it is so already."), code="unchanged")
    order.assigned_to, order.assigned_at = to, now() if to else None
    record(order, name=_event(to, by), from_state=order.state, by=by, facts={"to": to.pk} if to else {}, live="")
    tell_staff(order, "order.assigned")
    return order


def _event(to: User | None, by: By) -> str:
    if to is None:
        return "let_go"
    return "take" if by.user is not None and to.pk == by.user.pk else "give"


def names_of(user_ids: Iterable[int]) -> dict[int, str]:
    """Nicknames by id; for the history, which knows people by their ids."""
    return dict(User.objects.filter(pk__in=set(user_ids)).values_list("pk", "nickname"))

"""Staff roles as groups; what each may do is generated from the process table, plus what its pages need."""

from typing import Any

from django.apps import apps as global_apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType

from workflow.process import TRANSITIONS, Role, roles_of

#: what a role may see and edit beside transitions: role -> {model: actions}; the owner may everything
STAFF_READS = (
    "order",
    "item",
    "parcel",
    "orderevent",
    "trackingevent",
    "stafftask",
    "invoice",
    "quote",
    "exchangerate",
    "restriction",
    "couriersetting",
    "ratecard",
)
PAGES: dict[str, dict[str, tuple[str, ...]]] = {
    Role.BUYER: {"item": ("change",), "order": ("change",), "restriction": ("add",)},
    Role.WAREHOUSE: {"item": ("change",), "parcel": ("add", "change", "delete"), "order": ("change",), "couriersetting": ("change",)},
    Role.FINANCE: {
        "ledgerentry": ("view",),
        "refund": ("view", "change"),
        "dispute": ("view",),
        "attempt": ("view",),
        "stripeevent": ("view", "change"),
        "reconciliation": ("view", "add"),
        "feepolicy": ("view",),
        "ratecard": ("add",),
        "order": ("change",),
    },
    Role.SUPPORT: {"order": ("add", "change")},
    Role.MODERATOR: {},
}


def codenames(role: str) -> set[str]:
    """Permissions of a role in the app `workflow`."""
    if role == Role.OWNER:
        own = {f"{action}_{model.__name__.lower()}" for model in _models() for action in ("add", "change", "view")}
        return own | {"delete_parcel"} | {spec.name for spec in TRANSITIONS.values() if any(roles_of(spec, s) for s in spec.sources)}
    moves = {spec.name for spec in TRANSITIONS.values() if any(role in roles_of(spec, state) for state in spec.sources)}
    reads = set() if role == Role.MODERATOR else {f"view_{model}" for model in STAFF_READS}
    pages = {f"{action}_{model}" for model, actions in PAGES[role].items() for action in actions}
    return moves | reads | pages


def _models() -> list[type[Any]]:
    return list(global_apps.get_app_config("workflow").get_models())


def sync() -> None:
    """Make the groups and give each exactly its permissions. Safe to run at any time."""
    _make_missing_permissions()
    for role in Role.values:
        group, _made = Group.objects.get_or_create(name=role)
        wanted = Permission.objects.filter(content_type__app_label="workflow", codename__in=codenames(role))
        group.permissions.set(wanted)


def _make_missing_permissions() -> None:
    """A transition added to the table needs its permission before Django's own migrate would make it."""
    from workflow.models import Order
    from workflow.process import permissions

    order_type = ContentType.objects.get_for_model(Order)
    for codename, name in permissions():
        Permission.objects.get_or_create(content_type=order_type, codename=codename, defaults={"name": name})


def sync_after_migrate(**_signal: Any) -> None:
    """After each migrate (release step): roles follow the table."""
    if global_apps.is_installed("workflow"):
        sync()

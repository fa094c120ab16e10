"""Who sees which page. What may be *done* is decided by `workflow` alone; here it is only asked.

Pages of the app `workflow` follow the permissions that `workflow/roles.py` generates. The few pages of other apps (effects, notices,
people) have no such permission and are named here by role.
"""

from typing import Any

from django.http import HttpRequest

from workflow.process import Role
from workflow.transitions import By, roles_held

#: effects that are stuck stop orders of everybody's; notices and people hold personal data
EFFECTS_SEEN_BY = frozenset({Role.OWNER, Role.BUYER, Role.WAREHOUSE, Role.FINANCE, Role.SUPPORT})
NOTICES_SEEN_BY = frozenset({Role.OWNER, Role.SUPPORT})
PEOPLE_SEEN_BY = frozenset({Role.OWNER})
#: pages without a permission of their own, as the page "Roles" names them: app and model -> who sees them
SEEN_BY_ROLE: dict[str, frozenset[Role]] = {
    "outbox.effect": EFFECTS_SEEN_BY,
    "notices.notice": NOTICES_SEEN_BY,
    "accounts.user": PEOPLE_SEEN_BY,
}


def acting(request: HttpRequest) -> By:
    """The signed-in member of staff, as `workflow` knows people."""
    return By.staff(request.user)  # type: ignore[arg-type]


def holds(request: HttpRequest, roles: frozenset[Role]) -> bool:
    return bool(roles_held(request.user) & roles)  # type: ignore[arg-type]


def background(view: Any) -> Any:
    """For a view that pages ask by themselves (fragments, polls): being asked keeps nobody signed in, whatever headers it came with.

    `core.accounts.staff_sessions` looks for the mark; scripts of ours send `X-Background: 1` where they fetch a whole page anew.
    """
    view.is_background = True
    return view

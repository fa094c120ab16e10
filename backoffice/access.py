"""Who sees which page. What may be *done* is decided by `workflow` alone; here it is only asked.

Pages of the app `workflow` follow the permissions that `workflow/roles.py` generates. The few pages of other apps (effects, notices,
people) have no such permission and are named here by role.
"""

from django.http import HttpRequest

from workflow.process import Role
from workflow.transitions import By, roles_held

#: effects that are stuck stop orders of everybody's; notices and people hold personal data
EFFECTS_SEEN_BY = frozenset({Role.OWNER, Role.BUYER, Role.WAREHOUSE, Role.FINANCE, Role.SUPPORT})
NOTICES_SEEN_BY = frozenset({Role.OWNER, Role.SUPPORT})
PEOPLE_SEEN_BY = frozenset({Role.OWNER})
CUSTOMERS_EXPORTED_BY = frozenset({Role.OWNER, Role.SUPPORT})


def acting(request: HttpRequest) -> By:
    """The signed-in member of staff, as `workflow` knows people."""
    return By.staff(request.user)  # type: ignore[arg-type]


def holds(request: HttpRequest, roles: frozenset[Role]) -> bool:
    return bool(roles_held(request.user) & roles)  # type: ignore[arg-type]

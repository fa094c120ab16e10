"""Customers' personal data on staff's screens: shown to the roles whose work needs it, masked for the others.

`shown` is what every page, search result and export writes; nobody prints a customer's e-mail, name, phone or address past it.
"""

from enum import StrEnum

from django.http import HttpRequest

from backoffice.access import holds
from workflow.process import Role


class Personal(StrEnum):
    EMAIL = "email"
    NAME = "name"
    PHONE = "phone"
    ADDRESS = "address"


#: who reads it without asking: support talks to people, the warehouse writes labels, finance matches payers
SEEN_BY: dict[Personal, frozenset[str]] = {
    Personal.EMAIL: frozenset({Role.OWNER, Role.SUPPORT, Role.FINANCE}),
    Personal.NAME: frozenset({Role.OWNER, Role.SUPPORT, Role.WAREHOUSE, Role.FINANCE}),
    Personal.PHONE: frozenset({Role.OWNER, Role.SUPPORT, Role.WAREHOUSE}),
    Personal.ADDRESS: frozenset({Role.OWNER, Role.SUPPORT, Role.WAREHOUSE}),
}


def sees(request: HttpRequest, what: Personal) -> bool:
    return holds(request, SEEN_BY[what])


def shown(request: HttpRequest, what: Personal, text: str) -> str:
    """The text itself, or its mask for a role that does not need it."""
    return text if not text or sees(request, what) else masked(what, text)


def masked(what: Personal, text: str) -> str:
    """`m•••@example.com`, `M•••`, `•••• 4567`; of an address nothing is left."""
    if what is Personal.EMAIL:
        name, at, host = text.partition("@")
        return f"{name[:1]}•••{at}{host}"
    if what is Personal.PHONE:
        return f"•••• {text[-4:]}" if len(text) > 6 else "••••"
    return f"{text[:1]}•••" if what is Personal.NAME else "••••"

"""Customers' personal data on staff's screens: shown to the roles whose work needs it, masked for the others.

`shown` is what every page, search result and export writes; nobody prints a customer's e-mail, name, phone or address past it. A page
of one order or one person begins with `opened` or `opened_person`, which write down that it was read. Who had what shown to them on
a reason (for ten minutes, `show_page.py`) is in the same log: `workflow/readings.py`.
"""

from typing import Any

from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from backoffice.access import holds
from core.accounts.models import User
from workflow import readings
from workflow.models import Order
from workflow.process import Role


class Personal(TextChoices):
    EMAIL = "email", _("e-mail")
    NAME = "name", _("name")
    PHONE = "phone", _("phone")
    ADDRESS = "address", _("address")


#: who reads it without asking: support talks to people, the warehouse writes labels, finance matches payers
SEEN_BY: dict[Personal, frozenset[Role]] = {
    Personal.EMAIL: frozenset({Role.OWNER, Role.SUPPORT, Role.FINANCE}),
    Personal.NAME: frozenset({Role.OWNER, Role.SUPPORT, Role.WAREHOUSE, Role.FINANCE}),
    Personal.PHONE: frozenset({Role.OWNER, Role.SUPPORT, Role.WAREHOUSE}),
    Personal.ADDRESS: frozenset({Role.OWNER, Role.SUPPORT, Role.WAREHOUSE}),
}


#: who may have it shown for one order, on a reason that is written down: a buyer who must phone about a size, an answer to a dispute
SHOWN_ON_REASON: dict[Personal, frozenset[Role]] = {
    Personal.EMAIL: frozenset({Role.BUYER, Role.WAREHOUSE}),
    Personal.NAME: frozenset({Role.BUYER}),
    Personal.PHONE: frozenset({Role.BUYER, Role.FINANCE}),
    Personal.ADDRESS: frozenset({Role.BUYER, Role.FINANCE}),
}


def sees(request: HttpRequest, what: Personal) -> bool:
    """By role, or because it was asked for on this order's page."""
    return holds(request, SEEN_BY[what]) or what in getattr(request, "shown_on_reason", ())


def shown(request: HttpRequest, what: Personal, text: str) -> str:
    """The text itself, or its mask for a role that does not need it."""
    return text if not text or sees(request, what) else masked(what, text)


# --- Reading is written down ----------------------------------------------------------------------------------------------


def opened(request: HttpRequest, *, order: Order) -> None:
    """First thing on a page about one order: what was shown on a reason counts here, and the reading is noted (one INSERT an hour)."""
    user: Any = request.user
    request.shown_on_reason = readings.shown_to(user, order) if may_be_shown(request) else frozenset()  # type: ignore[attr-defined]
    if fields := [what for what in Personal if sees(request, what)]:
        readings.note_opened(user, customer_id=order.customer_id, order=order, fields=fields)


def opened_person(request: HttpRequest, person: User) -> None:
    """The page of a customer; colleagues' pages are not a customer's data."""
    if not person.is_staff:
        fields = [what for what in (Personal.EMAIL, Personal.NAME) if sees(request, what)]
        readings.note_opened(request.user, customer_id=person.pk, order=None, fields=fields)  # type: ignore[arg-type]


def may_be_shown(request: HttpRequest) -> list[Personal]:
    """What is masked for this person and may be asked for."""
    return [what for what in Personal if not holds(request, SEEN_BY[what]) and holds(request, SHOWN_ON_REASON[what])]


def still_masked(request: HttpRequest) -> list[Personal]:
    return [what for what in may_be_shown(request) if not sees(request, what)]


def show(request: HttpRequest, order: Order, *, reason: str) -> bool:
    """Write down that the person had it shown, and why; False where nothing is hidden from them that they may ask for.

    Raises Invalid without a reason.
    """
    fields = may_be_shown(request)
    if fields:
        readings.show(request.user, order=order, fields=fields, reason=reason)  # type: ignore[arg-type]
    return bool(fields)


# --- Masks ----------------------------------------------------------------------------------------------------------------


def masked(what: Personal, text: str) -> str:
    """`m•••@example.com`, `M•••`, `•••• 4567`; of an address nothing is left."""
    if what is Personal.EMAIL:
        name, at, host = text.partition("@")
        return f"{name[:1]}•••{at}{host}"
    if what is Personal.PHONE:
        return f"•••• {text[-4:]}" if len(text) > 6 else "••••"
    return f"{text[:1]}•••" if what is Personal.NAME else "••••"


#: under which names payment data carry what; a place is hidden whole
_IN_PAYMENTS = {
    "email": Personal.EMAIL,
    "receipt_email": Personal.EMAIL,
    "customer_email": Personal.EMAIL,
    "phone": Personal.PHONE,
    "name": Personal.NAME,
    "line1": Personal.ADDRESS,
    "line2": Personal.ADDRESS,
    "city": Personal.ADDRESS,
    "postal_code": Personal.ADDRESS,
    "state": Personal.ADDRESS,
}
_PEOPLE_IN_PAYMENTS = frozenset({"customer_details", "billing_details", "shipping", "shipping_details", "address", "collected_information"})


def shown_json(request: HttpRequest, data: Any, *, is_person: bool = False) -> Any:
    """Stripe's data with the payer's own in it masked as everywhere else."""
    if isinstance(data, list):
        return [shown_json(request, one, is_person=is_person) for one in data]
    if not isinstance(data, dict):
        return data
    return {key: _shown_value(request, key, value, is_person=is_person) for key, value in data.items()}


def _shown_value(request: HttpRequest, key: str, value: Any, *, is_person: bool) -> Any:
    what = _IN_PAYMENTS.get(key)
    if isinstance(value, str) and what and (is_person or what is Personal.EMAIL):
        return shown(request, what, value)
    return shown_json(request, value, is_person=is_person or key in _PEOPLE_IN_PAYMENTS)

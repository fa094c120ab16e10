"""Who may what, read from the code that decides it: the page "Roles" and `docs/roles.md` show these tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.utils.text import capfirst
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from backoffice.access import SEEN_BY_ROLE
from backoffice.privacy import SEEN_BY, SHOWN_ON_REASON, Personal
from workflow import roles
from workflow.process import TRANSITIONS, Role, roles_of

PATH = Path(settings.BASE_DIR) / "docs" / "roles.md"
HEAD = """# Who may what

Printed from the code by `python manage.py roles`; `--check` fails when it is stale. Moves come from `workflow/process.py`, pages from
`workflow/roles.py` and `backoffice/access.py`, personal data from `backoffice/privacy.py`. Staff see it under "Roles".
"""


class May(StrEnum):
    YES = "yes"
    #: only from some of the states
    PARTLY = "partly"
    #: masked, and shown on a reason that is written down
    ASKED = "asked"
    NO = "no"


@dataclass(frozen=True)
class Row:
    name: str
    #: one for each role, in the order of `Role`
    may: tuple[May, ...]


@dataclass(frozen=True)
class Table:
    title: Any
    rows: list[Row]


def tables() -> list[Table]:
    return [
        Table(_("Move an order"), list(_moves())),
        Table(_("See a page"), list(_pages())),
        Table(_("Read customers' data"), list(_personal())),
    ]


def _moves() -> Iterator[Row]:
    for spec in TRANSITIONS.values():
        ways = {state: roles_of(spec, state) for state in spec.sources}
        if any(ways.values()):
            yield Row(gettext(str(spec.label)), tuple(_of_states(role, ways) for role in Role))


def _of_states(role: Role, ways: dict[Any, frozenset[str]]) -> May:
    held = [role in who for who in ways.values()]
    return May.YES if all(held) else May.PARTLY if any(held) else May.NO


def _pages() -> Iterator[Row]:
    held = {role: roles.codenames(role) for role in Role}
    for model in admin.site._registry:
        opts = model._meta
        seen = SEEN_BY_ROLE.get(opts.label_lower)
        may = (role in seen if seen is not None else f"view_{opts.model_name}" in held[role] for role in Role)
        yield Row(capfirst(str(opts.verbose_name_plural)), tuple(May.YES if yes else May.NO for yes in may))


def _personal() -> Iterator[Row]:
    for what in Personal:
        yield Row(capfirst(str(what.label)), tuple(_reads(role, what) for role in Role))


def _reads(role: Role, what: Personal) -> May:
    if role in SEEN_BY[what]:
        return May.YES
    return May.ASKED if role in SHOWN_ON_REASON[what] else May.NO


# --- The page of the documentation ----------------------------------------------------------------------------------------


MARKS = {May.YES: "yes", May.PARTLY: "from some states", May.ASKED: "on a reason", May.NO: ""}


def document() -> str:
    with override("en"):
        return "\n".join([HEAD, *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    for table in tables():
        yield f"## {table.title}\n"
        yield "| | " + " | ".join(str(role.label) for role in Role) + " |\n| --- |" + " --- |" * len(Role)
        for row in table.rows:
            yield f"| {row.name} | " + " | ".join(MARKS[may] for may in row.may) + " |"
        yield ""

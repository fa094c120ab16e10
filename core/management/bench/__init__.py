"""`make bench`: how fast, beside how it could be done, as tables that are printed and kept as JSON (`var/bench/<name>.json`).

To add a table: a module here with one function that takes a `Place` and gives a `Table`, under `@table("its name")`, and the module's
name in `MODULES`. The place is a migrated database of the bench's own (a scratch one on MariaDB where that is reachable, else a SQLite
file), and a sandbox of its own; nothing of the user's is touched, so a table may write what it likes. `place.quick` asks for the smallest
run that still exercises everything: that is what the test runs. Times depend on the machine, so a table gives ratios as well, and says
in `notes` what was not measured but reckoned.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from integrations.sandbox.testing import Sandbox

MODULES = ("polling",)


@dataclass(frozen=True)
class Place:
    """Where a table is measured."""

    sandbox: Sandbox
    quick: bool = False


@dataclass(frozen=True)
class Table:
    """`rows` hold a value for each of `columns`; `facts` are what the rows were measured with."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = ()
    facts: dict[str, Any] = field(default_factory=dict)


TABLES: dict[str, Callable[[Place], Table]] = {}


def table(name: str) -> Callable[[Callable[[Place], Table]], Callable[[Place], Table]]:
    def register(measure: Callable[[Place], Table]) -> Callable[[Place], Table]:
        TABLES[name] = measure
        return measure

    return register


def tables() -> dict[str, Callable[[Place], Table]]:
    """All of them, by name, in the order of `MODULES`."""
    for module in MODULES:
        import_module(f"{__name__}.{module}")
    return TABLES

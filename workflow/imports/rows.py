"""Staged rows into the database, a thousand per statement. The ORM's bulk_create does the same in three times the time, most of it spent
on columns that are empty; an import of 10,000 rows writes each row twice.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from workflow.bulk import in_steps
from workflow.models import ImportBatch, ImportRow

STEP = 1000
TABLE = ImportRow._meta.db_table
#: what reading a file fills
READ = ("number", "order_number", "position", "is_readable", "outcome", "error", "said")
#: what looking at a row fills
FOUND = ("position", "order_id", "target", "target_id", "state_seen", "outcome", "error", "said", "seen", "wanted")
JSON = frozenset({"said", "seen", "wanted"})
#: the columns that have no NULL, in rows that are not written whole
EMPTY = {"order_number": "''", "is_readable": "1", "target": "''", "state_seen": "''", "seen": "'{}'", "wanted": "'{}'"}
EMPTY |= {"said": "'{}'", "outcome": "''", "error": "''"}


def put(batch: ImportBatch, rows: Sequence[ImportRow]) -> None:
    """Rows that were just read."""
    _insert(batch.pk, rows, READ, "")


def keep(rows: Sequence[ImportRow]) -> None:
    """What was found out about rows that are there."""
    if not rows:
        return
    if connection.vendor == "mysql":
        end = "ON DUPLICATE KEY UPDATE " + ", ".join(f"{name} = VALUES({name})" for name in FOUND)
    else:
        end = "ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in FOUND)
    _insert(rows[0].batch_id, rows, ("id", "number", *FOUND), end)


def _insert(batch_id: int, rows: Sequence[ImportRow], given: tuple[str, ...], end: str) -> None:
    constant = {"batch_id": str(int(batch_id)), **{name: value for name, value in EMPTY.items() if name not in given}}
    names = ", ".join((*given, *constant))
    one = "(" + ", ".join((*("%s" for _name in given), *constant.values())) + ")"
    with connection.cursor() as cursor:
        for step in in_steps(rows, STEP):
            values = ", ".join([one] * len(step))
            cursor.execute(f"INSERT INTO {TABLE} ({names}) VALUES {values} {end}", list(_values(step, given)))  # noqa: S608 - our own names


def _values(rows: Iterable[ImportRow], names: tuple[str, ...]) -> Iterable[Any]:
    for row in rows:
        said = row.__dict__
        for name in names:
            value = said[name]
            yield json.dumps(value) if name in JSON else str(value) if isinstance(value, str) else value

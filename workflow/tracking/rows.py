"""Many rows in one statement, written by hand: over ten thousand rows the ORM's own way takes many times as long.

SQLite takes so many values in one statement and no more; there, and there alone, a long list is written in several.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model

SQLITE_VALUES = 30_000


def insert(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    for some in _steps(rows, len(columns)):
        _run(f"INSERT INTO {_table(model)} ({_names(columns)}) VALUES {_places(some)}", some)


def update(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], *, changed: Sequence[str]) -> None:
    """Write `changed` of rows that exist (and are locked), each with its own values; `columns` hold the key and what NOT NULL asks for."""
    if connection.vendor == "mysql":
        end = "ON DUPLICATE KEY UPDATE " + ", ".join(f"{_name(column)} = VALUES({_name(column)})" for column in changed)
    else:
        end = "ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{_name(column)} = excluded.{_name(column)}" for column in changed)
    for some in _steps(rows, len(columns)):
        _run(f"INSERT INTO {_table(model)} ({_names(columns)}) VALUES {_places(some)} {end}", some)


def _steps(rows: Sequence[Sequence[Any]], width: int) -> Iterator[Sequence[Sequence[Any]]]:
    size = SQLITE_VALUES // width if connection.vendor == "sqlite" else len(rows)
    for start in range(0, len(rows), size or 1):
        yield rows[start : start + size]


def _run(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    adapt = connection.ops.adapt_datetimefield_value
    values = [adapt(value) if hasattr(value, "tzinfo") else value for row in rows for value in row]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _table(model: type[Model]) -> str:
    return _name(model._meta.db_table)


def _name(name: str) -> str:
    return connection.ops.quote_name(name)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(_name, columns))


def _places(rows: Sequence[Sequence[Any]]) -> str:
    return ", ".join(["(" + ", ".join(["%s"] * len(rows[0])) + ")"] * len(rows))

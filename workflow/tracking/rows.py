"""Many rows in one statement, written by hand: over ten thousand rows the ORM's own way takes many times as long.

SQLite takes so many values in one statement and no more; there, and there alone, a long list is written in several.
Times come as `stamp` writes them, once, while the courier is still being waited for.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any

from django.db import connection
from django.db.models import Model

SQLITE_VALUES = 30_000


@lru_cache(maxsize=4096)
def stamp(moment: datetime | None) -> str | None:
    """A time as both engines' columns take it: UTC, without saying so. Many rows of a round share theirs."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def insert(model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    for some in _steps(rows, len(columns)):
        _run(f"INSERT INTO {_table(model)} ({_names(columns)}) VALUES {_places(some)}", some)  # noqa: S608 - our own names


def update(
    model: type[Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    changed: Collection[str],
    kept: Collection[str] = (),
) -> None:
    """Write `changed` of rows that exist (and are locked), each with its own values, and `kept` where the row has none yet; the other
    columns are the key and what must not be empty."""
    is_mysql = connection.vendor == "mysql"
    new, end = ("VALUES({})", "ON DUPLICATE KEY UPDATE ") if is_mysql else ("excluded.{}", "ON CONFLICT (id) DO UPDATE SET ")
    sets = [f"{_name(column)} = {new.format(_name(column))}" for column in changed]
    sets += [f"{_name(column)} = COALESCE({_table(model)}.{_name(column)}, {new.format(_name(column))})" for column in kept]
    for some in _steps(rows, len(columns)):
        _run(f"INSERT INTO {_table(model)} ({_names(columns)}) VALUES {_places(some)} {end}{', '.join(sets)}", some)  # noqa: S608


def _steps(rows: Sequence[Sequence[Any]], width: int) -> Iterator[Sequence[Sequence[Any]]]:
    size = SQLITE_VALUES // width if connection.vendor == "sqlite" else len(rows)
    for start in range(0, len(rows), size or 1):
        yield rows[start : start + size]


def _run(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(chain.from_iterable(rows)))


def _table(model: type[Model]) -> str:
    return _name(model._meta.db_table)


def _name(name: str) -> str:
    return connection.ops.quote_name(name)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(_name, columns))


def _places(rows: Sequence[Sequence[Any]]) -> str:
    return ", ".join(["(" + ", ".join(["%s"] * len(rows[0])) + ")"] * len(rows))

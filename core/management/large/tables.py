"""Rows in bulk: INSERTs of thousands of rows as literals, with the keys given out here, so that a row can be named before it is written.

Nothing else may write to these tables meanwhile. While the database takes in one batch the next one is made: the driver lets go of
Python for as long.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models import GeneratedField, Max

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROWS_A_STATEMENT = 1_000


def literal(value: Any) -> str:
    """A value as both engines read it. Texts must not hold a backslash, which MariaDB would take for an escape."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(int(value))


def at(microseconds: int) -> str:
    """A moment, in microseconds since 1970, as both engines store it."""
    seconds, rest = divmod(microseconds, 1_000_000)
    day, second = divmod(seconds, 86_400)
    return f"{_day(day)} {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{rest:06d}"


@lru_cache(maxsize=2_000)
def _day(day: int) -> str:
    return (EPOCH + timedelta(days=day)).date().isoformat()


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


class Table:
    """One model's rows on their way; columns that are not named get the field's default."""

    def __init__(self, model: type[models.Model], columns: str) -> None:
        fields = {field.attname: field for field in model._meta.concrete_fields if not isinstance(field, GeneratedField)}
        named = columns.split()
        rest = [field for name, field in fields.items() if not (name in named or field.primary_key or field.has_db_default())]
        self.with_key = model._meta.pk is not None and model._meta.pk.attname not in named
        names = [*([model._meta.pk.attname] if self.with_key else []), *named, *(field.attname for field in rest)]
        quoted = ", ".join(connection.ops.quote_name(fields[name].column or "") for name in names)
        self.head = f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({quoted}) VALUES\n"
        self.tail = "".join(f", {_default(field)}" for field in rest) + ")"
        self.count = len(named)
        self.last_key: int = (model._default_manager.aggregate(last=Max("pk"))["last"] or 0) if self.with_key else 0
        self.rows: list[str] = []

    def add(self, *values: Any) -> int:
        """The row's key."""
        assert len(values) == self.count, self.head
        said = ", ".join(map(literal, values)) + self.tail
        self.last_key += 1
        self.rows.append(f"({self.last_key}, {said}" if self.with_key else f"({said}")
        return self.last_key

    def statements(self) -> list[str]:
        rows, self.rows = self.rows, []
        return [self.head + ",\n".join(rows[start : start + ROWS_A_STATEMENT]) for start in range(0, len(rows), ROWS_A_STATEMENT)]


def _default(field: "models.Field[Any, Any]") -> str:
    value = field.get_db_prep_save(field.get_default(), connection)
    if isinstance(value, datetime):
        return literal(at(microseconds(value if value.tzinfo else value.replace(tzinfo=UTC))))
    return literal(str(value) if not isinstance(value, str | int | None) else value)


class Writer:
    """Writes one batch at a time, in a thread of its own over the caller's connection."""

    def __init__(self) -> None:
        self.connection = connections[DEFAULT_DB_ALIAS]
        self.pool = ThreadPoolExecutor(max_workers=1)
        self.running: Future[None] | None = None

    def write(self, statements: list[str]) -> None:
        self.wait()
        self.running = self.pool.submit(self._write, statements)

    def wait(self) -> None:
        if self.running is not None:
            self.running.result()
            self.running = None

    def _write(self, statements: list[str]) -> None:
        with self.connection.cursor() as cursor:
            own = not self.connection.in_atomic_block
            if own:
                cursor.execute("BEGIN")
            for statement in statements:
                cursor.execute(statement)
            if own:
                cursor.execute("COMMIT")


@contextmanager
def writing() -> Iterator[Writer]:
    """A writer, with what the database checks of every row left out where that can be: the rows are known to be right."""
    writer = Writer()
    is_mysql = connection.vendor == "mysql"
    with connection.cursor() as cursor:
        if is_mysql:
            cursor.execute("SET SESSION foreign_key_checks = 0, unique_checks = 0")
        writer.connection.inc_thread_sharing()
        try:
            yield writer
            writer.wait()
        finally:
            writer.pool.shutdown()
            writer.connection.dec_thread_sharing()
            if is_mysql:
                cursor.execute("SET SESSION foreign_key_checks = 1, unique_checks = 1")


def analyse(*wanted: type[models.Model]) -> None:
    """Tell the database how its tables look now: after a bulk load MariaDB's statistics are those of empty ones."""
    names = [connection.ops.quote_name(model._meta.db_table) for model in wanted]
    with connection.cursor() as cursor:
        if connection.vendor == "mysql" and not connection.in_atomic_block:  # it would commit
            cursor.execute(f"ANALYZE TABLE {', '.join(names)}")
            cursor.fetchall()
        elif connection.vendor == "sqlite":
            for name in names:
                cursor.execute(f"ANALYZE {name}")

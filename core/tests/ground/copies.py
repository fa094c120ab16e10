"""A migrated database, copied for each test that needs one of its own: `migrate` takes several seconds on each engine, a copy a fraction.

What is copied is the test run's own database, as it was when its migrations had just run (the root conftest.py takes the picture).
"""

import shutil
import sqlite3
from pathlib import Path
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper


class Copy(Protocol):
    def write(self, target: Any) -> None:
        """Into an empty database: a path for SQLite, a MySQLdb connection for MySQL/MariaDB."""


def taken(connection: BaseDatabaseWrapper, directory: Path) -> Copy:
    return ServerCopy(connection) if connection.vendor == "mysql" else FileCopy(connection, directory / "as-migrated.sqlite3")


class FileCopy:
    def __init__(self, connection: BaseDatabaseWrapper, path: Path) -> None:
        self.path = path
        connection.ensure_connection()
        with sqlite3.connect(path) as target:
            connection.connection.backup(target)
        target.close()

    def write(self, target: Path) -> None:
        shutil.copyfile(self.path, target)


class ServerCopy:
    """The statements that make tables, rows and triggers anew."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        with connection.cursor() as cursor:
            tables = [row[0] for row in self._asked(cursor, "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'")]
            self.tables = [self._asked(cursor, f"SHOW CREATE TABLE `{table}`")[0][1] for table in tables]
            self.rows = [(table, rows) for table in tables if (rows := self._asked(cursor, f"SELECT * FROM `{table}`"))]
            triggers = [row[0] for row in self._asked(cursor, "SHOW TRIGGERS")]
            self.triggers = [self._asked(cursor, f"SHOW CREATE TRIGGER `{trigger}`")[0][2] for trigger in triggers]

    @staticmethod
    def _asked(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
        cursor.execute(statement)
        return list(cursor.fetchall())

    def write(self, target: Any) -> None:
        cursor = target.cursor()
        cursor.execute("SET foreign_key_checks = 0, unique_checks = 0, time_zone = '+00:00'")
        for statement in self.tables:
            cursor.execute(statement)
        for table, rows in self.rows:
            places = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"INSERT INTO `{table}` VALUES ({places})", rows)
        for statement in self.triggers:
            cursor.execute(statement)
        target.commit()

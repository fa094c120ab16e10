"""Triggers that make the journal, the ledger and the log of exports append-only, on both engines: UPDATE and DELETE are refused by the
database itself.

Installed by migration 0002, and by each that adds a table. (Tests that empty whole tables take them off first, see conftest.py.)
"""

from typing import Any

TABLES = ("workflow_orderevent", "workflow_ledgerentry", "workflow_exportlog")
WORDS = ("UPDATE", "DELETE")


def _name(table: str, word: str) -> str:
    return f"{table}_no_{word.lower()}"


def _body(table: str, *, vendor: str) -> str:
    said = f"{table} is append-only"
    if vendor == "mysql":
        return f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{said}'"
    return f"BEGIN SELECT RAISE(ABORT, '{said}'); END"


def install(connection: Any) -> None:
    """Put the triggers on; safe to run again. A table that a later migration makes is left to that."""
    remove(connection)
    there = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in TABLES:
            for word in WORDS if table in there else ():
                body = _body(table, vendor=connection.vendor)
                cursor.execute(f"CREATE TRIGGER {_name(table, word)} BEFORE {word} ON {table} FOR EACH ROW {body}")


def remove(connection: Any) -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            for word in WORDS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {_name(table, word)}")


def missing(connection: Any) -> list[str]:
    """The triggers that are not on."""
    asked = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if connection.vendor == "mysql":
        asked = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    with connection.cursor() as cursor:
        cursor.execute(asked)
        found = {name for (name,) in cursor.fetchall()}
    return [name for table in TABLES for word in WORDS if (name := _name(table, word)) not in found]

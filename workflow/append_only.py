"""Triggers that make the journal, the ledger, staff's notes and the logs of reading append-only, on both engines: UPDATE and DELETE are
refused by the database itself.

Installed by migration 0002, and again by each that adds a table to them. (Tests that empty whole tables take them off first, see
conftest.py.)
"""

from typing import Any

TABLES = (
    "workflow_orderevent",
    "workflow_ledgerentry",
    "workflow_ordernote",
    "workflow_personaldataread",
    "workflow_exportlog",
    "accounts_accountevent",
)
WORDS = ("UPDATE", "DELETE")


def _name(table: str, word: str) -> str:
    return f"{table}_no_{word.lower()}"


def _body(table: str, *, vendor: str) -> str:
    said = f"{table} is append-only"
    if vendor == "mysql":
        return f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{said}'"
    return f"BEGIN SELECT RAISE(ABORT, '{said}'); END"


def install(connection: Any) -> None:
    """Put the triggers on every table that is there yet; safe to run again."""
    remove(connection)
    made = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in TABLES:
            if table not in made:
                continue
            for word in WORDS:
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

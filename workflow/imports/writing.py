"""One joined UPDATE per table puts the staged values into their targets, however many rows there are."""

from typing import Literal

from django.db import connection

from workflow.imports.kind import Kind, Table
from workflow.models import ImportBatch, ImportRow, RowOutcome

Source = Literal["wanted", "seen"]


def write(batch: ImportBatch, kind: Kind, *, outcome: RowOutcome, source: Source) -> None:
    """Every target of the batch's rows with this outcome becomes what `source` says of it; a column that it does not name is NULL."""
    for target, table in kind.tables.items():
        with connection.cursor() as cursor:
            cursor.execute(_statement(table, source), [batch.pk, outcome.value, target])


def _statement(table: Table, source: Source) -> str:
    """Built of our own models' names only."""
    thing, row = table.model._meta.db_table, ImportRow._meta.db_table
    where = "r.target_id = t.id AND r.batch_id = %s AND r.outcome = %s AND r.target = %s"
    if connection.vendor == "mysql":
        sets = ", ".join(f"t.{name} = JSON_VALUE(r.{source}, '$.{name}')" for name in table.writes)
        return f"UPDATE {row} r JOIN {thing} t ON r.target_id = t.id SET {sets} WHERE {where}"  # noqa: S608
    sets = ", ".join(f"{name} = json_extract(r.{source}, '$.{name}')" for name in table.writes)
    return f"UPDATE {thing} AS t SET {sets} FROM {row} r WHERE {where}"  # noqa: S608

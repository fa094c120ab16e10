"""The bench itself, as small as it goes."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from core.management.bench import MODULES, Place, runner, scratch, tables
from workflow.tests.conftest import sandbox, sandbox_process  # noqa: F401 - fixtures


@pytest.mark.django_db
def test_polling_is_compared_with_one_request_a_parcel(sandbox):  # noqa: F811
    found = tables()["polling"](Place(sandbox, quick=True))

    slow, batches, ours = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert [(row["parcels"], row["requests"], row["in flight"]) for row in (slow, batches)] == [(40, 40, 1), (40, 2, 1)]
    assert (ours["parcels"], ours["requests"], ours["in flight"] <= 2) == (40, 2, True)
    assert slow["× as fast"] == 1.0 < ours["× as fast"]
    assert ours["SQL"] < slow["SQL"]
    assert json.dumps(found.rows)
    assert "ours" in runner.as_text(found, {"cores": 2})


def test_every_module_has_a_table():
    assert set(tables()) == set(MODULES)


def test_an_unknown_table_is_refused():
    with pytest.raises(CommandError, match="no such table: nothing"):
        call_command("bench", "--only", "nothing")


def test_the_scratch_database_is_gone_afterwards(tmp_path, monkeypatch):
    with scratch.database(tmp_path, sqlite=True) as address:
        path = tmp_path / address.rpartition("/")[2]
        path.touch()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif("connection.vendor != 'mysql'", reason="the same on a server")
@pytest.mark.django_db
def test_a_scratch_database_on_the_server_is_gone_afterwards(tmp_path):
    def known() -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute("SHOW DATABASES")
            return {name for (name,) in cursor.fetchall() if name.startswith(scratch.NAME)}

    before = known()
    with scratch.database(tmp_path) as address:
        assert address.rpartition("/")[2] in known() - before
    assert known() == before

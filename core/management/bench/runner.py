"""Runs the tables where `commands/bench.py` has put this process: in a database of its own, beside a sandbox of its own."""

import json
import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils.timezone import now

from core.management.bench import Place, Table, tables
from integrations.sandbox.testing import running_sandbox


def run(*, names: list[str], quick: bool, folder: Path, say: Callable[[str], None]) -> None:
    """Measure, print, and keep each table's JSON in the folder."""
    call_command("migrate", verbosity=0)
    with running_sandbox() as sandbox:
        for name, value in sandbox.settings().items():
            setattr(settings, name, value.split(",") if name == "FX_BASE_URLS" else value)
        for name in names:
            found = tables()[name](Place(sandbox, quick=quick))
            kept = {"name": name, **asdict(found), "machine": _machine()}
            (folder / f"{name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
            say(as_text(found, kept["machine"]))


def as_text(found: Table, machine: dict[str, Any]) -> str:
    cells = [[str(cell) for cell in row] for row in [found.columns, *found.rows]]
    widths = [max(len(row[place]) for row in cells) for place in range(len(found.columns))]
    lines = ["  ".join([row[0].ljust(widths[0]), *(row[n].rjust(widths[n]) for n in range(1, len(row)))]) for row in cells]
    where = ", ".join(f"{name} {value}" for name, value in machine.items() if value)
    return "\n".join(["", found.title, *lines, *(f"  {note}" for note in found.notes), f"  {where}"])


def _machine() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT version()" if connection.vendor == "mysql" else "SELECT 'SQLite ' || sqlite_version()")
        engine = str(cursor.fetchone()[0])
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "engine": engine,
        "python": platform.python_version(),
        "date": now().isoformat(timespec="seconds"),
        "commit": _commit(),
    }


def _commit() -> str:
    command = ["git", "-C", str(settings.BASE_DIR), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout.strip()  # noqa: S603
    except OSError:
        return ""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = (
        "Measures what must be fast, beside how it could be done, and keeps the tables in var/bench/. Works in a database and beside a "
        "sandbox of its own, which it makes and drops: on MariaDB where one is reachable (TEST_MYSQL_URL), else on SQLite."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this table (may be given several times)")
        parser.add_argument("--json", action="store_true", help="print the tables as JSON")
        parser.add_argument("--sqlite", action="store_true", help="on SQLite, also where MariaDB is reachable")
        parser.add_argument("--quick", action="store_true", help="the smallest run, to see that it works")
        parser.add_argument("--here", default="", help="the child's: run in the configured database, keep the tables in this folder")

    def handle(self, *args: Any, **options: Any) -> None:
        from core.management.bench import tables

        if settings.PRODUCTION:
            raise CommandError("not where ENVIRONMENT=production")
        names = options["only"] or list(tables())
        if unknown := sorted(set(names) - set(tables())):
            raise CommandError(f"no such table: {', '.join(unknown)} (there are: {', '.join(tables())})")
        if options["here"]:
            from core.management.bench import runner

            runner.run(names=names, quick=options["quick"], folder=Path(options["here"]), say=self.stdout.write)
            return
        self._in_a_child(names, **options)

    def _in_a_child(self, names: list[str], **options: Any) -> None:
        """A process that knows no other database than the scratch one."""
        from core.management.bench import scratch

        folder = Path(settings.VAR_DIR) / "bench"
        folder.mkdir(parents=True, exist_ok=True)
        only = [argument for name in names for argument in ("--only", name)]
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "bench", "--here", str(folder), *only]
        with scratch.database(folder, sqlite=options["sqlite"]) as address:
            environment = {**os.environ, "DATABASE_URL": address, "LOG_LEVEL": os.environ.get("LOG_LEVEL", "ERROR")}
            quiet = subprocess.PIPE if options["json"] else None
            ended = subprocess.run([*command, *(["--quick"] if options["quick"] else [])], env=environment, stdout=quiet, check=False)  # noqa: S603
        if ended.returncode:
            raise CommandError(f"the bench ended with code {ended.returncode}")
        if options["json"]:
            self.stdout.write(json.dumps([json.loads((folder / f"{name}.json").read_text()) for name in names], ensure_ascii=False))

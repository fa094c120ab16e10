from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backoffice import roles_table


class Command(BaseCommand):
    help = "Print who may what into docs/roles.md; --check fails when the page is stale."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        page = roles_table.document()
        if check:
            if not roles_table.PATH.exists() or roles_table.PATH.read_text() != page:
                raise CommandError("docs/roles.md is stale: run manage.py roles")
            self.stdout.write("docs/roles.md is up to date")
            return
        roles_table.PATH.write_text(page)
        self.stdout.write(f"written: {roles_table.PATH.name}")

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workflow import diagram


class Command(BaseCommand):
    help = "Print the order process into docs/order-process.md; --check fails when the page is stale."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        page = diagram.document()
        if check:
            if not diagram.PATH.exists() or diagram.PATH.read_text() != page:
                raise CommandError("docs/order-process.md is stale: run manage.py order_process")
            self.stdout.write("docs/order-process.md is up to date")
            return
        diagram.PATH.parent.mkdir(exist_ok=True)
        diagram.PATH.write_text(page)
        self.stdout.write(f"written: {diagram.PATH.name}")

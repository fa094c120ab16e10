import sys
from typing import Any

from django.core.management.base import BaseCommand

from workflow.audit import broken_ledger_rows, broken_rows


class Command(BaseCommand):
    help = "Walk the hash chains of journal and ledger and name every altered, missing or swapped row; exit 1 if there is one."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = [*broken_rows(), *broken_ledger_rows()]
        for line in broken:
            self.stdout.write(line)
        if broken:
            sys.exit(1)
        self.stdout.write("journal and ledger are whole")

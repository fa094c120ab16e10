import sys
from typing import Any

from django.core.management.base import BaseCommand

from workflow.audit import broken_rows


class Command(BaseCommand):
    help = "Walk the journal's hash chains and name every altered, missing or swapped row; exit 1 if there is one."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = list(broken_rows())
        for line in broken:
            self.stdout.write(line)
        if broken:
            sys.exit(1)
        self.stdout.write("the journal is whole")

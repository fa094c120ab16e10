import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = (
        "How long the back office's lists, every filter and search of theirs, an order's page, customers' pages and what jobs ask take on "
        "the server, and how many rows are read for each. To be run on a large database (seed_large). Exit 1 if a median is over the "
        "limit."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--runs", type=int, default=30)
        parser.add_argument("--limit-ms", type=float, default=300)
        parser.add_argument("--only", default="", help="measure only addresses that contain this text")
        parser.add_argument("--explain", action="store_true", help="name the slowest statement of whatever is over the limit")

    def handle(self, *args: Any, **options: Any) -> None:
        from core.management import measuring

        slow = 0
        self.stdout.write(f"{'median':>9} {'p95':>9} {'queries':>8} {'sql':>9} {'rows':>8}  page")
        for page in measuring.pages(only=options["only"]):
            found = measuring.measure(page, runs=options["runs"])
            over = found.median_ms > options["limit_ms"]
            slow += over
            self.stdout.write(
                f"{found.median_ms:>6.1f} ms {found.p95_ms:>6.1f} ms {found.queries:>8} {found.sql_ms:>6.1f} ms "
                f"{found.rows:>8}  {page.name}{'  SLOW' if over else ''}"
            )
            if over and options["explain"]:
                self.stdout.write(f"    {found.slowest}")
            sys.stdout.flush()
        if slow:
            sys.exit(1)

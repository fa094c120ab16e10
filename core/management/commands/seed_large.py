import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = (
        "A large believable database for measuring: orders over two years in a real mix of states, written in bulk and added to what is "
        "there. Nothing else may write meanwhile. Stripe (also the sandbox) knows nothing of these payments: run with it, the first "
        "invariant of verify_invariants names them all; without it, that one stays unchecked and the others hold."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--orders", type=int, default=100_000)
        parser.add_argument("--seed", type=int, default=1, help="the same seed on the same database makes the same rows")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("a large database of invented orders is refused where ENVIRONMENT=production")
        if not 1 <= options["orders"] <= 10_000_000:
            raise CommandError("--orders is a number from 1 to 10,000,000")
        from core.management.large import run

        run.seed(options["orders"], seed=options["seed"], say=self._say)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        sys.stdout.flush()

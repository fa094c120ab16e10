"""`manage.py journey`: walks one order through its whole life over HTTP only, as the people would. How: core/management/journey/."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from core.management.journey.walk import Journey


class Command(BaseCommand):
    help = "Walks one order through its whole life against the running system; exit 0 only if every step, notice and event was seen."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base-url", default=settings.PUBLIC_BASE_URL, help=f"the system ({settings.PUBLIC_BASE_URL})")
        parser.add_argument("--sandbox-url", default=settings.SANDBOX_URL, help=f"its sandbox ({settings.SANDBOX_URL})")
        parser.add_argument("--json", action="store_true", dest="as_json", help="a JSON document on stdout, the steps on stderr")
        parser.add_argument("--patience", type=float, default=20.0, help="seconds that each wait may last (20)")

    def handle(self, *, base_url: str, sandbox_url: str, as_json: bool, patience: float, **_options: Any) -> None:
        sample = json.loads((settings.BASE_DIR / "fixtures" / "sample-request.json").read_text())
        say = self.stderr.write if as_json else self.stdout.write
        journey = Journey(base_url, sandbox_url=sandbox_url, sample=sample, patience_s=patience, say=say)
        journey.walk()
        if as_json:
            self.stdout.write(json.dumps(journey.as_document(), ensure_ascii=False, indent=2))
        else:
            say(journey.summary())
        if not journey.steps.ok:
            if len(journey.steps.done) == 1:
                self.stderr.write(
                    f"Does `make run` run at {base_url}? Give the same PORT= and SANDBOX_PORT=, or --base-url and --sandbox-url."
                )
            sys.exit(1)

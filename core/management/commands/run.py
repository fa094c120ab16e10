"""`manage.py run`, what `make run` starts: the whole system on this machine. How: core/management/running.py."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core.management.running import System


class Command(BaseCommand):
    help = "Runs sandbox, web and worker on this machine, with demo data, until Ctrl-C (PORT, SANDBOX_PORT)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_false", dest="demo", help="leave an empty database empty")

    def handle(self, *, demo: bool, **_options: Any) -> None:
        System(demo=demo).run()

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.base import ProviderError
from workflow.invariants import INVARIANTS, Invariant


class Command(BaseCommand):
    help = "Check what must always hold. Exit 0: all holds; 1: something is broken; 2: something could not be checked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        report = [self._checked(invariant) for invariant in INVARIANTS]
        self._print_json(report) if options["json"] else self._print(report)
        if any(row["broken"] for row in report):
            sys.exit(1)
        if any(row["unchecked"] for row in report):
            sys.exit(2)

    def _checked(self, invariant: Invariant) -> dict[str, Any]:
        try:
            broken, unchecked = list(invariant.check()), ""
        except ProviderError as error:
            broken, unchecked = [], f"{invariant.needs or error.provider} does not answer"
        return {"number": invariant.number, "name": invariant.name, "broken": broken, "unchecked": unchecked}

    def _print_json(self, report: list[dict[str, Any]]) -> None:
        self.stdout.write(json.dumps({"ok": not any(r["broken"] or r["unchecked"] for r in report), "invariants": report}, indent=2))

    def _print(self, report: list[dict[str, Any]]) -> None:
        for row in report:
            word = "BROKEN" if row["broken"] else "unchecked" if row["unchecked"] else "ok"
            self.stdout.write(f"{row['number']}  {word:9}  {row['name']}{': ' + row['unchecked'] if row['unchecked'] else ''}")
            for line in row["broken"]:
                self.stdout.write(f"     {line}")

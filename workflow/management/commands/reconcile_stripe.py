import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import Invalid
from workflow import reconciliation
from workflow.comparison import Found
from workflow.models import Reconciliation


class Command(BaseCommand):
    help = (
        "Compare our ledger with Stripe's own lists, repair what was missed, report. Safe at any time, any number of times. "
        "Exit 0: all is equal now; 1: something could not be repaired; 2: Stripe did not answer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", default="48h", help="how far to look back: 30m, 48h, 5d, 2w")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            since = reconciliation.span_of(options["since"])
        except Invalid as wrong:
            raise CommandError(f"--since: {wrong}") from wrong
        report = reconciliation.reconcile(since=since)
        self._print_json(report) if options["json"] else self._print(report)
        if report.error:
            sys.exit(2)
        if report.counts["failed"]:
            sys.exit(1)

    def _print_json(self, report: Reconciliation) -> None:
        said = {
            "ok": not report.error and not report.counts["failed"],
            "since": report.since.isoformat(),
            "started_at": report.started_at.isoformat(),
            "ended_at": report.ended_at.isoformat() if report.ended_at else None,
            "counts": report.counts,
            "findings": report.findings,
            "error": report.error,
        }
        self.stdout.write(json.dumps(said, indent=2))

    def _print(self, report: Reconciliation) -> None:
        counts = report.counts
        looked_at = ", ".join(f"{name} {counts[name]}" for name in ("sessions", "refunds", "disputes"))
        self.stdout.write(f"looked back to {report.since:%Y-%m-%d %H:%M} UTC: {looked_at}")
        for finding in report.findings:
            word = "repaired" if finding["repaired"] else "NOT OK"
            where = f" ({finding['order']})" if finding["order"] else ""
            self.stdout.write(f"  {word:8}  {Found(finding['what']).label}: {finding['about']}{where}: {finding['outcome']}")
        untold = counts["changed"] + counts["failed"] - len(report.findings)
        if untold:
            self.stdout.write(f"  and {untold} more")
        self.stdout.write(f"changed {counts['changed']}, not repaired {counts['failed']}")
        if report.error:
            self.stdout.write(f"Stripe did not answer, so this is not all: {report.error}")

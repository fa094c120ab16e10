"""`manage.py worker`: the process that runs jobs. How it does so: core/management/clusters.py."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core.management.clusters import Supervisor


class Command(BaseCommand):
    help = "Runs the ordinary and the slow job cluster, restarts one that hangs or dies, and beats the heart every 5 s."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--grace", type=float, default=30.0, help="seconds a running job gets to finish at the stop (30)")
        parser.add_argument("--patience", type=float, default=15.0, help="seconds without progress before a cluster is restarted (15)")

    def handle(self, *, grace: float, patience: float, **_options: Any) -> None:
        Supervisor(grace_s=grace, patience_s=patience).run()

from typing import Any

from django.core.management.base import BaseCommand

from workflow import tracking


class Command(BaseCommand):
    help = "Ask the couriers for every parcel that is due now. Safe at any time, beside the running system."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{tracking.poll_due()} parcels asked for")

"""`manage.py sync_schedules`: the table of core/schedules.py into the database. Part of every release; safe at any time."""

from typing import Any

from django.core.management.base import BaseCommand

from core.schedules import sync


class Command(BaseCommand):
    help = "Puts the table of periodic jobs into the database; says what it changed."

    def handle(self, **_options: Any) -> None:
        done = sync()
        self.stdout.write("schedules: " + ", ".join(f"{count} {what}" for what, count in done.items()))

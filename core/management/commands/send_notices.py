"""`manage.py send_notices`: sends here and now every notice that is due. Safe at any time, beside the running system: each is claimed."""

from typing import Any

from django.core.management.base import BaseCommand

from core.notices.jobs import send_now
from core.notices.models import Status


class Command(BaseCommand):
    help = "Sends every e-mail and SMS that is due, without waiting for the worker."

    def handle(self, **_options: Any) -> None:
        outcomes = send_now()
        said = [f"{outcomes[status]} {label}" for status, label in Status.choices if outcomes[status]]
        self.stdout.write(", ".join(said) or "nothing is due")

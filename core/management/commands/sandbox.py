"""`python manage.py sandbox`: the stand-ins of all outside services on one local port. The work is in `integrations/sandbox/`."""

from argparse import ArgumentParser, Namespace
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Runs the stand-ins of all outside services (no real money, no real mail) until Ctrl-C."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        from integrations.sandbox.server import add_arguments

        add_arguments(parser)

    def handle(self, **options: Any) -> None:
        from integrations.sandbox.options import WEBHOOK_PATH
        from integrations.sandbox.server import PortIsBusy, options_from, run

        if settings.ENVIRONMENT == "production":
            raise CommandError("The sandbox plays Stripe and the couriers; it has no place in production.")
        webhook_url = options["webhook_url"]
        if webhook_url is None:
            webhook_url = settings.PUBLIC_BASE_URL + WEBHOOK_PATH
        try:
            run(options_from(Namespace(**{**options, "webhook_url": webhook_url})))
        except PortIsBusy as error:
            raise CommandError(str(error)) from error

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Demo data: customers, staff of every role, and an order in every state, made by walking the real transitions."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("demo data is refused where ENVIRONMENT=production")
        from core.management import demo, demo_desk, demo_money

        demo.make_people()
        demo.make_rate_cards()
        made = demo.make_orders() + demo_money.make_money_cases()
        demo_desk.make_talk()
        self.stdout.write(f"{made} orders made; sign in as {', '.join(demo.logins())} with the password {demo.PASSWORD}")

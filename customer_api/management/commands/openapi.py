"""`manage.py openapi`: writes customer_api/openapi.json, so that a breaking change is seen in review; `--check` fails when it is stale."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

FILE = Path(__file__).resolve().parents[2] / "openapi.json"


class Command(BaseCommand):
    help = "Write the OpenAPI document, or with --check compare it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="fail if the file is not what the code says")

    def handle(self, *, check: bool, **options: Any) -> None:
        from customer_api.api import api

        text = json.dumps(api.get_openapi_schema(), indent=1, ensure_ascii=False) + "\n"
        if check and (not FILE.exists() or FILE.read_text() != text):
            raise CommandError(f"{FILE.name} is not what the code says: run `python manage.py openapi`")
        if not check:
            FILE.write_text(text)
            self.stdout.write(f"{FILE.name} written")

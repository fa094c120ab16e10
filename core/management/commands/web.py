"""`manage.py web`: the web process, one port for people, apps and event streams. How: core/asgi.py, core/web/server.py."""

import os
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core.management.processes import watch_parent


class Command(BaseCommand):
    help = "Runs the web process (HOST, default 127.0.0.1; PORT, default 8000)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))

    def handle(self, *, host: str, port: int, **_options: Any) -> None:
        from core.web.server import serve

        if os.environ.get("END_WITH_PARENT"):  # `manage.py run` asks for it
            watch_parent(os.getppid(), lambda: os.kill(os.getpid(), signal.SIGTERM))
        serve(host=host, port=port)

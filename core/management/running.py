"""What `make run` does: the sandbox, the web process and the worker on this machine, with demo data, in one window.

Each process leads a session of its own, so that Ctrl-C reaches only this one, which then ends them in order. Should this one be
killed, they notice that their parent is gone and end by themselves.
"""

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from types import FrameType

from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands
from django.db import connection
from django_q.models import OrmQ

from core.management.processes import end
from core.models import Heartbeat

START_S = 60.0
#: Contract: everything is gone within 10 s. A job that is still running then is cut off and comes back later.
STOP_S = 8.0
JOB_GRACE_S = 5
QUIET_S = 20.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

PEOPLE = (
    "owner@ · buyer@ · warehouse@ · finance@ · support@ · moderator@example.com   (staff)",
    "minji@example.com (Korean) · alex@example.com (English)                      (customers)",
)
COLOURS = {"sandbox": "\x1b[35m", "web": "\x1b[36m", "worker": "\x1b[33m", "demo": "\x1b[32m"}


class Stopped(Exception):
    """Somebody asked for the end."""


class System:
    def __init__(self, *, demo: bool = True) -> None:
        self.demo = demo
        self.host = os.environ.get("HOST", "127.0.0.1")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.parent = os.getppid()
        self.writing = threading.Lock()
        #: until everything stands only what is wrong is shown: the demo alone would say a hundred lines
        self.stands = False

    def run(self) -> None:
        """Until it is told to stop; raises CommandError when something cannot start or ends by itself."""
        refuse_production()
        self.refuse_busy_ports()
        for number in SIGNALS:
            signal.signal(number, stop)
        try:
            self.prepare()
            self.start_all()
            self.load_demo_once()
            self.stands = True
            self.say(self.addresses())
            while True:
                self.watch()
                time.sleep(0.2)
        except Stopped:
            self.say("Stopping …")
        finally:
            ignore_signals()
            end(self.processes.values(), grace_s=STOP_S)

    def refuse_busy_ports(self) -> None:
        wanted = {
            "PORT": (settings.PORT, self.host, "web"),
            "SANDBOX_PORT": (settings.SANDBOX_PORT, "127.0.0.1", "sandbox"),
            "SANDBOX_PORT ": (settings.SANDBOX_PORT + 1, "127.0.0.1", "the sandbox's mail, one above its port"),
        }
        seen: set[int] = set()
        for variable, (port, host, purpose) in wanted.items():
            if port in seen or not is_free(host, port):
                raise CommandError(f"Port {port} ({purpose}) is in use. Choose another: make run {variable.strip()}=…")
            seen.add(port)

    def prepare(self) -> None:
        self.say("Preparing the database …")
        call_command("migrate", interactive=False, verbosity=0)
        call_command("sync_schedules", stdout=io.StringIO())
        if not settings.WHITENOISE_USE_FINDERS:
            call_command("collectstatic", interactive=False, verbosity=0)
        connection.close()

    def start_all(self) -> None:
        self.start(
            "sandbox", "-m", "integrations.sandbox", "--end-with-parent", "--port", str(settings.SANDBOX_PORT),
            "--books", str(settings.VAR_DIR / "sandbox.sqlite3"), "--webhook-url", f"http://127.0.0.1:{settings.PORT}/webhooks/stripe",
        )  # fmt: skip
        self.start("web", "manage.py", "web", "--host", self.host, "--port", str(settings.PORT))
        self.start("worker", "manage.py", "worker", "--grace", str(JOB_GRACE_S))
        self.wait(lambda: answers(f"http://127.0.0.1:{settings.SANDBOX_PORT}/"), "the sandbox answers")
        self.wait(lambda: answers(f"http://{self.host}:{settings.PORT}/readyz"), "/readyz is green")
        self.wait(self.heart_beats, "the worker's heart beats")

    def start(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "END_WITH_PARENT": "1"}
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.processes[name] = process
        threading.Thread(target=self.stream, args=(name, process), daemon=True).start()
        return process

    def load_demo_once(self) -> None:
        """When there is no order yet. The system runs on without, should it fail."""
        if not self.demo or "demo" not in get_commands() or apps.get_model("workflow", "Order").objects.exists():
            return
        connection.close()
        self.say("Loading the demo data …")
        demo = self.start("demo", "manage.py", "demo")
        while demo.poll() is None:
            self.watch(finished="demo")
            time.sleep(0.1)
        del self.processes["demo"]
        if demo.returncode:
            self.say("The demo data could not be loaded; the lines above say why.")
        self.let_the_worker_catch_up()

    def let_the_worker_catch_up(self) -> None:
        """The demo's notices are sent first, so that the addresses are the last thing on the screen."""
        deadline = time.monotonic() + QUIET_S
        while OrmQ.objects.exists() and time.monotonic() < deadline:
            self.watch()
            time.sleep(0.2)
        connection.close()

    def heart_beats(self) -> bool:
        found = Heartbeat.objects.filter(pid=self.processes["worker"].pid).exists()
        connection.close()
        return found

    def wait(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_S
        while not happened():
            self.watch()
            if time.monotonic() > deadline:
                raise CommandError(f"After {START_S:.0f} s still waiting until {what}.")
            time.sleep(0.1)

    def watch(self, *, finished: str = "") -> None:
        """Raises when a process ended by itself, or when whoever started us is gone."""
        for name, process in self.processes.items():
            if name != finished and process.poll() is not None:
                raise CommandError(f"{name} ended by itself (exit code {process.returncode}); the lines above say why.")
        if os.getppid() != self.parent:
            raise Stopped

    def stream(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        """Its lines, each with its name before it."""
        prefix = f"{name:<7} | "
        if sys.stdout.isatty():
            prefix = f"{COLOURS[name]}{prefix}\x1b[0m"
        assert process.stdout is not None
        for line in process.stdout:
            if not self.stands and b" INFO " in line:
                continue
            self.say(prefix + line.decode(errors="replace").rstrip())

    def say(self, text: str) -> None:
        with self.writing:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def addresses(self) -> str:
        web, sandbox = f"http://{self.host}:{settings.PORT}", f"http://127.0.0.1:{settings.SANDBOX_PORT}"
        lines = [
            "",
            "Bidangil runs. Ctrl-C stops everything.",
            "",
            f"  staff          {web}/admin/",
            f"  customer API   {web}/api/v1/docs",
            f"  sandbox        {sandbox}/   (pay pages, inbox of e-mails and SMS, parcels)",
            "",
            f"  logins, password {'bidangil-demo'}:",
            *(f"    {people}" for people in PEOPLE),
            "",
        ]
        return "\n".join(lines)


def stop(_number: int, _frame: FrameType | None) -> None:
    ignore_signals()
    raise Stopped


def ignore_signals() -> None:
    """The end is under way; a second Ctrl-C must not cut it short."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def refuse_production() -> None:
    if settings.PRODUCTION:
        raise CommandError("`run` is for one's own machine; with ENVIRONMENT=production start `web` and `worker` (see Procfile).")


def is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False

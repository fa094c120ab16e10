"""A sandbox for tests: `with running_sandbox() as sandbox:` starts the real server in a process of its own and ends it again.

    with running_sandbox(webhook_url="http://127.0.0.1:9000/webhooks/stripe") as sandbox:
        client = stripe.StripeClient("sk_test_sandbox", base_addresses={"api": sandbox.stripe_url})
        session = client.v1.checkout.sessions.create(...)
        sandbox.pay(session.id)
        sandbox.move_parcel("fedex", "986578788855", "delivered")

Only the standard library is used here, so that it drags nothing into the tests.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30
"""A busy machine may take that long; usually it is well under two seconds."""

Answer = dict[str, Any]


class ControlRefused(Exception):
    """The sandbox said no; `status` and `answer` hold what it said."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(f"{status}: {answer}")
        self.status = status
        self.answer = answer


class Sandbox:
    """A handle on one running sandbox and its control door."""

    def __init__(self, command: list[str], *, environment: dict[str, str], books_path: Path, log_path: Path) -> None:
        self._command = command
        self._environment = environment
        self.books_path = books_path
        self._log_path = log_path
        self._start(ports=(0, 0))

    # --- the process

    def _start(self, *, ports: tuple[int, int]) -> None:
        command = [*self._command, "--port", str(ports[0]), "--mail-port", str(ports[1])]
        with self._log_path.open("a") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
                command, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        told = json.loads(self._first_line() or "null")
        self.url: str = told["sandbox"]
        self.mail_port: int = told["mail_port"]
        self.port = int(self.url.rpartition(":")[2])

    def _first_line(self) -> str:
        stdout = self.process.stdout
        line = stdout.readline() if stdout else ""
        if not line:
            raise RuntimeError(f"the sandbox did not start:\n{self.log()}")
        return line

    def stop(self) -> None:
        """Ends it as an operator would (SIGTERM) and waits."""
        if self.process.poll() is None:
            self.process.terminate()
        self._wait()

    def kill(self) -> None:
        """kill -9: nothing it had acknowledged may be lost."""
        self.process.kill()
        self._wait()

    def restart(self) -> None:
        """Starts again on the same ports and books, after stop() or kill()."""
        self._start(ports=(self.port, self.mail_port))

    def _wait(self) -> None:
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def log(self) -> str:
        return self._log_path.read_text()

    # --- addresses

    @property
    def stripe_url(self) -> str:
        return f"{self.url}/stripe"

    def settings(self) -> dict[str, str]:
        """The product's environment for talking to this sandbox; credentials are the defaults."""
        return {
            "SANDBOX_URL": self.url,
            "STRIPE_API_BASE": self.stripe_url,
            "FEDEX_BASE_URL": f"{self.url}/fedex",
            "UPS_BASE_URL": f"{self.url}/ups",
            "EMS_BASE_URL": f"{self.url}/ems",
            "SENS_BASE_URL": f"{self.url}/sens",
            "TWILIO_BASE_URL": f"{self.url}/twilio",
            "FX_BASE_URLS": ",".join(f"{self.url}/fx/{source}" for source in ("currency-api", "eximbank", "frankfurter")),
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
        }

    # --- the control door

    def faults(
        self, service: str, mode: str, *, path: str = "", seconds: float | None = None, times: int | None = None, number: str = ""
    ) -> Answer:
        """`times=None` lasts until reset(). `path` is part of the address, e.g. "/refunds" or "POST /v1/checkout/sessions"; `number`
        must stand in the request's address or body.
        """
        return self.post("faults", service=service, mode=mode, path=path, seconds=seconds, times=times, number=number)

    def reset(self, *, books: bool = False) -> None:
        self.post("reset", books=books)

    def requests(self, service: str | None = None) -> list[Answer]:
        """Every request so far, oldest first: method, path, query, headers, body, status (None while under way), fault, duration_ms."""
        return cast(list[Answer], self.get("requests", service=service)["items"])

    def books(self) -> dict[str, list[Answer]]:
        """Stripe's sessions, payment_intents, charges, refunds, disputes, events, and the webhooks' deliveries; oldest first."""
        return self.get("stripe")

    def inbox(self, *, to: str | None = None, channel: str | None = None) -> list[Answer]:
        """E-mail and SMS, newest first: channel, from, to, subject, text, html, headers, at."""
        return cast(list[Answer], self.get("inbox", to=to, channel=channel)["items"])

    def pay(self, session: str, *, amount: int | None = None, deliver: int | None = None, slow: bool = False) -> Answer:
        """`slow`: an asynchronous method; the session is complete but unpaid until async_succeed() or async_fail()."""
        more = {"async": True} if slow else {}
        return self.post("stripe/pay", session=session, amount=amount, deliver=deliver, **more)

    def expire(self, session: str, *, deliver: int | None = None) -> Answer:
        return self.post("stripe/expire", session=session, deliver=deliver)

    def async_succeed(self, session: str, *, deliver: int | None = None) -> Answer:
        return self.post("stripe/async_succeed", session=session, deliver=deliver)

    def async_fail(self, session: str, *, deliver: int | None = None) -> Answer:
        return self.post("stripe/async_fail", session=session, deliver=deliver)

    def refund(self, session: str, *, amount: int | None = None, deliver: int | None = None, status: str | None = None) -> Answer:
        """A refund made in Stripe's dashboard; `status="pending"` leaves it under way."""
        return self.post("stripe/refund", session=session, amount=amount, deliver=deliver, status=status)

    def settle_refund(self, refund: str, *, status: str, deliver: int | None = None) -> Answer:
        """What became of an earlier refund: "succeeded" or "failed"."""
        return self.post("stripe/refund", refund=refund, status=status, deliver=deliver)

    def dispute(self, session: str, *, amount: int | None = None, deliver: int | None = None) -> Answer:
        return self.post("stripe/dispute", session=session, amount=amount, deliver=deliver)

    def close_dispute(self, dispute: str, *, status: str, deliver: int | None = None) -> Answer:
        return self.post("stripe/dispute", dispute=dispute, status=status, deliver=deliver)

    def deliver(self, event: str, *, times: int = 1) -> Answer:
        return self.post("stripe/deliver", event=event, times=times)

    def make_parcels(self, courier: str, count: int, *, status: str = "in_transit", at: datetime | str | None = None) -> list[str]:
        """Many new parcels with one scan each; their numbers."""
        when = at.isoformat() if isinstance(at, datetime) else at
        return cast(list[str], self.post("parcels", courier=courier, count=count, status=status, at=when)["numbers"])

    def move_parcel(
        self, courier: str, number: str, status: str, *, at: datetime | str | None = None, push: bool = False, deliver: int | None = None
    ) -> Answer:
        """`push`: the courier tells the product's webhook at once; `pushed` are the statuses it answered with."""
        when = at.isoformat() if isinstance(at, datetime) else at
        more = {"push": True, "deliver": deliver} if push else {}
        return self.post(f"parcels/{quote(courier)}/{quote(number, safe='')}", status=status, at=when, **more)

    def get(self, path: str, /, **query: str | None) -> Answer:
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return self._call("GET", f"/_control/{path}" + (f"?{asked}" if asked else ""))

    def post(self, path: str, /, **fields: Any) -> Answer:
        body = json.dumps({name: value for name, value in fields.items() if value is not None})
        return self._call("POST", f"/_control/{path}", body=body)

    def _call(self, method: str, path: str, *, body: str | None = None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status >= 400:
            raise ControlRefused(response.status, answer)
        return cast(Answer, answer)


@contextmanager
def running_sandbox(
    *,
    webhook_url: str = "",
    webhook_secret: str = "whsec_sandbox",  # noqa: S107
    books: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[Sandbox]:
    """Starts a sandbox on free ports. Without `books` it remembers nothing beyond the block; without `webhook_url` no event is sent.

    `environment` adds to the child's environment: other credentials, SANDBOX_KRW_PER_USD.
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        path = books or Path(folder) / "sandbox.sqlite3"
        command = [sys.executable, "-m", "integrations.sandbox", "--books", str(path), "--webhook-url", webhook_url, "--end-with-parent"]
        env = {**os.environ, "STRIPE_WEBHOOK_SECRET": webhook_secret, **(environment or {})}
        sandbox = Sandbox(command, environment=env, books_path=path, log_path=Path(folder) / "log")
        try:
            yield sandbox
        finally:
            sandbox.stop()


def wait_until(condition: Any, *, seconds: float = 10) -> Any:
    """Calls `condition` until it answers something true; returns that. For what happens in the background."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition}")
        time.sleep(0.02)
    return found

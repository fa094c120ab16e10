"""`manage.py journey` against the real system, each part a process of its own: it passes when all is well, on the engine of this test
run, and fails, naming what is wrong, when the worker is stopped, a webhook's signature is wrong or a button is missing.
"""

import ast
import json
import os
import re
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from core.management.journey import proofs
from core.management.journey.inbox import EXPECTED, Inbox
from core.management.journey.steps import Failed, Patience
from core.management.journey.walk import Journey
from core.management.journey.web import Json
from core.management.running import answers
from core.tests.ground.conftest import MANAGE, ROOT, Ground, database_of_its_own, free_port
from core.tests.ground.copies import Copy
from core.tests.ground.waiting import wait_for

pytestmark = [pytest.mark.timeout(400), *([pytest.mark.mysql] if settings.MYSQL else [])]
once = pytest.mark.skipif(settings.MYSQL, reason="how the journey fails does not depend on the database; seen on SQLite")

BUTTON = "confirm_item_prices"
SAMPLE = ROOT / "fixtures" / "sample-request.json"
PERMISSION = f"""
from django.contrib.auth.models import Group, Permission
permissions = Group.objects.get(name="buyer").permissions
permissions.%s(Permission.objects.get(codename="{BUTTON}", content_type__app_label="workflow"))
"""


class System:
    """Sandbox, web and worker on one database, with the demo's people and today's rate."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.port, self.sandbox_port = free_port(), free_port(and_next=True)
        ground.environment |= {"PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port)}
        self.books = ground.directory / "sandbox.sqlite3"

    def start(self) -> None:
        self.sandbox = self.start_sandbox()
        self.web = self.ground.start(*MANAGE, "web", "--host", "127.0.0.1", "--port", str(self.port))
        self.worker = self.start_worker()
        self.shell("from core.management import demo; from workflow import jobs; demo.make_people(); jobs.refresh_exchange_rate()")
        wait_for(lambda: answers(f"http://127.0.0.1:{self.port}/readyz"), seconds=90, why="/readyz is green")

    def start_sandbox(self, **environment: str) -> "subprocess.Popen[bytes]":
        process = self.ground.start(
            sys.executable, "-m", "integrations.sandbox", "--port", str(self.sandbox_port), "--books", str(self.books),
            "--webhook-url", f"http://127.0.0.1:{self.port}/webhooks/stripe", **environment,
        )  # fmt: skip
        wait_for(lambda: answers(f"http://127.0.0.1:{self.sandbox_port}/"), seconds=90, why="the sandbox answers")
        return process

    def start_worker(self) -> "subprocess.Popen[bytes]":
        return self.ground.start(*MANAGE, "worker", "--grace", "5")

    def shell(self, code: str) -> None:
        self.ground.manage("shell", "-c", code)

    def journey(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [*MANAGE, "journey", *arguments]
        environment = {**self.ground.environment, "PYTHONIOENCODING": "utf-8"}
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=150)

    def failing_journey(self, *arguments: str) -> dict[str, Any]:
        """Its last step, which is the only one that failed."""
        done = self.journey("--json", *arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        said = json.loads(done.stdout)
        *before, last = said["steps"]
        assert (said["ok"], last["ok"], [step for step in before if not step["ok"]]) == (False, False, [])
        return last


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, as_migrated: Copy) -> Iterator[System]:
    directory = tmp_path_factory.mktemp("journey")
    with database_of_its_own(directory, like=as_migrated) as database_url:
        ground = Ground(directory, database_url)
        try:
            system = System(ground)
            system.start()
            yield system
        finally:
            ground.close()
            print(ground.logs())


@contextmanager
def stopped(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    process.terminate()
    process.wait(60)
    yield


# --- All is well ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walked(system: System) -> dict[str, Any]:
    """What a journey said of itself that saw everything."""
    done = system.journey("--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_one_order_walks_its_whole_life_within_a_minute(walked: dict[str, Any]) -> None:
    assert walked["ok"]
    assert walked["seconds"] < 60
    assert [step["number"] for step in walked["steps"]] == list(range(1, len(walked["steps"]) + 1))
    assert set(proofs.MOVES) <= {step["name"] for step in walked["steps"]}
    assert re.fullmatch(r"BD-[0-9A-Z]{5}-[0-9A-Z]{5}", walked["order"])


def test_every_notice_and_every_event_was_seen(walked: dict[str, Any]) -> None:
    notices = [(one["move"], one["reader"], one["channel"]) for one in walked["notices"]]
    assert sorted(notices) == sorted((move, *kind) for move, kinds in EXPECTED.items() for kind in kinds)
    states = [event["data"]["state"] for event in walked["events"] if event["kind"] == "order.state"]
    assert states == list(proofs.MOVES.values())
    assert {event["kind"] for event in walked["events"]} == {
        "order.state", "order.item", "order.message", "order.invoice", "shipment.status",
    }  # fmt: skip


def test_what_it_leaves_behind_holds(system: System, walked: dict[str, Any]) -> None:
    system.ground.manage("verify_invariants")
    system.ground.manage("verify_audit")


def test_walked_again_it_prints_one_line_a_step(system: System, walked: dict[str, Any]) -> None:
    done = system.journey()
    assert done.returncode == 0, done.stdout + done.stderr
    *steps, summary = done.stdout.splitlines()
    assert len(steps) == len(walked["steps"])
    assert all(re.fullmatch(r"✓ [ \d]\d \w+ \d+\.\d\d s", line) for line in steps), done.stdout
    assert re.fullmatch(rf"BD-\S+: {len(steps)} steps in \d+\.\d s, {len(walked['notices'])} notices, \d+ events\.", summary)


# --- Something is wrong ---------------------------------------------------------------------------------------------------


@once
def test_a_missing_button_fails_it_by_name(system: System) -> None:
    system.shell(PERMISSION % "remove")
    try:
        last = system.failing_journey()
    finally:
        system.shell(PERMISSION % "add")
    assert (last["name"], last["reason"]) == (BUTTON, f"the button “{BUTTON}” is missing on the buyer's order page")


@once
def test_a_locked_button_is_no_button_and_its_reason_is_told(system: System) -> None:
    base, sandbox = (f"http://127.0.0.1:{port}" for port in (system.port, system.sandbox_port))
    journey = Journey(base, sandbox_url=sandbox, sample=json.loads(SAMPLE.read_text()), patience_s=20, say=print)
    try:
        journey.order()
        journey.begin_work(journey.buyer)
        with pytest.raises(Failed) as failed:
            journey.buyer.press("approve_quote")
    finally:
        journey.customer.close_stream()
    assert str(failed.value) == (
        "the button “approve_quote” is locked on the buyer's order page: "
        "Every item must be screened first: approved, or rejected with a reason."
    )


@once
def test_a_wrong_signature_leaves_the_order_unpaid(system: System) -> None:
    with stopped(system.sandbox):
        system.sandbox = system.start_sandbox(STRIPE_WEBHOOK_SECRET="whsec_of_somebody_else")
    try:
        last = system.failing_journey("--patience", "10")
    finally:
        with stopped(system.sandbox):
            system.sandbox = system.start_sandbox()
    assert last["name"] == "record_item_payment"
    assert re.fullmatch(r"the event order\.state \(order=BD-\S+, state=items_paid\) did not come within 10 s", last["reason"])
    assert "POST /webhooks/stripe 400" in system.ground.logs()


@once
def test_a_stopped_worker_fails_it_at_the_first_mail(system: System) -> None:
    with stopped(system.worker):
        last = system.failing_journey("--patience", "3")
    system.worker = system.start_worker()
    assert last["name"] == "ask_for_sign_up_code"
    assert re.fullmatch(r"the mail with the sign-up code to journey-\S+ did not come within 3 s", last["reason"])


@once
def test_a_notice_that_comes_twice_is_seen(system: System, walked: dict[str, Any]) -> None:
    [email] = {one["to"] for one in walked["notices"] if (one["reader"], one["channel"]) == ("customer", "email")}
    [phone] = {one["to"] for one in walked["notices"] if (one["reader"], one["channel"]) == ("customer", "sms")}
    sandbox = Json(f"http://127.0.0.1:{system.sandbox_port}")

    def inbox() -> Inbox:
        return Inbox(sandbox, Patience(1), email=email, phone=phone, order=walked["order"])

    inbox().check_once_each(list(EXPECTED))
    again = EmailMessage()
    again["From"], again["To"], again["Subject"] = "shop@example.com", email, f"Once more ({walked['order']})"
    again.set_content("The same again.")
    with smtplib.SMTP("127.0.0.1", system.sandbox_port + 1) as server:
        server.send_message(again)
    with pytest.raises(Failed, match=re.escape(f"12 instead of 11 by email to {email}")):
        inbox().check_once_each(list(EXPECTED))


def test_it_knows_the_product_only_from_outside() -> None:
    """Nothing but the standard library and its own files: what it sees is what people see."""
    for path in (ROOT / "core" / "management" / "journey").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in sys.stdlib_module_names or name.startswith("core.management.journey"), f"{path.name}: {name}"


@once
def test_a_system_that_is_not_there_is_named(tmp_path: Path) -> None:
    environment = {**os.environ, "ENVIRONMENT": "test", "VAR_DIR": str(tmp_path), "PORT": "1", "SANDBOX_PORT": "1"}
    done = subprocess.run([*MANAGE, "journey"], env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert re.match(r"✗  1 ask_for_sign_up_code \d\.\d\d s  ConnectionError: http://127.0.0.1:1/api/v1/auth/email-codes", done.stdout)

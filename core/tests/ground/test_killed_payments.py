"""kill -9 of the worker while Stripe holds its answer to "create session", and again while it holds the one to "refund": after the
restart there is one session, one charge, one refund, and the order goes on."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from core.tests.ground.actor import Actor
from core.tests.ground.conftest import MANAGE, Ground
from core.tests.ground.processes import family
from core.tests.ground.waiting import wait_for
from integrations.sandbox.testing import Sandbox, running_sandbox

pytestmark = pytest.mark.timeout(400)
#: a claim runs out 5 s after the longest job, and before the queue hands the job out again
QUICK = {"JOB_TIMEOUT_S": "3", "JOB_RETRY_S": "10", "SLOW_JOB_TIMEOUT_S": "3", "SLOW_JOB_RETRY_S": "10"}
MAKE = """
from workflow.tests import factories
print(factories.order_at("awaiting_item_payment").number)
"""
READ = """
import json
from workflow.models import Attempt, LedgerEntry, Order
order = Order.objects.get(number="{number}")
print(json.dumps([
    order.state,
    list(Attempt.objects.filter(invoice__order=order).values_list("status", flat=True)),
    sorted(LedgerEntry.objects.filter(order=order).values_list("kind", flat=True)),
]))
"""
CANCEL = """
from workflow.models import Order
from workflow.transitions import By, perform
order = Order.objects.get(number="{number}")
perform(order.pk, "cancel", by=By.customer(order.customer), reason="changed my mind")
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


class System:
    """A worker that can be killed with all its children, and what it left behind."""

    def __init__(self, ground: Ground, sandbox: Sandbox) -> None:
        self.ground, self.sandbox = ground, sandbox
        self.environment = {**QUICK, **sandbox.settings(), "STAFF_NOTICE_PHONES": "", "STAFF_NOTICE_EMAILS": ""}
        self.start_worker()

    def start_worker(self) -> None:
        self.worker = self.ground.start(*MANAGE, "worker", "--grace", "5", **self.environment)

    def kill_worker(self) -> None:
        for pid in family(self.worker.pid):  # from the top, so that nobody is started anew
            os.kill(pid, signal.SIGKILL)
        self.worker.wait(60)

    def shell(self, code: str) -> str:
        return self.ground.manage("shell", "-v0", "-c", code, **self.environment).strip().splitlines()[-1]

    def run(self, code: str) -> None:
        self.ground.manage("shell", "-v0", "-c", code, **self.environment)

    def state_of(self, number: str) -> list:
        return json.loads(self.shell(READ.format(number=number)))


def test_killed_between_stripes_answer_and_our_commit(ground: Ground, actor: Actor, sandbox: Sandbox) -> None:
    actor.call("empty_queue")
    sandbox.faults("stripe", "created_then_hang", path="POST /v1/checkout/sessions", times=1, seconds=300)
    system = System(ground, sandbox)
    number = system.shell(MAKE)
    wait_for(lambda: sandbox.books()["sessions"], seconds=90, why="Stripe has made the session")

    system.kill_worker()
    assert system.state_of(number) == ["awaiting_item_payment", ["created"], []]
    system.start_worker()

    wait_for(lambda: system.state_of(number)[1] == ["open"], seconds=120, why="the session was adopted")
    (session,) = sandbox.books()["sessions"]
    creations = [r for r in sandbox.requests("stripe") if r["method"] == "POST" and r["path"].endswith("/checkout/sessions")]
    assert len(creations) >= 2
    assert len({request["headers"]["idempotency-key"] for request in creations}) == 1

    sandbox.pay(session["id"], deliver=0)
    system.run(f"from workflow import settlement; settlement.settle_session({session['id']!r})")
    assert system.state_of(number) == ["items_paid", ["paid"], ["capture"]]
    assert len(sandbox.books()["charges"]) == 1

    sandbox.faults("stripe", "created_then_hang", path="POST /v1/refunds", times=1, seconds=300)
    system.run(CANCEL.format(number=number))
    wait_for(lambda: sandbox.books()["refunds"], seconds=90, why="Stripe has made the refund")
    system.kill_worker()
    system.start_worker()

    wait_for(lambda: system.state_of(number)[2] == ["capture", "refund"], seconds=120, why="the refund was booked")
    assert len(sandbox.books()["refunds"]) == 1
    report = json.loads(ground.manage("verify_invariants", "--json", **system.environment))
    assert report["ok"], report

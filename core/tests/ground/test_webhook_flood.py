"""One signed event a hundred times at the same instant, at two web processes with a worker behind them: every one is answered 200, and
all of it happens once."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from core.tests.ground.actor import Actor
from core.tests.ground.conftest import MANAGE, Ground, Web, database_of_its_own, standing
from core.tests.ground.copies import Copy
from core.tests.ground.waiting import wait_for
from integrations.sandbox.stripe.webhooks import signature_header
from integrations.sandbox.testing import Sandbox, running_sandbox

pytestmark = pytest.mark.timeout(240)
COPIES = 100
MAKE = """
from workflow.tests import factories
print(factories.order_at("awaiting_item_payment").number)
"""
READ = """
import json
from core.notices.models import Notice
from workflow.models import LedgerEntry, Order, OrderEvent, StripeEvent
order = Order.objects.get(number="{number}")
moves = OrderEvent.objects.filter(order=order, name="record_item_payment")
print(json.dumps([
    order.state,
    list(StripeEvent.objects.filter(event_id="{event}").values_list("outcome", flat=True)),
    list(LedgerEntry.objects.filter(order=order).values_list("kind", "amount_cents")),
    moves.count(),
    list(Notice.objects.filter(key__in=[f"order:{{order.pk}}:{{move.number}}:record_item_payment" for move in moves], channel="email")
        .values_list("recipient", flat=True)) == [order.customer.email],
]))
"""


@pytest.fixture
def ground(tmp_path: Path, as_migrated: Copy) -> Iterator[Ground]:
    """A database of its own: what is paid here, no other test's Stripe knows."""
    with database_of_its_own(tmp_path, like=as_migrated) as database_url, standing(tmp_path, database_url) as ground:
        yield ground


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


def shell(ground: Ground, code: str) -> str:
    return ground.manage("shell", "-v0", "-c", code).strip().splitlines()[-1]


def flood(webs: list[Web], event: dict) -> list[int]:
    """The statuses of all the answers."""
    payload = json.dumps(event).encode()
    signature = signature_header(payload, secrets="whsec_sandbox", at=int(time.time()))
    barrier = Barrier(COPIES, timeout=90)

    def deliver(number: int) -> int:
        barrier.wait()
        web = webs[number % len(webs)]
        return web.get("/webhooks/stripe", body=payload, Content_Type="application/json", Stripe_Signature=signature)[0]

    with ThreadPoolExecutor(COPIES) as pool:
        return list(pool.map(deliver, range(COPIES)))


def test_a_hundred_deliveries_at_once_are_one_payment(ground: Ground, actor: Actor, sandbox: Sandbox) -> None:
    ground.environment |= {**sandbox.settings(), "STAFF_NOTICE_PHONES": "", "STAFF_NOTICE_EMAILS": ""}
    ground.start(*MANAGE, "worker", "--grace", "5")
    webs = [ground.web(), ground.web()]
    number = shell(ground, MAKE)
    wait_for(lambda: sandbox.books()["sessions"], seconds=90, why="the worker has opened the session")
    (session,) = sandbox.books()["sessions"]
    sandbox.pay(session["id"], deliver=0)
    event = next(event for event in sandbox.books()["events"] if event["type"] == "checkout.session.completed")
    read = READ.format(number=number, event=event["id"])

    assert flood(webs, event) == [200] * COPIES

    wait_for(lambda: json.loads(shell(ground, read))[4], seconds=90, why="the payment is booked and told of")
    amount = session["amount_total"]
    assert json.loads(shell(ground, read)) == ["items_paid", ["payment recorded"], [["capture", amount]], 1, True]
    # Late copies, when all is over, change nothing either.
    assert flood(webs, event) == [200] * COPIES
    wait_for(lambda: actor.call("queue_length") == 0, seconds=90, why="nothing is left to do")
    assert json.loads(shell(ground, read)) == ["items_paid", ["payment recorded"], [["capture", amount]], 1, True]

"""kill -9 of the worker with all its children while FedEx holds its answer: the claim runs out, the parcels are asked about again, and
the delivery is recorded once and told once.

With the product's times (a job has 45 s, its claim 50 s, the queue hands a lost job out again after 100 s, the schedule asks every
minute) that is well within 150 s; here the same clocks are set to seconds.
"""

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

pytestmark = [pytest.mark.once, pytest.mark.timeout(400)]
#: a claim runs out 5 s after the longest job, and before the queue hands the job out again
QUICK = {"JOB_TIMEOUT_S": "2", "JOB_RETRY_S": "8", "SLOW_JOB_TIMEOUT_S": "2", "SLOW_JOB_RETRY_S": "8"}
NUMBER = "986578788855"
#: what its earlier moves promised is none of this test's business
MAKE = """
from django.utils.timezone import now
from django_q.models import OrmQ
from workflow.models import Parcel
from workflow.tests import factories
order = factories.order_at("shipped")
OrmQ.objects.all().delete()
Parcel.objects.filter(order=order).update(next_poll_at=now())
print(order.pk)
"""
READ = """
import json
from core.notices.models import Notice
from workflow.models import CourierState, Order, TrackingEvent
order = Order.objects.get(pk={order})
told = Notice.objects.filter(user=order.customer, kind="record_delivery")
print(json.dumps({{
    "state": order.state,
    "scans": TrackingEvent.objects.filter(parcel__order=order).count(),
    "deliveries": order.events.filter(name="record_delivery").count(),
    "told": sorted(told.values_list("channel", "status")),
    "claimed": bool(CourierState.objects.get(code="fedex").round_token),
}}))
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


def questions(sandbox: Sandbox) -> list[dict]:
    return [request for request in sandbox.requests("fedex") if request["path"].endswith("/trackingnumbers")]


def test_killed_while_the_courier_is_being_asked(ground: Ground, actor: Actor, sandbox: Sandbox) -> None:
    environment = {**QUICK, **sandbox.settings(), "STAFF_NOTICE_PHONES": "", "STAFF_NOTICE_EMAILS": ""}
    order = int(actor.call("run", MAKE))
    sandbox.move_parcel("fedex", NUMBER, "delivered")
    sandbox.faults("fedex", "hang", path="/trackingnumbers", times=1, seconds=300)
    worker = ground.start(*MANAGE, "worker", "--grace", "5", **environment)
    actor.call("enqueue", "workflow.jobs.poll_couriers", "fedex")
    wait_for(lambda: questions(sandbox), seconds=90, why="FedEx was asked, and holds its answer")

    for pid in family(worker.pid):  # from the top, so that nobody is started anew
        os.kill(pid, signal.SIGKILL)
    worker.wait(60)
    seen = json.loads(actor.call("run", READ.format(order=order)))
    assert seen == {"state": "shipped", "scans": 0, "deliveries": 0, "told": [], "claimed": True}

    ground.start(*MANAGE, "worker", "--grace", "5", **environment)
    for _minute in range(3):  # as the schedule does; while the dead one's claim lasts nobody else asks
        actor.call("enqueue", "workflow.jobs.poll_couriers")

    def told() -> bool:
        actor.call("enqueue", "workflow.jobs.poll_couriers")
        seen.update(json.loads(actor.call("run", READ.format(order=order))))
        return bool(seen["told"]) and {status for _channel, status in seen["told"]} == {"sent"}

    wait_for(told, seconds=120, why="the parcel was asked about again and its customer told")
    assert seen == {"state": "delivered", "scans": 1, "deliveries": 1, "told": [["email", "sent"]], "claimed": False}
    assert len(questions(sandbox)) == 2
    assert len([mail for mail in sandbox.inbox() if mail["channel"] == "email"]) == 1

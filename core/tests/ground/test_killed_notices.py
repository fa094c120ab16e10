"""kill -9 of a working worker while SENS and the mail server hold their answers: nobody gets an SMS twice, no mail is lost."""

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
#: a claim runs out 5 s after the longest job
QUICK = {"JOB_TIMEOUT_S": "2", "JOB_RETRY_S": "4", "SLOW_JOB_TIMEOUT_S": "2", "SLOW_JOB_RETRY_S": "4"}
WRITE = """
from core.notices import Letter, write
letter = Letter(subject="Hello", lines=("Hello.",), sms="Hello")
for channel, recipient in (("email", "minji@example.com"), ("sms", "+821012345678")):
    write(key="killed", kind="test", channel=channel, recipient=recipient, user_id=None, locale="en", letter=letter)
"""
READ = """
import json
from core.notices.models import Notice
print(json.dumps(dict(Notice.objects.filter(key="killed").values_list("channel", "status"))))
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


def shell(ground: Ground, code: str, **environment: str) -> str:
    return ground.manage("shell", "-v0", "-c", code, **environment)


def test_killed_between_send_and_record(ground: Ground, actor: Actor, sandbox: Sandbox) -> None:
    environment = {**QUICK, **sandbox.settings(), "STAFF_NOTICE_PHONES": "", "STAFF_NOTICE_EMAILS": ""}
    actor.call("empty_queue")
    for service in ("sens", "mail"):
        sandbox.faults(service, "created_then_hang", times=1, seconds=300)
    worker = ground.start(*MANAGE, "worker", "--grace", "5", **environment)
    shell(ground, WRITE, **environment)
    wait_for(lambda: len(sandbox.inbox()) == 2, seconds=90, why="both were sent, and neither was answered")

    for pid in family(worker.pid):  # from the top, so that nobody is started anew
        os.kill(pid, signal.SIGKILL)
    worker.wait(60)
    assert json.loads(shell(ground, READ)) == {"email": "sending", "sms": "sending"}

    ground.start(*MANAGE, "worker", "--grace", "5", **environment)

    def settled() -> bool:
        actor.call("enqueue", "core.notices.jobs.send_due")  # as the schedule does each minute
        return json.loads(shell(ground, READ)) == {"email": "sent", "sms": "unknown"}

    wait_for(settled, seconds=120, why="the mail was sent again and the SMS was not")
    messages = sandbox.inbox()
    assert [message["channel"] for message in messages].count("sms") == 1
    mails = [message for message in messages if message["channel"] == "email"]
    assert len(mails) == 2
    assert len({mail["headers"]["Message-ID"] for mail in mails}) == 1

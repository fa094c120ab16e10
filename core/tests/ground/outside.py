"""The world outside of a running shop: stand-ins for Stripe and the couriers that tell it what happens there, and its worker."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.tests.ground.conftest import MANAGE, Ground, Web
from integrations.sandbox.options import WEBHOOK_PATH
from integrations.sandbox.testing import Sandbox, running_sandbox


@contextmanager
def working(ground: Ground, web: Web) -> Iterator[Sandbox]:
    with running_sandbox(webhook_url=web.url + WEBHOOK_PATH) as sandbox:
        quiet = {"STAFF_NOTICE_PHONES": "", "STAFF_NOTICE_EMAILS": ""}
        worker = ground.start(*MANAGE, "worker", "--grace", "5", **sandbox.settings(), **quiet)
        yield sandbox
        worker.terminate()
        worker.wait(90)

"""The sandbox for tests that talk with Stripe and the couriers, and the queue's jobs run in this process, on demand."""

import importlib
import logging

import pytest
from django.db import IntegrityError
from django_q.models import OrmQ

from integrations.sandbox.testing import Sandbox, running_sandbox


@pytest.fixture(scope="session")
def sandbox_process():
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: Sandbox, settings) -> Sandbox:
    """A clean sandbox that the product's clients talk to. It sends no webhooks: tests hand them over when they want."""
    sandbox_process.reset(books=True)
    for name, value in sandbox_process.settings().items():
        if name == "EMAIL_URL":
            settings.EMAIL_HOST, port = value.removeprefix("smtp://").split(":")
            settings.EMAIL_PORT = int(port)
        else:
            setattr(settings, name, value.split(",") if name == "FX_BASE_URLS" else value)
    return sandbox_process


@pytest.fixture
def jobs(db):
    return Jobs()


class Jobs:
    """The queue, worked off in this process. A job that raises is dropped, as the sweeps queue again what it left undone."""

    def run(self, *, only: str = "") -> list[str]:
        """Run what is queued, and what that queues; the names that ran."""
        ran: list[str] = []
        while rows := [row for row in OrmQ.objects.order_by("pk") if only in row.task["func"]]:
            for row in rows:
                ran.append(row.task["func"])
                row.delete()
                self._call(row.task)
        return ran

    def _call(self, task) -> None:
        module, _dot, name = task["func"].rpartition(".")
        try:
            getattr(importlib.import_module(module), name)(*task["args"], **task["kwargs"])
        except IntegrityError:
            raise
        except Exception as error:
            self.errors.append(error)
            logging.getLogger("jobs").warning("%s raised", task["func"], exc_info=error)

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def clear(self) -> None:
        OrmQ.objects.all().delete()

"""The queue's jobs, run here one at a time, twice, or until they are killed at a chosen point."""

import importlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from itertools import count
from unittest.mock import patch

from django_q.models import OrmQ

from core import outbox
from core.errors import BidangilError
from integrations import stripe
from integrations.base import ProviderError
from workflow import ledger

#: what a job may end with: a move refused by now, or a provider that failed; anything else is a bug
EXPECTED = (BidangilError, ProviderError)
#: of no account for money: mails are looked at as rows, couriers are played by their facts
LEFT_ALONE = ("core.notices.jobs.send", "workflow.jobs.poll_couriers")
#: a job may die before and after each of these calls
DEADLY = (
    (stripe, "create_checkout_session"),
    (stripe, "retrieve_checkout_session"),
    (stripe, "expire_checkout_session"),
    (stripe, "find_checkout_sessions"),
    (stripe, "retrieve_payment_intent"),
    (stripe, "create_refund"),
    (stripe, "retrieve_refund"),
    (stripe, "list_refunds"),
    (stripe, "retrieve_dispute"),
    (ledger, "book"),
    (outbox, "promise"),
)


class Killed(BaseException):
    """kill -9, here and now: nothing catches it, the transaction is lost."""


@contextmanager
def dying(*, at: int) -> Iterator[None]:
    """The at-th point that is passed inside is the end of it, if so many are passed; an error that was on its way is lost with it."""
    passed = count(1)

    def step() -> None:
        if next(passed) == at:
            raise Killed

    def deadly(real):
        @wraps(real)
        def call(*arguments, **named):
            step()
            try:
                return real(*arguments, **named)
            finally:
                step()

        return call

    with ExitStack() as patches:
        for module, name in DEADLY:
            patches.enter_context(patch.object(module, name, deadly(getattr(module, name))))
        with suppress(Killed):
            yield


class Watch(logging.Handler):
    """Errors that the product caught and logged, and that it should never have met."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.met: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, EXPECTED):
            self.met.append(error)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Nothing is printed meanwhile: a walk with outages logs pages of them."""
        loggers = [logging.getLogger(name) for name in ("core", "workflow", "integrations")]
        for logger in loggers:
            logger.addHandler(self)
            logger.propagate = False
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeHandler(self)
                logger.propagate = True

    def look(self) -> None:
        if self.met:
            raise AssertionError("the product met an error that nobody expected") from self.met[0]


class Workers:
    def __init__(self) -> None:
        self.watch = Watch()

    def queued(self) -> list[OrmQ]:
        return [row for row in OrmQ.objects.order_by("pk") if row.task["func"] not in LEFT_ALONE]

    def run(self, row: OrmQ) -> None:
        """Done and gone, or refused and gone: what it left undone is the sweeps' to find."""
        row.delete()
        self.call(row.task)

    def run_all(self) -> int:
        ran = 0
        while rows := self.queued():
            for row in rows:
                self.run(row)
            ran += len(rows)
            assert ran < 500, "jobs queue jobs without end"
        return ran

    def call(self, task) -> None:
        module, _dot, name = task["func"].rpartition(".")
        with suppress(EXPECTED):
            getattr(importlib.import_module(module), name)(*task["args"], **task["kwargs"])
        self.watch.look()

    def die(self, row: OrmQ, *, at: int, lost: bool) -> None:
        """The worker is killed within this job; the queue hands it out again, unless the job is lost too."""
        if lost:
            row.delete()
        with dying(at=at):
            self.call(row.task)

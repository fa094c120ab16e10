"""Promised effects are done at least once each, alone, and never for ever."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from core import outbox
from core.outbox import jobs
from core.outbox.models import Effect
from integrations.base import AuthRefused, Unavailable

pytestmark = pytest.mark.django_db


@pytest.fixture
def done(monkeypatch):
    """Three handlers: `good` notes what it did, `bad` fails, `late` fails asking for 500 s of patience."""
    seen = []

    class Busy(Exception):
        retry_after = 500

    def bad(payload):
        raise ValueError("the wire is cut")

    def late(payload):
        raise Busy

    handlers = {"good": lambda payload: seen.append(payload["n"]), "bad": bad, "late": late}
    monkeypatch.setattr(outbox, "HANDLERS", handlers)
    monkeypatch.setattr(jobs, "HANDLERS", handlers)
    return seen


def promise(*names: str) -> str:
    with transaction.atomic():
        outbox.promise(names, subject="order:1", payload={"n": 7})
    return Effect.objects.last().batch


def make_due(**columns):
    Effect.objects.update(due_at=timezone.now() - timedelta(seconds=1), **columns)


def test_effects_and_their_job_are_undone_with_the_change(done):
    with pytest.raises(RuntimeError), transaction.atomic():
        outbox.promise(["good"], subject="order:1", payload={"n": 1})
        raise RuntimeError

    assert not Effect.objects.exists()
    assert not OrmQ.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_effects_are_promised_only_inside_a_transaction(done):
    with pytest.raises(transaction.TransactionManagementError):
        outbox.promise(["good"], subject="order:1", payload={})


def test_a_failing_effect_is_retried_alone_and_the_rest_are_not_repeated(done, monkeypatch):
    batch = promise("good", "bad", "good")
    jobs.deliver(batch)
    assert done == [7, 7]

    monkeypatch.setitem(jobs.HANDLERS, "bad", lambda payload: done.append("bad at last"))
    make_due()
    jobs.deliver(batch)

    assert done == [7, 7, "bad at last"]
    assert not Effect.objects.filter(done_at=None).exists()


def test_a_failure_waits_and_the_sweep_queues_it_again(done):
    batch = promise("bad")
    jobs.deliver(batch)
    row = Effect.objects.get()
    assert (row.attempts, row.starts, row.claimed_until) == (1, 1, None)
    assert "the wire is cut" in row.last_error
    assert timedelta(seconds=8) < row.due_at - timezone.now() < timedelta(seconds=11)
    assert jobs.sweep() == 0

    make_due()
    assert jobs.sweep() == 1
    assert jobs.sweep() == 0, "a batch that is queued is not queued again"


def test_a_providers_retry_after_is_obeyed(done):
    jobs.deliver(promise("late"))

    assert Effect.objects.get().due_at - timezone.now() > timedelta(seconds=490)


def test_five_failures_end_in_quarantine_and_staff_can_start_it_over(done, monkeypatch):
    batch = promise("bad")
    for _try in range(7):
        make_due()
        jobs.deliver(batch)
    row = Effect.objects.get()
    assert (row.starts, row.quarantined_at is not None) == (5, True)

    monkeypatch.setitem(jobs.HANDLERS, "bad", lambda payload: done.append("done"))
    jobs.run_again(row)
    jobs.deliver(batch)
    assert done == ["done"]


def test_an_outage_outside_never_ends_in_quarantine(done, monkeypatch):
    """A provider that is down for an hour is no fault of the effect: it is tried until it answers, at most every ten minutes."""

    def down(payload):
        raise Unavailable("down", provider="stripe")

    monkeypatch.setitem(jobs.HANDLERS, "bad", down)
    batch = promise("bad")
    for _try in range(20):
        make_due()
        jobs.deliver(batch)
    row = Effect.objects.get()
    assert (row.attempts, row.quarantined_at) == (20, None)
    assert timedelta(minutes=9) < row.due_at - timezone.now() <= timedelta(minutes=10)

    monkeypatch.setitem(jobs.HANDLERS, "bad", lambda payload: done.append("done"))
    make_due()
    jobs.deliver(batch)
    assert done == ["done"]


def test_a_key_that_is_refused_waits_for_a_person_at_once(done, monkeypatch):
    def refused(payload):
        raise AuthRefused("no", provider="stripe")

    monkeypatch.setitem(jobs.HANDLERS, "bad", refused)
    jobs.deliver(promise("bad"))

    assert Effect.objects.get().quarantined_at is not None


def test_a_handler_that_kills_its_process_is_counted_and_quarantined(done):
    batch = promise("good")
    for _crash in range(5):
        make_due()
        assert jobs._claim(Effect.objects.get().pk) is not None  # taken up, and the process dies here
        make_due(claimed_until=timezone.now() - timedelta(seconds=1))

    jobs.deliver(batch)

    assert done == []
    assert Effect.objects.get().quarantined_at is not None


def test_a_claimed_effect_is_left_alone_until_its_lease_runs_out(done):
    batch = promise("good")
    jobs._claim(Effect.objects.get().pk)

    jobs.deliver(batch)
    assert done == []

    make_due(claimed_until=timezone.now() - timedelta(seconds=1))
    jobs.deliver(batch)
    assert done == [7]

"""Several workers and writers at the same moment, on real connections: one row, one mail, one SMS; with the negative control."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection
from django_q.models import OrmQ

from core.notices import Letter, jobs, write
from core.notices.models import Notice

pytestmark = [
    pytest.mark.mysql,
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="promises about concurrency are for MariaDB"),
    pytest.mark.django_db(transaction=True),
]

WORKERS = 4
LETTER = Letter(subject="Hello", lines=("Hello.",), sms="Hello")
RECIPIENTS = {"email": "minji@example.com", "sms": "+821012345678"}


def put(key: str, channel: str) -> Notice | None:
    return write(key=key, kind="test", channel=channel, recipient=RECIPIENTS[channel], user_id=None, locale="en", letter=LETTER)


def at_once(act: Callable[[], None]) -> None:
    barrier, errors = threading.Barrier(WORKERS, timeout=90), []

    def work() -> None:
        try:
            barrier.wait()
            act()
        except Exception as error:  # shown by the assertion below; a thread has nobody to raise to
            errors.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert errors == []


def test_many_workers_send_each_notice_once(sandbox):
    pks = [put(f"k{number}", channel).pk for number in range(6) for channel in RECIPIENTS]

    at_once(lambda: [jobs.send(pk) for pk in pks])

    assert sorted(message["channel"] for message in sandbox.inbox()) == ["email"] * 6 + ["sms"] * 6
    assert set(Notice.objects.values_list("status", "attempts")) == {("sent", 1)}


def test_without_the_claim_they_would_send_it_again(sandbox, monkeypatch):
    monkeypatch.setattr(jobs, "_claim", lambda pk: Notice.objects.get(pk=pk))
    pks = [put(f"k{number}", "sms").pk for number in range(6)]

    at_once(lambda: [jobs.send(pk) for pk in pks])

    assert len(sandbox.inbox()) == 6 * WORKERS


def test_many_writers_of_one_notice_write_it_once():
    written = []

    at_once(lambda: written.extend(put(f"k{number}", "email") for number in range(10)))

    assert (Notice.objects.count(), OrmQ.objects.count(), sum(notice is not None for notice in written)) == (10, 10, 10)

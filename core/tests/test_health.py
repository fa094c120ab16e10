"""/healthz and /readyz: what makes the service unavailable, what makes it degraded, and in which words."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from core import health
from core.models import Heartbeat
from core.outbox.models import Effect

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget() -> None:
    health._all_applied.cache_clear()
    health.wrong_settings.cache_clear()


def beat(**ago: float) -> None:
    Heartbeat.objects.create(name="w", beat_at=timezone.now() - timedelta(**ago), pid=1, host="h")


def test_the_process_answers_without_a_query(client: Client, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert client.post("/healthz").status_code == 405


def test_ready_when_a_worker_beats(client: Client) -> None:
    beat(seconds=5)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "degraded": [], "detail": {}})
    assert "no-store" in answer["Cache-Control"]


def test_degraded_without_a_heart_and_with_old_jobs(client: Client) -> None:
    beat(seconds=25)
    OrmQ.objects.create(key="ordinary", payload="x", lock=timezone.now() - timedelta(minutes=6))
    OrmQ.objects.create(key="ordinary", payload="x", lock=timezone.now())
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["degraded"]) == (200, ["worker", "queue"])
    assert answer.json()["detail"]["queue"] == "1 jobs have waited longer than 5 minutes"


def test_degraded_while_a_provider_refuses_our_key(client: Client) -> None:
    beat(seconds=5)
    error = "Traceback …\nintegrations.base.AuthRefused: stripe: Invalid API Key provided"
    Effect.objects.create(subject="order:1", name="open_checkout", batch="b", last_error=error)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["degraded"]) == (200, ["providers"])
    assert answer.json()["detail"]["providers"] == "refused our key: stripe"
    Effect.objects.update(done_at=timezone.now())
    assert client.get("/readyz").json()["degraded"] == []


def test_unavailable_with_a_migration_to_apply_and_ready_once_it_is(client: Client) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("core", "0002_staff_channel")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["migrations"])
    recorder.record_applied("core", "0002_staff_channel")
    assert client.get("/readyz").status_code == 200


@pytest.mark.skipif(not settings.MYSQL, reason="SQLite has no isolation level")
def test_unavailable_at_the_wrong_isolation(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION tx_isolation = 'REPEATABLE-READ'")
    try:
        answer = client.get("/readyz")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION tx_isolation = 'READ-COMMITTED'")
    assert (answer.status_code, answer.json()["detail"]) == (503, {"isolation": "REPEATABLE-READ, must be READ-COMMITTED"})

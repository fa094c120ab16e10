"""`/healthz` (the process answers) and `/readyz` (it can do its work), for load balancers and for people who look for a fault.

Not ready (503) is what no request can live with: database, migrations, isolation, settings. Degraded (200) is what people notice
later: nobody runs the jobs, or they lie too long. Names are for machines, `detail` for people; neither ever holds a value.
"""

from functools import cache
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_q.models import OrmQ

from core.models import Heartbeat
from workflow.health import HEART_STOPPED_AFTER, QUEUE_OLD_AFTER, refused_keys

Findings = dict[str, str]


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """Names first, the reasons in words behind them."""
    try:
        reasons = not_ready()
        degraded = {} if reasons else degradations()
    except DatabaseError:
        reasons, degraded = {"database": "does not answer"}, {}
    if reasons:
        return JsonResponse({"status": "unavailable", "reasons": list(reasons), "detail": reasons}, status=503)
    return JsonResponse({"status": "ready", "degraded": list(degraded), "detail": degraded})


def not_ready() -> Findings:
    connection.ensure_connection()
    return {**wrong_settings(), **unapplied_migrations(), **wrong_isolation()}


def degradations() -> Findings:
    return {**worker(), **providers(), **old_queue_rows()}


@cache
def wrong_settings() -> Findings:
    """Errors of the system checks; asked once, since neither code nor settings of this process will change."""
    found = checks.run_checks(include_deployment_checks=settings.PRODUCTION)
    errors = sorted({f"{message.id}: {message.msg}" for message in found if message.is_serious() and not message.is_silenced()})
    return {"settings": "; ".join(errors)} if errors else {}


def unapplied_migrations() -> Findings:
    """Asked until all are applied: a database does not go back beneath a running process."""
    if _all_applied.cache_info().currsize:
        return {}
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        return {"migrations": f"{missing} not applied"}
    _all_applied()
    return {}


@cache
def _all_applied() -> None:
    """Remembers, once called."""


def wrong_isolation() -> Findings:
    """READ COMMITTED is what locks and counters are written for."""
    if connection.vendor != "mysql":
        return {}
    mysql: Any = connection
    variable = "@@tx_isolation" if mysql.mysql_is_mariadb else "@@transaction_isolation"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {variable}")
        level = cursor.fetchone()[0]
    return {} if level == "READ-COMMITTED" else {"isolation": f"{level}, must be READ-COMMITTED"}


def worker() -> Findings:
    """Is any worker process alive, on whatever machine?"""
    if Heartbeat.objects.filter(pid__gt=0, beat_at__gt=timezone.now() - HEART_STOPPED_AFTER).exists():
        return {}
    return {"worker": f"no heartbeat in the last {HEART_STOPPED_AFTER.seconds} s: is `manage.py worker` running?"}


def providers() -> Findings:
    """Who refuses our key: read from what waits for them, so that an outage is seen without asking anybody."""
    waiting, refused = refused_keys()
    return {"providers": f"refused our key: {', '.join(refused)}"} if waiting else {}


def old_queue_rows() -> Findings:
    waiting = OrmQ.objects.filter(lock__lt=timezone.now() - QUEUE_OLD_AFTER).count()
    return {"queue": f"{waiting} jobs have waited longer than {QUEUE_OLD_AFTER.seconds // 60} minutes"} if waiting else {}

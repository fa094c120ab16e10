"""Shared by all tests: what every test may rely on, and the one thing that flushing tests must do first."""

import pytest
from django.db import connection

from workflow import append_only


@pytest.fixture(autouse=True)
def _settings_of_tests(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _append_only_around_flush(request):
    """A transactional test ends by emptying all tables, which the append-only triggers refuse: they come off for that moment."""
    marker = request.node.get_closest_marker("django_db")
    transactional = "transactional_db" in request.fixturenames or "live_server" in request.fixturenames
    if not transactional and not (marker and marker.kwargs.get("transaction")):
        yield
        return
    request.getfixturevalue("transactional_db")
    append_only.install(connection)
    _restore_first_rows()
    yield
    append_only.remove(connection)


def _restore_first_rows():
    """What migrations put into the tables and an earlier flush took out."""
    from datetime import UTC, datetime

    from core import events
    from workflow import roles
    from workflow.models import FeePolicy

    FeePolicy.objects.get_or_create(valid_from=datetime(2026, 1, 1, tzinfo=UTC))
    events.make_channel(events.STAFF_CHANNEL)
    roles.sync()

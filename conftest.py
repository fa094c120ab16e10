"""Shared by all tests: what every test may rely on, and what tests that empty whole tables must leave behind."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.utils import translation
from pytest_django.plugin import blocking_manager_key

from core.tests.ground import copies
from core.tests.ground.copies import Copy
from workflow import append_only

#: What takes longest begins first: of two workers none then has a long file left when the other is through (.ci/test.py).
LONG = (
    "workflow/tests/test_money_machine.py",
    "core/tests/ground/",
    "core/tests/test_journey.py",
    "backoffice/tests/test_browser",
    "backoffice/tests/test_every_address.py",
    "workflow/tests/test_event_orders.py",
    "workflow/tests/test_reconciliation.py",
    "workflow/tests/test_stripe_faults.py",
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


#: before a test run puts its own in its place
CONFIGURED_NAME = connection.settings_dict["NAME"]
AS_MIGRATED = pytest.StashKey[Copy]()


@pytest.fixture(scope="session")
def django_db_setup(request, django_db_setup, django_db_blocker, tmp_path_factory):
    """A picture of it is taken before any test has been at it. Where no test of this run is at it, it is made for the picture."""
    with django_db_blocker.unblock():
        is_made_here = connection.settings_dict["NAME"] == CONFIGURED_NAME
        if is_made_here:
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        request.config.stash[AS_MIGRATED] = copies.taken(connection, tmp_path_factory.mktemp("migrated"))
        if is_made_here:
            connection.creation.destroy_test_db(CONFIGURED_NAME, verbosity=0)


@pytest.fixture(scope="session")
def as_migrated(request, django_db_setup) -> Copy:
    """What a database of its own is made like, for tests with real processes."""
    return request.config.stash[AS_MIGRATED]


@pytest.fixture(autouse=True)
def _settings_of_tests(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.PRIVATE_ROOT = tmp_path / "private"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _language_of_tests(settings):
    """A request in Korean leaves its language to the thread; the next test begins in English again."""
    translation.activate(settings.LANGUAGE_CODE)


def _is_transactional(item) -> bool:
    marker = item.get_closest_marker("django_db")
    wanted = {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    return bool(wanted or (marker and marker.kwargs.get("transaction")))


@pytest.fixture(autouse=True)
def _append_only_off_for_flush(request):
    """A transactional test ends by emptying all tables, which the append-only triggers refuse: they come off for that moment."""
    if not _is_transactional(request.node):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    append_only.remove(connection)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """After the flush, what migrations had put into the tables is there again, and the triggers are on."""
    yield
    # With the session's last test its database is gone too.
    if nextitem is not None and _is_transactional(item):
        with item.config.stash[blocking_manager_key].unblock():
            append_only.install(connection)
            _first_rows()
            connection.close()


def _first_rows() -> None:
    from core import events
    from workflow import roles
    from workflow.models import FeePolicy

    FeePolicy.objects.get_or_create(valid_from=datetime(2026, 1, 1, tzinfo=UTC))
    events.make_channel(events.STAFF_CHANNEL)
    roles.sync()

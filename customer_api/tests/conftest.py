import pytest

from customer_api.tests.client import Caller, app_of
from workflow.tests import factories
from workflow.tests.conftest import jobs, sandbox, sandbox_process  # noqa: F401 - the same sandbox


@pytest.fixture
def minji(db):
    return factories.customer(nickname="민지", locale="ko")


@pytest.fixture
def app(minji) -> Caller:
    """Minji's app."""
    return app_of(minji)


@pytest.fixture
def stranger(db) -> Caller:
    return app_of(factories.customer())


@pytest.fixture
def nobody(db) -> Caller:
    return Caller()

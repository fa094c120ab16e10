"""A real sandbox for all tests of this folder, and its inbox."""

from collections.abc import Iterator

import pytest

from integrations.sandbox.testing import Sandbox, running_sandbox


@pytest.fixture(scope="session")
def _running() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_running, settings) -> Iterator[Sandbox]:
    """Empty, without faults, and where our settings point."""
    _running.reset(books=True)
    settings.SENS_BASE_URL, settings.TWILIO_BASE_URL = f"{_running.url}/sens", f"{_running.url}/twilio"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", _running.mail_port
    settings.EMAIL_TIMEOUT = 2
    settings.PROVIDER_READ_TIMEOUT_S = 1.0
    yield _running
    _running.reset()

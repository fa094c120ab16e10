"""One sandbox for all tests of this folder, cleaned between tests; a listener that plays the product's webhook address."""

from collections.abc import Iterator

import pytest
import stripe

from integrations.sandbox.testing import Sandbox, running_sandbox
from integrations.sandbox.tests.listener import Listener


@pytest.fixture(scope="session")
def _listener() -> Iterator[Listener]:
    with Listener() as listener:
        yield listener


@pytest.fixture(scope="session")
def _sandbox(_listener: Listener) -> Iterator[Sandbox]:
    with running_sandbox(webhook_url=_listener.url) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_sandbox: Sandbox, _listener: Listener) -> Iterator[Sandbox]:
    _sandbox.reset(books=True)
    _listener.clear()
    yield _sandbox
    _sandbox.reset(books=True)


@pytest.fixture
def listener(_listener: Listener, sandbox: Sandbox) -> Listener:
    return _listener


@pytest.fixture
def client(sandbox: Sandbox) -> stripe.StripeClient:
    return stripe_client(sandbox)


def stripe_client(sandbox: Sandbox, *, key: str = "sk_test_sandbox", retries: int = 0, read_seconds: float = 10) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": sandbox.stripe_url},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=(3, read_seconds)),
    )

"""Nobody at a door waits for Stripe: with everything there hanging, customers and staff are answered at once, and nothing is asked."""

import time
from contextlib import suppress

import pytest
from django.test import Client

from backoffice.tests.conftest import do_url, page_url
from customer_api.tests.client import Caller, app_of
from customer_api.tests.test_pay import link_of, press
from integrations.base import ProviderError
from workflow import settlement
from workflow.models import InvoiceLine, LedgerEntry, Order, Refund
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.conftest import jobs, sandbox, sandbox_process  # noqa: F401 - the same sandbox
from workflow.tests.test_checkout import attempt_of, pay

pytestmark = pytest.mark.django_db
#: a page takes a tenth of it; Stripe would be waited for thirteen seconds
AT_ONCE_S = 1.0


class Doors:
    """What each door answered, and how long it took."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.app: Caller = app_of(order.customer)
        self.browser = Client()
        self.staff = Client()
        self.staff.force_login(factories.staff(Role.OWNER))

    def post(self, url: str, **fields: object) -> int:
        return self.staff.post(url, fields).status_code

    def do(self, transition: str, **facts: object) -> int:
        return self.post(do_url(self.order, transition), version=factories.reload(self.order).version, **facts)


@pytest.fixture
def at_once(sandbox):  # noqa: F811
    """`at_once(call)` is what the call answers, while Stripe answers nobody."""

    def run(call):
        sandbox.faults("stripe", "hang")
        asked, started = len(sandbox.requests("stripe")), time.monotonic()
        answer = call()
        took_s = time.monotonic() - started
        assert len(sandbox.requests("stripe")) == asked
        sandbox.reset()
        assert took_s < AT_ONCE_S
        return answer

    return run


@pytest.fixture
def unopened(sandbox, jobs) -> Doors:  # noqa: F811
    """Prices are confirmed, and no job has opened the session."""
    return Doors(factories.order_at(State.AWAITING_ITEM_PAYMENT))


@pytest.fixture
def opened(unopened, jobs) -> Doors:  # noqa: F811
    jobs.run()
    return unopened


@pytest.fixture
def paid(opened, sandbox, jobs) -> Doors:  # noqa: F811
    pay(sandbox, jobs, opened.order)
    return opened


def test_a_customer_who_wants_to_pay_is_answered_at_once(unopened, at_once):
    path = f"/orders/{unopened.order.number}/invoices/items/checkout"
    assert at_once(lambda: unopened.app.post(path)).status == 202
    link = link_of(unopened.order)
    assert at_once(lambda: unopened.browser.get(link)).status_code == 200
    assert at_once(lambda: press(unopened.browser, link))["Location"] == f"{link}/wait"
    assert at_once(lambda: unopened.browser.get(f"{link}/wait")).status_code == 200


def test_a_session_that_is_open_is_handed_out_at_once(opened, at_once):
    path = f"/orders/{opened.order.number}/invoices/items/checkout"
    url = attempt_of(opened.order).url
    assert at_once(lambda: opened.app.post(path))["checkout_url"] == url
    assert at_once(lambda: press(opened.browser, link_of(opened.order)))["Location"] == url


@pytest.mark.parametrize("transition", ["revise_item_prices", "cancel"])
def test_a_button_that_closes_the_session_is_answered_at_once(opened, at_once, transition):
    assert at_once(lambda: opened.do(transition, reason="x")) == 302

    order = factories.reload(opened.order)
    done = {"revise_item_prices": State.AWAITING_ITEM_PAYMENT, "cancel": State.CANCELLED}
    assert order.state == done[transition]
    assert transition == "cancel" or attempt_of(order).status == "closing"


def test_confirming_prices_is_answered_at_once(sandbox, at_once):  # noqa: F811
    factories.rate()
    order = factories.order_at(State.QUOTE_APPROVED)
    order.items.update(price_krw=20_000)

    assert at_once(lambda: Doors(order).do("confirm_item_prices")) == 302

    assert factories.reload(order).state == State.AWAITING_ITEM_PAYMENT


def test_a_customer_who_cancels_what_is_paid_is_answered_at_once(paid, at_once):
    path = f"/orders/{paid.order.number}/cancel"
    assert at_once(lambda: paid.app.get(f"/orders/{paid.order.number}/cancellation"))["refund_usd_cents"] == 3714
    assert at_once(lambda: paid.app.post(path, {"reason": "changed my mind"}, idempotency_key="k")).status == 200

    assert [(refund.status, refund.amount_usd_cents) for refund in Refund.objects.all()] == [("approved", 3714)]


def test_refund_dialogs_are_answered_at_once(paid, at_once):
    url = f"/admin/workflow/order/{paid.order.pk}/refund/"
    line = InvoiceLine.objects.filter(invoice__order=paid.order).first()
    assert at_once(lambda: paid.staff.get(url)).status_code == 200
    assert at_once(lambda: paid.staff.get(page_url(paid.order))).status_code == 200
    fields = {f"usd-{line.pk}": "1.00", "reason": "goodwill"}
    assert at_once(lambda: paid.post(url, version=factories.reload(paid.order).version, **fields)) == 302
    assert [(refund.status, refund.amount_usd_cents) for refund in Refund.objects.all()] == [("approved", 100)]


def test_the_back_office_decides_on_refunds_and_money_nobody_expected_at_once(opened, sandbox, jobs, at_once):  # noqa: F811
    sandbox.pay(attempt_of(opened.order).session_id, amount=5000, deliver=0)
    settlement.settle_session(attempt_of(opened.order).session_id)
    money = LedgerEntry.objects.get(kind="unapplied")
    assert at_once(lambda: opened.staff.get("/admin/unapplied/")).status_code == 200
    assert at_once(lambda: opened.post(f"/admin/unapplied/{money.pk}/give-back/")) == 302
    assert [(refund.status, refund.amount_usd_cents) for refund in Refund.objects.all()] == [("approved", 5000)]


def test_negative_control_a_door_that_asks_stripe_is_found_out(opened, settings, at_once):
    settings.PROVIDER_READ_TIMEOUT_S = settings.PROVIDER_CONNECT_TIMEOUT_S = 0.2

    def ask_stripe():
        with suppress(ProviderError):
            settlement.settle_session(attempt_of(opened.order).session_id)

    with pytest.raises(AssertionError):
        at_once(ask_stripe)

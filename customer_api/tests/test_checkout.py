"""Paying through the API: the open session, or a promise of one. The sandbox's Stripe answers."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from core.outbox.models import Effect
from workflow.models import Attempt, Order
from workflow.process import State
from workflow.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(minji, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=minji)
    jobs.clear()
    Effect.objects.update(done_at=now())
    return order


def path(order: Order, kind: str = "items") -> str:
    return f"/orders/{order.number}/invoices/{kind}/checkout"


def open_session(order: Order, **fields) -> Attempt:
    from workflow.payments import new_attempt

    attempt = new_attempt(order.invoices.get(status="open"))
    fields = {"status": "open", "session_id": "cs_test_1", "url": "https://checkout.stripe.com/c/pay/cs_test_1", **fields}
    Attempt.objects.filter(pk=attempt.pk).update(**fields)
    attempt.refresh_from_db()
    return attempt


def test_a_job_opens_the_session_and_every_later_call_gets_the_same(app, order, sandbox, jobs):
    # When nothing is open yet
    first = app.post(path(order))
    # Then
    assert (first.status, first.json, first.headers["Retry-After"]) == (202, {"status": "preparing"}, "1")
    again = app.post(path(order), idempotency_key="k")
    assert again.status == 202
    assert Effect.objects.filter(name="open_checkout", done_at=None).count() == 1, "asking twice promises once"
    # When the job has run
    jobs.run(only="outbox")
    answers = [app.post(path(order), idempotency_key="k") for _ in range(3)]
    # Then
    assert {answer.status for answer in answers} == {200}, answers
    assert len({answer.body for answer in answers}) == 1
    attempt = Attempt.objects.get()
    assert answers[0]["checkout_url"] == attempt.url
    assert len(sandbox.books()["sessions"]) == 1


def test_nothing_to_pay(app, minji, order):
    assert app.post(path(order, "delivery")).is_problem(409, "nothing_to_pay")
    assert app.post(path(order, "adjustment")).is_problem(409, "nothing_to_pay")
    factories.pay(order, "items")
    assert app.post(path(order)).is_problem(409, "nothing_to_pay")


def test_a_kind_that_is_none(app, order):
    assert app.post(path(order, "nonsense")).is_problem(422, "literal_error")


def test_a_payment_in_process_opens_no_second_session(app, order):
    open_session(order, processing=True)
    assert app.post(path(order)).is_problem(409, "payment_in_process")


def test_a_session_about_to_end_is_not_handed_out(app, order):
    open_session(order, expires_at=now() + timedelta(seconds=5))
    assert app.post(path(order)).status == 202


def test_odd_keys_are_refused(app, order):
    assert app.post(path(order), idempotency_key="x" * 256).is_problem(400, "idempotency_key_invalid")

"""Whatever the order in which Stripe's news arrives, and however often: the state is what the facts at Stripe are."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import pytest
from django.db import transaction

from core.outbox.models import Effect as EffectRow
from integrations import stripe
from workflow import settlement
from workflow.models import Attempt, LedgerEntry, Order, OrderEvent, Refund, StaffTask, StripeEvent
from workflow.process import State
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, events_of, make_due

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(400)]


def next_session(order: Order, jobs) -> str:
    """The order's session, opened anew where the last one is over."""
    from customer_api.paying import wanted_session

    with transaction.atomic():
        wanted_session(order.pk, kind="items")
    make_due()
    jobs.run()
    return attempt_of(order).session_id


@pytest.fixture
def told(sandbox, jobs, monkeypatch) -> list[dict]:
    """Five events of one order that did not come yet: two of sessions that were given up, three of the one that was paid."""
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    failed = attempt_of(order).session_id
    sandbox.pay(failed, slow=True, deliver=0)
    sandbox.async_fail(failed, deliver=0)
    settlement.settle_session(failed)
    expired = next_session(order, jobs)
    sandbox.expire(expired, deliver=0)
    settlement.settle_session(expired)
    paid = next_session(order, jobs)
    sandbox.pay(paid, slow=True, deliver=0)
    sandbox.async_succeed(paid, deliver=0)
    sandbox.refund(paid, amount=1000, deliver=0)
    assert len({failed, expired, paid}) == 3
    # From here on Stripe's facts stay as they are, so each is asked for once.
    for name in ("retrieve_checkout_session", "retrieve_payment_intent", "retrieve_refund", "checkout_sessions_of"):
        monkeypatch.setattr(stripe, name, lru_cache(getattr(stripe, name)))
    names = ("checkout.session.expired", "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed")
    completed = [event for event in events_of(sandbox, "checkout.session.completed") if event["data"]["object"]["id"] == paid]
    return completed + [event for name in (*names, "refund.created") for event in events_of(sandbox, name)]


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def what_is_true() -> tuple:
    order = Order.objects.get()
    return (
        order.state,
        list(LedgerEntry.objects.values_list("kind", "amount_cents")),
        list(Attempt.objects.order_by("pk").values_list("status", flat=True)),
        list(Refund.objects.values_list("status", "amount_usd_cents", "reason")),
        list(OrderEvent.objects.filter(actor="stripe").values_list("name", flat=True)),
        list(EffectRow.objects.filter(done_at=None).order_by("pk").values_list("name", flat=True)),
        StaffTask.objects.count(),
        StripeEvent.objects.exclude(settled_at=None).count(),
    )


def test_every_order_of_five_events_ends_in_the_same_state(told, jobs):
    """Each order of arrival, all of it once, then again, and again; orders that begin alike share their beginning."""
    ends = []

    def arrive(event: dict) -> None:
        settlement.receive(event)
        jobs.run(only="settle_event")

    def go_on(came: list[dict]) -> None:
        if len(came) == len(told):
            ends.append([repr(what_is_true()), *(again(came) for _copy in (2, 3))])
        for event in told:
            if event not in came:
                with rolled_back():
                    arrive(event)
                    go_on([*came, event])

    def again(came: list[dict]) -> str:
        for event in came:
            arrive(event)
        return repr(what_is_true())

    go_on([])

    assert (len(told), len(ends)) == (5, 120)
    assert {end for of_one_order in ends for end in of_one_order} == {
        repr(
            (
                "items_paid",
                [("capture", 3714), ("refund", -1000)],
                ["closed", "closed", "paid"],
                [("succeeded", 1000, "dashboard")],
                ["record_item_payment", "refund_found"],
                ["close_checkout", "notify_customer", "notify_staff"],
                0,
                5,
            )
        )
    }

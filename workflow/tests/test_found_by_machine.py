"""What the money machine found (`machine/walks.py`), each as short as it can be told."""

import pytest

from workflow import invariants, refunds, settlement
from workflow.models import Dispute, InvoiceLine, LedgerEntry, Order, Refund
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, events_of, pay

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(sandbox, jobs) -> Order:
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    jobs.run()
    return factories.reload(order)


def broken() -> list[str]:
    return [line for invariant in invariants.INVARIANTS for line in invariant.check()]


def test_a_refund_that_failed_before_we_heard_of_it_and_is_sent_again_is_no_fault_of_the_books(order, sandbox, jobs):
    pay(sandbox, jobs, order)
    sandbox.refund(attempt_of(order).session_id, amount=100, deliver=0)
    sandbox.settle_refund(sandbox.books()["refunds"][0]["id"], status="failed", deliver=0)
    settlement.receive(events_of(sandbox, "refund.failed")[0])
    jobs.run()

    refunds.send_again(Refund.objects.get(status="failed").pk, by=factories.by(Role.FINANCE))
    jobs.run()

    assert [(refund.status, refund.amount_usd_cents) for refund in Refund.objects.all()] == [("replaced", 100), ("succeeded", 100)]
    assert broken() == []


def test_a_refund_of_the_dashboard_that_failed_unheard_may_be_declined(order, sandbox, jobs):
    pay(sandbox, jobs, order)
    sandbox.refund(attempt_of(order).session_id, amount=100, deliver=0)
    sandbox.settle_refund(sandbox.books()["refunds"][0]["id"], status="failed", deliver=0)
    settlement.receive(events_of(sandbox, "refund.failed")[0])
    jobs.run()

    refunds.decline(Refund.objects.get().pk, by=factories.by(Role.FINANCE), reason="made by mistake")

    assert (Refund.objects.get().status, LedgerEntry.objects.count()) == ("declined", 1)
    assert broken() == []


def test_a_dispute_that_is_heard_of_before_its_payment_is_booked_after_it(order, sandbox, jobs):
    session = attempt_of(order).session_id
    sandbox.pay(session, deliver=0)
    sandbox.dispute(session, deliver=0)

    settlement.receive(events_of(sandbox, "charge.dispute.created")[0])
    jobs.run()

    assert [(entry.kind, entry.amount_cents) for entry in LedgerEntry.objects.all()] == [("capture", 3714), ("dispute", -3714)]
    assert Dispute.objects.get().order == order
    assert factories.reload(order).hold_reason


@pytest.mark.parametrize("kind", ["refund.created", "charge.refunded"])
def test_a_refund_that_is_heard_of_before_its_payment_is_booked_after_it(order, sandbox, jobs, kind):
    session = attempt_of(order).session_id
    sandbox.pay(session, deliver=0)
    sandbox.refund(session, amount=1000, deliver=0)

    settlement.receive(events_of(sandbox, kind)[0])
    jobs.run()

    assert [(entry.kind, entry.amount_cents) for entry in LedgerEntry.objects.all()] == [("capture", 3714), ("refund", -1000)]
    assert factories.reload(order).state == State.ITEMS_PAID


@pytest.fixture
def failed_and_made_anew(order, sandbox, jobs) -> Refund:
    """The bank sent a refund back, and staff made another one of the same line rather than send it again."""
    pay(sandbox, jobs, order)
    finance, line = factories.by(Role.FINANCE), InvoiceLine.objects.get(invoice__order=order, item__position=1)
    refunds.refund_lines(order.pk, lines={line.pk: 714}, reason="damaged", by=finance)
    jobs.run()
    first = Refund.objects.get()
    sandbox.settle_refund(first.stripe_id, status="failed", deliver=0)
    settlement.receive(events_of(sandbox, "refund.failed")[0])
    jobs.run()
    refunds.refund_lines(order.pk, lines={line.pk: 714}, reason="damaged", by=finance)
    jobs.run()
    return Refund.objects.get(pk=first.pk)


def test_a_failed_refund_is_not_sent_again_when_its_line_went_back_otherwise(failed_and_made_anew, sandbox):
    with pytest.raises(refunds.RefundTooLarge):
        refunds.send_again(failed_and_made_anew.pk, by=factories.by(Role.FINANCE))

    assert [refund.status for refund in Refund.objects.all()] == ["failed", "succeeded"]
    assert broken() == []


def test_a_failed_refund_is_not_given_by_hand_when_its_line_went_back_otherwise(failed_and_made_anew, sandbox):
    with pytest.raises(refunds.RefundTooLarge):
        refunds.given_by_hand(failed_and_made_anew.pk, by=factories.by(Role.FINANCE), proof="a letter")

    assert [refund.status for refund in Refund.objects.all()] == ["failed", "succeeded"]
    assert not LedgerEntry.objects.filter(source="manual").exists()

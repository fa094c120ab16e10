"""What lists say of many payments is what the rules say of each."""

import pytest
from django.db import transaction

from workflow import holdings, ledger, unapplied
from workflow.models import Dispute, LedgerEntry, Refund
from workflow.process import Role, State
from workflow.tests.factories import by, order_at

pytestmark = pytest.mark.django_db


def came(order, cents: int, intent: str) -> LedgerEntry:
    with transaction.atomic():
        entry = unapplied.book(order=order, invoice=None, amount_cents=cents, currency="usd", payment_intent_id=intent, why="w")
    assert entry is not None
    return entry


@pytest.fixture
def payments() -> list[LedgerEntry]:
    """Untouched, refunded in part, failed to be refunded, disputed, asked about, applied, and too little for its invoice."""
    plain, refunded, broken, disputed, asked = (came(None, 1_000, f"pi_{n}") for n in range(5))
    applied = came(order_at(State.AWAITING_ITEM_PAYMENT), 9_999, "pi_applied")
    unapplied.apply(applied.pk, by=by(Role.FINANCE))
    waiting, little = came(order_at(State.AWAITING_ITEM_PAYMENT), 9_999, "pi_w"), came(order_at(State.AWAITING_ITEM_PAYMENT), 1, "pi_l")
    Refund.objects.create(payment=refunded, amount_usd_cents=300, reason="late", key="a", status="sent")
    Refund.objects.create(payment=refunded, amount_usd_cents=200, reason="late", key="b", status="proposed")
    Refund.objects.create(payment=broken, amount_usd_cents=300, reason="late", key="c", status="failed")
    Dispute.objects.create(stripe_id="dp_1", payment=disputed, amount_cents=1_000, reason="general", status="lost")
    Dispute.objects.create(stripe_id="dp_2", payment=asked, amount_cents=1_000, reason="general", status="warning_needs_response")
    captures = list(LedgerEntry.objects.filter(kind="capture"))
    return [plain, refunded, broken, disputed, asked, applied, waiting, little, *captures]


def test_what_is_left_of_many_is_what_is_left_of_each_in_three_statements(payments, django_assert_num_queries):
    with django_assert_num_queries(3):
        left = holdings.left_of(payments)
    assert left == {payment.pk: ledger.left_cents(payment) for payment in payments}
    assert [left[payment.pk] for payment in payments[:6]] == [1_000, 500, 1_000, 0, 1_000, 0]


def test_what_many_could_pay_is_what_each_could_pay(payments):
    rows = LedgerEntry.objects.filter(kind="unapplied").prefetch_related("order__invoices__quote")
    payable = holdings.payable_by(rows, left=holdings.left_of(rows))
    alone = {row.pk: unapplied.invoice_for(row, order=row.order) for row in rows if row.order is not None}
    assert payable == {pk: invoice for pk, invoice in alone.items() if invoice is not None}
    assert len(payable) == 1

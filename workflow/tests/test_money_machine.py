"""Random walks of everything that can happen to an order's money; see `machine/walks.py` for what may happen and what must hold.

The normal run walks 50 times. Two thousand walks, and the walks that must find faults which are planted into the product, are nightly:
make test TESTS='-m nightly'
"""

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from django.utils.crypto import get_random_string
from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture.engine import ConjectureRunner
from hypothesis.stateful import run_state_machine_as_test

from integrations import stripe
from workflow import checkout, differences, giving_back, ledger, payments, refunds_at_stripe, settlement
from workflow.models import Attempt, Invoice, LedgerKind, Order
from workflow.process import State
from workflow.tests.machine.walks import MoneyMachine
from workflow.tests.machine.world import People
from workflow.transitions import By, lock_order, record

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(4 * 3600)]

WALK = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
LONG_WALK = settings(WALK, max_examples=500)
#: found is found: how short it can be told does not matter here
HUNT = settings(WALK, max_examples=3000, phases=[Phase.generate], database=None, print_blob=False, report_multiple_bugs=False)


@pytest.fixture
def walk(sandbox, monkeypatch):
    """Walks as often as told; raises what it found wrong. `walk.count` is the number of walks so far."""
    # Five of six examples would be the one before with some of its steps repeated; a new walk finds more.
    monkeypatch.setattr(ConjectureRunner, "generate_mutations_from", lambda runner, example: None)
    people = People()

    def run(how: settings = WALK) -> None:
        run_state_machine_as_test(another, settings=how)

    def another() -> MoneyMachine:
        run.count += 1
        return MoneyMachine(sandbox, people)

    run.count = 0
    return run


def test_whatever_happens_the_books_agree(walk):
    walk()


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(4))  # two thousand in all; workers may share them
def test_whatever_happens_the_books_agree_two_thousand_times(walk, part):
    walk(LONG_WALK)


# --- Planted faults: walks that find nothing wrong there would be worth nothing ------------------------------------------------


def no_session_is_closed_at_stripe(monkeypatch):
    monkeypatch.setattr(checkout, "_expire", lambda attempt: None)


def every_call_has_a_key_of_its_own(monkeypatch):
    for name in ("create_checkout_session", "create_refund"):
        monkeypatch.setattr(stripe, name, with_a_new_key(getattr(stripe, name)))


def with_a_new_key(real):
    return lambda **said: real(**{**said, "idempotency_key": get_random_string(20)})


def events_are_settled_each_time_they_come(monkeypatch):
    """No row tells that an event came before, and no look at the ledger that its payment is booked."""
    store = settlement._store_event
    monkeypatch.setattr(settlement, "_store_event", lambda event_id, payload: store(f"{event_id}-{get_random_string(9)}", payload))
    blind = MagicMock()
    blind.objects.filter.return_value.exists.return_value = False
    monkeypatch.setattr(settlement, "LedgerEntry", blind)


def a_late_expired_unpays(monkeypatch):
    """An order whose session is said to have expired waits for its payment again, whichever session it was."""
    act = settlement._act_on

    def naive(kind, thing):
        outcome = act(kind, thing)
        attempt = Attempt.objects.filter(session_id=thing.get("id"), invoice__order__state=State.ITEMS_PAID).first()
        if kind == "checkout.session.expired" and attempt:
            Order.objects.filter(pk=attempt.invoice.order_id).update(state=State.AWAITING_ITEM_PAYMENT)
            record(lock_order(attempt.invoice.order_id), name="unpaid", from_state=State.ITEMS_PAID, by=By.stripe(), facts={})
        return outcome

    monkeypatch.setattr(settlement, "_act_on", naive)


def a_refund_is_booked_each_time_it_is_seen(monkeypatch):
    real = ledger.book

    def book(**said):
        if said["kind"] == LedgerKind.REFUND and said["source"] == "stripe":
            said["reference"] += get_random_string(9)
        return real(**said)

    monkeypatch.setattr(ledger, "book", book)
    nothing = SimpleNamespace(filter=lambda **_named: SimpleNamespace(exists=lambda: False))
    monkeypatch.setattr(refunds_at_stripe, "LedgerEntry", SimpleNamespace(objects=nothing))


def a_paid_difference_can_be_paid_again(monkeypatch):
    real = payments.payable_invoice

    def payable(order, *, kind):
        again = Invoice.objects.filter(order=order, kind="adjustment", status="paid").last() if kind == "adjustment" else None
        return real(order, kind=kind) or again

    monkeypatch.setattr(payments, "payable_invoice", payable)


def the_last_item_takes_no_share_of_the_fee_with_it(monkeypatch):
    real = giving_back.fee_shares

    def shares(lines):
        found = real(lines)
        return dict(list(found.items())[:-1])

    monkeypatch.setattr(giving_back, "fee_shares", shares)


def a_paid_difference_is_still_asked_for(monkeypatch):
    monkeypatch.setattr(differences, "settle_paid", lambda order, invoice: None)


def a_failed_refund_stays_booked(monkeypatch):
    real = ledger.book
    monkeypatch.setattr(ledger, "book", lambda **said: None if said["kind"] == LedgerKind.REFUND_REVERSAL else real(**said))


@pytest.mark.nightly
@pytest.mark.parametrize(
    "plant",
    [
        no_session_is_closed_at_stripe,
        every_call_has_a_key_of_its_own,
        events_are_settled_each_time_they_come,
        a_late_expired_unpays,
        a_refund_is_booked_each_time_it_is_seen,
        a_paid_difference_can_be_paid_again,
        a_paid_difference_is_still_asked_for,
        the_last_item_takes_no_share_of_the_fee_with_it,
        a_failed_refund_stays_booked,
    ],
    ids=lambda plant: plant.__name__,
)
def test_a_planted_fault_is_found(walk, monkeypatch, plant, capsys):
    plant(monkeypatch)

    with pytest.raises(AssertionError) as found:
        walk(HUNT)

    with capsys.disabled():
        print(f"\n{plant.__name__}: found at walk {walk.count - 1}: {str(found.value).splitlines()[0][:150]}")

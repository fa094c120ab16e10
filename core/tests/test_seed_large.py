"""The large database is made of rows that the system itself could have written: the audit and the invariants find nothing."""

from collections import Counter
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from core.management.large.warehouse import numbered
from integrations.couriers import COURIERS
from workflow import invariants
from workflow.audit import broken_ledger_rows, broken_rows
from workflow.models import Inspection, Invoice, LedgerEntry, Order, OrderEvent, Parcel, ParcelLabel, Photo, Refund, TrackLink
from workflow.process import State
from workflow.tests.factories import new_order


@pytest.mark.django_db
def test_seeded_orders_are_whole(django_assert_max_num_queries):
    before = new_order()
    with django_assert_max_num_queries(240):
        call_command("seed_large", orders=300, seed=7, stdout=StringIO())
    states = Counter(Order.objects.exclude(pk=before.pk).values_list("state", flat=True))
    assert states.total() == 300
    assert set(states) == set(State.values)
    assert states[State.COMPLETED] > 150
    assert [*broken_rows(), *broken_ledger_rows()] == []
    kept = [check for check in invariants.INVARIANTS if not check.needs]
    assert {check.name: list(check.check()) for check in kept} == {check.name: [] for check in kept}
    assert Refund.objects.exists()
    assert not OrderEvent.objects.filter(at__gt=now()).exists()
    labelled = Parcel.objects.exclude(tracking_number="")
    assert all(parcel.is_labelled for parcel in labelled)
    present = ParcelLabel.objects.filter(until=None).values_list("parcel", "courier", "tracking_number")
    assert set(present) == set(labelled.values_list("pk", "courier", "tracking_number"))
    shipped = Order.objects.filter(shipped_at__isnull=False)
    assert set(TrackLink.objects.values_list("order", flat=True)) == set(shipped.values_list("pk", flat=True))
    assert [order.number for order in Order.objects.all() if order.storage_runs != (order.storage_since is not None)] == []
    assert Inspection.objects.exists()
    assert Photo.objects.filter(inspection__isnull=False).exists()
    paid = Invoice.objects.filter(status="paid").first()
    assert paid.amount_usd_cents == sum(paid.lines.values_list("amount_usd_cents", flat=True)) == paid.ledger.get(number=1).amount_cents


@pytest.mark.django_db
def test_a_second_run_adds_to_the_first():
    for _run in range(2):
        call_command("seed_large", orders=20, stdout=StringIO())
    assert Order.objects.count() == 40
    assert LedgerEntry.objects.filter(number=1).exists()
    assert list(broken_rows()) == []
    new_order()


def test_refused_in_production(settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError):
        call_command("seed_large", orders=1)


def test_tracking_numbers_are_valid():
    for serial in (1, 7, 123_456, 9_999_999, 99_999_999, 100_000_003):
        assert [code for code in COURIERS if not COURIERS[code].is_valid_number(numbered(code, serial))] == []

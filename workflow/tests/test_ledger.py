"""The ledger: rows are only added, numbered and chained per order; whoever goes around the triggers is found."""

import pytest
from django.db import DatabaseError, connection, transaction

from workflow import append_only, audit, ledger
from workflow.models import LedgerEntry, LedgerKind, Order
from workflow.process import State
from workflow.tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order() -> Order:
    """Three rows: items and delivery paid, and one that nobody expected."""
    order = factories.order_at(State.DELIVERY_PAID)
    with transaction.atomic():
        ledger.book(order=factories.locked(order), kind=LedgerKind.UNAPPLIED, amount_cents=1, source="stripe", reference="pi_x")
    return factories.reload(order)


@pytest.fixture
def as_root(order):
    """Somebody who can take the triggers off."""
    append_only.remove(connection)
    yield
    append_only.install(connection)


def broken() -> list[str]:
    return list(audit.broken_ledger_rows())


def rows(order: Order) -> list[LedgerEntry]:
    return list(order.ledger.order_by("number"))


def test_rows_are_numbered_and_each_carries_the_hash_of_the_one_before(order):
    first, second, third = rows(order)

    assert [row.number for row in (first, second, third)] == [1, 2, 3]
    assert [row.previous_hash for row in (first, second, third)] == ["", first.hash, second.hash]
    assert order.ledger_count == 3
    assert broken() == []


def test_the_same_money_is_booked_once(order):
    booked = ledger.book(order=order, kind=LedgerKind.UNAPPLIED, amount_cents=1, source="stripe", reference="pi_x")

    assert booked is None
    assert len(rows(order)) == 3


@pytest.mark.parametrize("sql", ["UPDATE workflow_ledgerentry SET amount_cents = 0", "DELETE FROM workflow_ledgerentry"])
def test_the_database_itself_refuses_changes(order, sql):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)

    assert broken() == []


@pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite knows no TRUNCATE")
def test_neither_is_it_emptied_at_once(order):
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("TRUNCATE TABLE workflow_ledgerentry")

    assert broken() == []


def test_an_altered_row_is_named(order, as_root):
    LedgerEntry.objects.filter(pk=rows(order)[1].pk).update(amount_cents=1)

    assert broken() == [f"ledger row {rows(order)[1].pk} (capture {rows(order)[1].reference}): altered"]


def test_a_missing_row_is_named(order, as_root):
    rows(order)[1].delete()

    assert [line.partition("): ")[2] for line in broken()] == [
        "a row of its order is missing or out of place",
        "does not follow the row before it",
    ]


def test_a_missing_last_row_is_named(order, as_root):
    rows(order)[2].delete()

    assert broken() == [f"order {order.pk}: the ledger ends at 2, the order says 3"]


def test_all_rows_gone_are_named(order, as_root):
    LedgerEntry.objects.all().delete()

    assert broken() == [f"order {order.pk}: the ledger ends at 0, the order says 3"]


def test_swapped_rows_are_named(order, as_root):
    first, second, _third = rows(order)
    LedgerEntry.objects.filter(pk=first.pk).update(number=2)
    LedgerEntry.objects.filter(pk=second.pk).update(number=1)

    assert any("altered" in line for line in broken())
    assert any("does not follow" in line for line in broken())


def test_a_row_moved_to_another_order_is_named(order, as_root):
    other = factories.order_at(State.ITEMS_PAID)
    LedgerEntry.objects.filter(pk=rows(order)[2].pk).update(order=other)

    assert len(broken()) >= 3


def test_what_is_left_of_a_payment(order):
    assert ledger.left_cents(order.ledger.get(number=1)) == 3714

"""Two people save prices of the same orders in opposite order, at the same moment: real connections on MariaDB."""

import threading

import pytest
from django.db import OperationalError, connection, transaction

from core import retries
from workflow import price_sheet
from workflow.models import Order, OrderEvent, SavedPrices
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import By, TransitionRefused, lock_order

pytestmark = [
    pytest.mark.mysql,
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="promises about concurrency are for MariaDB"),
    pytest.mark.django_db(transaction=True),
]


def together(*people) -> None:
    threads = [threading.Thread(target=person) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)


def saves(orders: list[Order], *, by: By, price_krw: int, barrier: threading.Barrier, results: list[str]):
    def run() -> None:
        try:
            remembered = price_sheet.begin_save(by=by)
            barrier.wait()
            for order in orders:
                prices = {item.pk: price_krw for item in order.items.all()}
                try:
                    saved = price_sheet.save_one(
                        order.pk, prices=prices, names={}, by=by, seen_version=order.version, remembered=remembered
                    )
                    results.append(f"{order.pk} saved" if saved else f"{order.pk} same")
                except TransitionRefused as refused:
                    results.append(f"{order.pk} {refused.code}")
                except OperationalError as error:
                    results.append(f"{order.pk} {error.args[0]}")
        finally:
            connection.close()

    return run


def test_two_people_in_opposite_order_each_order_is_saved_once_and_nothing_deadlocks(monkeypatch):
    # given six orders that two people look at
    orders = [factories.order_at(State.QUOTE_APPROVED) for _ in range(6)]
    paused: list[float] = []  # a save that the database gave up waits before it is tried again
    monkeypatch.setattr(retries.time, "sleep", paused.append)
    barrier, results = threading.Barrier(2, timeout=90), []
    # when one saves them downwards and the other upwards
    together(
        saves(orders, by=factories.by(Role.BUYER), price_krw=1_000, barrier=barrier, results=results),
        saves(orders[::-1], by=factories.by(Role.BUYER), price_krw=2_000, barrier=barrier, results=results),
    )
    # then each order has one winner, and the other was told that somebody was quicker
    assert sorted(results) == sorted(f"{order.pk} {what}" for order in orders for what in ("changed_meanwhile", "saved"))
    assert paused == []
    assert OrderEvent.objects.filter(name="price_items").count() == SavedPrices.objects.count() == len(orders)
    for order in orders:
        assert len(set(order.items.values_list("price_krw", flat=True))) == 1


def test_the_control_all_orders_in_one_transaction_deadlock():
    orders = [factories.order_at(State.QUOTE_APPROVED) for _ in range(2)]
    barrier, results = threading.Barrier(2, timeout=90), []

    def lock(first: Order, second: Order):
        def run() -> None:
            try:
                with transaction.atomic():
                    lock_order(first.pk)
                    barrier.wait()
                    lock_order(second.pk)
                results.append("done")
            except OperationalError as error:
                results.append(str(error.args[0]))
            finally:
                connection.close()

        return run

    together(lock(*orders), lock(*orders[::-1]))
    assert sorted(results) == ["1213", "done"]

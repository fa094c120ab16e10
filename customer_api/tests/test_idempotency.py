"""The same request twice: one effect, one answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils.timezone import now

from core.accounts import tokens
from core.accounts.models import User, WrongPasswords
from customer_api import jobs
from customer_api.models import KeptAnswer
from customer_api.tests.client import Caller, wanted
from workflow.models import Order, OrderEvent
from workflow.process import State
from workflow.tests import factories


def in_parallel(test):
    """Real connections; SQLite's test database in memory refuses the second one instead of letting it wait."""
    test = pytest.mark.skipif("connection.vendor != 'mysql'", reason="promises about concurrency are for MariaDB")(test)
    return pytest.mark.mysql(pytest.mark.django_db(transaction=True)(test))


@pytest.mark.django_db
def test_the_first_answer_comes_again(app, minji):
    first = app.post("/orders", wanted(), idempotency_key="k1")
    factories.approve(Order.objects.get())
    again = app.post("/orders", wanted(), idempotency_key="k1")
    assert (again.status, again.body) == (first.status, first.body) == (201, first.body)
    assert Order.objects.count() == 1
    # key order in the body makes no other request
    turned = dict(reversed(wanted().items()))
    assert app.post("/orders", turned, idempotency_key="k1").body == first.body


@pytest.mark.django_db
def test_another_body_under_the_key_is_refused(app):
    app.post("/orders", wanted(), idempotency_key="k1")
    assert app.post("/orders", wanted(note="other"), idempotency_key="k1").is_problem(409, "idempotency_mismatch")
    assert Order.objects.count() == 1


@pytest.mark.django_db
def test_keys_are_each_persons_own(app, stranger):
    one = app.post("/orders", wanted(), idempotency_key="k1")
    other = stranger.post("/orders", wanted(), idempotency_key="k1")
    assert (one.status, other.status) == (201, 201)
    assert one["number"] != other["number"]


@pytest.mark.django_db
def test_the_same_key_for_another_order_is_another_request(app, minji):
    orders = [factories.order_at(State.QUOTE_REQUESTED, owner=minji) for _ in range(2)]
    assert app.post(f"/orders/{orders[0].number}/cancel", {"reason": "x"}, idempotency_key="k").status == 200
    assert app.post(f"/orders/{orders[1].number}/cancel", {"reason": "x"}, idempotency_key="k").is_problem(409, "idempotency_mismatch")
    again = app.post(f"/orders/{orders[0].number}/cancel", {"reason": "x"}, idempotency_key="k")
    assert (again.status, again["state"]) == (200, "cancelled")
    assert OrderEvent.objects.filter(order=orders[0], name="cancel").count() == 1


@pytest.mark.django_db
def test_a_refused_request_leaves_its_key_free(app, minji):
    order = factories.order_at(State.SHIPPED, owner=minji)
    assert app.post(f"/orders/{order.number}/confirm-delivery", idempotency_key="k").status == 409
    factories.deliver(order)
    assert app.post(f"/orders/{order.number}/confirm-delivery", idempotency_key="k")["state"] == "completed"


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "tab\t", "é"])
def test_odd_keys_are_refused(app, key):
    assert app.post("/orders", wanted(), idempotency_key=key).is_problem(400, "idempotency_key_invalid")
    assert Order.objects.count() == 0


@pytest.mark.django_db
def test_the_longest_key_is_taken(app):
    assert app.post("/orders", wanted(), idempotency_key="x" * 255).status == 201


def at_once(times: int, act) -> list:
    """`act(number)` that many times, twenty of them let go at the same instant, each on a connection of its own."""
    ready = Barrier(20)

    def run(number):
        try:
            if number < 20:
                ready.wait(30)
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(run, range(times)))


@in_parallel
def test_twenty_at_once_make_one_order():
    # Given
    token = tokens.issue(factories.customer())
    body = wanted("https://a.kr/1", "https://a.kr/2")
    # When
    answers = at_once(20, lambda _number: Caller(token=token).post("/orders", body, idempotency_key="same"))
    # Then
    assert {answer.status for answer in answers} == {201}, answers
    assert len({answer.body for answer in answers}) == 1
    assert Order.objects.count() == 1
    assert OrderEvent.objects.count() == 1
    assert KeptAnswer.objects.count() == 1


@in_parallel
def test_without_a_key_twenty_make_twenty():
    """The control: it is the key that makes them one."""
    token = tokens.issue(factories.customer())
    answers = at_once(20, lambda _number: Caller(token=token).post("/orders", wanted()))
    assert {answer.status for answer in answers} == {201}, answers
    assert Order.objects.count() == 20


def guesses() -> list[int]:
    User.objects.filter(email="alex@example.com").exists() or User.objects.create_user("alex@example.com", "right horse battery")
    WrongPasswords.objects.all().delete()

    def guess(number):
        return Caller().post("/auth/login", {"email": "alex@example.com", "password": f"guess {number}"}).status

    return at_once(100, guess)


@in_parallel
def test_a_hundred_wrong_passwords_at_once_are_judged_five_times():
    statuses = guesses()
    assert (statuses.count(401), statuses.count(429)) == (5, 95)


@in_parallel
def test_without_the_lock_more_are_judged(monkeypatch):
    """The control: it is the row's lock that keeps them apart. On a busy machine they may still miss each other once."""
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **options: rows)
    assert any(guesses().count(401) > 5 for _round in range(5))


@pytest.mark.django_db
def test_old_rows_are_trimmed(app, minji):
    app.post("/orders", wanted(), idempotency_key="old")
    KeptAnswer.objects.update(created_at=now() - timedelta(hours=49))
    app.post("/orders", wanted(), idempotency_key="new")
    WrongPasswords.objects.create(address="a", changed_at=now() - timedelta(days=2))
    WrongPasswords.objects.create(address="b")
    assert jobs.trim() == 2
    assert [row.key for row in KeptAnswer.objects.all()] == ["new"]
    assert [row.address for row in WrongPasswords.objects.all()] == ["b"]

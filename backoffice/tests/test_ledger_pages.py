"""The ledger: narrowed, summed, of one order with its balance. As a file: test_exports.py."""

from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate, now

from backoffice.money.amounts import money, plain_amount
from backoffice.money.spans import Span, month_of
from workflow import ledger, unapplied
from workflow.models import LedgerEntry, Refund
from workflow.process import State
from workflow.tests.factories import order_at

pytestmark = pytest.mark.django_db
LIST = "/admin/workflow/ledgerentry/"


def entry(reference: str, cents: int = 100, **fields) -> LedgerEntry:
    row = {"kind": "unapplied", "source": "stripe", "currency": "usd", "note": "", "payment_intent_id": "", **fields}
    return LedgerEntry.objects.create(reference=reference, amount_cents=cents, **row)


def found(client, **query) -> list[str]:
    return [row.reference for row in client.get(LIST, query).context["cl"].result_list]


# --- Narrowing ------------------------------------------------------------------------------------------------------------


def test_filters_days_and_search(owner):
    entry("pi_1"), entry("re_1", -40, kind="refund", payment_intent_id="pi_1"), entry("by-hand", source="manual")
    entry("pi_krw", currency="krw", payment_intent_id="pi_krw")
    entry("pi_old", booked_at=datetime.fromisoformat("2026-01-31T23:59:00+09:00"))
    assert found(owner, kind="refund") == ["re_1"]
    assert found(owner, source="manual") == ["by-hand"]
    assert found(owner, currency="other") == ["pi_krw"]
    assert found(owner, **{"from": "2026-01-01", "to": "2026-01-31"}) == ["pi_old"]
    assert found(owner, **{"from": "2026-02-01"}) == ["pi_krw", "by-hand", "re_1", "pi_1"]
    assert found(owner, **{"from": "nonsense", "to": "2026-13-99"}) == ["pi_old", "pi_krw", "by-hand", "re_1", "pi_1"]
    assert found(owner, q="pi_1") == ["re_1", "pi_1"]
    assert found(owner, q="re_1") == ["re_1"]
    assert found(owner, q="pi_") == found(owner, q="%") == []


def test_an_order_is_found_by_its_number(owner):
    order = order_at(State.ITEMS_PAID)
    entry("pi_other")
    assert found(owner, q=order.number.lower()) == [LedgerEntry.objects.get(order=order).reference]


def test_the_sums_are_of_what_is_shown_and_of_a_month_at_most(owner):
    entry("pi_1", 100), entry("pi_2", 250), entry("re_1", -40, kind="refund"), entry("pi_krw", 5000, currency="krw")
    entry("pi_old", 7, booked_at=now() - timedelta(days=70))
    sums = lambda **query: [(one.kind, one.count, one.cents, one.currency) for one in owner.get(LIST, query).context["cl"].sums]  # noqa: E731
    assert sums() == [("payment nobody expected", 2, 350, "usd"), ("payment nobody expected", 1, 5000, "krw"), ("refund", 1, -40, "usd")]
    assert sums(kind="refund") == [("refund", 1, -40, "usd")]
    assert owner.get(LIST, {"from": "2020-01-01"}).context["cl"].summed == month_of(localdate())


def test_a_span_is_summed_as_it_is_when_short_and_by_its_last_month_when_long():
    short, long = Span(date(2026, 3, 5), date(2026, 3, 9)), Span(date(2026, 1, 5), date(2026, 3, 9))
    assert (short.summed(), long.summed()) == (short, Span(date(2026, 3, 1), date(2026, 3, 31)))
    assert (str(month_of(date(2026, 2, 9))), str(short)) == ("2026-02", "2026-03-05 – 2026-03-09")


def test_the_list_costs_the_same_however_many_rows_there_are(owner):
    for number in range(3):
        entry(f"pi_{number}")
    few = _queries(owner, LIST)
    for number in range(3, 60):
        entry(f"pi_{number}")
    assert len(_queries(owner, LIST)) == len(few) <= 11
    assert not [sql for sql in few if "COUNT(*)" in sql and "workflow_ledgerentry" in sql]


def _queries(client, url) -> list[str]:
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in queries]


# --- Of one order ---------------------------------------------------------------------------------------------------------


def test_an_orders_rows_run_from_the_oldest_with_a_balance_and_what_is_left(owner):
    order = order_at(State.ITEMS_PAID)
    capture = LedgerEntry.objects.get(order=order)
    Refund.objects.create(order=order, payment=capture, amount_usd_cents=500, reason="late", key="k", status="sent")
    ledger.book(order=order, kind="refund", amount_cents=-500, source="stripe", reference="re_1")
    rows = owner.get(LIST, {"order": order.number.lower()}).context["rows"]
    paid = capture.amount_cents
    assert [(row.entry.number, row.entry.amount_cents, row.balance_cents, row.left_cents) for row in rows] == [
        (1, paid, paid, paid - 500),
        (2, -500, paid - 500, None),
    ]


def test_an_order_that_is_not_there_is_404(owner):
    assert owner.get(LIST, {"order": "BD-00000-00000"}).status_code == 404
    assert owner.get(LIST, {"order": "<script>"}).status_code == 404


def test_the_page_of_an_order_costs_the_same_however_many_rows_it_has(owner):
    order = order_at(State.ITEMS_PAID)
    few = len(_queries(owner, f"{LIST}?order={order.number}"))
    for number in range(12):
        unapplied.book(order=order, invoice=None, amount_cents=5, currency="usd", payment_intent_id=f"pi_{number}", why="twice")
    assert len(_queries(owner, f"{LIST}?order={order.number}")) <= few + 1  # applied rows, once there is a payment nobody expected


@pytest.mark.parametrize(
    ("cents", "currency", "plain", "words"),
    [
        (123456, "usd", "1234.56", "$1,234.56"),
        (-5, "usd", "-0.05", "-$0.05"),
        (52000, "krw", "52000", "52,000 KRW"),
        (-1234567, "kwd", "-1234.567", "-1,234.567 KWD"),
        (1999, "eur", "19.99", "19.99 EUR"),
    ],
)
def test_amounts_in_every_currency(cents, currency, plain, words):
    assert (plain_amount(cents, currency=currency), money(cents, currency=currency)) == (plain, words)

"""GET /orders/{number}/receipt: a PDF in the caller's language, for the order's own customer."""

import pytest

from customer_api.tests.client import Caller, app_of
from workflow.models import Invoice, InvoiceLine
from workflow.process import State
from workflow.tests import factories
from workflow.tests.papers import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(minji):
    return factories.order_at(State.ITEMS_PAID, owner=minji)


def receipt_of(caller: Caller, order, **headers):
    return caller.get(f"/orders/{order.number}/receipt", **headers)


def test_a_paid_order_has_its_receipt(app, paid):
    answer = receipt_of(app, paid)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'inline; filename="receipt-{paid.number}.pdf"'
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.body.startswith(b"%PDF-1.")
    text = text_of(answer.body)
    assert f"Items Receipt number {paid.number}-1" in text
    assert "Total ₩52,000 $37.14" in text
    assert "민지 Kim Minji" in text


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("ko", "ko"),
        ("en", "en"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("KO-kr", "ko"),
        ("fr-FR,fr;q=0.9,en;q=0.1", "en"),
        ("fr", "ko"),
        ("*", "ko"),
        ("en;q=0", "ko"),
        ("", "ko"),
        ("%%%", "ko"),
    ],
)
def test_its_language_is_the_callers_else_the_profiles(app, paid, asked, language):
    answer = receipt_of(app, paid, accept_language=asked)
    assert answer.status == 200
    assert answer.headers["Content-Language"] == language
    assert "Accept-Language" in answer.headers["Vary"]
    assert ("영수증" if language == "ko" else "Receipt") in text_of(answer.body)


def test_before_a_payment_there_is_none(app, minji):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=minji)
    answer = receipt_of(app, order)
    assert answer.is_problem(409, "nothing_paid")
    assert answer["detail"] == "Nothing of this order has been paid yet, so there is no receipt."


def test_somebody_elses_order_is_as_none(stranger, nobody, paid):
    theirs, none = receipt_of(stranger, paid), stranger.get("/orders/BD-00000-00000/receipt")
    assert theirs.is_problem(404, "not_found")
    assert theirs.body == none.body
    assert receipt_of(nobody, paid).is_problem(401, "not_authenticated")


def test_it_asks_the_same_number_of_statements_however_much_was_paid(minji, paid, django_assert_num_queries):
    """The token, whose order it is, and the five of `receipt_of`."""
    app = app_of(minji)
    with django_assert_num_queries(7):
        assert receipt_of(app, paid).status == 200
    large = factories.order_at(State.DELIVERY_PAID, owner=minji, items=20)
    quote = large.quotes.get()
    for number in range(3, 21):
        invoice = Invoice.objects.create(
            order=large, kind="adjustment", number=number, quote=quote, status="paid", amount_krw=1, amount_usd_cents=1
        )
        InvoiceLine.objects.create(invoice=invoice, position=1, kind="difference", amount_krw=1, amount_usd_cents=1)
    with django_assert_num_queries(7):
        assert receipt_of(app, large).status == 200


def test_the_document_says_that_it_is_a_pdf(client):
    operation = client.get("/api/v1/openapi.json").json()["paths"]["/api/v1/orders/{number}/receipt"]["get"]
    assert operation["responses"]["200"]["content"] == {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}

"""Checkout Sessions through the real SDK: created, read, listed, expired, and refused as the real API refuses."""

import sqlite3
import time

import pytest
import stripe

from integrations.sandbox.testing import Sandbox, wait_until
from integrations.sandbox.tests.builders import create, kinds, line
from integrations.sandbox.tests.conftest import stripe_client


def refused(client: stripe.StripeClient, **more: object) -> tuple[str | None, str | None]:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        create(client, **more)
    assert caught.value.http_status == 400
    return caught.value.code, caught.value.param


def test_create_answers_an_open_session_and_nothing_is_paid(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client, line_items=[line(cents=2051, quantity=2), line("Fee", cents=205)], locale="ko")

    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_total, session.currency, session.locale) == (4307, "usd", "ko")
    assert session.url == f"{sandbox.url}/pay/{session.id}"
    assert session.metadata.to_dict() == {"attempt": "7", "order": "BD-7K2MQ-X81PD"}
    assert session.expires_at - session.created == 24 * 3600
    assert session.customer_details.email == "minji@example.com"
    assert sandbox.books()["payment_intents"] == []
    assert sandbox.books()["events"] == []


def test_line_items_are_shown_when_expanded_and_listed_in_pages(client: stripe.StripeClient) -> None:
    session = create(client, line_items=[line(f"item {number}", cents=100) for number in range(12)])

    assert "line_items" not in session
    expanded = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert [item.description for item in expanded.line_items.data][:2] == ["item 0", "item 1"]
    assert expanded.line_items.has_more is True
    page = client.v1.checkout.sessions.line_items.list(session.id, {"limit": 5})
    assert [item.description for item in page.auto_paging_iter()] == [f"item {number}" for number in range(12)]


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"line_items": [{**line(), "colour": "red"}]}, "parameter_unknown", "line_items[0][colour]"),
        ({"line_items": [{"quantity": 1, "price_data": {"unit_amount": 100}}]}, "parameter_missing", "line_items[0][price_data][currency]"),
        ({"line_items": [{"price_data": line()["price_data"]}]}, "parameter_missing", "line_items[0][quantity]"),
        ({"line_items": None}, "parameter_missing", "line_items"),
        ({"mode": None}, "parameter_missing", "mode"),
        ({"success_url": None}, "parameter_missing", "success_url"),
        ({"success_url": "shop.example/done"}, "url_invalid", "success_url"),
        ({"customer_email": "nobody"}, "email_invalid", "customer_email"),
        ({"customer_email": ""}, "parameter_invalid_empty", "customer_email"),
        ({"mode": "gift"}, None, "mode"),
        ({"ui_mode": "hosted"}, None, "ui_mode"),
        ({"client_reference_id": "x" * 201}, None, "client_reference_id"),
        ({"line_items": [line(cents=49)]}, "amount_too_small", None),
        ({"line_items": [line(cents=100_000_000)]}, "amount_too_large", None),
        ({"line_items": [line(cents=-1)]}, "parameter_invalid_integer", "line_items[0][price_data][unit_amount]"),
        ({"line_items": [line(quantity=0)]}, "parameter_invalid_integer", "line_items[0][quantity]"),
        ({"line_items": [line(), line(currency="krw")]}, None, "line_items"),
        ({"line_items": [line(currency="USD")]}, None, "line_items[0][price_data][currency]"),
        ({"line_items": [{"price": "price_1", "quantity": 1}]}, "resource_missing", "line_items[0][price]"),
        ({"line_items": [line(cents=100)] * 101}, None, "line_items"),
        ({"metadata": {str(number): "x" for number in range(51)}}, None, "metadata"),
        ({"metadata": {"k" * 41: "x"}}, None, "metadata"),
        ({"metadata": {"k": "x" * 501}}, None, "metadata[k]"),
        ({"payment_intent_data": {"statement_descriptor": "SHOP"}}, None, "payment_intent_data[statement_descriptor]"),
        ({"expires_at": int(time.time()) + 60}, None, "expires_at"),
        ({"expires_at": int(time.time()) + 25 * 3600}, None, "expires_at"),
        ({"expires_at": "tomorrow"}, "parameter_invalid_integer", "expires_at"),
        ({"expand": ["customer.default_source"]}, None, "expand"),
    ],
)
def test_wrong_parameters_are_refused_and_nothing_is_made(
    client: stripe.StripeClient, sandbox: Sandbox, more: dict[str, object], code: str | None, param: str | None
) -> None:
    assert refused(client, **more) == (code, param)
    assert sandbox.books()["sessions"] == []


@pytest.mark.parametrize("cents", [50, 99_999_999])
def test_the_smallest_and_the_largest_amount_pass(client: stripe.StripeClient, cents: int) -> None:
    assert create(client, line_items=[line(cents=cents)]).amount_total == cents


def test_a_hundred_lines_and_the_limits_of_metadata_pass(client: stripe.StripeClient) -> None:
    metadata = {f"{number:040}": "값" * 500 for number in range(50)}
    session = create(client, line_items=[line(cents=100)] * 100, metadata=metadata)
    assert (session.amount_total, len(session.metadata.to_dict())) == (10_000, 50)


def test_won_has_no_cents(client: stripe.StripeClient) -> None:
    assert create(client, line_items=[line(cents=25_000, currency="krw")]).amount_total == 25_000
    assert refused(client, line_items=[line(cents=749, currency="krw")]) == ("amount_too_small", None)


def test_a_wrong_key_is_refused_without_showing_it(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.AuthenticationError) as caught:
        create(stripe_client(sandbox, key="sk_test_somebody_elses_key"))
    assert caught.value.http_status == 401
    assert "somebody_elses" not in str(caught.value)


def test_another_api_version_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        client.v1.checkout.sessions.list({}, {"stripe_version": "2023-08-16"})


def test_unknown_things_are_404(client: stripe.StripeClient) -> None:
    for ask in (
        client.v1.checkout.sessions,
        client.v1.payment_intents,
        client.v1.charges,
        client.v1.refunds,
        client.v1.disputes,
        client.v1.events,
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            ask.retrieve("none")  # type: ignore[attr-defined]
        assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


def test_expire_closes_an_open_session_once(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)

    expired = client.v1.checkout.sessions.expire(session.id)

    assert (expired.status, expired.payment_status, expired.url) == ("expired", "unpaid", None)
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        client.v1.checkout.sessions.expire(session.id)
    assert kinds(sandbox.books()["events"]) == ["checkout.session.expired"]


def test_a_paid_session_cannot_be_expired(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    sandbox.pay(session.id)
    with pytest.raises(stripe.InvalidRequestError, match="status of `complete`"):
        client.v1.checkout.sessions.expire(session.id)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_session_expires_by_its_time(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client, expires_at=int(time.time()) + 1801)
    make_it_late(sandbox, session.id)

    wait_until(lambda: "checkout.session.expired" in kinds(sandbox.books()["events"]))
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"


def make_it_late(sandbox: Sandbox, session_id: str) -> None:
    """Only time can do this in life, so the test reaches into the books: they are SQLite and may be written from outside."""
    with sqlite3.connect(sandbox.books_path, timeout=5) as connection:
        late = "UPDATE documents SET body = json_set(body, '$.expires_at', 1) WHERE kind = 'checkout.session' AND id = ?"
        assert connection.execute(late, (session_id,)).rowcount == 1
    connection.close()


def test_lists_page_through_newest_first_and_filter(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    made = [create(client, customer_email=f"c{number}@example.com") for number in range(7)]
    sandbox.pay(made[3].id)
    client.v1.checkout.sessions.expire(made[1].id)
    ids = [session.id for session in made]
    sessions = client.v1.checkout.sessions

    page = sessions.list({"limit": 3})
    assert ([item.id for item in page.data], page.has_more) == ([ids[6], ids[5], ids[4]], True)
    assert [item.id for item in sessions.list({"limit": 3}).auto_paging_iter()] == ids[::-1]
    back = sessions.list({"limit": 2, "ending_before": ids[2]})
    assert ([item.id for item in back.data], back.has_more) == ([ids[4], ids[3]], True)
    assert [item.id for item in sessions.list({"status": "complete"}).data] == [ids[3]]
    assert [item.id for item in sessions.list({"status": "expired"}).data] == [ids[1]]
    paid = sessions.retrieve(ids[3])
    assert [item.id for item in sessions.list({"payment_intent": paid.payment_intent}).data] == [ids[3]]
    assert [item.id for item in sessions.list({"customer_details": {"email": "c6@example.com"}}).data] == [ids[6]]
    now = int(time.time())
    assert len(sessions.list({"created": {"gte": now - 100}}).data) == 7
    assert sessions.list({"created": {"gte": now + 100}}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        sessions.list({"limit": 101})
    with pytest.raises(stripe.InvalidRequestError):
        sessions.list({"starting_after": "cs_test_unknown"})

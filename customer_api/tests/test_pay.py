"""The pay page: what it shows, where it leads, and that looking starts nothing."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from core.outbox.models import Effect
from customer_api.tests.test_checkout import open_session
from workflow.models import Attempt, Order, OrderEvent, PayLink
from workflow.process import State
from workflow.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def alex(db):
    return factories.customer(locale="en")


def link_of(order: Order, kind: str = "items") -> str:
    return f"/pay/{PayLink.objects.get(order=order, kind=kind).token}"


def press(browser: Client, path: str):
    """Press the page's button, as a browser does."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(path).content.decode())[1]
    return browser.post(path, {"csrfmiddlewaretoken": token})


def text(response) -> str:
    body = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", body)


def rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Attempt, Effect, OrderEvent))


def test_the_page_shows_what_is_paid_and_not_where_it_goes(browser, alex):
    # Given
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex)
    order.items.filter(position=1).update(name="<b>Socks</b>")
    before = rows()
    # When
    response = browser.get(link_of(order))
    # Then
    shown = text(response)
    assert response.status_code == 200
    assert "Payment for your items" in shown
    assert "&lt;b&gt;Socks&lt;/b&gt; $7.14 ₩10,000" in shown
    assert "Item 2 × 2 $28.57 ₩40,000" in shown
    assert "Service fee 4% $1.43 ₩2,000" in shown
    assert "Total $37.14 ₩52,000" in shown
    assert "Pay $37.14" in shown
    for secret in ("Amphitheatre", "Kim Minji", "94043", alex.email, "naver.com"):
        assert secret not in response.content.decode()
    assert rows() == before


def test_the_page_is_shut_tight(browser, alex):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex)
    for path in (link_of(order), "/pay/" + "0" * 32):
        response = browser.get(path)
        policy = response["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert "script-src" not in policy
        assert "form-action 'self' https://checkout.stripe.com http://127.0.0.1:" in policy
        assert "frame-ancestors 'none'" in policy
        assert (response["Cache-Control"], response["X-Frame-Options"]) == ("no-store", "DENY")
        assert (response["Referrer-Policy"], response["X-Robots-Tag"]) == ("same-origin", "noindex, nofollow")
        assert b"<script" not in response.content
        assert b"style=" not in response.content


@pytest.mark.parametrize("token", ["0" * 32, "x", "%00", "%EA%B0%80", "'%20or%201=1--"])
def test_unknown_links_are_not_found(browser, db, token):
    assert browser.get(f"/pay/{token}").status_code == 404
    assert browser.get(f"/pay/{token}/wait").status_code == 404


def test_the_button_goes_to_the_open_session(browser, alex):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex)
    attempt = open_session(order)
    response = press(browser, link_of(order))
    assert (response.status_code, response["Location"]) == (303, attempt.url)


def test_without_a_session_the_page_waits_for_the_job(browser, alex, sandbox, jobs):
    # Given
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex)
    Effect.objects.update(done_at=now())
    jobs.clear()
    # When
    response = press(browser, link_of(order))
    # Then
    assert (response.status_code, response["Location"]) == (303, f"{link_of(order)}/wait")
    waiting = browser.get(response["Location"])
    assert f'<meta http-equiv="refresh" content="1; url={link_of(order)}/wait?n=1">' in waiting.content.decode()
    assert "One moment" in text(waiting)
    assert Effect.objects.filter(done_at=None).count() == 1
    late = browser.get(f"{response['Location']}?n=30")
    assert 'content="5; url=' in late.content.decode()
    assert "This takes longer than usual." in text(late)
    assert browser.get(f"{response['Location']}?n=-1%00x").status_code == 200
    # When the job has opened it
    jobs.run(only="outbox")
    there = browser.get(response["Location"])
    assert there.status_code == 303
    assert there["Location"] == Attempt.objects.get().url
    assert press(browser, link_of(order))["Location"] == there["Location"]


def test_a_press_without_the_csrf_token_does_nothing(browser, alex):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex)
    before = rows()
    assert browser.post(link_of(order)).status_code == 403
    assert rows() == before


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(browser, alex, method):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex)
    assert getattr(browser, method)(link_of(order)).status_code == 405


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (State.QUOTE_EXPIRED, "This quote has run out."),
        (State.ITEMS_PAID, "This is paid. Thank you!"),
        (State.SHIPPED, "This is paid. Thank you!"),
    ],
)
def test_the_page_says_what_became_of_it(browser, alex, state, says):
    order = factories.order_at(state, owner=alex)
    response = browser.get(link_of(order))
    assert says in text(response)
    assert b"<button" not in response.content
    # and neither an old tab's button nor the waiting page leads anywhere
    other = Client()
    assert other.post(link_of(order))["Location"] == link_of(order)
    assert browser.get(f"{link_of(order)}/wait")["Location"] == link_of(order)


def test_one_link_for_all_versions_of_the_quote(browser, alex):
    order = factories.order_at(State.QUOTE_EXPIRED, owner=alex)
    link = link_of(order)
    from workflow.transitions import By, perform

    perform(order.pk, Order.renew_quote, by=By.customer(alex))
    assert "This bill was withdrawn." in text(browser.get(link))
    order.items.update(price_krw=20_000)
    perform(order.pk, Order.confirm_item_prices, by=factories.by("buyer"))
    assert link_of(order) == link
    assert "Total" in text(browser.get(link))
    assert "$44.57" in text(browser.get(link))


def test_back_from_stripe_the_page_looks_again_until_the_payment_is_there(browser, alex):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex)
    back = f"{link_of(order)}?done=1"
    waiting = browser.get(back)
    assert b'http-equiv="refresh"' in waiting.content
    assert b"<button" not in waiting.content
    factories.pay(order, "items")
    paid = browser.get(back)
    assert b"http-equiv" not in paid.content
    assert "This is paid." in text(paid)


def test_a_payment_in_process_is_not_asked_for_again(browser, alex):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex)
    open_session(order, processing=True)
    response = browser.get(link_of(order))
    assert "Your payment is being processed." in text(response)
    assert b"<button" not in response.content
    assert Client().post(link_of(order))["Location"] == link_of(order)


def test_the_page_speaks_the_customers_language(browser, minji):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=minji)
    response = browser.get(link_of(order), headers={"accept-language": "en"})
    assert b'<html lang="ko">' in response.content


def test_a_delivery_payment_has_its_own_link(browser, alex):
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT, owner=alex)
    assert link_of(order, "delivery") != link_of(order)
    shown = text(browser.get(link_of(order, "delivery")))
    assert "Payment for delivery" in shown
    assert "International delivery $21.43 ₩30,000 Card fee 4% $0.86 ₩1,200 Total $22.29 ₩31,200" in shown


def test_a_fixed_number_of_statements(browser, alex, django_assert_num_queries):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex, items=10)
    link = link_of(order)
    with django_assert_num_queries(7):
        browser.get(link)


def test_the_deadline_is_shown_in_korean_time(browser, alex):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=alex)
    order.invoices.update(pay_by=now().replace(year=2026, month=12, day=1, hour=15, minute=30) + timedelta(0))
    assert "Please pay by 2026-12-02 00:30 KST." in text(browser.get(link_of(order)))

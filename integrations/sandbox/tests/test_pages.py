"""The pages for people: what they show, what their buttons do, and that nothing sent to them can run."""

import re

import pytest
import requests
import stripe

from integrations.sandbox.testing import Sandbox
from integrations.sandbox.tests.builders import CANCEL_URL, create, line
from integrations.sandbox.tests.test_messages import mail, send

NASTY = "<script>alert(1)</script>"


def page(sandbox: Sandbox, path: str, **headers: str) -> str:
    answer = requests.get(sandbox.url + path, headers=headers, timeout=5)
    assert answer.status_code == 200
    assert "Sandbox - no real money" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert NASTY not in answer.text
    return answer.text


def press(sandbox: Sandbox, path: str, **form: str) -> str:
    answer = requests.post(sandbox.url + path, data=form, allow_redirects=False, timeout=5)
    assert answer.status_code == 303
    return answer.headers["Location"]


def test_the_index_shows_what_is_going_on(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    page(sandbox, "/")
    session = create(client, client_reference_id=NASTY)
    send(sandbox, mail())
    sandbox.move_parcel("fedex", "986578788855", "customs")
    shown = page(sandbox, "/")
    assert f'href="/pay/{session.id}"' in shown
    assert "$91.98" in shown
    assert "결제 링크 안내" in shown
    assert "986578788855" in shown


def test_the_pay_page_shows_lines_and_total_and_pays(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client, line_items=[line(NASTY, cents=2051, quantity=2), line("Fee", cents=205)])
    shown = page(sandbox, f"/pay/{session.id}")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    for text in ("$41.02", "Qty 2 × $20.51", "$2.05", "Pay $43.07", f'href="{CANCEL_URL}"'):
        assert text in shown

    to = press(sandbox, f"/pay/{session.id}/pay")

    assert to == f"http://127.0.0.1:8000/pay/done?session={session.id}"
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert "Paid. Thank you!" in page(sandbox, f"/pay/{session.id}")
    press(sandbox, f"/pay/{session.id}/pay")
    assert len(sandbox.books()["charges"]) == 1


def test_the_pay_page_speaks_the_sessions_language(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    korean = create(client, locale="ko", line_items=[line(cents=25_000, currency="krw")])
    assert "결제하기 ₩25,000" in page(sandbox, f"/pay/{korean.id}")
    by_browser = create(client)
    assert "결제하기" in page(sandbox, f"/pay/{by_browser.id}", **{"Accept-Language": "ko-KR,ko;q=0.9"})


def test_a_declined_card_leaves_the_page_payable(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    assert press(sandbox, f"/pay/{session.id}/decline") == f"/pay/{session.id}"
    assert "The card was declined" in page(sandbox, f"/pay/{session.id}")
    declined = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (declined.status, declined.payment_intent.status) == ("open", "requires_payment_method")

    press(sandbox, f"/pay/{session.id}/pay")
    charges = client.v1.charges.list({"payment_intent": declined.payment_intent.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


@pytest.mark.parametrize(("button", "words", "status"), [("settle", "Paid. Thank you!", "paid"), ("fail", "The transfer failed", "unpaid")])
def test_paying_later(client: stripe.StripeClient, sandbox: Sandbox, button: str, words: str, status: str) -> None:
    session = create(client)
    assert press(sandbox, f"/pay/{session.id}/later").endswith(session.id)
    assert "The bank is working on it" in page(sandbox, f"/pay/{session.id}")
    press(sandbox, f"/pay/{session.id}/{button}")
    assert words in page(sandbox, f"/pay/{session.id}")
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == status


def test_an_expired_page_says_so_and_reading_it_changes_nothing(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    session = create(client)
    for _ in range(3):
        page(sandbox, f"/pay/{session.id}")
        requests.get(f"{sandbox.url}/pay/{session.id}/pay", timeout=5)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    sandbox.expire(session.id)
    assert "This page has expired" in page(sandbox, f"/pay/{session.id}")
    assert requests.get(f"{sandbox.url}/pay/cs_test_none", timeout=5).status_code == 404


def test_the_inbox_keeps_an_html_mail_in_a_frame_that_runs_nothing(sandbox: Sandbox) -> None:
    page(sandbox, "/inbox")
    send(sandbox, mail(html=f"<p>hello</p>{NASTY}<a href='http://127.0.0.1:8000/pay/abc'>pay</a>"))
    shown = page(sandbox, "/inbox")
    frame = re.search(r'<iframe[^>]* src="(/inbox/[^"]+/html)"[^>]*>', shown)
    assert frame is not None
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame.group()
    assert '<a href="http://127.0.0.1:8000/pay/abc" target="_blank"' in shown
    body = requests.get(sandbox.url + frame.group(1), timeout=5)
    policy = body.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy


def test_parcels_are_moved_by_form(sandbox: Sandbox) -> None:
    page(sandbox, "/parcels")
    assert press(sandbox, "/parcels", courier="ems", number="eg123456785kr", status="Picked up") == "/parcels#ems%3AEG123456785KR"
    press(sandbox, "/parcels", courier="ems", number="EG123456785KR", status="delivered")
    shown = page(sandbox, "/parcels")
    assert '<span class="tag good">Delivered</span>' in shown
    (parcel,) = sandbox.get("parcels")["items"]
    assert [scan["status"] for scan in parcel["scans"]] == ["picked_up", "delivered"]


def test_a_wrong_number_is_explained_and_kept_in_the_field(sandbox: Sandbox) -> None:
    answer = requests.post(f"{sandbox.url}/parcels", data={"courier": "fedex", "number": NASTY, "status": "picked_up"}, timeout=5)
    assert answer.status_code == 400
    assert "check digit is wrong" in answer.text
    assert NASTY not in answer.text


def test_unknown_addresses_are_answered(sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.url}/nowhere", timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    wrong = requests.get(f"{sandbox.stripe_url}/v1/customers", timeout=5)
    assert (wrong.status_code, wrong.json()["error"]["type"]) == (404, "invalid_request_error")

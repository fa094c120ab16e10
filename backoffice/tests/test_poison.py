"""Whatever a customer writes is text on every page: never markup, never a script, never a link that is not a plain web address."""

import re

import pytest
from django.utils.timezone import now

from backoffice.tests.conftest import page_url
from core.notices.models import Notice
from workflow.models import Attempt, Dispute, Item, LedgerEntry, Order, Refund, StaffTask, StripeEvent, TrackingEvent
from workflow.process import Role, State
from workflow.tests.factories import by, order_at, reload
from workflow.transitions import ask_customer, hold

pytestmark = pytest.mark.django_db

POISON = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "{{ 7|add:7 }}{% debug %}",
    "</textarea><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "javascript:alert(1)",
    "\u202egnp.exe",
)
BAD_ADDRESSES = (
    "javascript:alert(document.cookie)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example.com/x",
    "https://coupang.com@evil.kr/",
    "http://127.0.0.1/admin/",
    "file:///etc/passwd",
)


@pytest.fixture
def poisoned(db) -> Order:
    """An order whose every text is poison, written past the checks at the door."""
    order = order_at(State.SHIPPED, items=len(POISON))
    words = "".join(POISON)
    hold(order.pk, reason=words[:200], by=by(Role.SUPPORT))
    ask_customer(order.pk, question=words, by=by(Role.BUYER))
    Order.objects.filter(pk=order.pk).update(
        note=words, recipient_name=POISON[0][:80], recipient_phone=POISON[6][:20], line1=POISON[1], line2=POISON[2],
        city=POISON[3], region=POISON[2], postal_code="<b>94043",
    )  # fmt: skip
    for item, poison in zip(order.items.all(), POISON, strict=True):
        Item.objects.filter(pk=item.pk).update(
            name=poison, options=poison, note=poison, screening_note=poison, shop_order_number=poison[:60]
        )
    order.customer.nickname = POISON[1][:40]
    order.customer.save()
    StaffTask.objects.create(key="t", kind="k", order=order, text=words)
    Notice.objects.create(key="n", kind="k", channel="email", recipient=POISON[0], locale="ko", subject=words[:200], text=words, html=words)
    return reload(order)


def poison_money(order: Order) -> list[str]:
    """Rows of money with poison in everything that a customer, a bank or Stripe could have written; the pages that show them."""
    words, invoice = "".join(POISON), order.invoices.first()
    entry = LedgerEntry.objects.create(
        order=order, invoice=invoice, kind="unapplied", amount_cents=900_000, source="stripe", reference=POISON[0], note=words,
        payment_intent_id=POISON[1],
    )  # fmt: skip
    StaffTask.objects.create(key=f"unapplied:{POISON[0]}", kind="unapplied_money", order=order, text=words)
    refund = Refund.objects.create(
        order=order, invoice=invoice, payment=entry, payment_intent_id=POISON[1], amount_usd_cents=1, reason="late", note=words[:300],
        status="failed", key=POISON[2], stripe_id=POISON[4], last_error=words[:300],
    )  # fmt: skip
    dispute = Dispute.objects.create(
        stripe_id=POISON[0], order=order, payment=entry, payment_intent_id=POISON[1], amount_cents=1, currency="<b>", reason=POISON[1],
        status=POISON[0][:30],
    )  # fmt: skip
    event = StripeEvent.objects.create(event_id=POISON[0], type=POISON[1], payload={"a": words}, settled_at=now(), outcome=words[:200])
    attempt = invoice.attempts.first()
    Attempt.objects.filter(pk=attempt.pk).update(last_error=words[:300], session_id=POISON[0], payment_intent_id=POISON[1])
    parcel = order.parcels.first()
    TrackingEvent.objects.create(parcel=parcel, at=now(), status="exception", text=words[:200], place=POISON[1])
    Notice.objects.create(key=f"{order.subject}:1:ship", kind="ship", channel="sms", recipient=POISON[0], locale="ko", text=words)
    rows = {"refund": refund, "dispute": dispute, "stripeevent": event, "attempt": attempt, "invoice": invoice, "ledgerentry": entry}
    return [
        "/admin/unapplied/",
        f"/admin/workflow/refund/{refund.pk}/hand/",
        f"/admin/workflow/ledgerentry/?order={order.number}",
        "/admin/workflow/ledgerentry/?order=<script>alert(1)</script>",
        "/admin/workflow/ledgerentry/?q=<script>alert(1)</script>&kind=<svg/onload=alert(1)>",
        *(f"/admin/workflow/{name}/" for name in rows),
        *(f"/admin/workflow/{name}/{row.pk}/change/" for name, row in rows.items()),
    ]


def test_poison_is_inert_on_every_page(owner, poisoned):
    notice = Notice.objects.get(key="n")
    for url in (
        page_url(poisoned),
        f"/admin/workflow/order/{poisoned.pk}/do/cancel/",
        f"/admin/workflow/order/{poisoned.pk}/work/price_items/",
        f"/admin/workflow/order/{poisoned.pk}/work/screen_items/",
        f"/admin/workflow/order/{poisoned.pk}/work/label_parcels/",
        "/admin/workflow/order/",
        "/admin/workflow/stafftask/",
        "/admin/notices/notice/",
        f"/admin/notices/notice/{notice.pk}/change/",
        "/admin/accounts/user/",
        f"/admin/accounts/user/{poisoned.customer_id}/change/",
        "/admin/",
        *poison_money(poisoned),
    ):
        page = owner.get(url).content.decode()
        for token in ("<script>alert", "<img src=x", "<svg/onload", "<b>94043"):
            assert token not in page, (url, token)
        assert not re.search(r'href="\s*javascript:', page, re.IGNORECASE), url
        assert "{{ 7|add:7 }}" in page or "7|add:7" not in page, url


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_a_bad_address_is_text_and_no_link(owner, address):
    order = order_at(State.QUOTE_REQUESTED, items=1)
    Item.objects.filter(order=order).update(url=address)
    page = owner.get(page_url(order)).content.decode()
    assert not re.search(r'<a [^>]*href="[^"]*(javascript|data:|evil|127\.0\.0\.1|passwd|onmouseover)', page, re.IGNORECASE)
    assert "bo-shop__text" in page


def test_a_quote_in_an_address_does_not_end_its_link(owner):
    order = order_at(State.QUOTE_REQUESTED, items=1)
    Item.objects.filter(order=order).update(url='https://shop.kr/"onmouseover="alert(1)')
    assert 'href="https://shop.kr/&quot;onmouseover=&quot;alert(1)"' in owner.get(page_url(order)).content.decode()


def test_a_good_address_is_a_safe_link_with_its_whole_host(owner):
    order = order_at(State.QUOTE_REQUESTED, items=1)
    Item.objects.filter(order=order).update(url="https://a-very-long-sub.domain.of.smartstore.naver.com/x?q=1&b=<2>")
    page = owner.get(page_url(order)).content.decode()
    link = re.search(r'<a href="https://a-very[^>]*>.*?</a>', page, re.DOTALL).group()
    assert 'target="_blank"' in link
    assert 'rel="noopener noreferrer nofollow"' in link
    assert "<b>a-very-long-sub.domain.of.smartstore.naver.com</b>" in link
    assert "&lt;2&gt;" in link


def test_no_page_of_ours_carries_script_or_handlers_in_line():
    """A strict content security policy must be able to come later."""
    from pathlib import Path

    for template in (Path(__file__).parent.parent / "templates").rglob("*.html"):
        words = template.read_text()
        assert "<script" not in words, template
        assert not re.search(r"\son[a-z]+=", words), template
        assert " style=" not in words, template

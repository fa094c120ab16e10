"""Disputes: until when, and everything that an answer at Stripe needs on one page and in one text."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django.utils.translation import override

from backoffice.money import evidence, evidence_text
from core.notices.models import Notice
from workflow import transitions
from workflow.models import Dispute, LedgerEntry, Order, Parcel, Refund, TrackingEvent
from workflow.process import Role, State
from workflow.tests.factories import by, order_at

pytestmark = pytest.mark.django_db
LIST = "/admin/workflow/dispute/"


def dispute(order: Order | None, **fields) -> Dispute:
    payment = LedgerEntry.objects.filter(order=order, kind="capture").first() if order else None
    row = {"stripe_id": "dp_1", "reason": "product_not_received", "status": "needs_response", "amount_cents": 3714, **fields}
    return Dispute.objects.create(order=order, payment=payment, payment_intent_id=payment.payment_intent_id if payment else "pi_x", **row)


@pytest.fixture
def order(db) -> Order:
    """Delivered, of a customer with an order before, who was asked something on the way."""
    earlier = order_at(State.COMPLETED)
    order = order_at(State.SHIPPED, owner=earlier.customer)
    transitions.ask_customer(order.pk, question="Blue or red?", by=by(Role.BUYER))
    transitions.answer_question(order.pk, by=transitions.By.customer(order.customer))
    asked = order.events.get(name="ask")
    Notice.objects.create(
        key=f"{order.subject}:{asked.number}:ask", kind="ask", channel="email", recipient=order.customer.email, locale="en",
        subject="A question about your order", text="Blue or red?", status="sent", sent_at=now(),
    )  # fmt: skip
    Notice.objects.create(key=f"{order.subject}:9:staff_ship", kind="staff_ship", channel="email", recipient="us@x", locale="ko", text="t")
    Notice.objects.create(key=f"{order.subject}1:9:ship", kind="ship", channel="email", recipient="other@x", locale="ko", text="t")
    parcel = Parcel.objects.get(order=order)
    TrackingEvent.objects.create(parcel=parcel, at=now(), status="delivered", text="Left at front door", place="Mountain View")
    Parcel.objects.filter(pk=parcel.pk).update(status="delivered", delivered_at=now())
    Refund.objects.create(order=order, amount_usd_cents=500, reason="late", key="k", status="succeeded", stripe_id="re_1")
    return order


def test_the_list_is_narrowed_to_the_open_ones_and_a_near_end_is_red(owner, order):
    near = dispute(order, due_by=now() + timedelta(days=2))
    far = dispute(order, stripe_id="dp_2", due_by=now() + timedelta(days=6))
    over = dispute(order, stripe_id="dp_3", status="lost", closed_at=now(), due_by=now())
    page = owner.get(LIST)
    found = lambda **query: [row.pk for row in owner.get(LIST, query).context["cl"].result_list]  # noqa: E731
    assert found() == [over.pk, far.pk, near.pk]
    assert found(open="yes") == [far.pk, near.pk]
    assert found(open="no") == [over.pk]
    assert found(q="dp_2") == [far.pk]
    assert page.content.decode().count("bo-error--strong") == 1


def test_the_evidence_is_gathered_whole(order):
    found = evidence.gather(dispute(order))
    assert (found.earlier_orders, found.earlier_delivered) == (1, 1)
    assert [item.position for item in found.items] == [1, 2]
    assert [(event.name, words) for event, words in found.questions] == [("ask", "Blue or red?"), ("answer", "")]
    assert [notice.kind for notice in found.notices] == ["ask"], "not ours to staff, not of the order whose number begins alike"
    assert [str(invoice) for invoice, _lines in found.lines("en")] == ["Items #1", "Delivery #2"]


def test_the_text_is_english_whoever_copies_it(owner, order):
    row = dispute(order)
    with override("ko"):
        text = evidence_text.of(evidence.gather(row), lambda _what, text: text)
    for words in (
        "Dispute: dp_1 (product not received)",
        "Amount: $37.14",
        f"E-mail: {order.customer.email}",
        "Earlier orders: 1, of which delivered: 1",
        "2. Item 2 × 2 (shipped)",
        "Items #1: $37.14, issued ",
        "   Service fee 4%: $1.43",
        "We asked the customer",
        f"e-mail to {order.customer.email}: A question about your order",
        "delivered (Mountain View) Left at front door",
        "   DELIVERED ",
        "$5.00  we were too late, refunded  re_1",
    ):
        assert words in text, words
    assert text == owner.get(f"{LIST}{row.pk}/change/").context["text"]


def test_a_delivery_that_staff_recorded_says_its_proof(owner):
    shipped = order_at(State.SHIPPED)
    transitions.perform(
        shipped.pk, Order.record_delivery, by=by(Role.WAREHOUSE), delivered_at=now().isoformat(), proof="FedEx on the phone"
    )
    url = f"{LIST}{dispute(shipped).pk}/change/"
    assert "Delivery recorded by hand, proof: FedEx on the phone" in owner.get(url).context["text"]
    assert "<bdi>FedEx on the phone</bdi>" in owner.get(url).content.decode()


def test_the_page_leads_to_stripe_in_the_mode_of_our_key(owner, order, settings):
    url = f"{LIST}{dispute(order).pk}/change/"
    assert 'href="https://dashboard.stripe.com/test/disputes/dp_1"' in owner.get(url).content.decode()
    settings.STRIPE_LIVE = True
    assert 'href="https://dashboard.stripe.com/disputes/dp_1"' in owner.get(url).content.decode()


def test_a_dispute_of_no_order_has_a_page(owner):
    row = dispute(None)
    page = owner.get(f"{LIST}{row.pk}/change/")
    assert (page.status_code, page.context["found"].order) == (200, None)


def test_the_page_costs_the_same_however_much_belongs_to_the_order(owner, order):
    def statements(row: Dispute) -> int:
        owner.get(f"{LIST}{row.pk}/change/")
        with CaptureQueriesContext(connection) as queries:
            owner.get(f"{LIST}{row.pk}/change/")
        return len(queries)

    small, large = dispute(order), dispute(order_at(State.SHIPPED, items=9), stripe_id="dp_2")
    for number in range(8):
        Refund.objects.create(order=large.order, amount_usd_cents=1, reason="late", key=f"x{number}", status="sent")
        Notice.objects.create(
            key=f"{large.order.subject}:{number}:ship", kind="ship", channel="email", recipient="a@x", locale="ko", text="t"
        )
    assert statements(small) == statements(large) <= 26


def test_only_finance_and_the_owner_see_disputes(sign_in, order):
    url = f"{LIST}{dispute(order).pk}/change/"
    assert {role: sign_in(role).get(url).status_code for role in Role} == {
        **dict.fromkeys(Role, 403),
        Role.OWNER: 200,
        Role.FINANCE: 200,
    }

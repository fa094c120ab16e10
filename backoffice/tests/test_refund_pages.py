"""Refunds: who may decide what, what a refusal leaves alone, and the report of the reasons."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from backoffice.money import refund_report
from backoffice.tests.conftest import said
from workflow import refunds
from workflow.models import LedgerEntry, Order, Refund
from workflow.process import Role, State
from workflow.tests.factories import approve, confirm_prices, new_order, order_at, reload
from workflow.transitions import By, perform

pytestmark = pytest.mark.django_db
LIST = "/admin/workflow/refund/"


def url(refund: Refund, name: str) -> str:
    return f"{LIST}{refund.pk}/{name}/"


def proposed(by_user, monkeypatch) -> Refund:
    """A refund of one line that waits for a second person."""
    monkeypatch.setattr(refunds, "SECOND_PERSON_ABOVE_CENTS", 0)
    order = order_at(State.ITEMS_PURCHASED)
    line = order.invoices.get(kind="items").lines.first()
    refunds.refund_lines(order.pk, lines={line.pk: 500}, reason="damaged", by=By.staff(by_user), note="torn")
    return Refund.objects.get(order=order)


def failed(order: Order | None = None) -> Refund:
    order = order or order_at(State.ITEMS_PAID)
    payment = LedgerEntry.objects.get(order=order, kind="capture")
    return Refund.objects.create(
        order=order, invoice=payment.invoice, payment=payment, payment_intent_id=payment.payment_intent_id, amount_usd_cents=700,
        reason="late", status="failed", key=f"{order.number}:refund:1", stripe_id="re_1", last_error="expired_or_canceled_card",
    )  # fmt: skip


def for_hands(finance) -> Refund:
    """Of a payment that finance recorded by hand: there is no card to send it to."""
    order = new_order()
    approve(reload(order))
    confirm_prices(reload(order))
    perform(order.pk, Order.record_item_payment, by=By.staff(finance), proof="bank")
    line = reload(order).invoices.get(kind="items").lines.first()
    refunds.refund_lines(order.pk, lines={line.pk: 300}, reason="late", by=By.staff(finance))
    return Refund.objects.get(order=order)


def buttons(client, refund: Refund) -> list[str]:
    return [made.name for made in client.get(f"{LIST}{refund.pk}/change/").context["offered"]]


# --- Whose buttons --------------------------------------------------------------------------------------------------------


def test_the_proposer_reads_why_not_and_the_second_person_has_buttons(sign_in, monkeypatch):
    first, second = sign_in(Role.FINANCE), sign_in(Role.FINANCE)
    refund = proposed(first.user, monkeypatch)

    for page in (first.get(LIST), first.get(url(refund, "change"))):
        assert "You proposed it: somebody else decides." in page.content.decode()
        assert url(refund, "approve") not in page.content.decode()
    assert (buttons(first, refund), buttons(second, refund)) == ([], ["approve", "decline"])


def test_what_can_be_done_follows_the_state(owner, sign_in):
    finance = sign_in(Role.FINANCE)
    sent = Refund.objects.create(amount_usd_cents=1, reason="late", key="s", status="sent")
    assert buttons(owner, failed()) == ["decline", "again", "hand"]
    assert buttons(owner, for_hands(finance.user)) == ["hand"]
    assert buttons(owner, sent) == []


def test_without_the_permission_every_button_is_403_and_nothing_changes(sign_in, monkeypatch):
    refund = proposed(sign_in(Role.SUPPORT).user, monkeypatch)
    for role in (Role.BUYER, Role.SUPPORT, Role.WAREHOUSE):
        client = sign_in(role)
        for name in ("approve", "decline", "again", "hand"):
            assert client.post(url(refund, name), {"reason": "x", "proof": "x"}).status_code == 403, (role, name)
    assert Refund.objects.get(pk=refund.pk).status == "proposed"


def test_looking_at_a_dialog_changes_nothing_and_the_one_click_buttons_only_take_a_post(owner, monkeypatch, sign_in):
    refund = proposed(sign_in(Role.SUPPORT).user, monkeypatch)
    assert owner.get(url(refund, "decline")).status_code == 200
    assert [owner.get(url(refund, name)).status_code for name in ("approve", "again")] == [405, 405]
    assert Refund.objects.get(pk=refund.pk).status == "proposed"


# --- Deciding -------------------------------------------------------------------------------------------------------------


def test_a_refund_is_declined_with_a_reason(owner, sign_in, monkeypatch):
    refund = proposed(sign_in(Role.SUPPORT).user, monkeypatch)
    empty = owner.post(url(refund, "decline"), {"reason": " "})
    assert (empty.status_code, Refund.objects.get(pk=refund.pk).status) == (422, "proposed")

    answer = owner.post(url(refund, "decline"), {"reason": "It arrived whole.", "next": f"{LIST}?status=waiting"})
    refund.refresh_from_db()
    assert answer.url == f"{LIST}?status=waiting"
    assert (refund.status, refund.note, refund.approved_by) == ("declined", "It arrived whole.", owner.user)
    assert refund.order.events.filter(name="refund_declined").count() == 1


def test_the_proposer_cannot_decline_either_and_keeps_what_was_typed(sign_in, monkeypatch):
    first = sign_in(Role.FINANCE)
    refund = proposed(first.user, monkeypatch)
    answer = first.post(url(refund, "decline"), {"reason": "my words"})
    assert "A second person of finance, or the owner, must approve this refund." in answer.content.decode()
    assert "my words" in answer.content.decode()
    assert Refund.objects.get(pk=refund.pk).status == "proposed"


def test_a_failed_refund_is_sent_again_once(owner):
    refund = failed()
    assert said(owner.post(url(refund, "again"), follow=True)) == ["The refund is sent again."]
    again = Refund.objects.get(retry_of=refund)
    assert (again.status, again.amount_usd_cents, again.stripe_id) == ("approved", 700, None)

    assert said(owner.post(url(refund, "again"), follow=True)) == ["This refund is “failed, sent again” by now."]
    assert Refund.objects.count() == 2


def test_given_by_hand_is_booked_with_its_proof(owner, sign_in):
    refund = for_hands(sign_in(Role.FINANCE).user)
    owner.post(url(refund, "hand"), {"proof": "Shinhan 8812, 24 Nov"})
    entry = LedgerEntry.objects.get(kind="refund")
    assert (entry.amount_cents, entry.source, entry.reference, entry.note) == (-300, "manual", refund.key, "Shinhan 8812, 24 Nov")
    assert Refund.objects.get(pk=refund.pk).status == "by_hand"


def test_the_page_says_what_goes_back_who_decided_and_what_was_booked(owner, sign_in, monkeypatch):
    refund = proposed(sign_in(Role.SUPPORT).user, monkeypatch)
    owner.post(url(refund, "approve"))
    page = owner.get(url(refund, "change"))
    ((title, line),) = page.context["lines"]
    assert (title, line.amount_usd_cents) == ("Item 1", 500)
    assert [event.event.name for event in page.context["events"]] == ["refund_approved", "refund"]
    assert "torn" in page.content.decode()


# --- Lists ----------------------------------------------------------------------------------------------------------------


def found(client, **query) -> list[int]:
    return [refund.pk for refund in client.get(LIST, query).context["cl"].result_list]


def test_filters_and_search(owner, sign_in, monkeypatch):
    waits, broken = proposed(sign_in(Role.SUPPORT).user, monkeypatch), failed()
    hands = Refund.objects.create(amount_usd_cents=1, reason="goodwill", key="h", status="approved")
    old = Refund.objects.create(amount_usd_cents=1, reason="goodwill", key="o", status="sent", created_at=now() - timedelta(days=500))
    assert found(owner, status="waiting") == [broken.pk, waits.pk]
    assert found(owner, status="hand") == [hands.pk]
    assert found(owner, status="sent") == [old.pk]
    assert found(owner, reason="goodwill") == [hands.pk]
    assert found(owner, q=broken.order.number.lower()) == found(owner, q="re_1") == [broken.pk]
    assert found(owner, q=broken.order.number[:-1]) == found(owner, q="%") == []


def test_the_report_counts_what_went_back_by_reason_in_one_statement(owner, django_assert_num_queries):
    last, this = refund_report.months()
    rows = [
        ("late", "succeeded", this, 100),
        ("late", "sent", this, 200),
        ("late", "failed", this, 400),
        ("late", "proposed", this, 800),
        ("damaged", "by_hand", last, 50),
        ("damaged", "succeeded", this, 25),
        ("missing", "succeeded", last - timedelta(days=1), 9),
    ]
    for number, (reason, status, at, cents) in enumerate(rows):
        Refund.objects.create(amount_usd_cents=cents, reason=reason, status=status, key=str(number), created_at=at)
    euros = LedgerEntry.objects.create(kind="unapplied", amount_cents=900, currency="eur", source="stripe", reference="pi_eur")
    Refund.objects.create(amount_usd_cents=900, payment=euros, reason="dashboard", status="sent", key="eur", created_at=this)
    with django_assert_num_queries(1):
        report = refund_report.rows()
    assert [(str(r.reason), r.this_count, r.this_cents, r.last_count, r.last_cents) for r in report] == [
        ("we were too late", 2, 300, 0, 0),
        ("damaged", 1, 25, 1, 50),
    ]
    assert "$3.25" in owner.get(f"{LIST}report/").content.decode()

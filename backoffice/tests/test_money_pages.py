"""Invoices, payments, Stripe's events: what they show, how they are narrowed, and that they cost the same whatever they hold."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django_q.models import OrmQ

from backoffice.tests.conftest import said
from workflow.models import Attempt, Dispute, Invoice, LedgerEntry, Order, Refund, StaffTask, StripeEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.factories import customer, order_at, reload
from workflow.transitions import By, perform

pytestmark = pytest.mark.django_db
INVOICES, ATTEMPTS, EVENTS = "/admin/workflow/invoice/", "/admin/workflow/attempt/", "/admin/workflow/stripeevent/"


def found(client, url: str, **query) -> list[int]:
    return [row.pk for row in client.get(url, query).context["cl"].result_list]


def statements(client, url: str) -> list[str]:
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in queries]


# --- Invoices -------------------------------------------------------------------------------------------------------------


def requoted() -> Order:
    """An order whose quote ran out and was made anew at another rate."""
    order = order_at(State.QUOTE_EXPIRED)
    factories.rate("1250.00")
    perform(order.pk, Order.renew_quote, by=By.customer(order.customer))
    factories.confirm_prices(reload(order))
    return reload(order)


def test_invoices_are_narrowed_by_status_and_kind_and_found_by_the_orders_number(owner):
    waiting, paid = order_at(State.AWAITING_ITEM_PAYMENT), order_at(State.AWAITING_DELIVERY_PAYMENT)
    items, delivery = paid.invoices.order_by("number")
    assert found(owner, INVOICES, status="open") == [delivery.pk, waiting.invoices.get().pk]
    assert found(owner, INVOICES, status="paid", kind="items") == [items.pk]
    assert found(owner, INVOICES, q=paid.number.lower()) == [delivery.pk, items.pk]
    assert found(owner, INVOICES, q=paid.number[:-1]) == found(owner, INVOICES, q="BD") == []


def test_the_page_of_an_invoice_says_what_changed_since_the_version_before(owner):
    order = requoted()
    first, second = order.invoices.order_by("number")
    context = owner.get(f"{INVOICES}{second.pk}/change/").context
    assert context["earlier"] == first
    # 10,000 and 2 x 20,000 won at 1,400, then at 1,250; 4 % of it
    assert [
        (change.title, change.before.amount_usd_cents, change.after.amount_usd_cents, change.cents) for change in context["changes"]
    ] == [
        ("Item 1", 714, 800, 86),
        ("Item 2 × 2", 2857, 3200, 343),
        ("Service fee 4%", 143, 160, 17),
    ]


def test_an_invoice_has_a_pay_link_while_it_is_open(owner):
    order = requoted()
    first, second = order.invoices.order_by("number")
    assert owner.get(f"{INVOICES}{second.pk}/change/").context["pay_url"].endswith(f"/pay/{order.pay_links.get().token}")
    assert owner.get(f"{INVOICES}{first.pk}/change/").context["pay_url"] == ""


def test_who_may_not_see_the_ledger_sees_an_invoice_without_it(sign_in):
    url = f"{INVOICES}{order_at(State.ITEMS_PAID).invoices.get().pk}/change/"
    assert sign_in(Role.BUYER).get(url).context["entries"] is None
    assert len(sign_in(Role.FINANCE).get(url).context["entries"]) == 1


# --- Payments -------------------------------------------------------------------------------------------------------------


def test_stuck_attempts_are_those_that_ought_to_be_over(owner):
    late = now() - timedelta(minutes=10)
    wanted = {
        "created": {"status": "created", "created_at": late},
        "closing": {"status": "closing", "closing_since": late},
        "ended": {"status": "open", "expires_at": late},
    }
    fine = (
        {"status": "created"},
        {"status": "closing", "closing_since": now()},
        {"status": "open", "expires_at": late, "processing": True},
    )
    stuck = [_attempt(**fields) for fields in wanted.values()]
    others = [_attempt(**fields) for fields in fine]
    assert found(owner, ATTEMPTS, status="stuck") == [attempt.pk for attempt in reversed(stuck)]
    assert found(owner, ATTEMPTS, status="process") == [others[2].pk]


def _attempt(**fields) -> Attempt:
    from workflow.payments import new_attempt

    order = order_at(State.AWAITING_ITEM_PAYMENT)
    attempt = order.invoices.get().attempts.first() or new_attempt(order.invoices.get())
    Attempt.objects.filter(pk=attempt.pk).update(**fields)
    return Attempt.objects.get(pk=attempt.pk)


def test_an_attempt_is_found_by_everything_that_names_it(owner):
    attempt = Attempt.objects.get(invoice__order=order_at(State.ITEMS_PAID))
    order_at(State.ITEMS_PAID)
    for term in (attempt.key, attempt.session_id, attempt.payment_intent_id, attempt.invoice.order.number):
        assert found(owner, ATTEMPTS, q=term) == [attempt.pk], term


# --- Events ---------------------------------------------------------------------------------------------------------------


def event(number: int, kind: str = "checkout.session.completed", **fields) -> StripeEvent:
    return StripeEvent.objects.create(event_id=f"evt_{number}", type=kind, payload={"id": f"evt_{number}"}, **fields)


def test_events_are_narrowed_by_what_became_of_them_and_by_type(owner):
    waiting = event(1)
    done = event(2, settled_at=now(), outcome="payment recorded")
    aside = event(3, "customer.created", settled_at=now(), outcome="kept aside: of another account")
    refund = event(4, "charge.refunded", settled_at=now(), outcome="refund succeeded")
    assert found(owner, EVENTS, settled="no") == [waiting.pk]
    assert found(owner, EVENTS, settled="yes") == [refund.pk, aside.pk, done.pk]
    assert found(owner, EVENTS, settled="aside") == found(owner, EVENTS, type="other") == [aside.pk]
    assert found(owner, EVENTS, type="checkout") == [done.pk, waiting.pk]
    assert found(owner, EVENTS, type="refund") == [refund.pk]


def test_an_event_is_settled_again_by_a_post_of_finance(sign_in):
    row = event(1, settled_at=now(), outcome="kept aside: Stripe does not know it", attempts=3)
    finance, url = sign_in(Role.FINANCE), f"{EVENTS}{row.pk}/again/"
    assert finance.get(url).status_code == 405
    assert sign_in(Role.SUPPORT).post(url).status_code == 403
    assert StripeEvent.objects.get(pk=row.pk).attempts == 3

    assert said(finance.post(url, follow=True)) == ["It is settled again in a moment."]
    row.refresh_from_db()
    assert (row.settled_at, row.attempts, row.outcome) == (None, 0, "")
    assert [job.task["func"] for job in OrmQ.objects.all()] == ["workflow.settlement.settle_event"]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("payment recorded", "payment recorded"),
        ("unapplied: paid twice", "payment nobody expected"),
        ("already known: refund succeeded", "known already"),
        ("refund failed", "refund failed"),
        ("refund succeeded", "refund booked"),
        ("dispute won", "dispute won"),
        ("something new", "something new"),
    ],
)
def test_outcomes_are_said_at_a_glance(owner, outcome, words):
    event(1, settled_at=now(), outcome=outcome)
    assert f">{words}</span>" in owner.get(EVENTS).content.decode()


# --- The sidebar ----------------------------------------------------------------------------------------------------------


def test_the_sidebar_counts_what_waits_for_finance(owner):
    for number, status in enumerate(("proposed", "failed", "approved", "succeeded")):
        Refund.objects.create(amount_usd_cents=1, reason="late", key=str(number), status=status)
    StaffTask.objects.create(key="unapplied:pi_1", kind="unapplied_money", text="t")
    Dispute.objects.create(stripe_id="dp_1", amount_cents=1, reason="general", status="needs_response")
    Dispute.objects.create(stripe_id="dp_2", amount_cents=1, reason="general", status="won", closed_at=now())
    cache.clear()  # another test's pages may have counted a moment ago
    (money,) = [group for group in owner.get("/admin/").context["sidebar_navigation"] if str(group["title"]) == "Money"]
    assert [(str(item["title"]), item.get("badge")) for item in money["items"]][:8] == [
        ("Refunds", 2),
        ("Unapplied money", 1),
        ("Disputes", 1),
        ("Invoices", None),
        ("Payments", None),
        ("Ledger", None),
        ("Comparisons", None),
        ("Stripe events", None),
    ]


# --- Costs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["refund", "dispute", "invoice", "attempt", "stripeevent"])
def test_a_list_costs_the_same_whatever_it_shows_and_counts_no_table(owner, model):
    url = f"/admin/workflow/{model}/"
    _fill(0)
    few = statements(owner, url)
    for number in range(1, 7):
        _fill(number)
    many = statements(owner, url)
    assert len(many) == len(few) <= 11
    assert not [sql for sql in many if "COUNT(" in sql and f"workflow_{model}" in sql]


def _fill(number: int) -> None:
    """One row of everything, of people of its own."""
    order, person = order_at(State.ITEMS_PAID, owner=customer()), factories.staff(Role.FINANCE)
    payment = LedgerEntry.objects.get(order=order)
    Refund.objects.create(
        order=order, invoice=payment.invoice, payment=payment, amount_usd_cents=1, reason="late", key=f"k{number}", status="proposed",
        proposed_by=person, approved_by=person,
    )  # fmt: skip
    Dispute.objects.create(stripe_id=f"dp_{number}", order=order, payment=payment, amount_cents=1, reason="general", status="won")
    event(number)


def test_pages_of_one_row_cost_the_same_however_much_belongs_to_it(owner):
    small, large = (order_at(State.ITEMS_PAID, items=items) for items in (1, 9))
    for number in range(6):
        payment = LedgerEntry.objects.get(order=large, kind="capture")
        Refund.objects.create(
            order=large, invoice=payment.invoice, payment=payment, amount_usd_cents=1, reason="late", key=f"k{number}", status="sent"
        )
    urls = [f"{INVOICES}{Invoice.objects.get(order=order).pk}/change/" for order in (small, large)]
    assert len(statements(owner, urls[0])) == len(statements(owner, urls[1])) <= 20


@pytest.mark.parametrize("pk", ["999999", "nonsense", "²", "-1", "99999999999999999999"])
def test_a_page_of_nothing_is_404(owner, pk):
    for url in (INVOICES, ATTEMPTS, EVENTS, "/admin/workflow/refund/", "/admin/workflow/dispute/", "/admin/workflow/ledgerentry/"):
        assert owner.get(f"{url}{pk}/change/").status_code == 404, url

"""Money nobody expected: one click each for what becomes of it, and a refusal leaves it where it is."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from backoffice.tests.conftest import said
from workflow import unapplied
from workflow.models import LedgerEntry, Refund, StaffTask
from workflow.process import Role, State
from workflow.tests.factories import order_at, reload

pytestmark = pytest.mark.django_db
PAGE = "/admin/unapplied/"


def came(order, cents: int, *, intent: str = "pi_extra", currency: str = "usd") -> LedgerEntry:
    with transaction.atomic():
        unapplied.book(order=order, invoice=None, amount_cents=cents, currency=currency, payment_intent_id=intent, why="paid twice")
    return LedgerEntry.objects.get(reference=intent, kind="unapplied")


def press(client, payment: LedgerEntry, name: str, **data):
    return client.post(f"{PAGE}{payment.pk}/{name}/", data, follow=True)


def test_it_says_what_waits_and_which_invoice_it_could_pay(owner):
    order = order_at(State.AWAITING_ITEM_PAYMENT)
    enough, little = came(order, 9_999), came(order, 1, intent="pi_little")
    foreign = came(None, 500, intent="pi_krw", currency="krw")
    waiting = owner.get(PAGE).context["waiting"]
    assert [(one.payment, one.left_cents, str(one.invoice), one.is_decidable) for one in waiting] == [
        (enough, 9_999, "Items #1", True),
        (little, 1, "None", True),
        (foreign, 500, "None", False),
    ]
    page = owner.get(PAGE).content.decode()
    assert f"{PAGE}{foreign.pk}/give-back/" not in page
    assert "Not in dollars" in page


def test_one_click_applies_it_and_what_is_over_goes_back(owner):
    order = order_at(State.AWAITING_ITEM_PAYMENT)
    payment, billed = came(order, 9_999), order.invoices.get().amount_usd_cents
    assert said(press(owner, payment, "apply")) == ["It pays the invoice; what is over goes back."]
    assert reload(order).state == State.ITEMS_PAID
    assert Refund.objects.get().amount_usd_cents == 9_999 - billed
    context = owner.get(PAGE).context
    (decided,) = context["decided"]
    assert context["waiting"] == []
    assert (str(decided.applied.invoice), [r.amount_usd_cents for r in decided.refunds], decided.task.done_by) == (
        "Items #1",
        [9_999 - billed],
        owner.user,
    )


def test_money_of_no_order_is_applied_by_the_orders_number(owner):
    order = order_at(State.AWAITING_ITEM_PAYMENT)
    payment = came(None, order.invoices.get().amount_usd_cents)
    assert said(press(owner, payment, "apply", order="BD-00000-00000")) == ["There is nothing here."]
    assert reload(order).state == State.AWAITING_ITEM_PAYMENT
    press(owner, payment, "apply", order=f" {order.number.lower()} ")
    assert reload(order).state == State.ITEMS_PAID


def test_one_click_gives_it_back_and_a_second_does_nothing(owner):
    payment = came(None, 700)
    assert said(press(owner, payment, "give-back")) == ["It goes back where it came from."]
    assert said(press(owner, payment, "give-back")) == ["Nothing of this payment is left."]
    assert [(r.amount_usd_cents, r.proposed_by) for r in Refund.objects.all()] == [(700, owner.user)]


def test_a_refusal_is_a_message_and_leaves_it_waiting(owner):
    payment = came(order_at(State.AWAITING_ITEM_PAYMENT), 1)
    assert said(press(owner, payment, "apply")) == ["No invoice of this order is open that the payment is enough for."]
    foreign = came(None, 500, intent="pi_krw", currency="krw")
    assert "Stripe's dashboard" in said(press(owner, foreign, "give-back"))[0]
    assert (Refund.objects.count(), StaffTask.objects.filter(kind="unapplied_money", done_at=None).count()) == (0, 2)


def test_only_finance_and_the_owner_see_it_and_a_get_decides_nothing(sign_in):
    payment = came(None, 700)
    finance = sign_in(Role.FINANCE)
    assert finance.get(PAGE).status_code == 200
    assert [finance.get(f"{PAGE}{payment.pk}/{name}/").status_code for name in ("apply", "give-back")] == [405, 405]
    for role in (Role.SUPPORT, Role.BUYER, Role.WAREHOUSE, Role.MODERATOR):
        client = sign_in(role)
        assert (client.get(PAGE).status_code, press(client, payment, "give-back").status_code) == (403, 403), role
    assert Refund.objects.count() == 0


def test_it_costs_the_same_however_much_waits(owner):
    def statements() -> int:
        owner.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            owner.get(PAGE)
        return len(queries)

    came(order_at(State.AWAITING_ITEM_PAYMENT), 9_999, intent="pi_0")
    few = statements()
    for number in range(1, 6):
        came(order_at(State.AWAITING_ITEM_PAYMENT), 9_999, intent=f"pi_{number}")
    assert statements() == few <= 22

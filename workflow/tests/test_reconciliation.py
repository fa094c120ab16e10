"""Webhooks were lost, Stripe was away, an older database was put back: one comparison makes our books equal, the next changes nothing."""

import json
import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from core.errors import Invalid
from integrations import stripe
from workflow import append_only, checkout, invariants, mending, reconciliation, settlement
from workflow import jobs as workflow_jobs
from workflow.models import Attempt, Dispute, Invoice, LedgerEntry, Order, OrderEvent, Reconciliation, Refund, StaffTask
from workflow.process import Role, State
from workflow.reconciliation import reconcile, reconcile_by_schedule, span_of
from workflow.tests import factories
from workflow.tests.test_checkout import attempt_of, open_sessions, pay, sessions
from workflow.transitions import By, TransitionRefused, ask, perform

pytestmark = pytest.mark.django_db
DAYS_2 = timedelta(hours=48)


@pytest.fixture
def order(sandbox, jobs) -> Order:
    return waiting_orders(1, jobs)[0]


def waiting_orders(count: int, jobs) -> list[Order]:
    """Orders with an open session each."""
    orders = [factories.order_at(State.AWAITING_ITEM_PAYMENT, items=1) for _ in range(count)]
    jobs.run()
    return [factories.reload(order) for order in orders]


def session_of(order: Order) -> str:
    return attempt_of(order).session_id


def broken() -> list[str]:
    return [line for invariant in invariants.INVARIANTS for line in invariant.check()]


def books() -> dict[str, list]:
    """Every row of ours that a comparison could touch."""
    models = (Order, OrderEvent, Invoice, Attempt, LedgerEntry, Refund, Dispute, StaffTask, *apps.get_app_config("outbox").get_models())
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def what(report: Reconciliation) -> list[tuple[str, bool]]:
    return [(finding["what"], finding["repaired"]) for finding in report.findings]


def nothing_is_listed(monkeypatch) -> timedelta:
    """A span in which Stripe lists nothing, so that everything of ours must be read singly."""
    monkeypatch.setattr(mending, "SESSION_LIFE", timedelta(0))
    return timedelta(minutes=-5)


# --- Everything was missed ------------------------------------------------------------------------------------------------


def test_after_thirty_payments_five_expiries_three_refunds_and_a_dispute_without_a_webhook_one_run_makes_all_equal(sandbox, jobs, capsys):
    orders = waiting_orders(35, jobs)
    for order in orders[:30]:
        sandbox.pay(session_of(order), deliver=0)
    for order in orders[30:]:
        sandbox.expire(session_of(order), deliver=0)
    for order in orders[:3]:
        sandbox.refund(session_of(order), amount=100, deliver=0)
    sandbox.dispute(session_of(orders[3]), deliver=0)
    assert broken() != []

    call_command("reconcile_stripe", "--since", "48h")

    assert broken() == []
    assert {factories.reload(order).state for order in orders[:30]} == {State.ITEMS_PAID}
    assert {attempt_of(order).status for order in orders[30:]} == {"closed"}
    assert sorted(Refund.objects.values_list("order", "amount_usd_cents", "reason")) == [(o.pk, 100, "dashboard") for o in orders[:3]]
    assert (Dispute.objects.get().order, bool(factories.reload(orders[3]).hold_reason)) == (orders[3], True)
    report = Reconciliation.objects.get()
    assert report.counts == {"sessions": 35, "refunds": 3, "disputes": 1, "changed": 39, "failed": 0}
    assert "changed 39, not repaired 0" in capsys.readouterr().out

    before = books()
    second = reconcile(since=DAYS_2)

    assert second.counts == {"sessions": 35, "refunds": 3, "disputes": 1, "changed": 0, "failed": 0}
    assert (second.findings, books()) == ([], before)
    jobs.run()
    assert broken() == []


def test_what_agrees_costs_no_query(sandbox, jobs):
    def queries() -> int:
        reconcile(since=DAYS_2)
        with CaptureQueriesContext(connection) as seen:
            reconcile(since=DAYS_2)
        return len(seen)

    def paid(count: int) -> None:
        for order in waiting_orders(count, jobs):
            sandbox.pay(session_of(order), deliver=0)
        reconcile(since=DAYS_2)
        jobs.run()

    paid(2)
    few = queries()
    paid(8)
    assert queries() == few <= 25


def test_each_list_is_asked_for_once_and_nothing_that_agrees_singly(sandbox, jobs):
    orders = waiting_orders(3, jobs)
    for order in orders[:2]:
        sandbox.pay(session_of(order), deliver=0)
    reconcile(since=DAYS_2)
    sandbox.reset()

    reconcile(since=DAYS_2)

    asked = [(request["method"], request["path"]) for request in sandbox.requests("stripe")]
    assert asked == [("GET", "/v1/checkout/sessions"), ("GET", "/v1/refunds"), ("GET", "/v1/disputes")]


def test_the_report_says_what_was_mended_of_which_order(order, sandbox):
    sandbox.pay(session_of(order), deliver=0)

    report = reconcile(since=DAYS_2)

    assert report.findings == [
        {"what": "payment_missed", "about": session_of(order), "order": order.number, "outcome": "payment recorded", "repaired": True}
    ]
    assert (report.error, report.ended_at is not None, report.started_at - report.since) == ("", True, DAYS_2)


def test_money_that_came_too_late_is_booked_as_unapplied(order, sandbox, jobs):
    sandbox.pay(session_of(order), deliver=0)
    Invoice.objects.filter(order=order).update(status="void")

    report = reconcile(since=DAYS_2)

    assert [entry.kind for entry in LedgerEntry.objects.all()] == ["unapplied"]
    assert what(report) == [("payment_missed", True)]
    assert reconcile(since=DAYS_2).counts["changed"] == 0


# --- Sessions that nobody may pay any more --------------------------------------------------------------------------------


def test_a_session_open_at_stripe_and_closed_here_is_closed_there(order, sandbox):
    Attempt.objects.update(status="closed")

    report = reconcile(since=DAYS_2)

    assert (open_sessions(sandbox), what(report)) == ([], [("session_open", True)])
    assert reconcile(since=DAYS_2).findings == []


def test_a_session_of_an_invoice_that_is_not_open_is_closed_on_both_sides(order, sandbox):
    Invoice.objects.filter(order=order).update(status="void")

    report = reconcile(since=DAYS_2)

    assert (open_sessions(sandbox), attempt_of(order).status) == ([], "closed")
    assert what(report) == [("session_open", True)]


def test_a_second_session_under_one_key_is_closed_and_the_first_stays(order, sandbox):
    second = new_session(sandbox, metadata={"order": order.number, "attempt": attempt_of(order).key})

    reconcile(since=DAYS_2)

    assert [session["id"] for session in open_sessions(sandbox)] == [session_of(order)] != [second]


def test_a_session_that_ended_while_the_list_was_read_is_nothing_to_mend(order, sandbox, jobs, monkeypatch):
    listed = list(stripe.iter_checkout_sessions(created_after=now() - DAYS_2))
    pay(sandbox, jobs, order)
    monkeypatch.setattr(stripe, "iter_checkout_sessions", lambda **_since: iter(listed))

    assert reconcile(since=DAYS_2).findings == []


def test_a_session_that_is_just_being_opened_is_left_to_its_job(sandbox, jobs):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    checkout._create(checkout._claim(order.pk, kind="items"))  # made, and not yet written down

    assert reconcile(since=DAYS_2).findings == []
    assert len(open_sessions(sandbox)) == 1


def test_a_payment_is_booked_before_its_invoices_other_session_is_judged(order, sandbox, jobs):
    """Two sessions of one invoice, the newer one open: after one run neither can be paid, and the money is where it belongs."""
    first = session_of(order)
    Attempt.objects.update(status="closed")
    checkout.open_checkout(order.pk, kind="items")
    sandbox.pay(first, deliver=0)

    reconcile(since=DAYS_2)

    assert (factories.reload(order).state, open_sessions(sandbox)) == (State.ITEMS_PAID, [])
    assert reconcile(since=DAYS_2).counts["changed"] == 0
    assert broken() == []


def new_session(sandbox, *, metadata: dict[str, str], key: str = "of-somebody-else") -> str:
    return stripe.create_checkout_session(
        lines=[stripe.CheckoutLine(name="x", amount_cents=500)],
        success_url="https://x.example.com",
        cancel_url="https://x.example.com",
        customer_email="x@example.com",
        client_reference_id=key,
        metadata=metadata,
        expires_at=now() + timedelta(hours=2),
        locale="en",
        idempotency_key=key,
    ).id


def test_sessions_refunds_and_disputes_of_another_shop_are_left_alone(sandbox, jobs):
    still_open, refunded, disputed = (new_session(sandbox, metadata={}, key=key) for key in ("a", "b", "c"))
    for session in (refunded, disputed):
        sandbox.pay(session, deliver=0)
    sandbox.refund(refunded, deliver=0)
    sandbox.dispute(disputed, deliver=0)

    report = reconcile(since=DAYS_2)

    assert report.counts == {"sessions": 3, "refunds": 1, "disputes": 1, "changed": 0, "failed": 0}
    assert [session["id"] for session in open_sessions(sandbox)] == [still_open]
    assert not LedgerEntry.objects.exists()


def test_what_happens_to_money_of_nobody_that_is_in_our_ledger_is_booked(sandbox, jobs):
    session = new_session(sandbox, metadata={})
    sandbox.pay(session, deliver=0)
    settlement.settle_session(session)
    sandbox.refund(session, amount=200, deliver=0)

    assert what(reconcile(since=DAYS_2)) == [("refund_missed", True)]
    assert sum(entry.amount_cents for entry in LedgerEntry.objects.all()) == 300
    assert broken() == []


# --- Payments that take their time, refunds and disputes that go on -------------------------------------------------------


def test_a_payment_in_process_is_seen_once_and_then_left_alone_until_it_fails(order, sandbox):
    sandbox.pay(session_of(order), deliver=0, slow=True)

    assert what(reconcile(since=DAYS_2)) == [("session_ended", True)]
    assert attempt_of(order).processing
    before = books()
    assert (reconcile(since=DAYS_2).findings, books()) == ([], before)

    sandbox.async_fail(session_of(order), deliver=0)
    assert what(reconcile(since=DAYS_2)) == [("payment_failed", True)]
    assert (attempt_of(order).status, attempt_of(order).processing) == ("closed", False)
    assert reconcile(since=DAYS_2).findings == []


def test_a_payment_in_process_that_succeeds_is_booked(order, sandbox):
    sandbox.pay(session_of(order), deliver=0, slow=True)
    reconcile(since=DAYS_2)
    sandbox.async_succeed(session_of(order), deliver=0)

    assert what(reconcile(since=DAYS_2)) == [("payment_missed", True)]
    assert factories.reload(order).state == State.ITEMS_PAID


def test_a_refund_that_fails_later_is_booked_back(order, sandbox, jobs):
    pay(sandbox, jobs, order)
    perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="x")
    jobs.run()
    sandbox.settle_refund(Refund.objects.get().stripe_id, status="failed", deliver=0)

    assert what(reconcile(since=DAYS_2)) == [("refund_missed", True)]
    assert [entry.kind for entry in LedgerEntry.objects.all()] == ["capture", "refund", "refund_reversal"]
    assert Refund.objects.get().status == "failed"
    assert reconcile(since=DAYS_2).findings == []


def test_what_is_under_way_is_read_singly_however_old_it_is(order, sandbox, jobs, monkeypatch):
    pending, disputed, expired = order, *waiting_orders(2, jobs)
    for one in (pending, disputed):
        pay(sandbox, jobs, one)
    sandbox.refund(session_of(pending), amount=100, deliver=0, status="pending")
    sandbox.dispute(session_of(disputed), deliver=0)
    reconcile(since=DAYS_2)
    assert (Refund.objects.get().status, Dispute.objects.get().status) == ("sent", "needs_response")
    sandbox.settle_refund(Refund.objects.get().stripe_id, status="succeeded", deliver=0)
    sandbox.close_dispute(Dispute.objects.get().stripe_id, status="won", deliver=0)
    sandbox.expire(session_of(expired), deliver=0)

    report = reconcile(since=nothing_is_listed(monkeypatch))

    assert report.counts == {"sessions": 1, "refunds": 1, "disputes": 1, "changed": 3, "failed": 0}
    assert (Refund.objects.get().status, Dispute.objects.get().status) == ("succeeded", "won")
    assert attempt_of(expired).status == "closed"
    assert broken() == []


# --- What ours says and Stripe does not -----------------------------------------------------------------------------------


def tasks() -> list[tuple[str, str]]:
    return sorted(StaffTask.objects.filter(kind="ledger_differs").values_list("key", "order__number"))


def test_a_session_that_stripe_does_not_know_is_shown(order, sandbox, capsys):
    Attempt.objects.update(session_id="cs_test_gone")

    with pytest.raises(SystemExit) as ended:
        call_command("reconcile_stripe")

    report = Reconciliation.objects.get()
    assert ended.value.code == 1
    assert report.findings[0] == {
        "what": "session_unknown",
        "about": "cs_test_gone",
        "order": order.number,
        "outcome": "Stripe does not know it",
        "repaired": False,
    }
    assert tasks() == [("ledger-differs:cs_test_gone", order.number)]


def test_a_payment_in_the_ledger_that_stripe_does_not_show_becomes_a_task(sandbox, jobs):
    paid = factories.order_at(State.ITEMS_PAID)  # a payment that no Stripe has seen
    payment = LedgerEntry.objects.get().payment_intent_id

    report = reconcile(since=DAYS_2)

    assert what(report) == [("payment_unknown", False)]
    assert tasks() == [(f"ledger-differs:{payment}", paid.number)]
    assert report.counts["failed"] == 1
    reconcile(since=DAYS_2)
    assert len(tasks()) == 1


def test_a_payment_whose_session_is_older_than_the_list_is_not_missed_in_it(order, sandbox, jobs, monkeypatch):
    pay(sandbox, jobs, order)
    Attempt.objects.update(created_at=now() - timedelta(days=3))
    monkeypatch.setattr(stripe, "iter_checkout_sessions", lambda **_since: iter(()))
    sandbox.reset()

    assert reconcile(since=DAYS_2).findings == []
    assert [request["path"] for request in sandbox.requests("stripe")] == ["/v1/refunds", "/v1/disputes"]


@pytest.mark.django_db(transaction=True)
def test_another_amount_than_at_stripe_becomes_a_task_and_changes_nothing(order, sandbox, jobs):
    pay(sandbox, jobs, order)
    append_only.remove(connection)
    LedgerEntry.objects.update(amount_cents=1)
    append_only.install(connection)

    report = reconcile(since=DAYS_2)

    assert what(report) == [("amount_differs", False)]
    assert list(LedgerEntry.objects.values_list("amount_cents", flat=True)) == [1]
    assert tasks() == [(f"ledger-differs:{session_of(order)}", order.number)]


def test_a_refund_in_the_ledger_that_stripe_does_not_show_becomes_a_task(order, sandbox, jobs):
    from workflow import ledger
    from workflow.models import LedgerKind

    pay(sandbox, jobs, order)
    payment = LedgerEntry.objects.get()
    ledger.book(
        order=factories.reload(order),
        kind=LedgerKind.REFUND,
        amount_cents=-100,
        source="stripe",
        reference="re_gone",
        payment_intent_id=payment.payment_intent_id,
    )

    report = reconcile(since=DAYS_2)

    assert what(report) == [("refund_unknown", False)]
    assert tasks() == [("ledger-differs:re_gone", order.number)]


# --- Outages and bugs -----------------------------------------------------------------------------------------------------


def test_one_thing_that_fails_does_not_stop_the_others(sandbox, jobs, monkeypatch):
    orders = waiting_orders(3, jobs)
    for order in orders:
        sandbox.pay(session_of(order), deliver=0)
    real, bad = settlement.settle, session_of(orders[1])

    def settle(session):
        if session.id == bad:
            raise KeyError("a bug of ours")
        return real(session)

    monkeypatch.setattr(settlement, "settle", settle)
    report = reconcile(since=DAYS_2)

    assert (report.counts["changed"], report.counts["failed"]) == (2, 1)
    assert report.findings[0] == {
        "what": "payment_missed",
        "about": bad,
        "order": orders[1].number,
        "outcome": "KeyError",
        "repaired": False,
    }
    assert [factories.reload(order).state for order in orders] == [State.ITEMS_PAID, State.AWAITING_ITEM_PAYMENT, State.ITEMS_PAID]


def test_a_call_that_fails_once_stops_nothing_and_is_made_up_for_by_the_next_run(sandbox, jobs):
    first, second = waiting_orders(2, jobs)
    Attempt.objects.update(status="closed")
    sandbox.faults("stripe", "500", path="/expire", times=1)

    report = reconcile(since=DAYS_2)

    assert (report.counts["changed"], report.counts["failed"], report.error) == (1, 1, "")
    assert reconcile(since=DAYS_2).counts["changed"] == 1
    assert open_sessions(sandbox) == []
    assert tasks() == []
    assert first != second


def test_an_outage_ends_the_run_with_what_was_done(order, sandbox, capsys):
    sandbox.pay(session_of(order), deliver=0)
    sandbox.faults("stripe", "500", path="/v1/refunds")

    with pytest.raises(SystemExit) as ended:
        call_command("reconcile_stripe")

    report = Reconciliation.objects.get()
    assert ended.value.code == 2
    assert (report.counts["changed"], report.error.partition(":")[0]) == (1, "Unavailable stripe")
    assert report.ended_at is not None
    assert "Stripe did not answer" in capsys.readouterr().out
    assert factories.reload(order).state == State.ITEMS_PAID


def test_three_failures_in_a_row_are_an_outage(sandbox, jobs):
    waiting_orders(5, jobs)
    Attempt.objects.update(status="closed")
    sandbox.faults("stripe", "500", path="/expire")

    report = reconcile(since=DAYS_2)

    assert (report.counts["failed"], bool(report.error)) == (3, True)


def test_the_scheduled_job_outlives_an_outage(sandbox, db):
    sandbox.faults("stripe", "500")

    assert workflow_jobs.reconcile_recent() == 0
    assert Reconciliation.objects.get().error != ""


# --- Reports and schedules ------------------------------------------------------------------------------------------------


def test_a_scheduled_run_leaves_it_to_one_that_is_under_way_and_a_person_does_not(sandbox, db):
    under_way = Reconciliation.objects.create(since=now() - DAYS_2, started_at=now() - timedelta(minutes=5))

    assert reconcile_by_schedule(since=timedelta(hours=47)) is None
    assert Reconciliation.objects.get() == under_way
    assert reconcile_by_schedule(since=timedelta(days=30)).counts["changed"] == 0, "the month is not in what is under way"
    assert reconcile(since=timedelta(hours=47), by=factories.by(Role.FINANCE)).ended_at is not None


def test_a_run_that_was_killed_stops_no_other_and_is_ended_in_its_place(sandbox, db):
    killed = Reconciliation.objects.create(since=now() - DAYS_2, started_at=now() - timedelta(hours=2))

    assert reconcile_by_schedule(since=DAYS_2) is not None
    killed.refresh_from_db()
    assert (killed.error, killed.ended_at is not None) == ("killed before its end", True)


def test_runs_that_find_nothing_leave_one_row_of_each_span_and_those_that_did_something_stay(order, sandbox, jobs):
    for _quarter in range(3):
        reconcile_by_schedule(since=DAYS_2)
    sandbox.pay(session_of(order), deliver=0)
    for _quarter in range(3):
        reconcile_by_schedule(since=DAYS_2)
        reconcile_by_schedule(since=timedelta(days=30))
    by_hand = reconcile(since=DAYS_2, by=factories.by(Role.FINANCE))
    reconcile_by_schedule(since=DAYS_2)

    rows = [(row.started_at - row.since, row.counts["changed"], row.asked_by_id) for row in Reconciliation.objects.order_by("pk")]
    assert rows == [
        (DAYS_2, 1, None),
        (timedelta(days=30), 0, None),
        (DAYS_2, 0, by_hand.asked_by_id),
        (DAYS_2, 0, None),
    ]


def test_what_cannot_be_mended_is_one_row_until_something_changes(sandbox, jobs):
    factories.order_at(State.ITEMS_PAID)

    for _quarter in range(4):
        reconcile_by_schedule(since=DAYS_2)

    assert [row.counts["failed"] for row in Reconciliation.objects.all()] == [1]


def test_a_long_outage_is_one_row(sandbox, db):
    sandbox.faults("stripe", "500")

    for _quarter in range(3):
        reconcile_by_schedule(since=DAYS_2)

    assert [bool(row.error) for row in Reconciliation.objects.all()] == [True]


def test_old_reports_are_forgotten(sandbox, db, monkeypatch):
    monkeypatch.setattr(reconciliation, "BATCH", 2)
    for days in (91, 92, 93, 89):
        at = now() - timedelta(days=days)
        Reconciliation.objects.create(since=at, started_at=at, ended_at=at, counts={"changed": 1})

    workflow_jobs.reconcile_month()

    assert sorted((now() - row.started_at).days for row in Reconciliation.objects.all()) == [0, 89]


def test_very_many_findings_are_counted_whole_and_kept_in_part_the_unmended_first(sandbox, jobs, monkeypatch):
    monkeypatch.setattr(mending, "KEPT_FINDINGS", 2)
    factories.order_at(State.ITEMS_PAID)
    for order in waiting_orders(3, jobs):
        sandbox.pay(session_of(order), deliver=0)

    report = reconcile(since=DAYS_2)

    assert (report.counts["changed"], report.counts["failed"]) == (3, 1)
    assert what(report) == [("payment_unknown", False), ("payment_missed", True)]


def test_a_closing_that_got_stuck_is_taken_up_again(order, sandbox, jobs):
    ask(order.pk, Order.revise_item_prices, by=factories.by(Role.BUYER))
    jobs.clear()
    Attempt.objects.update(closing_since=now() - timedelta(minutes=3))

    report = reconcile(since=DAYS_2)

    assert what(report) == [("closing_stuck", True)]
    assert factories.reload(order).state == State.QUOTE_APPROVED


# --- Asking for one -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "span"),
    [
        ("30m", timedelta(minutes=30)),
        ("48h", DAYS_2),
        ("5d", timedelta(days=5)),
        (" 2w ", timedelta(weeks=2)),
        ("999d", timedelta(days=999)),
    ],
)
def test_spans_are_read(words, span):
    assert span_of(words) == span


@pytest.mark.parametrize("words", ["", "48", "h", "0h", "-1h", "1.5h", "48 h", "1y", "1000d", "٤h", "48hh", "48h\n48h"])
def test_a_wrong_span_is_refused_in_words_and_nothing_runs(sandbox, db, words):
    with pytest.raises(Invalid):
        span_of(words)
    with pytest.raises(CommandError, match="write 30m, 48h, 5d or 2w"):
        call_command("reconcile_stripe", since=words)
    assert not Reconciliation.objects.exists()


def test_the_command_prints_json(order, sandbox):
    sandbox.pay(session_of(order), deliver=0)
    out = StringIO()

    call_command("reconcile_stripe", "--json", "--since", "5d", stdout=out)

    said = json.loads(out.getvalue())
    assert (said["ok"], said["counts"]["changed"], said["findings"][0]["order"], said["error"]) == (True, 1, order.number, "")


def test_the_command_prints_each_finding(order, sandbox, capsys):
    sandbox.pay(session_of(order), deliver=0)

    call_command("reconcile_stripe")

    assert f"  repaired  Payment missed: {session_of(order)} ({order.number}): payment recorded\n" in capsys.readouterr().out


def test_finance_asks_for_one_and_the_report_says_so(order, sandbox, jobs):
    sandbox.pay(session_of(order), deliver=0)
    by = factories.by(Role.FINANCE)

    reconciliation.request(span="5d", by=by)

    assert not Reconciliation.objects.exists(), "never in the request"
    assert jobs.run(only="reconcile") == ["workflow.jobs.reconcile_for"]
    report = Reconciliation.objects.get()
    assert (report.asked_by, report.started_at - report.since, report.counts["changed"]) == (by.user, timedelta(days=5), 1)


def test_others_may_not_ask_and_finance_not_for_any_span(sandbox, jobs):
    with pytest.raises(TransitionRefused):
        reconciliation.request(span="48h", by=factories.by(Role.BUYER))
    with pytest.raises(Invalid):
        reconciliation.request(span="99w", by=factories.by(Role.FINANCE))
    assert jobs.run() == []


# --- An older database was put back ---------------------------------------------------------------------------------------


class Backup:
    """The database as it is now, without its people; `restore` puts it back as an operator would."""

    APPS = ("workflow", "outbox", "notices", "django_eventstream", "django_q")

    def __init__(self) -> None:
        models = [model for app in self.APPS for model in apps.get_app_config(app).get_models(include_auto_created=True)]
        self.rows = {model: list(model._base_manager.all()) for model in models}

    def restore(self) -> None:
        append_only.remove(connection)
        with connection.constraint_checks_disabled():
            for model, rows in self.rows.items():
                queryset = model._base_manager.all()
                queryset._raw_delete(queryset.db)
                model._base_manager.bulk_create(rows)
        append_only.install(connection)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["compared", "worked off"])
@pytest.mark.parametrize("taken", ["with the sessions", "before the sessions"])
def test_after_a_restore_payments_are_rebuilt_without_a_second_session_or_charge(sandbox, jobs, taken, first):
    orders = [factories.order_at(State.AWAITING_ITEM_PAYMENT, items=1) for _ in range(3)]
    if taken == "before the sessions":
        backup = Backup()
    jobs.run()
    if taken == "with the sessions":
        backup = Backup()
    for order in orders:
        pay(sandbox, jobs, order)
    sandbox.refund(session_of(orders[0]), amount=100, deliver=0)
    perform(orders[1].pk, Order.cancel, by=By.customer(orders[1].customer), reason="x")
    jobs.run()
    backup.restore()
    assert not LedgerEntry.objects.exists()

    if first == "worked off":
        jobs.run()
    reconcile(since=DAYS_2)
    jobs.run()

    assert broken() == []
    assert {factories.reload(order).state for order in orders} == {State.ITEMS_PAID}
    assert len([charge for charge in sandbox.books()["charges"] if charge["paid"]]) == 3
    assert (len(sessions(sandbox)), open_sessions(sandbox)) == (3, [])
    assert sorted(LedgerEntry.objects.filter(kind="refund").values_list("amount_cents", flat=True)) == [-714 - 29, -100]
    assert reconcile(since=DAYS_2).counts["changed"] == 0


@pytest.mark.django_db(transaction=True)
def test_a_session_of_a_lost_attempt_is_closed_and_its_number_is_not_given_again(sandbox, jobs):
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, items=1)
    backup = Backup()
    jobs.run()
    backup.restore()

    reconcile(since=DAYS_2)
    jobs.run()

    assert [(attempt.generation, attempt.status) for attempt in Attempt.objects.order_by("generation")] == [(1, "closed"), (2, "open")]
    assert [session["id"] for session in open_sessions(sandbox)] == [session_of(order)]
    assert broken() == []


@pytest.mark.django_db(transaction=True)
def test_money_of_an_order_that_was_lost_is_in_the_ledger_and_before_staff(sandbox, jobs):
    backup = Backup()
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, items=1)
    jobs.run()
    sandbox.pay(session_of(order), deliver=0)
    backup.restore()

    assert what(reconcile(since=DAYS_2)) == [("payment_missed", True)]
    assert [(entry.kind, entry.order) for entry in LedgerEntry.objects.all()] == [("unapplied", None)]
    assert StaffTask.objects.filter(kind="unapplied_money", done_at=None).count() == 1
    assert broken() == []


# --- Two at once ----------------------------------------------------------------------------------------------------------


@pytest.mark.mysql
@pytest.mark.skipif("connection.vendor != 'mysql'", reason="promises about concurrency are for MariaDB")
@pytest.mark.django_db(transaction=True)
def test_two_comparisons_at_once_book_everything_once(sandbox, jobs):
    orders = waiting_orders(6, jobs)
    for order in orders:
        sandbox.pay(session_of(order), deliver=0)
    sandbox.refund(session_of(orders[0]), amount=100, deliver=0)
    sandbox.dispute(session_of(orders[1]), deliver=0)
    barrier, reports = threading.Barrier(2, timeout=90), []

    def run() -> None:
        try:
            barrier.wait()
            reports.append(reconcile(since=DAYS_2))
        finally:
            connection.close()

    both = [threading.Thread(target=run) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(timeout=60)

    assert [(report.error, report.counts["failed"]) for report in reports] == [("", 0)] * 2
    assert sorted(LedgerEntry.objects.values_list("kind", flat=True)) == [*["capture"] * 6, "dispute", "refund"]
    assert reconcile(since=DAYS_2).counts["changed"] == 0
    jobs.run()
    assert broken() == []

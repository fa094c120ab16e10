"""The rules of the walks: what a customer, staff, Stripe, workers and time may do to an order's money, in any order.

A refused move is fine; any other error, and anything that is wrong once all is settled (`checks.py`), is a failure. Each walk happens
inside a transaction that is rolled back, with books of its own at the sandbox.
"""

import random
import sys
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from core.outbox import jobs as outbox_jobs
from core.outbox.models import Effect as EffectRow
from integrations.sandbox.testing import Sandbox
from workflow import adjustments, jobs, refunds, unapplied
from workflow.models import InvoiceKind, InvoiceLine, Order
from workflow.process import TRANSITIONS, State
from workflow.settlement import RECORD_OF
from workflow.tests import factories
from workflow.tests.machine import checks
from workflow.tests.machine.workers import EXPECTED, Workers, dying
from workflow.tests.machine.world import People, World, may_be_refused
from workflow.transitions import ask, perform, release

UNPAID = (State.AWAITING_ITEM_PAYMENT, State.AWAITING_DELIVERY_PAYMENT)
UNSENT = (State.ITEMS_PAID, State.ITEMS_PURCHASED, State.AT_WAREHOUSE)
PAID = (*UNSENT, State.AWAITING_DELIVERY_PAYMENT, State.DELIVERY_PAID, State.SHIPPED, State.DELIVERED, State.RETURNED)
#: how far the first order has come when the walk begins
BEGINNINGS = (
    State.QUOTE_APPROVED,
    State.AWAITING_ITEM_PAYMENT,
    State.AWAITING_ITEM_PAYMENT,
    State.ITEMS_PAID,
    State.ITEMS_PAID,
    State.AT_WAREHOUSE,
    State.AWAITING_DELIVERY_PAYMENT,
    State.DELIVERY_PAID,
    State.DELIVERED,
)
SWEEPS = (
    outbox_jobs.sweep,
    jobs.settle_inbox,
    jobs.reconcile_recent,
    jobs.expire_quotes,
    jobs.end_unpaid_differences,
    jobs.complete_orders,
    jobs.show_what_is_stuck,
)
#: how often it is settled in the end, at most; Stripe's stored failures need one round more each
MOST_ROUNDS = 15

which = st.integers(0, 3)
won = st.sampled_from([900, 5_000, 25_000, 140_000, 300_000]) | st.integers(200, 600_000)
quantities = st.lists(st.integers(1, 3), min_size=1, max_size=4)
shares = st.sampled_from([100, 100, 50, 33]) | st.integers(1, 110)


def nth(things: list[Any], index: int) -> Any:
    return things[index % len(things)]


def when(*states: str) -> Any:
    """Some order is in one of these states."""
    return precondition(lambda self: bool(self.world.orders(*states)))


def if_any(of: str, *arguments: Any, **named: Any) -> Any:
    """The world's list of that name is not empty."""
    return precondition(lambda self: bool(getattr(self.world, of)(*arguments, **named)))


def refuse(faults: Iterable[str]) -> None:
    if found := list(faults):
        raise AssertionError("\n".join(found))


class MoneyMachine(RuleBasedStateMachine):
    def __init__(self, sandbox: Sandbox, people: People) -> None:
        super().__init__()
        self.sandbox, self.people, self.workers = sandbox, people, Workers()
        self.world = World(sandbox, people, self.workers)
        sandbox.reset(books=True)
        self.walk = ExitStack()
        self.walk.enter_context(self.workers.watch.kept())
        self.walk.enter_context(transaction.atomic())

    def order(self, index: int, *states: str) -> Order:
        return nth(self.world.orders(*states), index)

    @initialize(at=st.sampled_from(BEGINNINGS), quantities=quantities, prices_krw=st.lists(won, min_size=1, max_size=4))
    def begin(self, at: str, quantities: list[int], prices_krw: list[int]) -> None:
        factories.rate()
        order = self.world.request(quantities)
        for _step in range(12):
            with may_be_refused():  # a total may be too small to be charged
                if order.state != at:
                    self.world.go_on(order, prices_krw=prices_krw)
            order = factories.reload(order)

    # --- The order's way ---------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.world.orders()) < 2)
    @rule(quantities=quantities)
    def another_order(self, quantities: list[int]) -> None:
        self.world.request(quantities)

    @rule(which=which, prices_krw=st.lists(won, min_size=1, max_size=3))
    def goes_well(self, which: int, prices_krw: list[int]) -> None:
        """The step that comes next, the payment with all that belongs to it."""
        with may_be_refused():
            self.world.go_on(self.order(which), prices_krw=prices_krw)

    @rule(
        which=which, move=st.sampled_from(sorted(TRANSITIONS)), who=st.sampled_from(["customer", "buyer", "warehouse", "finance", "timer"])
    )
    def somebody_tries(self, which: int, move: str, who: str) -> None:
        with may_be_refused():
            ask(self.order(which).pk, move, by=getattr(self.people, who), reason="x", proof="a letter", delivered_at="2026-01-01T00:00:00")

    @rule(krw_per_usd=st.sampled_from(["1400.00", "1412.55", "1460.10", "1290.00"]))
    def rate_moves(self, krw_per_usd: str) -> None:
        factories.rate(krw_per_usd)

    @when(*UNPAID)
    @rule(which=which)
    def revise_prices(self, which: int) -> None:
        with may_be_refused():
            self.world.revise(self.order(which, *UNPAID))

    @when(State.SHIPPED)
    @rule(which=which)
    def parcels_come_back(self, which: int) -> None:
        self.world.come_back(self.order(which, State.SHIPPED))

    @when(State.ITEMS_PAID)
    @rule(which=which, item=which)
    def buy_an_item(self, which: int, item: int) -> None:
        order = self.order(which, State.ITEMS_PAID)
        with may_be_refused():
            self.world.buy(order, [nth(list(order.items.all()), item)])

    @if_any("held")
    @rule(which=which)
    def release(self, which: int) -> None:
        with may_be_refused():
            release(nth(self.world.held(), which).pk, by=self.people.finance)

    @rule(
        which=which,
        who=st.sampled_from(["customer", "support", "finance"]),
        our_fault=st.booleans(),
        given_krw=st.dictionaries(st.sampled_from("1234"), won, max_size=3),
    )
    def cancel(self, which: int, who: str, our_fault: bool, given_krw: dict[str, int]) -> None:
        facts: dict[str, Any] = {} if who == "customer" else {"our_fault": our_fault, "shops_give_back_krw": given_krw}
        with may_be_refused():
            perform(self.order(which).pk, Order.cancel, by=getattr(self.people, who), reason="x", **facts)

    # --- Paying ------------------------------------------------------------------------------------------------------

    @if_any("open_invoices")
    @rule(which=which)
    def ask_for_a_session(self, which: int) -> None:
        invoice = nth(self.world.open_invoices(), which)
        with may_be_refused():
            self.world.want_to_pay(invoice.order, kind=invoice.kind)

    @if_any("sessions", "open")
    @rule(which=which, off_by_cents=st.sampled_from([0, 0, 0, 0, 1, -1, 700]), slow=st.booleans())
    def pay(self, which: int, off_by_cents: int, slow: bool) -> None:
        """Any page that is still open, also one that was opened long ago."""
        session = nth(self.world.sessions("open"), which)
        with may_be_refused():
            amount = max(1, session["amount_total"] + off_by_cents) if off_by_cents and not slow else None
            self.sandbox.pay(session["id"], amount=amount, slow=slow, deliver=0)

    @if_any("slow_sessions")
    @rule(which=which, arrives=st.booleans())
    def slow_payment_ends(self, which: int, arrives: bool) -> None:
        session = nth(self.world.slow_sessions(), which)
        (self.sandbox.async_succeed if arrives else self.sandbox.async_fail)(session["id"], deliver=0)

    @if_any("sessions", "open")
    @rule(which=which)
    def session_runs_out(self, which: int) -> None:
        self.sandbox.expire(nth(self.world.sessions("open"), which)["id"], deliver=0)

    @if_any("open_invoices")
    @rule(which=which)
    def pay_by_hand(self, which: int) -> None:
        invoice, finance = nth(self.world.open_invoices(), which), self.people.finance
        with may_be_refused():
            if invoice.kind == "adjustment":
                adjustments.record_payment(invoice.order_id, by=finance, proof="a letter")
            else:
                perform(invoice.order_id, RECORD_OF[InvoiceKind(invoice.kind)], by=finance, proof="a letter")

    # --- After the payment -------------------------------------------------------------------------------------------

    @when(*UNSENT)
    @rule(which=which, item=which)
    def sell_out(self, which: int, item: int) -> None:
        order = self.order(which, *UNSENT)
        with may_be_refused():
            adjustments.sell_out(order.pk, item_ids=[nth(list(order.items.all()), item).pk], by=self.people.buyer)

    @when(State.ITEMS_PAID)
    @rule(which=which, item=which, more_krw=st.sampled_from([300, 900, 8_000, 25_000, 60_000, 200_000]))
    def dearer(self, which: int, item: int, more_krw: int) -> None:
        order = self.order(which, State.ITEMS_PAID)
        chosen = nth(list(order.items.all()), item)
        with may_be_refused():
            adjustments.raise_prices(order.pk, prices_krw={chosen.pk: (chosen.price_krw or 0) + more_krw}, by=self.people.buyer)

    @if_any("owing_a_difference")
    @rule(which=which, run_out=st.booleans())
    def end_a_difference(self, which: int, run_out: bool) -> None:
        with may_be_refused():
            by = self.people.timer if run_out else self.people.buyer
            adjustments.ask_to_end(nth(self.world.owing_a_difference(), which).pk, by=by, run_out=run_out)

    @when(*PAID)
    @rule(which=which, line=which, share=shares, leaves=st.booleans(), reason=st.sampled_from(refunds.REASONS_OF_STAFF))
    def refund_a_line(self, which: int, line: int, share: int, leaves: bool, reason: str) -> None:
        order = self.order(which, *PAID)
        chosen = nth(list(InvoiceLine.objects.filter(invoice__order=order, invoice__status="paid").order_by("pk")), line)
        leaving = [chosen.item_id] if leaves and chosen.item_id else []
        with may_be_refused():
            cents = {chosen.pk: chosen.amount_usd_cents * share // 100}
            refunds.refund_lines(order.pk, lines=cents, reason=reason, leaving=leaving, by=self.people.finance)

    @if_any("refunds")
    @rule(
        which=which,
        what=st.sampled_from(["approve", "approve", "decline", "send_again", "send_again", "given_by_hand"]),
        second=st.booleans(),
    )
    def decide_on_a_refund(self, which: int, what: str, second: bool) -> None:
        refund, by = nth(self.world.refunds(), which), self.people.second if second else self.people.finance
        more = {"decline": {"reason": "no"}, "given_by_hand": {"proof": "a letter"}}.get(what, {})
        with may_be_refused():
            getattr(refunds, what)(refund.pk, by=by, **more)

    @if_any("unapplied")
    @rule(which=which, apply=st.booleans())
    def decide_on_money_nobody_expected(self, which: int, apply: bool) -> None:
        entry = nth(self.world.unapplied(), which)
        with may_be_refused():
            (unapplied.apply if apply else unapplied.give_back)(entry.pk, by=self.people.finance)

    # --- What others do at Stripe ------------------------------------------------------------------------------------

    @if_any("paid_sessions")
    @rule(which=which, share=shares, pending=st.booleans())
    def refund_in_the_dashboard(self, which: int, share: int, pending: bool) -> None:
        session = nth(self.world.paid_sessions(), which)
        amount = max(1, self.world.charge_of(session)["amount_captured"] * share // 100)
        with may_be_refused():
            self.sandbox.refund(session["id"], amount=amount, status="pending" if pending else None, deliver=0)

    @precondition(lambda self: bool(self.world.books["refunds"]))
    @rule(which=which, status=st.sampled_from(["succeeded", "failed", "failed", "canceled"]))
    def bank_says_of_a_refund(self, which: int, status: str) -> None:
        with may_be_refused():
            self.sandbox.settle_refund(nth(self.world.books["refunds"], which)["id"], status=status, deliver=0)

    @if_any("paid_sessions")
    @rule(which=which)
    def dispute(self, which: int) -> None:
        """Over what did not go back yet."""
        session = nth(self.world.paid_sessions(), which)
        charge = self.world.charge_of(session)
        with may_be_refused():
            if left := charge["amount_captured"] - charge["amount_refunded"]:
                self.sandbox.dispute(session["id"], amount=left, deliver=0)

    @if_any("open_disputes")
    @rule(which=which, status=st.sampled_from(["won", "lost"]))
    def dispute_ends(self, which: int, status: str) -> None:
        self.sandbox.close_dispute(nth(self.world.open_disputes(), which)["id"], status=status, deliver=0)

    @rule(
        mode=st.sampled_from(["500", "created_then_500", "429", "reset", "html", "401"]),
        path=st.sampled_from(["", "POST /v1/checkout/sessions", "/expire", "POST /v1/refunds", "GET "]),
        times=st.integers(1, 3),
    )
    def stripe_fails(self, mode: str, path: str, times: int) -> None:
        self.sandbox.faults("stripe", mode, path=path, times=times)

    # --- Webhooks ----------------------------------------------------------------------------------------------------

    @if_any("events", new=True)
    @rule(which=st.integers(0, 20))
    def webhook_comes(self, which: int) -> None:
        self.world.hand_over(nth(self.world.events(new=True), which))

    @if_any("events", new=False)
    @rule(which=st.integers(0, 20))
    def webhook_comes_again(self, which: int) -> None:
        self.world.hand_over(nth(self.world.events(new=False), which))

    @if_any("events", new=True)
    @rule(shuffle=st.integers(0, 99), copies=st.integers(1, 2))
    def all_webhooks_come_shuffled(self, shuffle: int, copies: int) -> None:
        coming = self.world.events(new=True) * copies
        random.Random(shuffle).shuffle(coming)
        for event in coming:
            self.world.hand_over(event)

    # --- Workers and time --------------------------------------------------------------------------------------------

    @precondition(lambda self: bool(self.workers.queued()))
    @rule(which=which)
    def a_job_runs(self, which: int) -> None:
        self.workers.run(nth(self.workers.queued(), which))

    @rule()
    def all_jobs_run(self) -> None:
        self.workers.run_all()

    @precondition(lambda self: bool(self.workers.queued()))
    @rule(which=which)
    def a_job_runs_and_is_handed_out_again(self, which: int) -> None:
        self.workers.call(nth(self.workers.queued(), which).task)

    @precondition(lambda self: bool(self.workers.queued()))
    @rule(which=which, at=st.integers(1, 5), lost=st.booleans())
    def a_worker_is_killed(self, which: int, at: int, lost: bool) -> None:
        self.workers.die(nth(self.workers.queued(), which), at=at, lost=lost)

    @rule(sweep=st.sampled_from(SWEEPS), killed_at=st.sampled_from([0, 0, 1, 2, 3]))
    def periodic(self, sweep: Any, killed_at: int) -> None:
        with suppress(*EXPECTED), dying(at=killed_at):
            sweep()
        self.workers.watch.look()

    @rule(minutes=st.sampled_from([1, 3, 12, 45, 24 * 60, 73 * 60, 100 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.world.pass_time(timedelta(minutes=minutes))

    # --- What must hold ----------------------------------------------------------------------------------------------

    def check_invariants(self, *_arguments: Any) -> None:
        """After each step. Not by `@invariant`, which would put a line of its own between any two steps of a walk that failed."""
        self.world.changed()
        refuse(checks.at_any_moment(self.world.books))

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self._settle()
                refuse(checks.faults(self.sandbox.books()))
        finally:
            transaction.set_rollback(True)
            self.walk.close()

    def _settle(self) -> None:
        """The outage is over, staff let what is in quarantine start over, and time passes. Webhooks that did not come never will."""
        self.sandbox.reset()
        for _round in range(MOST_ROUNDS):
            for effect in EffectRow.objects.filter(quarantined_at__isnull=False, done_at=None):
                outbox_jobs.run_again(effect)
            self.workers.run_all()
            self.world.pass_time(timedelta(minutes=12))
            for sweep in (outbox_jobs.sweep, jobs.settle_inbox, jobs.reconcile_recent, jobs.show_what_is_stuck):
                sweep()
            self.workers.watch.look()
            if not self.workers.queued() and not EffectRow.objects.filter(done_at=None).exists():
                return

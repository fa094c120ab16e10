"""What the rules act on: people, orders, the sandbox, the clock. Each step here is one that a person, Stripe or time takes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from core.errors import BidangilError
from core.outbox.models import Effect as EffectRow
from customer_api.paying import wanted_session
from integrations.sandbox.testing import ControlRefused, Sandbox
from workflow import settlement, work
from workflow.intake import WantedItem, request_quote
from workflow.models import Attempt, Invoice, LedgerEntry, Order, Parcel, Reconciliation, Refund, StripeEvent
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.machine.workers import Workers
from workflow.transitions import By, ask, perform

#: what the one webhook endpoint is told of; see integrations/sandbox/stripe/events.py
TOLD = ("checkout.session.", "refund.", "charge.refunded", "charge.dispute.")
#: all that is compared with the clock, except what Stripe was told (a session's end) and what cannot be changed
CLOCKS: dict[Any, tuple[str, ...]] = {
    Order: ("pay_by", "state_since", "clock_since", "clock_stopped_at", "delivered_at", "held_at", "difference_asked_at"),
    Invoice: ("pay_by",),
    Refund: ("created_at",),
    StripeEvent: ("received_at",),
    EffectRow: ("created_at", "due_at", "queued_at", "claimed_until"),
    Reconciliation: ("since", "started_at", "ended_at"),
}
Json = dict[str, Any]


@contextmanager
def may_be_refused() -> Iterator[None]:
    """A move at the wrong time is fine, as long as it is refused."""
    with suppress(BidangilError, ControlRefused):
        yield


@dataclass
class People:
    """Made once, before all walks; a second person of finance, because the first may not approve what is their own."""

    customer: By = field(default_factory=lambda: By.customer(factories.customer()))
    buyer: By = field(default_factory=lambda: factories.by(Role.BUYER))
    warehouse: By = field(default_factory=lambda: factories.by(Role.WAREHOUSE))
    finance: By = field(default_factory=lambda: factories.by(Role.FINANCE))
    second: By = field(default_factory=lambda: factories.by(Role.FINANCE))
    support: By = field(default_factory=lambda: factories.by(Role.SUPPORT))
    timer: By = field(default_factory=By.job)


class World:
    def __init__(self, sandbox: Sandbox, people: People, workers: Workers) -> None:
        self.sandbox, self.people, self.workers = sandbox, people, workers
        self.handed_over: set[str] = set()
        self._books: Json | None = None
        self._orders: list[Order] | None = None

    # --- What is there -----------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """After each rule: what was read is read anew."""
        self._books = self._orders = None

    @property
    def books(self) -> Json:
        """Stripe's, as they are after the last rule."""
        if self._books is None:
            self._books = self.sandbox.books()
        return self._books

    def orders(self, *states: str) -> list[Order]:
        if self._orders is None:
            self._orders = list(Order.objects.order_by("pk"))
        return [order for order in self._orders if not states or order.state in states]

    def held(self) -> list[Order]:
        return [order for order in self.orders() if order.hold_reason]

    def owing_a_difference(self) -> list[Order]:
        return [order for order in self.orders() if order.difference_asked_at]

    def open_invoices(self) -> list[Invoice]:
        return list(Invoice.objects.filter(status="open").order_by("pk"))

    def sessions(self, status: str) -> list[Json]:
        return [session for session in self.books["sessions"] if session["status"] == status]

    def paid_sessions(self) -> list[Json]:
        return [session for session in self.books["sessions"] if session["payment_status"] == "paid"]

    def slow_sessions(self) -> list[Json]:
        """Paid by a method whose money is still on its way."""
        under_way = {intent["id"] for intent in self.books["payment_intents"] if intent["status"] == "processing"}
        return [session for session in self.books["sessions"] if session["payment_intent"] in under_way]

    def charge_of(self, session: Json) -> Json:
        return next(c for c in self.books["charges"] if c["payment_intent"] == session["payment_intent"] and c["status"] == "succeeded")

    def events(self, *, new: bool) -> list[Json]:
        told = [event for event in self.books["events"] if event["type"].startswith(TOLD)]
        return [event for event in told if (event["id"] not in self.handed_over) == new]

    def refunds(self) -> list[Refund]:
        return list(Refund.objects.order_by("pk"))

    def unapplied(self) -> list[LedgerEntry]:
        return list(LedgerEntry.objects.filter(kind="unapplied").order_by("pk"))

    # --- Stripe's webhooks, and the clock ----------------------------------------------------------------------------

    def hand_over(self, event: Json) -> None:
        self.handed_over.add(event["id"])
        settlement.receive(event)

    def pass_time(self, delta: timedelta) -> None:
        """Everything that is waiting has waited longer by this; sessions whose end has come are over at Stripe."""
        for model, columns in CLOCKS.items():
            model.objects.update(**{column: F(column) - delta for column in columns})
        Attempt.objects.update(created_at=F("created_at") - delta, closing_since=F("closing_since") - delta)
        # Not before its session is known: the end is part of what the repeated call must say again.
        Attempt.objects.filter(session_id__isnull=False).update(expires_at=F("expires_at") - delta)
        over = set(Attempt.objects.filter(expires_at__lte=now()).values_list("session_id", flat=True))
        for session in self.sessions("open"):
            if session["id"] in over:
                self.sandbox.expire(session["id"], deliver=0)
        self.changed()

    # --- The order's way, as the people go it ------------------------------------------------------------------------

    def request(self, quantities: Sequence[int]) -> Order:
        customer = self.people.customer
        wanted = [WantedItem(url=f"https://smartstore.naver.com/shop/products/{n}", quantity=q) for n, q in enumerate(quantities, start=1)]
        assert customer.user is not None
        return request_quote(customer.user, items=wanted, destination=factories.DESTINATION, by=customer)

    def go_on(self, order: Order, *, prices_krw: Sequence[int]) -> None:
        """The next step of an order that nothing happens to."""
        if order.difference_asked_at:
            self.pay_well(order, kind="adjustment")
            return
        {
            State.QUOTE_REQUESTED: self.approve,
            State.QUOTE_APPROVED: lambda order: self.confirm_prices(order, prices_krw),
            State.AWAITING_ITEM_PAYMENT: lambda order: self.pay_well(order, kind="items"),
            State.QUOTE_EXPIRED: lambda order: perform(order.pk, Order.renew_quote, by=self.people.customer),
            State.ITEMS_PAID: self.buy_all,
            State.ITEMS_PURCHASED: self.receive,
            State.AT_WAREHOUSE: lambda order: self.confirm_fee(order, fee_krw=sum(prices_krw)),
            State.AWAITING_DELIVERY_PAYMENT: lambda order: self.pay_well(order, kind="delivery"),
            State.DELIVERY_PAID: self.ship,
            State.SHIPPED: self.deliver,
            State.DELIVERED: lambda order: perform(order.pk, Order.complete, by=self.people.customer),
            State.RETURNED: lambda order: perform(order.pk, Order.reship, by=self.people.warehouse),
        }.get(State(order.state), lambda order: None)(order)
        self.changed()

    def approve(self, order: Order) -> None:
        work.screen_items(order.pk, verdicts={item.pk: {"verdict": "approved"} for item in order.items.all()}, by=self.people.buyer)
        perform(order.pk, Order.approve_quote, by=self.people.buyer)

    def confirm_prices(self, order: Order, prices_krw: Sequence[int]) -> None:
        """As many prices as are given, over and over."""
        prices = {item.pk: prices_krw[item.position % len(prices_krw)] for item in order.items.all() if item.is_live}
        work.price_items(order.pk, prices=prices, by=self.people.buyer)
        perform(order.pk, Order.confirm_item_prices, by=self.people.buyer)

    def pay_well(self, order: Order, *, kind: str) -> None:
        """The session is there, the customer pays, the webhook comes, the jobs run."""
        self.want_to_pay(order, kind=kind)
        self.workers.run_all()
        with transaction.atomic():
            attempt = wanted_session(order.pk, kind=kind)
        if attempt is not None:
            self.sandbox.pay(attempt.session_id, deliver=0)
            self.changed()
            for event in self.events(new=True):
                if event["data"]["object"]["id"] == attempt.session_id:
                    self.hand_over(event)
            self.workers.run_all()

    def want_to_pay(self, order: Order, *, kind: str) -> None:
        with transaction.atomic():
            wanted_session(order.pk, kind=kind)

    def buy(self, order: Order, items: Sequence[Any]) -> None:
        purchases: Mapping[int, Json] = {item.pk: {"shop_order_number": f"S-{item.pk}", "paid_price_krw": 1} for item in items}
        work.buy_items(order.pk, purchases=purchases, by=self.people.buyer)

    def buy_all(self, order: Order) -> None:
        self.buy(order, [item for item in order.items.all() if item.is_live])
        perform(order.pk, Order.mark_items_purchased, by=self.people.buyer)

    def receive(self, order: Order) -> None:
        arrived = [item.pk for item in order.items.all() if item.is_live]
        work.receive_items(order.pk, item_ids=arrived, inspected=True, by=self.people.warehouse)
        perform(order.pk, Order.receive_at_warehouse, by=self.people.warehouse)

    def confirm_fee(self, order: Order, *, fee_krw: int) -> None:
        if not order.parcels.filter(closed_at=None).exists():
            work.pack_parcel(order.pk, weight_g=1200, volume_cm3=6000, by=self.people.warehouse)
        work.set_delivery_fee(order.pk, fee_krw=fee_krw, reason="drawn", by=self.people.warehouse)
        perform(order.pk, Order.confirm_delivery_fee, by=self.people.warehouse)

    def ship(self, order: Order) -> None:
        for parcel in order.parcels.filter(closed_at=None):
            label = {"courier": "fedex", "tracking_number": factories.FEDEX_NUMBER, "insist": "every parcel here has this number"}
            work.label_parcel(order.pk, parcel_id=parcel.pk, **label, by=self.people.warehouse)
        perform(order.pk, Order.ship, by=self.people.warehouse)

    def deliver(self, order: Order) -> None:
        Parcel.objects.filter(order=order, closed_at=None).update(status="delivered", delivered_at=now())
        perform(order.pk, Order.record_delivery, by=By.courier(), delivered_at=now().isoformat())

    def come_back(self, order: Order) -> None:
        Parcel.objects.filter(order=order, closed_at=None).update(status="returned")
        perform(order.pk, Order.record_return, by=By.courier())

    def revise(self, order: Order) -> None:
        if order.state == State.AWAITING_ITEM_PAYMENT:
            ask(order.pk, Order.revise_item_prices, by=self.people.buyer)
        else:
            ask(order.pk, Order.revise_delivery_fee, by=self.people.warehouse)

    def open_disputes(self) -> list[Json]:
        return [dispute for dispute in self.books["disputes"] if dispute["status"] not in ("won", "lost")]

"""Demo data for `manage.py demo`: people of every kind and one order in every state, made by walking the real transitions.

Payments go through the sandbox's Stripe when it answers, so that the demo's books are equal at both ends; without it finance records
them with a proof. Data: fixtures/demo.json.
"""

import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.utils.timezone import localdate, now

from core.accounts.models import Address, User, normalise_email
from integrations.base import ProviderError
from workflow import checkout, pricing, rate_cards, roles, settlement, tracking, work
from workflow.intake import Destination, WantedItem, request_quote
from workflow.models import Attempt, ExchangeRate, Order, Parcel, RateCard
from workflow.process import Role, State
from workflow.transitions import By, ask, perform

PASSWORD = "bidangil-demo"  # noqa: S105 - printed by `make run`; the command refuses to run in production
DATA = json.loads((settings.BASE_DIR / "fixtures" / "demo.json").read_text())

Step = Callable[[Order], Any]


def email_of(name: str) -> str:
    return f"{name}@example.com"


def logins() -> list[str]:
    """Addresses that `make run` prints, staff first."""
    return [email_of(name) for name in (*DATA["staff"], *(customer["name"] for customer in DATA["customers"]))]


# --- People ---------------------------------------------------------------------------------------------------------------


def make_people() -> None:
    """Staff of every role and the customers; those who are there already are left as they are."""
    roles.sync()
    for role, fields in DATA["staff"].items():
        user = _person(role, nickname=fields["nickname"], locale=fields["locale"], is_staff=True)
        user.groups.set(Group.objects.filter(name=role))
    for fields in DATA["customers"]:
        user = _person(fields["name"], nickname=fields["nickname"], locale=fields["locale"], phone=fields["phone"])
        Address.objects.get_or_create(
            user=user,
            label="home",
            defaults={
                "recipient_name": fields["recipient_name"],
                "recipient_phone": fields["recipient_phone"],
                "line1": fields["line1"],
                "line2": fields["line2"],
                "city": fields["city"],
                "state": fields["region"],
                "postal_code": fields["postal_code"],
                "country": fields["country"],
            },
        )


def _person(name: str, **fields: Any) -> User:
    email = normalise_email(email_of(name))
    return User.objects.filter(email=email).first() or User.objects.create_user(email, PASSWORD, **fields)


def staff(role: str) -> By:
    return By.staff(User.objects.get(email=email_of(role)))


# --- Rate cards -----------------------------------------------------------------------------------------------------------

#: round sums of no courier's: price of the first half kilogram, of each further one, of a kilogram above the last step; divisor, fuel
EXAMPLE_CARDS = {
    "ems": (20_000, 4_000, 7_000, 6, 0),
    "fedex": (26_000, 5_000, 9_000, 5, 1_500),
    "ups": (25_000, 5_500, 9_500, 5, 1_500),
}


def make_rate_cards() -> None:
    """One for each courier that has none, to any country. Couriers' real tariffs change and are typed in by whoever has the contract."""
    note = "Example, invented prices / 예시, 실제 요율 아님"
    for code in EXAMPLE_CARDS.keys() & work.courier_names().keys():
        first, further, above, divisor, fuel = EXAMPLE_CARDS[code]
        if not RateCard.objects.filter(courier=code).exists():
            steps = [{"up_to_g": 500 * n, "krw": first + further * (n - 1)} for n in range(1, 21)]
            rate_cards.add_card(
                by=staff(Role.OWNER), courier=code, valid_from=None, steps=steps, extra_krw_per_kg=above, volume_divisor=divisor,
                fuel_surcharge_bp=fuel, note=note,
            )  # fmt: skip


# --- Orders ---------------------------------------------------------------------------------------------------------------


class Walk:
    """Takes orders along the road, each step as the people do it."""

    def __init__(self) -> None:
        self.goods = itertools.cycle(DATA["goods"])
        self.customers = itertools.cycle(DATA["customers"])
        self.numbers = itertools.count(41)

    def request(self) -> Order:
        fields = next(self.customers)
        owner = User.objects.get(email=email_of(fields["name"]))
        to = {name: fields[name] for name in Destination.__dataclass_fields__}
        chosen = [next(self.goods) for _ in range(2)]
        items = [WantedItem(url=g["url"], options=g["options"], quantity=n) for n, g in enumerate(chosen, start=1)]
        return request_quote(owner, items=items, destination=Destination(**to), by=By.customer(owner))

    def approve(self, order: Order) -> None:
        work.screen_items(order.pk, verdicts={item.pk: {"verdict": "approved"} for item in order.items.all()}, by=staff(Role.BUYER))
        perform(order.pk, Order.approve_quote, by=staff(Role.BUYER))

    def confirm_prices(self, order: Order) -> None:
        known = {goods["url"]: goods for goods in DATA["goods"]}
        prices = {item.pk: known[item.url]["price_krw"] for item in order.items.all()}
        names = {item.pk: known[item.url]["name"] for item in order.items.all()}
        work.price_items(order.pk, prices=prices, names=names, by=staff(Role.BUYER))
        perform(order.pk, Order.confirm_item_prices, by=staff(Role.BUYER))

    def expire(self, order: Order) -> None:
        Order.objects.filter(pk=order.pk).update(pay_by=now() - timedelta(minutes=5))
        ask(order.pk, Order.expire_quote, by=By.job())

    def pay_items(self, order: Order) -> None:
        self._pay(order, kind="items", move=Order.record_item_payment)

    def pay_delivery(self, order: Order) -> None:
        self._pay(order, kind="delivery", move=Order.record_delivery_payment)

    def _pay(self, order: Order, *, kind: str, move: Step) -> None:
        try:
            checkout.open_checkout(order.pk, kind=kind)
            session = Attempt.objects.get(invoice__order=order, invoice__kind=kind, status="open").session_id
            sandbox("stripe/pay", session=session, deliver=0)
            settlement.settle_session(session or "")
        except (ProviderError, urllib.error.URLError, Attempt.DoesNotExist):
            perform(order.pk, move, by=staff(Role.FINANCE), proof="Demo data: paid without a provider")

    def buy(self, order: Order) -> None:
        purchases = {
            item.pk: {"shop_order_number": f"2026112{item.pk:07d}", "paid_price_krw": item.line_krw}
            for item in order.items.all()
            if item.is_live
        }
        work.buy_items(order.pk, purchases=purchases, by=staff(Role.BUYER))
        perform(order.pk, Order.mark_items_purchased, by=staff(Role.BUYER))

    def receive(self, order: Order) -> None:
        warehouse = staff(Role.WAREHOUSE)
        work.receive_items(order.pk, item_ids=[item.pk for item in order.items.all()], inspected=True, by=warehouse)
        perform(order.pk, Order.receive_at_warehouse, by=warehouse)

    def confirm_fee(self, order: Order) -> None:
        warehouse = staff(Role.WAREHOUSE)
        work.pack_parcel(order.pk, weight_g=2450, volume_cm3=40 * 30 * 18, by=warehouse)
        fee = pricing.proposed_delivery_fee_krw(order.parcels.all(), policy=pricing.paid_quote(order).policy)
        work.set_delivery_fee(order.pk, fee_krw=fee, by=warehouse)
        perform(order.pk, Order.confirm_delivery_fee, by=warehouse)

    def ship(self, order: Order) -> None:
        number = ems_number(next(self.numbers))
        parcel = order.parcels.get()
        work.label_parcel(order.pk, parcel_id=parcel.pk, courier="ems", tracking_number=number, by=staff(Role.WAREHOUSE))
        perform(order.pk, Order.ship, by=staff(Role.WAREHOUSE))

    def deliver(self, order: Order) -> None:
        self._courier_says(order, "delivered")
        if Order.objects.filter(pk=order.pk, state=State.SHIPPED).exists():
            facts = {"delivered_at": now().isoformat(), "proof": "Demo data: delivered without a provider"}
            perform(order.pk, Order.record_delivery, by=staff(Role.WAREHOUSE), **facts)

    def come_back(self, order: Order) -> None:
        self._courier_says(order, "returned")
        if Order.objects.filter(pk=order.pk, state=State.SHIPPED).exists():
            perform(order.pk, Order.record_return, by=staff(Role.WAREHOUSE))
        # Five weeks without an answer: its storage costs by now.
        Order.objects.filter(pk=order.pk).update(storage_since=now() - timedelta(days=34))

    def _courier_says(self, order: Order, status: str) -> None:
        parcel = Parcel.objects.get(order=order)
        try:
            for step in ("picked_up", "in_transit", status):
                sandbox(f"parcels/{parcel.courier}/{parcel.tracking_number}", status=step)
        except urllib.error.URLError:
            return
        tracking.poll_due()

    def complete(self, order: Order) -> None:
        perform(order.pk, Order.complete, by=By.customer(order.customer))

    def cancel(self, order: Order) -> None:
        perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="마음이 바뀌었어요")

    def reject(self, order: Order) -> None:
        reason = DATA["rejected_goods"]["reason"]
        verdicts = {item.pk: {"verdict": "rejected", "note": reason} for item in order.items.all()}
        work.screen_items(order.pk, verdicts=verdicts, by=staff(Role.BUYER))
        perform(order.pk, Order.reject_quote, by=staff(Role.BUYER), reason=reason)

    def roads(self) -> dict[State, tuple[Step, ...]]:
        priced = (self.approve, self.confirm_prices)
        paid = (*priced, self.pay_items)
        stored = (*paid, self.buy, self.receive)
        sent = (*stored, self.confirm_fee, self.pay_delivery, self.ship)
        return {
            State.COMPLETED: (*sent, self.deliver, self.complete),
            State.DELIVERED: (*sent, self.deliver),
            State.RETURNED: (*sent, self.come_back),
            State.SHIPPED: sent,
            State.DELIVERY_PAID: (*stored, self.confirm_fee, self.pay_delivery),
            State.AWAITING_DELIVERY_PAYMENT: (*stored, self.confirm_fee),
            State.AT_WAREHOUSE: stored,
            State.ITEMS_PURCHASED: (*paid, self.buy),
            State.ITEMS_PAID: paid,
            State.QUOTE_EXPIRED: (*priced, self.expire),
            State.AWAITING_ITEM_PAYMENT: priced,
            State.CANCELLED: (self.cancel,),
            State.REJECTED: (self.reject,),
            State.QUOTE_APPROVED: (self.approve,),
            State.QUOTE_REQUESTED: (),
        }


def make_orders() -> int:
    """One order in every state that has none yet; the number made. Needs the people."""
    if pricing.usable_rate() is None:
        ExchangeRate.objects.create(krw_per_usd=Decimal("1462.31"), source="demo", as_of=localdate())
    walk, made = Walk(), 0
    for state, road in walk.roads().items():
        if not Order.objects.filter(state=state).exists():
            order = walk.request()
            for step in road:
                step(Order.objects.get(pk=order.pk))
            made += 1
    return made


def ems_number(serial: int) -> str:
    """A valid S10 number: `EG` + eight digits + check digit + `KR`."""
    digits = f"{serial:08d}"
    rest = sum(int(digit) * weight for digit, weight in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
    return f"EG{digits}{ {0: 5, 1: 0}.get(rest, 11 - rest) }KR"


def sandbox(path: str, **fields: Any) -> None:
    """One call to the sandbox's control door; it stands only on this machine."""
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        f"{settings.SANDBOX_URL}/_control/{path}", data=json.dumps(fields).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        answer.read()

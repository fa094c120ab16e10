"""Orders in any state for tests, made by walking the real transitions: `order_at(State.AT_WAREHOUSE)`.

Stripe and the couriers are played by their facts (a payment of the right amount, a parcel that the courier calls delivered); whoever
tests the talk with them does so against the sandbox.
"""

import itertools
import secrets
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.utils.timezone import localdate, now

from core.accounts.models import User
from workflow import adjustments, work
from workflow.intake import Destination, WantedItem, request_quote
from workflow.models import Attempt, ExchangeRate, Order, Parcel, RateCard
from workflow.payments import new_attempt
from workflow.process import Role, State
from workflow.transitions import By, lock_order, perform

_count = itertools.count(1)
#: several processes may make people in one database
_process = secrets.token_hex(3)

FEDEX_NUMBER, EMS_NUMBER = "986578788855", "EG123456785KR"

DESTINATION = Destination(
    line1="1600 Amphitheatre Parkway",
    line2="Apt 5",
    city="Mountain View",
    region="CA",
    postal_code="94043",
    country="US",
    recipient_name="Kim Minji",
    recipient_phone="+16505550100",
)


def customer(**fields) -> User:
    number = next(_count)
    name = f"customer{number}-{_process}"
    return User.objects.create_user(f"{name}@example.com", None, **{"nickname": name, **fields})


def staff(*roles: str) -> User:
    number = next(_count)
    name = f"staff{number}-{_process}"
    user = User.objects.create_user(f"{name}@example.com", None, nickname=name, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def by(*roles: str) -> By:
    return By.staff(staff(*roles))


def rate(krw_per_usd: str = "1400.00") -> ExchangeRate:
    return ExchangeRate.objects.create(krw_per_usd=Decimal(krw_per_usd), source="test", as_of=localdate())


def new_order(*, items: int = 2, owner: User | None = None) -> Order:
    owner = owner or customer()
    wanted = [WantedItem(url=f"https://smartstore.naver.com/shop/products/{n}", quantity=n) for n in range(1, items + 1)]
    return request_quote(owner, items=wanted, destination=DESTINATION, by=By.customer(owner))


def pay(order: Order, kind: str) -> Order:
    """As Stripe does: the open invoice is paid to the cent."""
    move = {"items": Order.record_item_payment, "delivery": Order.record_delivery_payment}[kind]
    return perform(order.pk, move, by=By.stripe(), **_paid(order, kind))


def pay_difference(order: Order) -> Order:
    return adjustments.record_payment(order.pk, by=By.stripe(), **_paid(order, "adjustment"))


def _paid(order: Order, kind: str) -> dict:
    invoice = order.invoices.get(kind=kind, status="open")
    attempt = invoice.attempts.filter(open_marker=1).first() or new_attempt(invoice)
    Attempt.objects.filter(pk=attempt.pk).update(status="open", session_id=f"cs_test_{attempt.key}")
    return {
        "attempt": attempt.pk,
        "payment_intent": f"pi_test_{attempt.key}",
        "amount_usd_cents": invoice.amount_usd_cents,
        "currency": "usd",
    }


# --- One step each, as the people do it -----------------------------------------------------------------------------------


def approve(order: Order) -> Order:
    buyer = by(Role.BUYER)
    work.screen_items(order.pk, verdicts={item.pk: {"verdict": "approved"} for item in order.items.all()}, by=buyer)
    return perform(order.pk, Order.approve_quote, by=buyer)


def confirm_prices(order: Order, *, price_krw: int = 10_000) -> Order:
    """Item n costs n times `price_krw`."""
    ExchangeRate.objects.exists() or rate()
    buyer = by(Role.BUYER)
    work.price_items(order.pk, prices={item.pk: price_krw * item.position for item in order.items.all() if item.is_live}, by=buyer)
    return perform(order.pk, Order.confirm_item_prices, by=buyer)


def expire(order: Order) -> Order:
    Order.objects.filter(pk=order.pk).update(pay_by=now() - timedelta(minutes=1))
    return perform(order.pk, Order.expire_quote, by=By.job())


def buy(order: Order) -> Order:
    buyer = by(Role.BUYER)
    purchases = {item.pk: {"shop_order_number": f"S-{item.pk}", "paid_price_krw": 9_000} for item in order.items.all() if item.is_live}
    work.buy_items(order.pk, purchases=purchases, by=buyer)
    return perform(order.pk, Order.mark_items_purchased, by=buyer)


def receive(order: Order) -> Order:
    warehouse = by(Role.WAREHOUSE)
    work.receive_items(order.pk, item_ids=[item.pk for item in order.items.all() if item.is_live], inspected=True, by=warehouse)
    return perform(order.pk, Order.receive_at_warehouse, by=warehouse)


def rate_card(courier: str = "ems", country: str = "", *, days: int = -1, **said: Any) -> RateCard:
    """In force since yesterday: 500 g for 21,000, 1 kg for 25,500, 1.5 kg for 29,900 won, and 3,000 for each further kilogram."""
    steps = [{"up_to_g": 500, "krw": 21_000}, {"up_to_g": 1_000, "krw": 25_500}, {"up_to_g": 1_500, "krw": 29_900}]
    usual = {"steps": steps, "extra_krw_per_kg": 3_000, "valid_from": now() + timedelta(days=days)}
    return RateCard.objects.create(courier=courier, country=country, **usual | said)


def confirm_fee(order: Order) -> Order:
    warehouse = by(Role.WAREHOUSE)
    work.pack_parcel(order.pk, weight_g=1200, volume_cm3=6000, by=warehouse)
    work.set_delivery_fee(order.pk, fee_krw=30_000, reason="a round sum", by=warehouse)
    return perform(order.pk, Order.confirm_delivery_fee, by=warehouse)


def ship(order: Order) -> Order:
    warehouse = by(Role.WAREHOUSE)
    for parcel in order.parcels.filter(closed_at=None, delivered_at=None):
        label = {"courier": "fedex", "tracking_number": FEDEX_NUMBER, "insist": "every order of the tests has this number"}
        work.label_parcel(order.pk, parcel_id=parcel.pk, **label, by=warehouse)
    return perform(order.pk, Order.ship, by=warehouse)


def deliver(order: Order) -> Order:
    Parcel.objects.filter(order=order).update(status="delivered", delivered_at=now())
    return perform(order.pk, Order.record_delivery, by=By.courier(), delivered_at=now().isoformat())


def come_back(order: Order) -> Order:
    Parcel.objects.filter(order=order).update(status="returned")
    return perform(order.pk, Order.record_return, by=By.courier())


def reject(order: Order) -> Order:
    return perform(order.pk, Order.reject_quote, by=by(Role.BUYER), reason="prohibited")


def cancel(order: Order) -> Order:
    return perform(order.pk, Order.cancel, by=By.customer(order.customer), reason="changed my mind")


def complete(order: Order) -> Order:
    return perform(order.pk, Order.complete, by=By.customer(order.customer))


#: the way to each state, from a fresh request
ROAD = {
    State.QUOTE_REQUESTED: (),
    State.QUOTE_APPROVED: (approve,),
    State.AWAITING_ITEM_PAYMENT: (approve, confirm_prices),
    State.QUOTE_EXPIRED: (approve, confirm_prices, expire),
    State.ITEMS_PAID: (approve, confirm_prices, lambda order: pay(order, "items")),
}
ROAD[State.ITEMS_PURCHASED] = (*ROAD[State.ITEMS_PAID], buy)
ROAD[State.AT_WAREHOUSE] = (*ROAD[State.ITEMS_PURCHASED], receive)
ROAD[State.AWAITING_DELIVERY_PAYMENT] = (*ROAD[State.AT_WAREHOUSE], confirm_fee)
ROAD[State.DELIVERY_PAID] = (*ROAD[State.AWAITING_DELIVERY_PAYMENT], lambda order: pay(order, "delivery"))
ROAD[State.SHIPPED] = (*ROAD[State.DELIVERY_PAID], ship)
ROAD[State.DELIVERED] = (*ROAD[State.SHIPPED], deliver)
ROAD[State.COMPLETED] = (*ROAD[State.DELIVERED], complete)
ROAD[State.RETURNED] = (*ROAD[State.SHIPPED], come_back)
ROAD[State.REJECTED] = (reject,)
ROAD[State.CANCELLED] = (cancel,)


def order_at(state: str, *, items: int = 2, owner: User | None = None, price_krw: int = 10_000) -> Order:
    """A fresh order walked to `state` by the real transitions."""
    order = new_order(items=items, owner=owner)
    for step in ROAD[State(state)]:
        step(reload(order), price_krw=price_krw) if step is confirm_prices else step(reload(order))
    return reload(order)


def reload(order: Order) -> Order:
    """The order as it is now, nothing remembered."""
    return Order.objects.get(pk=order.pk)


def locked(order: Order) -> Order:
    return lock_order(order.pk)

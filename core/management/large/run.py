"""Makes the large database: reference data by the ORM, then customers and orders in bulk, in batches, so that memory stays flat.

The older orders are closed (or expired), the newest seven in a hundred are open: as many in each state, the younger the earlier in the
process, and about one in five later than was promised. The same seed on the same database makes the same rows. What it makes is added
to what is there; nothing else may write meanwhile.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from django.db.models import Model
from django.utils.timezone import now
from django_eventstream.models import EventCounter

from core.accounts.models import Address, User
from core.management import demo
from core.management.large import desk, warehouse
from core.management.large.orders import DAY, HOUR, ROADS, TIMES, Seeded, World
from core.management.large.people import People
from core.management.large.tables import Table, Writer, analyse, at, microseconds, writing
from workflow.models import (
    Attempt,
    CourierMessage,
    ExchangeRate,
    FeePolicy,
    Inspection,
    Invoice,
    InvoiceLine,
    Item,
    LedgerEntry,
    Order,
    OrderEvent,
    OrderMessage,
    OrderNote,
    Parcel,
    ParcelLabel,
    PayLink,
    Photo,
    Quote,
    Refund,
    RefundLine,
    StaffTask,
    StripeEvent,
    TrackingEvent,
    TrackLink,
)
from workflow.process import Role, State

YEARS = timedelta(days=730)
ORDERS_A_CUSTOMER, AT_A_TIME = 12, 1_000
OPEN_SHARE = 0.07
#: the open states, from the end of the process to its beginning; how many days ago the oldest order in each was requested
OPEN = {
    State.RETURNED: 50, State.DELIVERED: 45, State.SHIPPED: 35, State.DELIVERY_PAID: 25, State.AWAITING_DELIVERY_PAYMENT: 21,
    State.AT_WAREHOUSE: 18, State.ITEMS_PURCHASED: 16, State.ITEMS_PAID: 9, State.AWAITING_ITEM_PAYMENT: 6, State.QUOTE_APPROVED: 4,
    State.QUOTE_REQUESTED: 1.2,
}  # fmt: skip
#: an order's whole life takes about as long
LIFE = 35 * DAY


class Tables:
    """Every table that orders write to, in the order of what refers to what."""

    def __init__(self) -> None:
        self.orders = Table(
            Order,
            "number state state_since clock_since clock_stopped_at customer_id requested_at note recipient_name recipient_phone line1 "
            "line2 city region postal_code country rate_at_request_id delivery_fee_krw closed_reason hold_reason held_at question asked_at "
            "unanswered_since assigned_to_id assigned_at hint storage_used_s storage_since "
            "storage_began_at version last_event_number "
            "ledger_count pay_by " + " ".join(TIMES),
        )
        self.parcels = Table(
            Parcel,
            "order_id position weight_g volume_cm3 length_cm width_cm height_cm courier tracking_number handed_over_at status status_since "
            "delivered_at next_poll_at polled_at last_scan_at",
        )
        self.items = Table(
            Item,
            "order_id position url options quantity status name screening_note price_krw shop_order_number paid_price_krw arrived_at "
            "inspected_at parcel_id hints restriction_id screened_by_id screened_at",
        )
        self.scans = Table(TrackingEvent, "parcel_id tracking_number at code status text place stored_at")
        self.labels = Table(ParcelLabel, "parcel_id courier tracking_number since until set_by_id")
        self.tracks = Table(TrackLink, "order_id token")
        self.told = Table(CourierMessage, "courier digest body received_at settled_at attempts")
        self.inspections = Table(
            Inspection,
            "item_id number verdict note at by_id asked_at answer_by choice answer answered_at outcome ended_at ended_by_id",
        )
        self.photos = Table(
            Photo,
            "order_id item_id inspection_id parcel_id key small_key width height bytes added_at added_by_id removed_at removed_by_id",
        )
        self.quotes = Table(Quote, "order_id version krw_per_usd rate_source rate_as_of policy_id created_at")
        self.invoices = Table(Invoice, "order_id kind number quote_id status amount_krw amount_usd_cents created_at pay_by paid_at")
        self.lines = Table(InvoiceLine, "invoice_id position kind item_id quantity amount_krw amount_usd_cents fee")
        self.links = Table(PayLink, "order_id kind token")
        self.attempts = Table(Attempt, "invoice_id generation key status session_id expires_at payment_intent_id created_at request")
        self.inbox = Table(StripeEvent, "event_id type payload received_at settled_at outcome attempts")
        self.ledger = Table(
            LedgerEntry,
            "order_id invoice_id number kind amount_cents currency source reference payment_intent_id note booked_at previous_hash hash",
        )
        self.refunds = Table(
            Refund,
            "order_id invoice_id payment_id payment_intent_id amount_usd_cents reason note status key stripe_id created_at "
            "is_discretionary",
        )
        self.refund_lines = Table(RefundLine, "refund_id invoice_line_id amount_usd_cents")
        self.events = Table(OrderEvent, "order_id number name from_state to_state actor user_id door facts at previous_hash hash")
        self.messages = Table(OrderMessage, "order_id author_id from_staff asks text at read_at")
        self.notes = Table(OrderNote, "order_id author_id text at")
        self.tasks = Table(StaffTask, "key kind order_id text values created_at done_at done_by_id")

    def statements(self) -> list[str]:
        return [statement for table in vars(self).values() for statement in table.statements()]


def seed(orders: int, *, seed: int, say: Callable[[str], Any]) -> None:
    """Add `orders` orders and a customer for every twelve of them."""
    started = time.monotonic()
    world = _world(Random(f"{seed}:{Order.objects.count()}"))  # noqa: S311 - data to be looked at, and the same every time
    people = People(world.rng)
    with writing() as writer:
        people.make(max(1, orders // ORDERS_A_CUSTOMER), first=world.first, last=world.now - 30 * DAY, writer=writer)
        _orders(world, people, orders, writer=writer, say=say, started=started)
    say("asking the database to look at its tables …")
    analyse(*every_table())
    say(f"{orders:,} orders of {len(people.customers):,} customers in {time.monotonic() - started:.0f} s")


def every_table() -> list[type[Model]]:
    return [
        User, Address, EventCounter, Order, Item, Parcel, TrackingEvent, ParcelLabel, TrackLink, CourierMessage,
        Inspection, Photo, Quote, Invoice, InvoiceLine, PayLink, Attempt, StripeEvent,
        LedgerEntry, Refund, RefundLine, OrderEvent, OrderMessage, OrderNote, StaffTask, ExchangeRate, FeePolicy,
    ]  # fmt: skip


def _world(rng: Random) -> World:
    """People of the staff, two years of daily rates, and a fee policy that held all the time."""
    demo.make_people()
    moment = now()
    first = moment - YEARS
    policy = FeePolicy.objects.filter(valid_from__lte=first).order_by("-valid_from").first() or FeePolicy.objects.create(valid_from=first)
    days = [first + timedelta(days=day) for day in range(YEARS.days + 1)]
    rates, won = [], 138_000
    for day in days:
        won = min(152_000, max(126_000, won + rng.randrange(-700, 701)))
        rates.append(ExchangeRate(krw_per_usd=Decimal(won) / 100, source="seed", as_of=day.date(), fetched_at=day))
    ExchangeRate.objects.bulk_create(rates, batch_size=500)
    stored = list(ExchangeRate.objects.filter(source="seed", fetched_at__gte=first).order_by("fetched_at"))
    staff = {role: User.objects.get(email=demo.email_of(role)).pk for role in Role.values}
    warehouse.make_reference(policy, staff)
    return World(rng, Tables(), staff, policy, stored, microseconds(first), microseconds(moment), desk.all_hints())


def _orders(world: World, people: People, count: int, *, writer: Writer, say: Callable[[str], Any], started: float) -> None:
    opening = count - int(count * OPEN_SHARE)
    for number in range(count):
        _one(world, people, number, count, opening=opening)
        if number % AT_A_TIME == AT_A_TIME - 1 or number == count - 1:
            writer.write(world.tables.statements())
        if (number + 1) % 20_000 == 0:
            pace = (number + 1) / (time.monotonic() - started)
            say(f"{number + 1:,} of {count:,} orders, {pace:,.0f} a second, {(count - number - 1) / pace:.0f} s to go")
    writer.wait()


def _requested(world: World, number: int, count: int, opening: int) -> tuple[int, str]:
    """When the order was requested, ever later; and in which state it is if it is open, or nothing."""
    oldest = world.now - int(max(OPEN.values()) * DAY)
    if number < opening:
        return world.first + (oldest - world.first) * number // opening - world.rng.randrange(60_000_000), ""
    place, rest = divmod((number - opening) * len(OPEN), count - opening)
    days = [*OPEN.values(), 0]
    age = days[place] - (days[place] - days[place + 1]) * rest / (count - opening)
    return world.now - int(age * DAY) - world.rng.randrange(60_000_000), list(OPEN)[place]


def _one(world: World, people: People, number: int, count: int, *, opening: int) -> None:
    rng = world.rng
    requested, open_state = _requested(world, number, count, opening)
    chance = rng.random()
    closed = next(state for limit, state in CLOSED_SHARES if chance < limit)
    state = open_state or closed
    if state == State.AWAITING_DELIVERY_PAYMENT and rng.random() < FORGOTTEN:
        requested -= rng.randrange(10, 80) * DAY
    paid_then_cancelled = state == State.CANCELLED and rng.random() < 0.35
    steps = 4 if paid_then_cancelled else len(ROADS[state])
    seeded = Seeded(
        world=world,
        key=world.tables.orders.last_key + 1,
        customer=people.customers[rng.randrange(len(people.customers))],
        state=state,
        requested=requested,
        moments=_moments(rng, requested, steps, until=world.now, state=state),
        paid_then_cancelled=paid_then_cancelled,
    )
    seeded.write()
    if rng.random() < 0.004:
        _task(world, seeded, is_open=bool(open_state))


#: of those who owe the delivery fee: goods that lie with us for weeks
FORGOTTEN = 0.15
#: what became of the older ones, summed up
CLOSED_SHARES = ((0.80, State.COMPLETED), (0.90, State.CANCELLED), (0.955, State.REJECTED), (1.01, State.QUOTE_EXPIRED))


def _moments(rng: Random, requested: int, steps: int, *, until: int, state: str) -> list[int]:
    """When each step was taken, in order. What waits for a payment or a claim has just begun, so that no deadline is past."""
    span = max(min(until - requested - 60_000_000, LIFE * steps // 10), steps * 2)
    last = requested + span * rng.randrange(60, 100) // 100
    if state in (State.AWAITING_ITEM_PAYMENT, State.DELIVERED):
        last = max(requested + 1, until - rng.randrange(HOUR, 40 * HOUR))
    elif state in PROMISED:
        last = max(requested + steps, until - _waited(rng, PROMISED[state]))
    if steps == 0:
        return []
    inner = sorted(rng.randrange(requested + 1, last) for _step in range(steps - 1)) if last > requested + 1 else [last] * (steps - 1)
    return [*inner, last]


#: days that are promised in the states that wait for us
PROMISED: dict[str, int] = {
    State.QUOTE_APPROVED: 1, State.ITEMS_PAID: 1, State.ITEMS_PURCHASED: 7, State.AT_WAREHOUSE: 1, State.DELIVERY_PAID: 2,
}  # fmt: skip


def _waited(rng: Random, days: int) -> int:
    """Mostly within what was promised, one in five longer."""
    share = rng.uniform(0.02, 0.95) if rng.random() < 0.8 else rng.uniform(1, 3)
    return int(share * days * DAY)


def _task(world: World, seeded: Seeded, *, is_open: bool) -> None:
    """Something staff were to look at; what is older was looked at."""
    kind, text = world.rng.choice(TASKS)
    since = seeded.events[-1][0]
    done = None if is_open else since + 20 * HOUR
    world.tables.tasks.add(
        f"seed:{seeded.key}", kind, seeded.key, text, "{}", at(since), at(done) if done else None, world.staff["support"] if done else None
    )


TASKS = (
    ("courier_silent", "The courier has not answered for a long time."),
    ("question_unanswered", "The customer does not answer."),
)

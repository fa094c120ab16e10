"""One order's rows as its life would have left them: the road to its state with a moment for each step, and what each step writes.

Money goes by the functions that make real bills, the journal and the ledger by the digest of their models. What staff typed between
the moves (screening, prices, labels) has no event of its own here. What happens beside the road: `desk.py`.

Numbers and tokens begin with the order's key: a unique index over millions of truly random ones fills slowly where it is larger than the
database's memory.
"""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from core.management.large import desk, warehouse
from core.management.large.desk import HOUR, Beside
from core.management.large.people import DAY, Customer
from core.management.large.tables import at
from core.management.large.words import CANCELLED, FORBIDDEN, GOODS, NOTES, PLACES, REJECTED, Goods
from core.money import krw_to_usd_cents
from workflow.fees import Fee, card_fee, freight_krw, service_fee
from workflow.models import ExchangeRate, FeePolicy
from workflow.models.hashing import digest_of
from workflow.models.orders import ALPHABET
from workflow.process import State
from workflow.restrictions import STRICTNESS

#: what happened on the way to each state, without the request; `cancel` comes after whatever was reached
PRICED = ("approve_quote", "confirm_item_prices")
STORED = (*PRICED, "record_item_payment", "mark_items_purchased", "receive_at_warehouse")
SENT = (*STORED, "confirm_delivery_fee", "record_delivery_payment", "ship")
ROADS: dict[str, tuple[str, ...]] = {
    State.QUOTE_REQUESTED: (),
    State.QUOTE_APPROVED: PRICED[:1],
    State.AWAITING_ITEM_PAYMENT: PRICED,
    State.QUOTE_EXPIRED: (*PRICED, "expire_quote"),
    State.ITEMS_PAID: STORED[:3],
    State.ITEMS_PURCHASED: STORED[:4],
    State.AT_WAREHOUSE: STORED,
    State.AWAITING_DELIVERY_PAYMENT: SENT[:6],
    State.DELIVERY_PAID: SENT[:7],
    State.SHIPPED: SENT,
    State.DELIVERED: (*SENT, "record_delivery"),
    State.COMPLETED: (*SENT, "record_delivery", "complete"),
    State.RETURNED: (*SENT, "record_return"),
    State.REJECTED: ("reject_quote",),
    State.CANCELLED: ("cancel",),
}
#: move -> where it leads, the order's own time column, who makes it, through which door
MOVES: dict[str, tuple[str, str, str, str]] = {
    "approve_quote": (State.QUOTE_APPROVED, "approved_at", "staff", "admin"),
    "confirm_item_prices": (State.AWAITING_ITEM_PAYMENT, "quoted_at", "staff", "admin"),
    "expire_quote": (State.QUOTE_EXPIRED, "", "job", "job"),
    "record_item_payment": (State.ITEMS_PAID, "items_paid_at", "stripe", "webhook"),
    "mark_items_purchased": (State.ITEMS_PURCHASED, "purchased_at", "staff", "admin"),
    "receive_at_warehouse": (State.AT_WAREHOUSE, "received_at", "staff", "admin"),
    "confirm_delivery_fee": (State.AWAITING_DELIVERY_PAYMENT, "delivery_quoted_at", "staff", "admin"),
    "record_delivery_payment": (State.DELIVERY_PAID, "delivery_paid_at", "stripe", "webhook"),
    "ship": (State.SHIPPED, "shipped_at", "staff", "admin"),
    "record_delivery": (State.DELIVERED, "delivered_at", "courier", "job"),
    "record_return": (State.RETURNED, "", "courier", "job"),
    "complete": (State.COMPLETED, "closed_at", "job", "job"),
    "reject_quote": (State.REJECTED, "closed_at", "staff", "admin"),
    "cancel": (State.CANCELLED, "closed_at", "customer", "api"),
}
TIMES = ("approved_at", "quoted_at", "items_paid_at", "purchased_at", "received_at", "delivery_quoted_at", "delivery_paid_at",
         "shipped_at", "delivered_at", "closed_at")  # fmt: skip
ITEM_STATUS = {
    State.QUOTE_REQUESTED: "requested", State.QUOTE_APPROVED: "approved", State.AWAITING_ITEM_PAYMENT: "priced",
    State.QUOTE_EXPIRED: "priced", State.ITEMS_PAID: "paid", State.ITEMS_PURCHASED: "purchased", State.AT_WAREHOUSE: "inspected",
    State.AWAITING_DELIVERY_PAYMENT: "inspected", State.DELIVERY_PAID: "inspected", State.SHIPPED: "shipped",
    State.DELIVERED: "shipped", State.COMPLETED: "shipped", State.RETURNED: "shipped", State.REJECTED: "rejected",
    State.CANCELLED: "cancelled",
}  # fmt: skip
STAFF_OF = {"approve_quote": "buyer", "confirm_item_prices": "buyer", "mark_items_purchased": "buyer", "reject_quote": "buyer"}
PARCEL_ENDS = {State.DELIVERED: "delivered", State.COMPLETED: "delivered", State.RETURNED: "returned"}


@dataclass
class World:
    """What all orders share."""

    rng: Random
    tables: Any
    #: by role
    staff: dict[str, int]
    policy: FeePolicy
    #: one a day, oldest first
    rates: list[ExchangeRate]
    first: int
    now: int
    #: what items' words hint at
    hints: dict[desk.Words, desk.Hinted]

    def rate_on(self, moment: int) -> ExchangeRate:
        return self.rates[max(0, min(len(self.rates) - 1, (moment - self.first) // DAY))]


@dataclass
class Seeded:
    """An order on its way into the tables."""

    world: World
    key: int
    customer: Customer
    state: str
    requested: int
    moments: list[int]
    paid_then_cancelled: bool = False
    number: str = ""
    times: dict[str, int] = field(default_factory=dict)
    #: moment and hash of each event so far; the hash of each row in the ledger
    events: list[tuple[int, str]] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    delivery_fee: int | None = None
    #: the strictest kind of restricted goods that an item hints at
    hint: str = ""
    #: the first item came, and an inspection of it is open
    is_found_bad: bool = False

    # --- The order ---

    def write(self) -> None:
        rng = self.world.rng
        bits = self.key << 26 | rng.getrandbits(26)
        letters = "".join(ALPHABET[bits >> 5 * place & 31] for place in range(9, -1, -1))
        self.number = f"BD-{letters[:5]}-{letters[5:]}"
        road = (*STORED[:3], "cancel") if self.paid_then_cancelled else ROADS[self.state]
        self.times = dict(zip(road, self.moments, strict=True))
        goods = self._goods()
        parcels = self._parcels() if "confirm_delivery_fee" in self.times else []
        self.is_found_bad = warehouse.is_found_bad(self)
        items = self._items(goods, parcels)
        if "confirm_item_prices" in self.times:
            self._money(goods, items)
        reason = self._end_reason()
        self._journal(road, len(goods), reason)
        beside = desk.happened(self)
        warehouse.look(self, items, bad=items[0] if self.is_found_bad else None, asked_at=beside.asked_at)
        self._order_row(reason, beside=beside)

    def _end_reason(self) -> str:
        if self.state == State.REJECTED:
            return self.world.rng.choice(REJECTED)
        return self.world.rng.choice(CANCELLED) if self.state == State.CANCELLED else ""

    def _order_row(self, reason: str, *, beside: Beside) -> None:
        since = (self.moments or [self.requested])[-1]
        person, (street, city, region, postal_code, country) = self.customer, PLACES[self.customer.place]
        columns = {MOVES[move][1]: moment for move, moment in self.times.items()}
        pay_by = columns.get("quoted_at")
        stored = warehouse.clock(self, beside=beside)
        self.world.tables.orders.add(
            self.number, self.state, at(since), at(since), moment(beside.stopped_at),
            person.key, at(self.requested), self.world.rng.choice(NOTES), person.name, person.phone, f"{person.house} {street}", "",
            city, region, postal_code, country, self.world.rate_on(self.requested).pk, self.delivery_fee, reason,
            beside.hold_reason, moment(beside.held_at), beside.question, moment(beside.asked_at), moment(beside.unanswered_since),
            beside.assigned_to, moment(beside.assigned_at), self.hint,
            stored.used_s, moment(stored.since), moment(stored.began),
            len(self.events) + 1, len(self.events), len(self.ledger), at(pay_by + 72 * HOUR) if pay_by else None,
            *(at(columns[name]) if name in columns else None for name in TIMES),
        )  # fmt: skip

    # --- Items and parcels ---

    def _goods(self) -> list["Bought"]:
        """(what, quantity, unit price) of each item."""
        rng, found = self.world.rng, []
        for _position in range(rng.choice((1, 1, 1, 2, 2, 3, 3, 4, 5))):
            thing = rng.choice(GOODS)
            found.append((thing, rng.choice((1, 1, 1, 1, 2, 3)), thing.won + rng.randrange(-20, 60) * 100))
        if self.state == State.REJECTED or (self.state == State.QUOTE_REQUESTED and rng.random() < 0.04):
            found[0] = (rng.choice(FORBIDDEN), 1, found[0][2])
        return found

    def _items(self, goods: list["Bought"], parcels: list[int]) -> list[int]:
        rng, table, times = self.world.rng, self.world.tables.items, self.times
        status = ITEM_STATUS[State(self.state)]
        bought, arrived = times.get("mark_items_purchased"), times.get("receive_at_warehouse")
        priced = "confirm_item_prices" in times
        screened, buyer = times.get("approve_quote") or times.get("reject_quote"), self.world.staff["buyer"]
        keys, kinds = [], set()
        for position, (thing, quantity, won) in enumerate(goods, start=1):
            came = at(arrived - 5 * HOUR) if arrived else None
            if self.is_found_bad:
                status, came = ("arrived", at(self.world.now - 4 * DAY)) if position == 1 else ("purchased", None)
            options, is_rejected = rng.choice(thing.options), status == "rejected"
            hint = self.world.hints[thing.name if priced else "", options, thing.url, PLACES[self.customer.place][4]]
            kinds.add(hint.kind)
            shop = f"{at(bought)[:10].replace('-', '')}{table.last_key + 1:09d}" if bought else ""
            keys.append(
                table.add(
                    self.key, position, f"{thing.url}{rng.randrange(10**9, 10**10)}", options, quantity, status,
                    thing.name if priced else "", REJECTED[0] if is_rejected else "", won if priced else None, shop,
                    won * quantity if bought else None, came, at(arrived) if arrived else None,
                    parcels[position % len(parcels)] if parcels else None,
                    hint.rows, hint.version if is_rejected else None, buyer if screened else None, at(screened) if screened else None,
                )
            )  # fmt: skip
        self.hint = min(kinds - {""}, key=STRICTNESS.__getitem__, default="")
        return keys

    def _parcels(self) -> list[int]:
        rng, world, table = self.world.rng, self.world, self.world.tables.parcels
        shipped, status = self.times.get("ship"), PARCEL_ENDS.get(State(self.state), "pending")
        ended = self.times.get("record_delivery") or self.times.get("record_return")
        under_way = shipped is not None and ended is None
        keys, fee = [], 0
        for position in range(1, 3 if rng.random() < 0.12 else 2):
            weight, sides = rng.randrange(30, 900) * 10, [rng.randrange(10, 45) for _side in range(3)]
            volume = sides[0] * sides[1] * sides[2]
            fee += freight_krw(world.policy, weight_g=weight, volume_cm3=volume)
            chance = rng.random()
            courier = next(name for share, name in warehouse.SHARES if chance < share)
            is_labelled = shipped is not None or (self.state == State.DELIVERY_PAID and rng.random() < warehouse.LABELLED)
            number = warehouse.numbered(courier, table.last_key + 1) if is_labelled else ""
            last = ended or (warehouse.scanned_at(shipped, world.now, len(warehouse.STEPS) - 1) if shipped else None)
            key = table.add(
                self.key, position, weight, volume, *sides, courier, number,
                moment(shipped), warehouse.STEPS[-1][0] if under_way else status, moment(last),
                moment(ended if status == "delivered" else None),
                at(world.now + rng.randrange(2 * HOUR, 30 * HOUR)) if under_way else None, at(world.now - HOUR) if under_way else None,
                moment(last),
            )  # fmt: skip
            keys.append(key)
            if is_labelled:
                warehouse.labelled(self, key, courier=courier, number=number, left=shipped or world.now)
            if shipped:
                if rng.random() < warehouse.PHOTOGRAPHED:
                    warehouse.photo(self, at(shipped), parcel=key)
                if under_way or rng.random() < 0.1:
                    warehouse.way(self, key, number=number, shipped=shipped, ended=ended, status=status)
        if shipped:
            world.tables.tracks.add(self.key, f"{self.key:08x}{rng.getrandbits(56):014x}")
        self.delivery_fee = fee
        return keys

    # --- Money ---

    def _money(self, goods: list["Bought"], items: list[int]) -> None:
        world, quoted = self.world, self.times["confirm_item_prices"]
        rate = world.rate_on(quoted)
        quote = world.tables.quotes.add(
            self.key, 1, str(rate.krw_per_usd), rate.source, rate.as_of.isoformat(), world.policy.pk, at(quoted)
        )
        lines: list[Line] = [
            ("item", item, quantity, won * quantity, krw_to_usd_cents(won * quantity, krw_per_usd=rate.krw_per_usd), None)
            for item, (_thing, quantity, won) in zip(items, goods, strict=True)
        ]
        krw, cents = sum(line[3] for line in lines), sum(line[4] for line in lines)
        fee = service_fee(world.policy, goods_krw=krw, goods_usd_cents=cents, krw_per_usd=rate.krw_per_usd)
        bill = self._bill("items", 1, quote, [*lines, fee_line("service_fee", fee)], quoted, self.times.get("record_item_payment"))
        self.facts["confirm_item_prices"] = {"quote": 1, "amount_usd_cents": bill, "krw_per_usd": str(rate.krw_per_usd)}
        if "confirm_delivery_fee" in self.times:
            issued, won = self.times["confirm_delivery_fee"], self.delivery_fee or 0
            cents = krw_to_usd_cents(won, krw_per_usd=rate.krw_per_usd)
            fee = card_fee(world.policy, delivery_krw=won, delivery_usd_cents=cents, krw_per_usd=rate.krw_per_usd)
            lines = [("delivery", None, 1, won, cents, None), fee_line("card_fee", fee)]
            if days := warehouse.storage_days(self):
                won = days * world.policy.storage_krw_per_day
                lines.append(("storage", None, days, won, krw_to_usd_cents(won, krw_per_usd=rate.krw_per_usd), None))
            bill = self._bill("delivery", 2, quote, lines, issued, self.times.get("record_delivery_payment"))
            self.facts["confirm_delivery_fee"] = {"amount_usd_cents": bill}

    def _bill(self, kind: str, number: int, quote: int, lines: list["Line"], issued: int, paid: int | None) -> int:
        """The invoice with its lines, its pay link and its one session; its sum in cents."""
        tables, rng = self.world.tables, self.world.rng
        krw, cents = sum(line[3] for line in lines), sum(line[4] for line in lines)
        status = "paid" if paid else "expired" if self.state == State.QUOTE_EXPIRED else "open"
        pay_by = at(issued + 72 * HOUR) if kind == "items" else None
        invoice = tables.invoices.add(self.key, kind, number, quote, status, krw, cents, at(issued), pay_by, at(paid) if paid else None)
        keys = [
            tables.lines.add(invoice, position, kind_, item, quantity, won, usd, json.dumps(fee) if fee else None)
            for position, (kind_, item, quantity, won, usd, fee) in enumerate(lines, start=1)
        ]
        tables.links.add(self.key, kind, f"{self.key:08x}{rng.getrandbits(96):024x}")
        code = f"{self.key:08x}{rng.getrandbits(64):016x}"
        intent = f"pi_3S{code}" if paid else ""
        session = "paid" if paid else "closed" if status == "expired" else "open"
        ends = issued + 24 * HOUR if session != "open" else self.world.now + rng.randrange(2, 23) * HOUR
        attempt = tables.attempts.add(
            invoice, 1, f"{self.number}:{kind}:{number}:1", session, f"cs_test_a1{code}", at(ends), intent, at(issued), "{}"
        )
        if paid:
            facts = {"attempt": attempt, "payment_intent": intent, "amount_usd_cents": cents, "currency": "usd", "invoice": number}
            self.facts["record_item_payment" if kind == "items" else "record_delivery_payment"] = facts
            self._inbox(code, intent, cents, paid)
            capture = self._book(invoice, "capture", cents, intent, intent, paid)
            if self.paid_then_cancelled:
                self._give_back(invoice, capture, cents, intent, list(zip(keys, lines, strict=True)))
        return cents

    def _inbox(self, code: str, intent: str, cents: int, paid: int) -> None:
        """Stripe's event, of which the last 90 days are there."""
        if paid > self.world.now - 90 * DAY:
            what = {"id": f"cs_test_a1{code}", "object": "checkout.session", "payment_intent": intent, "amount_total": cents}
            body = json.dumps({"id": f"evt_1S{code}", "type": "checkout.session.completed", "data": {"object": what}})
            self.world.tables.inbox.add(f"evt_1S{code}", "checkout.session.completed", body, at(paid), at(paid), "settled", 1)

    def _book(self, invoice: int, kind: str, cents: int, reference: str, intent: str, moment: int, note: str = "") -> int:
        number, previous = len(self.ledger) + 1, self.ledger[-1] if self.ledger else ""
        said = (self.key, invoice, number, kind, cents, "usd", "stripe", reference, intent, note)
        self.ledger.append(digest_of(*said, moment, previous))
        return self.world.tables.ledger.add(*said, at(moment), previous, self.ledger[-1])

    def _give_back(self, invoice: int, payment: int, cents: int, intent: str, lines: list[tuple[int, "Line"]]) -> None:
        tables, moment, code = self.world.tables, self.times["cancel"], f"re_3S{self.key:08x}{self.world.rng.getrandbits(64):016x}"
        refund = tables.refunds.add(
            self.key,
            invoice,
            payment,
            intent,
            cents,
            "cancelled",
            "",
            "succeeded",
            f"{self.number}:refund:{code[-16:]}",
            code,
            at(moment),
            0,
        )
        for key, line in lines:
            if line[4]:
                tables.refund_lines.add(refund, key, line[4])
        self._book(invoice, "refund", -cents, code, intent, moment, note="cancelled")
        self.facts["cancel"] = {"refunds_usd_cents": cents}

    # --- The journal ---

    def _journal(self, road: tuple[str, ...], items: int, reason: str) -> None:
        world = self.world
        self.event(self.requested, "request_quote", "", State.QUOTE_REQUESTED, "customer", self.customer.key, "api", {"items": items})
        state: str = State.QUOTE_REQUESTED
        for move in road:
            target, _column, actor, door = MOVES[move]
            user = {"staff": world.staff[STAFF_OF.get(move, "warehouse")], "customer": self.customer.key}.get(actor)
            facts = self.facts.get(move, {})
            if move in ("reject_quote", "cancel"):
                facts = {"reason": reason, **facts}
            elif move == "ship":
                facts = {"parcels": 1}
            elif move == "record_delivery":
                facts = {"delivered_at": f"{at(self.times[move]).replace(' ', 'T')}+00:00"}
            self.event(self.times[move], move, state, target, actor, user, door, facts)
            state = target

    def event(
        self, moment: int, name: str, before: str, after: str, actor: str, user: int | None, door: str, facts: dict[str, Any]
    ) -> None:
        number, previous = len(self.events) + 1, self.events[-1][1] if self.events else ""
        digest = digest_of(self.key, number, name, before, after, actor, user, door, facts, moment, previous)
        self.events.append((moment, digest))
        said = json.dumps(facts, ensure_ascii=False)
        self.world.tables.events.add(self.key, number, name, before, after, actor, user, door, said, at(moment), previous, digest)


Bought = tuple[Goods, int, int]
#: kind, item, quantity, won, cents, how a fee was reckoned
Line = tuple[str, int | None, int, int, int, dict[str, Any] | None]


def moment(microseconds: int | None) -> str | None:
    return None if microseconds is None else at(microseconds)


def fee_line(kind: str, fee: Fee) -> Line:
    return kind, None, 1, fee.krw, fee.usd_cents, fee.terms

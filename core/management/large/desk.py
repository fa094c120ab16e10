"""What people do beside an order's road: hold it, ask, write, take it, note something down. And what items' words hint at."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from core.management.large.people import DAY
from core.management.large.tables import at
from core.management.large.words import ANSWERS, FORBIDDEN, GOODS, HELD, LETTERS, MEMOS, PLACES, QUESTIONS
from workflow import hints
from workflow.models import Item, Order
from workflow.process import CLOSED, State

if TYPE_CHECKING:
    from core.management.large.orders import Seeded

HOUR = 3_600_000_000
#: who takes orders of these states; the rest is the buyer's
TAKEN_BY = {
    State.ITEMS_PURCHASED: "warehouse", State.AT_WAREHOUSE: "warehouse", State.DELIVERY_PAID: "warehouse", State.RETURNED: "support",
    State.DELIVERED: "support", State.SHIPPED: "support",
}  # fmt: skip
TASK = "The customer has written and waits for an answer."


@dataclass
class Beside:
    """The order's columns that tell of it; moments in microseconds."""

    hold_reason: str = ""
    held_at: int | None = None
    question: str = ""
    asked_at: int | None = None
    unanswered_since: int | None = None
    assigned_to: int | None = None
    assigned_at: int | None = None

    @property
    def stopped_at(self) -> int | None:
        return self.held_at or self.asked_at


def happened(order: "Seeded") -> Beside:
    """A few orders in a hundred each; what it says of an order has its events, messages and task."""
    found, chance = Beside(), order.world.rng.random()
    if chance < 0.02 and order.state not in QUIET:
        _hold(order, found)
    elif chance < (0.5 if order.is_found_bad else 0.05) and order.state not in QUIET:
        _ask(order, found)
    elif chance < 0.08:
        _write(order, found)
    if order.world.rng.random() < (0.01 if order.state in CLOSED else 0.3):
        _take(order, found)
    if order.world.rng.random() < 0.03:
        staff = order.world.staff[TAKEN_BY.get(State(order.state), "buyer")]
        order.world.tables.notes.add(order.key, staff, order.world.rng.choice(MEMOS), at(_moment(order)))
    return found


#: nothing is held or asked any more
QUIET = CLOSED | {State.DELIVERED}


def _moment(order: "Seeded") -> int:
    """Shortly after the last thing that happened."""
    return min(order.events[-1][0] + order.world.rng.randrange(HOUR // 10, HOUR), order.world.now)


def _hold(order: "Seeded", found: Beside) -> None:
    found.hold_reason, found.held_at = order.world.rng.choice(HELD), _moment(order)
    order.event(
        found.held_at, "hold", order.state, order.state, "staff", order.world.staff["support"], "admin", {"reason": found.hold_reason}
    )


def _ask(order: "Seeded", found: Beside) -> None:
    found.question, found.asked_at = order.world.rng.choice(QUESTIONS), _moment(order)
    _message(order, found.asked_at, found.question, name="ask", author=order.world.staff["buyer"], read=False)


def _write(order: "Seeded", found: Beside) -> None:
    """The customer writes; what is no longer open was answered, of the rest a third waits."""
    world, moment = order.world, _moment(order)
    waits = order.state not in CLOSED and world.rng.random() < 0.33
    if waits:
        moment = max(moment, world.now - world.rng.randrange(HOUR, DAY * 3 // 2))
    _message(order, moment, world.rng.choice(LETTERS), name="message", author=order.customer.key, read=not waits)
    key = f"order:{order.key}:unanswered-{''.join(sign for sign in at(moment) if sign.isdigit())}"
    if waits:
        found.unanswered_since = moment
        world.tables.tasks.add(key, "customer_message", order.key, TASK, "{}", at(moment), None, None)
        return
    answered = _moment(order)
    support = world.staff["support"]
    world.tables.tasks.add(key, "customer_message", order.key, TASK, "{}", at(moment), at(answered), support)
    _message(order, answered, world.rng.choice(ANSWERS), name="message", author=support, read=True)


def _message(order: "Seeded", moment: int, text: str, *, name: str, author: int, read: bool) -> None:
    from_staff = author != order.customer.key
    message = order.world.tables.messages.add(order.key, author, from_staff, name == "ask", text, at(moment), at(moment) if read else None)
    said = ("staff", author, "admin") if from_staff else ("customer", author, "api")
    order.event(moment, name, order.state, order.state, *said, {"message": message})


def _take(order: "Seeded", found: Beside) -> None:
    found.assigned_to, found.assigned_at = order.world.staff[TAKEN_BY.get(State(order.state), "buyer")], _moment(order)
    user = found.assigned_to
    order.event(found.assigned_at, "take", order.state, order.state, "staff", user, "admin", {"to": user})


# --- Hints ----------------------------------------------------------------------------------------------------------------


class Hinted(NamedTuple):
    """As `Item.hints` holds it, the strictest kind, and the version of the topic it is of."""

    rows: str | None
    kind: str
    version: int | None


#: name or nothing, options, address of the shop, country
Words = tuple[str, str, str, str]


def all_hints() -> dict[Words, Hinted]:
    """What is said now of everything that is bought; a statement for each country."""
    found: dict[Words, Hinted] = {}
    for country in {place[4] for place in PLACES}:
        said = [(name, options, thing.url) for thing in (*GOODS, *FORBIDDEN) for options in thing.options for name in ("", thing.name)]
        items = [Item(name=name, options=options, url=url) for name, options, url in said]
        hints.note_hints(Order(country=country), items)
        found |= {(*words, country): _hinted(item.hints) for words, item in zip(said, items, strict=True)}
    return found


def _hinted(rows: list[dict[str, Any]] | None) -> Hinted:
    if not rows:
        return Hinted(None, "", None)
    return Hinted(json.dumps(rows, ensure_ascii=False), rows[0]["kind"], rows[0]["version"])

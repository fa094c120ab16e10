"""An order's events in words: what happened, who did it, through which door, and the facts as people read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backoffice.money.words import note_words
from backoffice.words import courier_name, happened
from core.money import format_krw, format_usd
from workflow.models import AdjustmentRoute, Choice, ItemStatus, OrderEvent, Outcome, Verdict
from workflow.process import Actor, State


@dataclass(frozen=True)
class Happening:
    """One event as a row of the history."""

    event: OrderEvent
    title: Any
    who: Any
    door: Any
    moved: tuple[Any, Any] | None
    facts: list[tuple[Any, str]]

    @property
    def at(self) -> datetime:
        return self.event.at


def happening(event: OrderEvent, *, names: Mapping[int, str] | None = None) -> Happening:
    """`names` are the nicknames of those to whom the order was given."""
    moved = (_state(event.from_state), _state(event.to_state)) if event.from_state and event.from_state != event.to_state else None
    return Happening(
        event=event,
        title=happened(event.name),
        who=who(event),
        door=event.get_door_display(),
        moved=moved,
        facts=facts_in_words(event.facts) + _given(event, names or {}),
    )


def _given(event: OrderEvent, names: Mapping[int, str]) -> list[tuple[Any, str]]:
    to = names.get(event.facts.get("to", 0)) if event.name == "give" else None
    return [(_("to"), to)] if to else []


def who(event: OrderEvent) -> Any:
    if event.actor == "staff" and event.user is not None:
        return event.user.nickname
    return Actor(event.actor).label if event.actor in Actor.values else event.actor


def _state(value: str) -> Any:
    return State(value).label if value in State.values else value


# --- Facts ----------------------------------------------------------------------------------------------------------------


#: what only machines look up
UNSAID = frozenset({"message", "to"})


def facts_in_words(facts: dict[str, Any]) -> list[tuple[Any, str]]:
    """(what, value) in the order they were written; a fact nobody gave words to is shown as it is."""
    said = []
    for name, value in facts.items():
        if name in UNSAID or value in (None, "", {}, []):
            continue
        label, word = FACTS.get(name, (name.replace("_", " "), str))
        said.append((label, _safely(word, value)))
    return said


def _safely(word: Callable[[Any], str], value: Any) -> str:
    try:
        return word(value)
    except (TypeError, ValueError, AttributeError, InvalidOperation):
        return str(value)


def _statuses(items: Any) -> str:
    if not isinstance(items, dict):
        return str(items)
    return ", ".join(f"{position}: {ItemStatus(status).label}" for position, status in items.items())


def _prices(items: dict[str, int | None]) -> str:
    return ", ".join(f"{position}: {format_krw(price) if price is not None else '–'}" for position, price in items.items())


def _topics(items: dict[str, str]) -> str:
    return ", ".join(f"{position}: {code}" for position, code in items.items())


def _time(value: str) -> str:
    moment = parse_datetime(value)
    return localtime(moment).strftime("%Y-%m-%d %H:%M") if moment else value


def _rate(value: str) -> str:
    return f"₩{Decimal(value):,.2f}"


def _reason(value: str) -> str:
    return note_words(value)


def _labels(labels: dict[str, list[str]]) -> str:
    return ", ".join(f"{position}: {courier_name(courier or '')} {number or '–'}" for position, (courier, number) in labels.items())


def _couriers(couriers: dict[str, str]) -> str:
    return ", ".join(f"{position}: {courier_name(courier) if courier else '–'}" for position, courier in couriers.items())


def _proposal(lines: list[dict[str, Any]]) -> str:
    """`#1 EMS 1,200 g ₩29,900 (card 4)`"""
    return " · ".join(_proposed(line) for line in lines)


def _proposed(line: dict[str, Any]) -> str:
    by = gettext("card %(number)s") % {"number": line["card"]} if "card" in line else gettext("fee policy")
    price = format_krw(line["krw"]) if "krw" in line else "–"
    courier = f"{courier_name(line['courier'])} " if "courier" in line else ""
    return f"#{line['parcel']} {courier}{line['chargeable_g']:,} g {price} ({by})"


def _yes(value: Any) -> str:
    return gettext("yes") if value else gettext("no")


FACTS: dict[str, tuple[Any, Callable[[Any], str]]] = {
    "reason": (_("reason"), _reason),
    "proof": (_("proof"), str),
    "items": (_("items"), _statuses),
    "item": (_("item"), lambda position: f"#{position}"),
    "inbound": (_("shops' parcels"), lambda numbers: ", ".join(f"{position}: {number or '–'}" for position, number in numbers.items())),
    "asked": (_("items"), lambda positions: ", ".join(f"#{position}" for position in positions)),
    "inspection": (_("inspection"), lambda number: f"#{number}"),
    "verdict": (_("found"), lambda verdict: str(Verdict(verdict).label)),
    "choice": (_("customer's wish"), lambda choice: str(Choice(choice).label)),
    "outcome": (_("outcome"), lambda outcome: str(Outcome(outcome).label)),
    "answer_by": (_("answer by"), _time),
    "topics": (_("restricted goods"), _topics),
    "prices_krw": (_("unit prices"), _prices),
    "names": (_("product names"), lambda names: ", ".join(f"{position}: {name}" for position, name in names.items())),
    "paid_krw": (_("paid at the shop"), _prices),
    "amount_usd_cents": (_("amount"), format_usd),
    "refunds_usd_cents": (_("goes back"), format_usd),
    "shops_give_back_krw": (_("the shops give back"), _prices),
    "refund_usd_cents": (_("refund"), format_usd),
    "differences_krw": (_("price differences"), _prices),
    "route": (_("who pays"), lambda route: str(AdjustmentRoute(route).label)),
    "unapplied": (_("taken from payment"), lambda number: f"#{number}"),
    "delivery_fee_krw": (_("delivery fee"), format_krw),
    "proposed_krw": (_("proposed"), format_krw),
    "proposal": (_("proposal"), _proposal),
    "couriers": (_("couriers"), _couriers),
    "krw_per_usd": (_("rate"), _rate),
    "quote": (_("quote"), lambda version: f"v{version}"),
    "invoice": (_("invoice"), lambda number: f"#{number}"),
    "attempt": (_("payment attempt"), lambda number: f"#{number}"),
    "payment_intent": (_("payment"), str),
    "currency": (_("currency"), lambda code: str(code).upper()),
    "our_fault": (_("our fault"), _yes),
    "photos": (_("photos"), lambda numbers: ", ".join(f"#{number}" for number in numbers)),
    "photo": (_("photo"), lambda number: f"#{number}"),
    "parcel": (_("parcel"), lambda position: f"#{position}"),
    "removed": (_("removed parcel"), lambda position: f"#{position}"),
    "parcels": (_("parcels"), str),
    "weight_g": (_("weight"), lambda grams: f"{grams:,} g"),
    "volume_cm3": (_("volume"), lambda volume: f"{volume:,} cm³"),
    "courier": (_("courier"), courier_name),
    "tracking_number": (_("tracking number"), str),
    "labels": (_("tracking numbers"), _labels),
    "corrected": (_("instead of"), _labels),
    "insisted": (_("taken although it looks wrong"), str),
    "sides_cm": (_("sides"), lambda sides: " × ".join(map(str, sides)) + " cm"),
    "import": (_("import"), lambda number: f"#{number}"),
    "undone": (_("import undone"), _yes),
    "delivered_at": (_("delivered"), _time),
    "storage_days": (_("days of storage"), str),
    "replaced": (_("replaces invoice"), lambda number: f"#{number}"),
    "days": (_("days"), str),
    "disposal": (_("disposal"), lambda number: f"#{number}"),
    "received_back": (_("parcels"), lambda positions: ", ".join(f"#{position}" for position in positions)),
    "return_charge_krw": (_("charge for the way back"), format_krw),
    "note": (_("note"), str),
    "changed": (_("changed"), lambda names: ", ".join(map(str, names))),
}

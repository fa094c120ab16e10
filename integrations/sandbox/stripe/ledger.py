"""Stripe's objects in the books: make ids, find, save, list with cursors, expand references."""

from typing import Any

from integrations.sandbox.books import AnyOf, Books, Condition, Document
from integrations.sandbox.ids import make_id
from integrations.sandbox.stripe.errors import StripeRefusal, invalid, no_such
from integrations.sandbox.stripe.parameters import Parameters

SESSION, INTENT, CHARGE, REFUND, DISPUTE, EVENT = "checkout.session", "payment_intent", "charge", "refund", "dispute", "event"
LINE_ITEMS = "line_items"
"""One document per session: its lines, which the session itself shows only when asked to expand them."""

_NAMES = {SESSION: "checkout session", INTENT: "payment_intent", CHARGE: "charge", REFUND: "refund", DISPUTE: "dispute", EVENT: "event"}
_PREFIXES = {SESSION: "cs_test_a1", INTENT: "pi_3", CHARGE: "ch_3", REFUND: "re_3", DISPUTE: "dp_1", EVENT: "evt_1"}
_REFERENCES = {"payment_intent": INTENT, "latest_charge": CHARGE, "charge": CHARGE}
"""Fields that hold an id and can be expanded to the object."""

MAX_EXPAND_DEPTH = 4


def new_object_id(kind: str) -> str:
    return make_id(_PREFIXES[kind], length=56 if kind == SESSION else 23)


class Ledger:
    def __init__(self, books: Books) -> None:
        self.books = books

    def save(self, thing: Document) -> Document:
        self.books.put(thing["object"], thing["id"], thing)
        return thing

    def find(self, kind: str, object_id: str) -> Document | None:
        return self.books.get(kind, object_id)

    def get(self, kind: str, object_id: str, *, param: str) -> Document:
        thing = self.find(kind, object_id)
        if thing is None:
            raise no_such(_NAMES[kind], object_id, param=param)
        return thing

    def save_lines(self, session_id: str, lines: list[Document]) -> None:
        self.books.put(LINE_ITEMS, session_id, {"lines": lines})

    def lines_of(self, session_id: str) -> list[Document]:
        kept = self.books.get(LINE_ITEMS, session_id)
        return kept["lines"] if kept else []

    def having(self, kind: str, **fields: Any) -> list[Document]:
        return self.books.find(kind, where=[Condition(name, "=", value) for name, value in fields.items()])

    def page(self, kind: str, parameters: Parameters, *, url: str, filters: tuple[str, ...], types: list[str] | None = None) -> Document:
        """A list answer, newest first, with Stripe's cursors. `types` are event types, "charge.*" allowed."""
        limit = page_limit(parameters)
        where: list[Condition | AnyOf] = created_conditions(parameters) + [
            Condition(name, "=", value) for name in filters if (value := _dig(parameters, name)) is not None
        ]
        if types:
            where.append(AnyOf("type", types))
        before = self._position(kind, parameters, "starting_after")
        after = self._position(kind, parameters, "ending_before")
        backwards = after is not None
        found = self.books.find(kind, where=where, before=before, after=after, limit=limit + 1, oldest_first=backwards)
        shown = found[:limit]
        return list_object(list(reversed(shown)) if backwards else shown, url=url, has_more=len(found) > limit)

    def _position(self, kind: str, parameters: Parameters, cursor: str) -> int | None:
        if cursor not in parameters:
            return None
        position = self.books.position(kind, parameters[cursor])
        if position is None:
            raise no_such(_NAMES[kind], parameters[cursor], param=cursor)
        return position

    def expanded(self, thing: Document, parameters: Parameters) -> Document:
        """Replaces ids by objects along `expand[]` ("payment_intent.latest_charge", in lists "data.payment_intent")."""
        for path in parameters.get("expand", []):
            parts = path.split(".")
            if len(parts) > MAX_EXPAND_DEPTH:
                raise invalid(f"You cannot expand more than {MAX_EXPAND_DEPTH} levels of a property. Property: {path}", param="expand")
            self._expand(thing, parts, whole=path)
        return thing

    def _expand(self, thing: Document, parts: list[str], *, whole: str) -> None:
        name, rest = parts[0], parts[1:]
        if thing.get("object") == "list" and name == "data":
            for item in thing["data"]:
                self._expand(item, rest, whole=whole)
            return
        if thing.get("object") == SESSION and name == LINE_ITEMS:
            lines = self.lines_of(thing["id"])
            thing[name] = list_object(lines[:10], url=f"/v1/checkout/sessions/{thing['id']}/line_items", has_more=len(lines) > 10)
        elif thing.get("object") == CHARGE and name == "refunds":
            refunds = self.having(REFUND, charge=thing["id"])
            thing[name] = list_object(refunds[:10], url=f"/v1/charges/{thing['id']}/refunds", has_more=len(refunds) > 10)
        elif name not in _REFERENCES or name not in thing:
            raise StripeRefusal(f"This property cannot be expanded ({whole}).", param="expand", executed=False)
        elif isinstance(thing[name], str):
            thing[name] = self.find(_REFERENCES[name], thing[name])
        if rest and isinstance(thing[name], dict):
            self._expand(thing[name], rest, whole=whole)


def page_limit(parameters: Parameters) -> int:
    limit = int(parameters.get("limit", 10))
    if not 1 <= limit <= 100:
        raise invalid("Invalid integer: limit must be between 1 and 100", param="limit", code="parameter_invalid_integer")
    if "starting_after" in parameters and "ending_before" in parameters:
        raise invalid("You cannot parameterize both starting_after and ending_before.", param="ending_before")
    return limit


def created_conditions(parameters: Parameters) -> list[Condition | AnyOf]:
    created = parameters.get("created")
    if isinstance(created, int):
        return [Condition("created", "=", created)]
    signs = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
    return [Condition("created", signs[name], value) for name, value in (created or {}).items()]


def list_object(data: list[Document], *, url: str, has_more: bool) -> Document:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _dig(parameters: Parameters, name: str) -> Any:
    value: Any = parameters
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value

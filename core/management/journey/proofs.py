"""Looking back on the whole journey, through the API and the provider's records: nothing is missing, nothing twice, the money agrees."""

from collections.abc import Sequence
from itertools import pairwise

from core.management.journey.customer import Customer, Document
from core.management.journey.steps import Failed
from core.management.journey.stream import Event
from core.management.journey.web import Json

#: the moves of the order in their order, and the state each leads to
MOVES = {
    "request_quote": "quote_requested",
    "approve_quote": "quote_approved",
    "confirm_item_prices": "awaiting_item_payment",
    "record_item_payment": "items_paid",
    "mark_items_purchased": "items_purchased",
    "receive_at_warehouse": "at_warehouse",
    "confirm_delivery_fee": "awaiting_delivery_payment",
    "record_delivery_payment": "delivery_paid",
    "ship": "shipped",
    "record_delivery": "delivered",
    "complete": "completed",
}
#: questions and answers between the moves that people are told of
ASKED = ("ask_inspection", "answer_inspection")
#: what staff typed in or asked for between the moves
ENTRIES = (
    "screen_items", "price_items", "buy_items", "receive_items", "inspect", "photos_added", "ask_inspection", "answer_inspection",
    "end_inspection", "pack_parcels", "pack_parcels", "set_delivery_fee",
    "label_parcels", "label_parcels", "look_now",
)  # fmt: skip


def history_is_whole(customer: Customer) -> None:
    events = customer.history()
    _same("the history's numbers", [event["number"] for event in events], list(range(1, len(events) + 1)))
    moves = [(event["name"], event["to_state"]) for event in events if event["from_state"] != event["to_state"]]
    _same("the history's moves", moves, list(MOVES.items()))
    entries = [event["name"] for event in events if event["from_state"] == event["to_state"]]
    _same("the history's entries", entries, list(ENTRIES))


def stream_is_whole(customer: Customer) -> None:
    """Every id once and growing without a gap, up to where the API says the stream stands; every state once, in order."""
    customer.stream.wait_until(int(customer.order_answer().headers["event-stream-position"]))
    events: Sequence[Event] = list(customer.stream.events)
    gaps = [f"{before.id} → {after.id}" for before, after in pairwise(events) if after.id != before.id + 1]
    _same("gaps between the events' ids", gaps, [])
    _same("states on the stream", [event.data["state"] for event in events if event.kind == "order.state"], list(MOVES.values()))
    for event in events:
        if event.data.get("order") != customer.number or not event.data.get("at"):
            raise Failed(f"the event {event.id} ({event.kind}) does not say which order and when")
    _same("parcels on the stream", _statuses(events), {1: {"in_transit", "delivered"}, 2: {"in_transit", "delivered"}})


def _statuses(events: Sequence[Event]) -> dict[int, set[str]]:
    parcels: dict[int, set[str]] = {}
    for event in events:
        if event.kind == "shipment.status":
            parcels.setdefault(event.data["parcel"], set()).add(event.data["status"])
    return parcels


def money_agrees(customer: Customer, *, sandbox: Json) -> None:
    """What was paid is what was billed, here and at the provider: one charge for each invoice."""
    order = customer.order()
    billed = {invoice["kind"]: invoice["amount_usd_cents"] for invoice in order["invoices"]}
    _same("invoices", [(invoice["kind"], invoice["status"]) for invoice in order["invoices"]], [("items", "paid"), ("delivery", "paid")])
    total = {"paid_usd_cents": sum(billed.values()), "refunded_usd_cents": 0, "due_usd_cents": 0}
    _same("totals", order["totals"], total)
    goods = sum(line["amount_krw"] for line in _lines(order, "items") if line["kind"] == "item")
    _same("the goods on the bill in won", goods, customer.goods_krw)
    sessions = [one for one in sandbox.get("/_control/stripe").data["sessions"] if _is_of(one, customer.number)]
    charged = {one["metadata"].get("kind"): one["amount_total"] for one in sessions if one["payment_status"] == "paid"}
    _same("paid at the provider", sorted(charged.values()), sorted(billed.values()))


def _lines(order: Document, kind: str) -> list[Document]:
    return [line for invoice in order["invoices"] if invoice["kind"] == kind for line in invoice["lines"]]


def _is_of(session: Document, number: str) -> bool:
    return str(session["client_reference_id"]).startswith(f"{number}:")


def parcels_arrived(customer: Customer, labels: Sequence[tuple[str, str]]) -> None:
    shipments = customer.order()["shipments"]
    _same("labels", [(one["courier"], one["tracking_number"]) for one in shipments], list(labels))
    _same("statuses", [one["status"] for one in shipments], ["delivered"] * len(labels))
    for one in shipments:
        if len(one["events"]) < 3 or not one["delivered_at"]:
            raise Failed(f"the parcel {one['tracking_number']} does not show its scans: {one['events']}")


def _same(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Failed(f"{what}: {found} instead of {wanted}")

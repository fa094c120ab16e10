"""How the process table reads on the staff's pages: short names, icons, tones, and what to do next. Words only; a state added to
`workflow/process.py` needs its line here (a test says so).
"""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workflow.process import TRANSITIONS, Effect, State, Waits
from workflow.work import courier_names

#: who must act -> the tone of pills, cards and numbers (backoffice.css)
TONE_OF_WAITS = {Waits.STAFF: "staff", Waits.CUSTOMER: "customer", Waits.COURIER: "courier", Waits.NOBODY: "nobody"}
WAITS_WORDS = {Waits.STAFF: _("us"), Waits.CUSTOMER: _("customer"), Waits.COURIER: _("courier"), Waits.NOBODY: _("nobody")}
STATE_TONES = {State.REJECTED: "bad", State.CANCELLED: "bad", State.RETURNED: "bad", State.COMPLETED: "good", State.DELIVERED: "good"}


@dataclass(frozen=True)
class Turn:
    """What a state asks for: as a queue on the home page, and as the headline of an order's page."""

    queue: Any
    title: Any
    hint: Any
    icon: str


TURNS: dict[str, Turn] = {
    State.QUOTE_REQUESTED: Turn(
        _("To screen"), _("Screen the items"), _("Approve what can be bought and sent; reject the rest with a reason."), "fact_check"
    ),
    State.QUOTE_APPROVED: Turn(
        _("To price"),
        _("Price the items"),
        _("Enter each unit price in won, then confirm: the customer gets the bill at today's rate."),
        "sell",
    ),
    State.AWAITING_ITEM_PAYMENT: Turn(
        _("Items unpaid"),
        _("The customer pays the items"),
        _("The bill is out. The order moves by itself when Stripe says paid."),
        "credit_card",
    ),
    State.QUOTE_EXPIRED: Turn(
        _("Quote expired"), _("The quote ran out unpaid"), _("The customer can ask for it again at today's rate."), "hourglass_disabled"
    ),
    State.ITEMS_PAID: Turn(
        _("To buy"), _("Buy the items"), _("Buy at the shops; note each shop's order number and what we paid."), "shopping_cart"
    ),
    State.ITEMS_PURCHASED: Turn(
        _("To receive"),
        _("Receive and inspect"),
        _("Tick what arrived and was looked at; then the order is at the warehouse."),
        "inventory",
    ),
    State.AT_WAREHOUSE: Turn(
        _("To weigh"), _("Weigh, pack, set the fee"), _("Weigh and measure the parcels, then confirm the delivery fee."), "scale"
    ),
    State.AWAITING_DELIVERY_PAYMENT: Turn(
        _("Delivery unpaid"),
        _("The customer pays delivery"),
        _("The bill is out. The order moves by itself when Stripe says paid."),
        "credit_card",
    ),
    State.DELIVERY_PAID: Turn(
        _("To ship"), _("Label and hand over"), _("Give each parcel its courier and tracking number, then ship."), "local_shipping"
    ),
    State.SHIPPED: Turn(
        _("Under way"), _("The courier delivers"), _("We ask the courier every two hours; delivery is recorded by itself."), "flight"
    ),
    State.DELIVERED: Turn(
        _("Delivered"), _("The customer checks"), _("Completed when the customer confirms, or after the claim window."), "home_pin"
    ),
    State.COMPLETED: Turn(_("Completed"), _("Completed"), _("Nothing is left to do."), "verified"),
    State.RETURNED: Turn(
        _("Came back"), _("The parcel came back"), _("Agree with the customer: ship again, or cancel."), "assignment_return"
    ),
    State.REJECTED: Turn(_("Rejected"), _("Rejected"), _("The request was turned down."), "block"),
    State.CANCELLED: Turn(_("Cancelled"), _("Cancelled"), _("The order is closed; money that still moves is under refunds."), "cancel"),
}

#: what happened, where it is not a transition of the table
HAPPENED = {
    "request_quote": _("Quote requested"),
    "change_request": _("Request changed"),
    "hold": _("Put on hold"),
    "release": _("Hold ended"),
    "ask": _("Customer asked"),
    "answer": _("Question answered"),
    "message": _("Message written"),
    "photos_added": _("Photos added"),
    "photo_removed": _("Photo removed"),
    "no_answer": _("Message read, needs no answer"),
    "take": _("Taken"),
    "give": _("Given to a colleague"),
    "let_go": _("Let go"),
    "screen_items": _("Items screened"),
    "price_items": _("Prices entered"),
    "buy_items": _("Purchases entered"),
    "receive_items": _("Arrivals entered"),
    "expect_items": _("Shops' parcel numbers entered"),
    "undo_arrival": _("Arrival taken back"),
    "inspect": _("Item inspected"),
    "undo_inspection": _("Inspection taken back"),
    "ask_inspection": _("Customer asked about an inspected item"),
    "answer_inspection": _("Customer decided about an inspected item"),
    "end_inspection": _("Inspection ended"),
    "pack_parcels": _("Parcels packed"),
    "choose_couriers": _("Courier chosen"),
    "set_delivery_fee": _("Delivery fee set"),
    "label_parcels": _("Tracking number entered"),
    "look_now": _("Courier asked"),
    "parcel_trouble": _("Parcel held up"),
    "sold_out": _("Item sold out"),
    "difference": _("Item dearer than quoted"),
    "difference_paid": _("Price difference paid"),
    "difference_withdrawn": _("Price difference withdrawn"),
    "difference_unpaid": _("Price difference not paid, item left"),
    "refund": _("Refund decided"),
    "refund_approved": _("Refund approved"),
    "refund_declined": _("Refund declined"),
    "refund_again": _("Refund sent again"),
    "refund_by_hand": _("Refund given by hand"),
    "refund_found": _("Refund made in Stripe's dashboard"),
    "disputed": _("Payment disputed"),
    "storage_day": _("Delivery bill brought up to the day"),
    "extend_storage": _("Storage put off"),
    "receive_back": _("Received back"),
    "parcel_lost": _("Parcel given up for lost"),
}

TASK_TITLES = {
    "screen_items": _("Screening"),
    "price_items": _("Prices"),
    "buy_items": _("Purchases"),
    "receive_items": _("Arrivals"),
    "expect_items": _("Numbers of the shops' parcels"),
    "pack_parcels": _("Parcels"),
    "set_delivery_fee": _("Delivery fee"),
    "label_parcels": _("Courier and tracking number"),
}

SCAN_WORDS = {
    "pending": _("not known to the courier yet"),
    "info_received": _("announced to the courier"),
    "in_transit": _("in transit"),
    "customs": _("at customs"),
    "out_for_delivery": _("out for delivery"),
    "available_for_pickup": _("ready to be picked up"),
    "attempt_failed": _("delivery attempt failed"),
    "exception": _("needs a person"),
    "returning": _("on its way back"),
    "returned": _("came back"),
    "delivered": _("delivered"),
    "cancelled": _("voided"),
}
SCAN_TONES = {"delivered": "good", "exception": "bad", "attempt_failed": "bad", "returned": "bad", "returning": "bad", "customs": "staff"}

#: why a task asks for a person
TASK_KINDS = {
    "customer_message": _("new message"),
    "question_unanswered": _("question unanswered"),
    "customer_decided": _("customer decided"),
    "inspection_overdue": _("inspection unanswered"),
    "dispute": _("dispute"),
    "dispute_over": _("dispute over"),
    "unapplied_money": _("payment nobody expected"),
    "refund_to_approve": _("refund to approve"),
    "refund_by_hand": _("refund by hand"),
    "refund_failed": _("failed refund"),
    "courier_silent": _("courier silent"),
    "courier_message": _("courier's message"),
    "courier_contradiction": _("courier contradicts itself"),
    "storage_over": _("storage over"),
    "returned": _("came back"),
    "parcel_lost": _("parcel lost"),
    "courier_outage": _("courier not followed"),
    "parcel_trouble": _("parcel held up"),
    "stuck": _("stuck"),
    "ledger_differs": _("ledger and Stripe differ"),
}

#: what became of a finding of a comparison with Stripe
OUTCOMES = {
    "payment recorded": _("payment recorded"),
    "payment in process": _("payment in process"),
    "payment failed": _("payment failed, session closed"),
    "unapplied": _("unapplied"),
    "already booked": _("booked meanwhile"),
    "already closed": _("session closed"),
    "session closed": _("session closed"),
    "written down again": _("written down again"),
    "refund sent": _("refund booked, under way"),
    "refund succeeded": _("refund booked"),
    "refund failed": _("refund failed, booked back"),
    "dispute needs_response": _("dispute booked, an answer is needed"),
    "dispute under_review": _("dispute booked, the bank decides"),
    "dispute won": _("dispute won, booked back"),
    "dispute lost": _("dispute lost"),
    "kept aside": _("kept aside"),
    "not a session of ours": _("session closed"),
    "refund of an unknown payment": _("refund of an unknown payment"),
    "Stripe does not know it": _("Stripe does not know it"),
}

#: what a notice is about, where it is not an event of the order
NOTICE_KINDS = {
    "email_code": _("e-mail code"),
    "email_code_signup": _("code for signing up"),
    "email_code_password_reset": _("code for a new password"),
    "difference_with_delivery": _("item dearer than quoted, billed with the delivery"),
    "parcel_customs": _("parcel held by customs"),
    "parcel_attempt_failed": _("parcel not handed over"),
    "parcel_available_for_pickup": _("parcel to be picked up"),
    "parcel_returning": _("parcel on its way back"),
    "parcel_returned": _("one of several parcels came back"),
    "cancel_unpaid": _("cancelled before a payment"),
    "test": _("test by staff"),
    "remind_items_unpaid": _("reminder: items unpaid"),
    "remind_delivery_unpaid": _("reminder: delivery unpaid"),
    "remind_difference_unpaid": _("reminder: price difference unpaid"),
    "remind_question_open": _("reminder: question open"),
    "remind_storage_free": _("reminder: free storage ends"),
    "remind_storage_end": _("reminder: storage ends"),
    "return_lost": _("parcel lost"),
    "delivery_in_part": _("delivered, but for a lost parcel"),
}

#: words of Unfold's and Django's own pages that come without Korean or in stiff Korean; named here so that our catalog finds them
OF_UNFOLD = (
    _("Filters"),
    _(" By %(filter_title)s "),
    _("Apply Filters"),
    _("Reset filters"),
    _("Clear all filters"),
    _("No results found"),
    _("Type to search"),
    _("Light"),
    _("Dark"),
    _("System"),
    _("Select action"),
    _("Select record"),
    _("Welcome back to"),
    _("Return to site"),
    _("Go back"),
    _("Date"),
    _("Time"),
    _("Log in"),
    _("Change password"),
    _("Log out"),
    _("Please correct the error below."),
    _("Please correct the errors below."),
    _("Please enter the correct %(username)s and password for a staff account. Note that both fields may be case-sensitive."),
    _(
        "Please enter your old password, for security’s sake, and then enter your new password twice so we can verify you typed it in "
        "correctly."
    ),
    _("This page yielded into no results. Create a new item or reset your filters."),
)


def happened(name: str) -> Any:
    """What the event `name` was, in words."""
    return TRANSITIONS[name].label if name in TRANSITIONS else HAPPENED.get(name, name)


def task_kind(kind: str) -> Any:
    return TASK_KINDS.get(kind, kind)


def outcome_words(said: str) -> str:
    """What became of a finding, part by part (`unapplied: …`), as far as there are words for it."""
    return ": ".join(str(OUTCOMES.get(part) or gettext(part)) for part in said.split(": ") if part)


def notice_kind(kind: str) -> Any:
    """Staff are told of the same events as the customer, under the same words."""
    return NOTICE_KINDS.get(kind) or happened(kind.removeprefix("staff_"))


def courier_name(code: str) -> str:
    return courier_names().get(code, code)


def effect_words(name: str) -> Any:
    return Effect(name).label if name in Effect.values else name


def tone_of(state: str, waits: str) -> str:
    return STATE_TONES.get(State(state), TONE_OF_WAITS[Waits(waits)])

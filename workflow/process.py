"""START HERE: the order's whole process, in reading order. Every state and whose move it is, every transition with who may make
it, when, and what follows. Change the process by changing this file.

A transition is a plain method that only sets fields of the order. Around it, declared as data:

`by`      who: staff roles (the owner may all), the customer, or a machine (Stripe, a courier, a timer)
`when`    guards, from `guards.py`: facts that must hold; the first that does not is the reason of the refusal
`also`    what is written in the same transaction (`writes.py`): invoices, ledger rows, items' statuses
`then`    effects promised in the same transaction and done after it (`effects.py`): sessions, notices, refunds, polls
`asks`    the facts a person gives with it

`transitions.perform()` is the one door through which all of this runs. `docs/order-process.md` is printed from here.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from workflow import guards
from workflow.fsm import Spec, StateField, StateModel, specs_of, transition


class State(models.TextChoices):
    QUOTE_REQUESTED = "quote_requested", _("Quote requested")
    QUOTE_APPROVED = "quote_approved", _("Approved, to be priced")
    AWAITING_ITEM_PAYMENT = "awaiting_item_payment", _("Waiting for items payment")
    QUOTE_EXPIRED = "quote_expired", _("Quote expired")
    ITEMS_PAID = "items_paid", _("Items paid, to be bought")
    ITEMS_PURCHASED = "items_purchased", _("Bought, on the way to us")
    AT_WAREHOUSE = "at_warehouse", _("At the warehouse")
    AWAITING_DELIVERY_PAYMENT = "awaiting_delivery_payment", _("Waiting for delivery payment")
    DELIVERY_PAID = "delivery_paid", _("Delivery paid, to be shipped")
    SHIPPED = "shipped", _("Shipped")
    DELIVERED = "delivered", _("Delivered")
    COMPLETED = "completed", _("Completed")
    RETURNED = "returned", _("Came back to us")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")


class Role(models.TextChoices):
    """Staff roles; each is a group whose permissions are generated from this file (`roles.py`)."""

    OWNER = "owner", _("Owner")
    BUYER = "buyer", _("Buyer")
    WAREHOUSE = "warehouse", _("Warehouse")
    FINANCE = "finance", _("Finance")
    SUPPORT = "support", _("Support")
    MODERATOR = "moderator", _("Moderator")


class Actor(models.TextChoices):
    """Who acts when it is not a member of staff."""

    CUSTOMER = "customer", _("Customer")
    STRIPE = "stripe", _("Stripe")
    COURIER = "courier", _("Courier")
    JOB = "job", _("Timer")


class Waits(models.TextChoices):
    """Whose move it is."""

    STAFF = "staff", _("Staff")
    CUSTOMER = "customer", _("Customer")
    COURIER = "courier", _("Courier")
    NOBODY = "nobody", _("Nobody")


WAITS_ON: dict[str, Waits] = {
    State.QUOTE_REQUESTED: Waits.STAFF,
    State.QUOTE_APPROVED: Waits.STAFF,
    State.AWAITING_ITEM_PAYMENT: Waits.CUSTOMER,
    State.QUOTE_EXPIRED: Waits.CUSTOMER,
    State.ITEMS_PAID: Waits.STAFF,
    State.ITEMS_PURCHASED: Waits.STAFF,
    State.AT_WAREHOUSE: Waits.STAFF,
    State.AWAITING_DELIVERY_PAYMENT: Waits.CUSTOMER,
    State.DELIVERY_PAID: Waits.STAFF,
    State.SHIPPED: Waits.COURIER,
    State.DELIVERED: Waits.CUSTOMER,
    State.COMPLETED: Waits.NOBODY,
    State.RETURNED: Waits.STAFF,
    State.REJECTED: Waits.NOBODY,
    State.CANCELLED: Waits.NOBODY,
}
CLOSED = frozenset(state for state, waits in WAITS_ON.items() if waits == Waits.NOBODY)
#: the goods lie at our warehouse; on whose time, says `Order.storage_runs`
STORED = frozenset({State.AT_WAREHOUSE, State.AWAITING_DELIVERY_PAYMENT, State.DELIVERY_PAID, State.RETURNED})


class Step(models.IntegerChoices):
    """The five steps a customer sees."""

    RECEIVED = 1, _("Received")
    PURCHASED = 2, _("Purchased")
    AT_WAREHOUSE = 3, _("At warehouse")
    SHIPPED = 4, _("Shipped")
    DELIVERED = 5, _("Delivered")


#: A closed order keeps the step it had reached, see `OrderProcess.step`.
STEP_OF: dict[str, Step] = {
    State.QUOTE_REQUESTED: Step.RECEIVED,
    State.QUOTE_APPROVED: Step.RECEIVED,
    State.AWAITING_ITEM_PAYMENT: Step.RECEIVED,
    State.QUOTE_EXPIRED: Step.RECEIVED,
    State.ITEMS_PAID: Step.RECEIVED,
    State.ITEMS_PURCHASED: Step.PURCHASED,
    State.AT_WAREHOUSE: Step.AT_WAREHOUSE,
    State.AWAITING_DELIVERY_PAYMENT: Step.AT_WAREHOUSE,
    State.DELIVERY_PAID: Step.AT_WAREHOUSE,
    State.SHIPPED: Step.SHIPPED,
    State.RETURNED: Step.SHIPPED,
    State.DELIVERED: Step.DELIVERED,
    State.COMPLETED: Step.DELIVERED,
}


class Write(models.TextChoices):
    """What a transition writes in its own transaction beside the order; one function each in `writes.py`."""

    ISSUE_ITEMS_INVOICE = "issue_items_invoice", _("the quote and its invoice")
    WITHDRAW_ITEMS_INVOICE = "withdraw_items_invoice", _("the items invoice is withdrawn")
    EXPIRE_ITEMS_INVOICE = "expire_items_invoice", _("the items invoice runs out")
    BOOK_ITEMS_PAYMENT = "book_items_payment", _("the items payment in the ledger")
    ISSUE_DELIVERY_INVOICE = "issue_delivery_invoice", _("the delivery invoice")
    WITHDRAW_DELIVERY_INVOICE = "withdraw_delivery_invoice", _("the delivery invoice is withdrawn")
    BOOK_DELIVERY_PAYMENT = "book_delivery_payment", _("the delivery payment in the ledger")
    HAND_OVER_PARCELS = "hand_over_parcels", _("the parcels are with the courier")
    END_PARCELS = "end_parcels", _("what a person says became of the open parcels")
    ASK_ABOUT_RETURN = "ask_about_return", _("a task about what came back")
    UNPACK_PARCELS = "unpack_parcels", _("the parcels are opened again")
    CLOSE_ITEMS = "close_items", _("the open items leave the order")
    WITHDRAW_DIFFERENCES = "withdraw_differences", _("open price differences are withdrawn")
    PLAN_REFUNDS = "plan_refunds", _("the refunds")


class Effect(models.TextChoices):
    """What happens after a transition is committed; one handler each in `effects.py`."""

    NOTIFY_CUSTOMER = "notify_customer", _("notice to the customer")
    NOTIFY_STAFF = "notify_staff", _("notice to staff")
    OPEN_CHECKOUT = "open_checkout", _("a checkout session at Stripe")
    CLOSE_CHECKOUT = "close_checkout", _("open sessions at Stripe are closed")
    SEND_REFUNDS = "send_refunds", _("refunds at Stripe")
    TRACK_PARCELS = "track_parcels", _("first look at the courier")


#: what people call the facts they give with a transition
FACT_LABELS = {"reason": _("Reason"), "proof": _("Proof"), "delivered_at": _("Delivered at")}


class OrderProcess(StateModel):
    """The process part of `models.Order`."""

    state = StateField(_("state"), max_length=32, choices=State, default=State.QUOTE_REQUESTED, protected=True)
    state_since = models.DateTimeField(_("in this state since"), default=now)

    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    quoted_at = models.DateTimeField(_("prices confirmed"), null=True, blank=True)
    pay_by = models.DateTimeField(_("to be paid by"), null=True, blank=True)
    items_paid_at = models.DateTimeField(_("items paid"), null=True, blank=True)
    purchased_at = models.DateTimeField(_("bought"), null=True, blank=True)
    received_at = models.DateTimeField(_("at the warehouse"), null=True, blank=True)
    delivery_quoted_at = models.DateTimeField(_("delivery fee confirmed"), null=True, blank=True)
    delivery_paid_at = models.DateTimeField(_("delivery paid"), null=True, blank=True)
    shipped_at = models.DateTimeField(_("shipped"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def quote_valid_for(self) -> timedelta:
        """How long a confirmed price may be paid."""
        return settings.QUOTE_VALID_FOR

    @property
    def step(self) -> Step:
        reached = STEP_OF.get(self.state)
        if reached is None:
            reached = Step.AT_WAREHOUSE if self.received_at else Step.PURCHASED if self.purchased_at else Step.RECEIVED
        return reached

    # --- Quote ------------------------------------------------------------------------------------------------------

    @transition(
        label=_("Approve quote"),
        source=State.QUOTE_REQUESTED,
        target=State.QUOTE_APPROVED,
        by=[Role.BUYER],
        when=[guards.every_item_is_screened, guards.an_item_is_approved],
        then=[Effect.NOTIFY_CUSTOMER],
        stopped_by_hold=True,
    )
    def approve_quote(self) -> None:
        """Every item was screened; the customer is told what customs will say of each."""
        self.approved_at = now()

    @transition(
        label=_("Reject quote"),
        source=[State.QUOTE_REQUESTED, State.QUOTE_APPROVED],
        target=State.REJECTED,
        by=[Role.BUYER],
        also=[Write.CLOSE_ITEMS],
        then=[Effect.NOTIFY_CUSTOMER],
        asks={"reason": "reason"},
        destructive=True,
    )
    def reject_quote(self, reason: str) -> None:
        """Nothing of it can be bought; the customer is told why."""
        self.closed_reason = reason
        self.closed_at = now()

    @transition(
        label=_("Confirm item prices"),
        source=State.QUOTE_APPROVED,
        target=State.AWAITING_ITEM_PAYMENT,
        by=[Role.BUYER],
        when=[guards.every_live_item_is_priced, guards.rate_is_usable, guards.items_total_is_chargeable],
        also=[Write.ISSUE_ITEMS_INVOICE],
        then=[Effect.OPEN_CHECKOUT, Effect.NOTIFY_CUSTOMER],
        stopped_by_hold=True,
    )
    def confirm_item_prices(self) -> None:
        """Freeze prices and rate as a version of the quote, and ask for the items payment."""
        self.quoted_at = now()
        self.pay_by = self.quoted_at + self.quote_valid_for

    @transition(
        label=_("Revise item prices"),
        source=State.AWAITING_ITEM_PAYMENT,
        target=State.QUOTE_APPROVED,
        by=[Role.BUYER],
        when=[guards.no_items_checkout_is_open],
        also=[Write.WITHDRAW_ITEMS_INVOICE],
        closes_attempt="items",
    )
    def revise_item_prices(self) -> None:
        """Back to pricing; the session at Stripe is closed first, so that the old price can no longer be paid."""
        self.pay_by = None

    @transition(
        label=_("Expire quote"),
        source=State.AWAITING_ITEM_PAYMENT,
        target=State.QUOTE_EXPIRED,
        by=[Actor.JOB],
        when=[guards.deadline_is_past, guards.no_items_checkout_is_open],
        also=[Write.EXPIRE_ITEMS_INVOICE],
        then=[Effect.NOTIFY_CUSTOMER],
        closes_attempt="items",
        stopped_by_hold=True,
    )
    def expire_quote(self) -> None:
        """The deadline passed unpaid; the customer may ask again at today's rate."""

    @transition(
        label=_("Renew quote"),
        source=State.QUOTE_EXPIRED,
        target=State.QUOTE_APPROVED,
        by=[Actor.CUSTOMER, Role.BUYER],
        also=[Write.WITHDRAW_ITEMS_INVOICE],
        then=[Effect.NOTIFY_STAFF],
        stopped_by_hold=True,
    )
    def renew_quote(self) -> None:
        """Asked for again: staff confirm the prices once more, at today's rate."""
        self.pay_by = None

    @transition(
        label=_("Record items payment"),
        source=[State.AWAITING_ITEM_PAYMENT, State.QUOTE_EXPIRED],
        target=State.ITEMS_PAID,
        by=[Actor.STRIPE, Role.FINANCE],
        when=[guards.items_invoice_can_be_paid],
        also=[Write.BOOK_ITEMS_PAYMENT],
        then=[Effect.CLOSE_CHECKOUT, Effect.NOTIFY_CUSTOMER, Effect.NOTIFY_STAFF],
        asks={"proof": "proof"},
        proof_from=[Role.FINANCE],
    )
    def record_item_payment(self) -> None:
        """The items are paid, in the amount and currency of the invoice; staff buy."""
        self.items_paid_at = now()

    # --- Buying -----------------------------------------------------------------------------------------------------

    @transition(
        label=_("Mark items purchased"),
        source=State.ITEMS_PAID,
        target=State.ITEMS_PURCHASED,
        by=[Role.BUYER],
        when=[guards.an_item_is_live, guards.every_live_item_is_bought],
        then=[Effect.NOTIFY_CUSTOMER],
        stopped_by_hold=True,
    )
    def mark_items_purchased(self) -> None:
        """Every live item has its shop order number and the price we paid."""
        self.purchased_at = now()

    @transition(
        label=_("Receive at warehouse"),
        source=State.ITEMS_PURCHASED,
        target=State.AT_WAREHOUSE,
        by=[Role.WAREHOUSE],
        when=[guards.an_item_is_live, guards.every_live_item_is_inspected],
        then=[Effect.NOTIFY_CUSTOMER],
        stopped_by_hold=True,
    )
    def receive_at_warehouse(self) -> None:
        """Every live item arrived and was inspected; the storage clock starts."""
        self.received_at = now()

    # --- Delivery ---------------------------------------------------------------------------------------------------

    @transition(
        label=_("Confirm delivery fee"),
        source=State.AT_WAREHOUSE,
        target=State.AWAITING_DELIVERY_PAYMENT,
        by=[Role.WAREHOUSE, Role.FINANCE],
        when=[
            guards.an_item_is_live,
            guards.parcels_are_weighed,
            guards.no_parcel_is_empty,
            guards.delivery_fee_is_set,
            guards.delivery_total_is_chargeable,
        ],
        also=[Write.ISSUE_DELIVERY_INVOICE],
        then=[Effect.OPEN_CHECKOUT, Effect.NOTIFY_CUSTOMER],
        stopped_by_hold=True,
    )
    def confirm_delivery_fee(self) -> None:
        """The parcels are weighed and the fee is set; ask for the delivery payment, at the rate of the paid items."""
        self.delivery_quoted_at = now()

    @transition(
        label=_("Revise delivery fee"),
        source=State.AWAITING_DELIVERY_PAYMENT,
        target=State.AT_WAREHOUSE,
        by=[Role.WAREHOUSE, Role.FINANCE],
        when=[guards.no_delivery_checkout_is_open],
        also=[Write.WITHDRAW_DELIVERY_INVOICE],
        closes_attempt="delivery",
    )
    def revise_delivery_fee(self) -> None:
        """Back to weighing; the session at Stripe is closed first."""
        self.delivery_quoted_at = None

    @transition(
        label=_("Record delivery payment"),
        source=State.AWAITING_DELIVERY_PAYMENT,
        target=State.DELIVERY_PAID,
        by=[Actor.STRIPE, Role.FINANCE],
        when=[guards.delivery_invoice_can_be_paid],
        also=[Write.BOOK_DELIVERY_PAYMENT],
        then=[Effect.CLOSE_CHECKOUT, Effect.NOTIFY_CUSTOMER, Effect.NOTIFY_STAFF],
        asks={"proof": "proof"},
        proof_from=[Role.FINANCE],
    )
    def record_delivery_payment(self) -> None:
        """Delivery is paid, in the amount and currency of the invoice; staff hand over."""
        self.delivery_paid_at = now()

    @transition(
        label=_("Ship"),
        source=State.DELIVERY_PAID,
        target=State.SHIPPED,
        by=[Role.WAREHOUSE],
        when=[guards.an_item_is_live, guards.every_parcel_is_labelled, guards.every_live_item_is_in_a_parcel],
        also=[Write.HAND_OVER_PARCELS],
        then=[Effect.TRACK_PARCELS, Effect.NOTIFY_CUSTOMER],
        stopped_by_hold=True,
    )
    def ship(self) -> None:
        """Every parcel has a courier and a valid number, and is handed over."""
        self.shipped_at = now()

    @transition(
        label=_("Record delivery"),
        source=State.SHIPPED,
        target=State.DELIVERED,
        by=[Actor.COURIER, Role.WAREHOUSE],
        when=[guards.every_parcel_is_delivered],
        also=[Write.END_PARCELS],
        then=[Effect.NOTIFY_CUSTOMER],
        asks={"delivered_at": "datetime", "proof": "proof"},
        proof_from=[Role.WAREHOUSE],
    )
    def record_delivery(self, delivered_at: str) -> None:
        """Every parcel was delivered, the last one at `delivered_at` (ISO 8601); the claim window opens."""
        self.delivered_at = datetime.fromisoformat(delivered_at)

    @transition(
        label=_("Record return"),
        source=State.SHIPPED,
        target=State.RETURNED,
        by=[Actor.COURIER, Role.WAREHOUSE],
        when=[guards.every_open_parcel_came_back],
        also=[Write.END_PARCELS, Write.ASK_ABOUT_RETURN],
        then=[Effect.NOTIFY_CUSTOMER, Effect.NOTIFY_STAFF],
    )
    def record_return(self) -> None:
        """The courier brought every open parcel back, or the last one is lost; storage begins anew."""

    @transition(
        label=_("Ship again"),
        source=State.RETURNED,
        target=State.AT_WAREHOUSE,
        by=[Role.WAREHOUSE, Role.SUPPORT],
        also=[Write.UNPACK_PARCELS],
    )
    def reship(self) -> None:
        """Back to weighing for a new delivery invoice."""
        self.delivery_quoted_at = self.delivery_paid_at = self.shipped_at = None

    # --- The end ----------------------------------------------------------------------------------------------------

    @transition(
        label=_("Complete"),
        source=State.DELIVERED,
        target=State.COMPLETED,
        by=[Actor.CUSTOMER, Actor.JOB],
        when=[guards.claim_window_is_over, guards.no_refund_or_dispute_is_open],
        stopped_by_hold=True,
    )
    def complete(self) -> None:
        """The customer confirmed, or the claim window is over."""
        self.closed_at = now()

    @transition(
        label=_("Cancel"),
        source=[
            State.QUOTE_REQUESTED,
            State.QUOTE_APPROVED,
            State.AWAITING_ITEM_PAYMENT,
            State.QUOTE_EXPIRED,
            State.ITEMS_PAID,
            State.ITEMS_PURCHASED,
            State.AT_WAREHOUSE,
            State.AWAITING_DELIVERY_PAYMENT,
            State.DELIVERY_PAID,
            State.RETURNED,
        ],
        target=State.CANCELLED,
        by={
            State.QUOTE_REQUESTED: [Actor.CUSTOMER, Role.SUPPORT],
            State.QUOTE_APPROVED: [Actor.CUSTOMER, Role.SUPPORT],
            State.AWAITING_ITEM_PAYMENT: [Actor.CUSTOMER, Role.SUPPORT],
            State.QUOTE_EXPIRED: [Actor.CUSTOMER, Role.SUPPORT],
            State.ITEMS_PAID: [Actor.CUSTOMER, Role.SUPPORT, Role.FINANCE],
            State.ITEMS_PURCHASED: [Role.SUPPORT, Role.FINANCE],
            State.AT_WAREHOUSE: [Role.SUPPORT, Role.FINANCE],
            State.AWAITING_DELIVERY_PAYMENT: [Role.SUPPORT, Role.FINANCE],
            State.DELIVERY_PAID: [Role.SUPPORT, Role.FINANCE],
            State.RETURNED: [Role.SUPPORT, Role.FINANCE],
        },
        when=[guards.nothing_was_bought_yet],
        also=[
            Write.PLAN_REFUNDS,
            Write.CLOSE_ITEMS,
            Write.WITHDRAW_ITEMS_INVOICE,
            Write.WITHDRAW_DELIVERY_INVOICE,
            Write.WITHDRAW_DIFFERENCES,
        ],
        then=[Effect.CLOSE_CHECKOUT, Effect.SEND_REFUNDS, Effect.NOTIFY_CUSTOMER],
        asks={"reason": "reason"},
        destructive=True,
    )
    def cancel(self, reason: str) -> None:
        """Close the order; sessions are closed after it, and what was paid goes back by the rules in `giving_back.py`."""
        self.closed_reason = reason
        self.closed_at = now()


#: name -> what the table says of it, in reading order
TRANSITIONS: dict[str, Spec] = {spec.name: spec for spec in specs_of(OrderProcess)}


def roles_of(spec: Spec, state: str) -> frozenset[str]:
    """The staff roles that may make this transition from `state`; the owner may whatever any of the staff may."""
    roles = spec.by.get(state, frozenset()) & frozenset(Role.values)
    return roles | {Role.OWNER} if roles else roles


def permissions() -> list[tuple[str, Any]]:
    """One Django permission per transition that staff may make: its codename is the transition's name."""
    return [(spec.name, f"Can {str(spec.name).replace('_', ' ')}") for spec in TRANSITIONS.values() if spec.actors & set(Role.values)]

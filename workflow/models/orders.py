"""The order and its line items."""

import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField
from workflow.process import CLOSED, STORED, WAITS_ON, OrderProcess, State, Waits, permissions

#: Crockford's base 32: no I, L, O, U
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_order_number() -> str:
    """`BD-XXXXX-XXXXX`, 50 random bits: not guessable, easy to read out."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(10))
    return f"BD-{letters[:5]}-{letters[5:]}"


class SetAside(models.IntegerChoices):
    """The clock of the order's state does not run: it is on hold, or the customer owes an answer or a price difference."""

    NO = 0, _("no")
    HELD = 1, _("on hold")
    ASKED = 2, _("customer asked")
    BOTH = 3, _("on hold, customer asked")


_HELD = ~models.Q(hold_reason="")
_ASKED = ~models.Q(question="") | models.Q(difference_asked_at__isnull=False)
SET_ASIDE = models.Case(
    models.When(_HELD & _ASKED, then=models.Value(SetAside.BOTH.value)),
    models.When(_HELD, then=models.Value(SetAside.HELD.value)),
    models.When(_ASKED, then=models.Value(SetAside.ASKED.value)),
    default=models.Value(SetAside.NO.value),
    output_field=models.SmallIntegerField(),
)


class Order(OrderProcess):
    number = ExactCharField(_("order"), max_length=14, unique=True, default=new_order_number)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders", verbose_name=_("customer"))
    requested_at = models.DateTimeField(_("requested"), default=now)
    note = models.TextField(_("note of the customer"), blank=True)

    recipient_name = models.CharField(_("recipient"), max_length=80)
    recipient_phone = models.CharField(_("recipient's phone"), max_length=20)
    line1 = models.CharField(_("address line 1"), max_length=120)
    line2 = models.CharField(_("address line 2"), max_length=120, blank=True)
    city = models.CharField(_("city"), max_length=80)
    region = models.CharField(_("state or region"), max_length=40)
    postal_code = models.CharField(_("postal code"), max_length=12)
    country = models.CharField(_("country"), max_length=2, default="US")

    #: the last good rate when the request was made; for information, the quote freezes its own
    rate_at_request = models.ForeignKey("ExchangeRate", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    delivery_fee_krw = models.PositiveIntegerField(_("delivery fee (won)"), null=True, blank=True)
    closed_reason = models.TextField(_("reason of the end"), blank=True)

    hold_reason = models.CharField(_("on hold because"), max_length=200, blank=True)
    held_at = models.DateTimeField(_("on hold since"), null=True, blank=True)
    question = models.TextField(_("open question to the customer"), blank=True)
    asked_at = models.DateTimeField(_("asked"), null=True, blank=True)
    #: since when the customer owes the difference of something that is dearer than quoted, billed by itself
    difference_asked_at = models.DateTimeField(_("price difference asked for"), null=True, blank=True)

    #: since when a message of the customer waits for our answer
    unanswered_since = models.DateTimeField(_("customer waits for an answer since"), null=True, blank=True)

    #: who of staff looks after it
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("looked after by")
    )
    assigned_at = models.DateTimeField(_("looked after since"), null=True, blank=True)
    #: when the promised time began to run in this state, later by as long as it stood still (`promises.py`); and since when it stands
    clock_since = models.DateTimeField(default=now, null=True, blank=True)
    clock_stopped_at = models.DateTimeField(null=True, blank=True)
    #: `SetAside`: why the order does not wait for us though its state says so; for counting over an index
    set_aside = models.GeneratedField(expression=SET_ASIDE, output_field=models.SmallIntegerField(), db_persist=True)

    #: the storage clock (`storage.py`): time already counted, and since when it runs (NULL: it stands, the move is ours)
    storage_used_s = models.PositiveIntegerField(default=0, db_default=0)
    storage_since = models.DateTimeField(_("stored since"), null=True, blank=True)
    #: when the goods came (or came back) to us: names this stay, its notices and its tasks
    storage_began_at = models.DateTimeField(null=True, blank=True)
    #: days that staff granted beyond the policy's end
    storage_extra_days = models.PositiveSmallIntegerField(default=0, db_default=0)
    #: what the courier asked for bringing it back and the customer pays with the next delivery
    return_charge_krw = models.PositiveIntegerField(_("return charge (won)"), default=0, db_default=0)

    #: grows with every change of the order; what a form was opened with is compared to it
    version = models.PositiveIntegerField(default=1)
    #: the number of the order's last event; the next one is this plus one, under the order's lock
    last_event_number = models.PositiveIntegerField(default=0)
    #: how many rows the order has in the ledger; their numbers run to it
    ledger_count = models.PositiveIntegerField(default=0, db_default=0)
    #: the strictest kind of restricted goods that the items' words hint at; empty: none (`hints.py`)
    hint = models.CharField(max_length=10, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        permissions = list(permissions())
        indexes = [
            models.Index(fields=["customer", "-id"], name="order_by_customer"),
            models.Index(fields=["customer", "state", "-id"], name="order_by_customer_state"),
            models.Index(fields=["state", "state_since", "id"], name="order_by_state"),
            models.Index(fields=["state", "set_aside", "clock_since"], name="order_by_promise"),
            models.Index(fields=["state", "-id"], name="order_by_state_newest"),
            models.Index(fields=["state", "pay_by"], name="order_by_deadline"),
            models.Index(fields=["asked_at"], name="order_by_question"),
            models.Index(fields=["unanswered_since"], name="order_by_unanswered"),
            models.Index(fields=["assigned_to", "state", "-id"], name="order_by_assigned"),
            models.Index(fields=["held_at", "-id"], name="order_by_hold"),
            models.Index(fields=["hint", "state", "-id"], name="order_by_hint"),
            models.Index(fields=["storage_since", "storage_used_s"], name="order_by_storage_clock"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def claims_until(self) -> datetime | None:
        """A courier may tell of a delivery weeks late: the customer has the whole time from when we heard of it and told them."""
        if self.delivered_at is None:
            return None
        heard_at = self.state_since if self.state == State.DELIVERED else self.delivered_at
        return max(self.delivered_at, heard_at) + settings.CLAIM_WINDOW

    @property
    def is_closed(self) -> bool:
        return self.state in CLOSED

    @property
    def is_asked(self) -> bool:
        """The customer owes an answer, or the price difference of something."""
        return bool(self.question) or self.difference_asked_at is not None

    @property
    def waiting_on(self) -> Waits:
        """Whose move it is; an open question or an unpaid price difference makes it the customer's, whatever the state."""
        return Waits.CUSTOMER if self.is_asked and not self.is_closed else WAITS_ON[self.state]

    def start_clock(self, at: datetime, *, from_state: str) -> None:
        """The order came into a state."""
        self.clock_since = at
        self.clock_stopped_at = at if self.clock_stopped_at else None
        if self.state in STORED and from_state not in STORED:
            self.storage_used_s = self.storage_extra_days = self.return_charge_krw = 0
            self.storage_since = None
            self.storage_began_at = at

    def tend_clock(self, at: datetime) -> None:
        """The promised time stands still while the order is on hold or the customer is asked, and goes on where it stood."""
        is_set_aside = bool(self.hold_reason) or self.is_asked
        if is_set_aside and self.clock_stopped_at is None:
            self.clock_stopped_at = at
        elif self.clock_stopped_at is not None and not is_set_aside:
            self.clock_since = (self.clock_since or self.state_since) + (at - self.clock_stopped_at)
            self.clock_stopped_at = None
        self._tend_storage(at)

    @property
    def storage_runs(self) -> bool:
        """Whether the goods lie with us on the customer's time: they have to pay, to answer, or to say what becomes of what came back."""
        if self.state not in STORED or self.state == State.DELIVERY_PAID or self.hold_reason:
            return False
        return self.is_asked or self.state != State.AT_WAREHOUSE

    def _tend_storage(self, at: datetime) -> None:
        if self.storage_runs and self.storage_since is None:
            self.storage_since = at
        elif self.storage_since is not None and not self.storage_runs:
            self.storage_used_s += max(0, int((at - self.storage_since).total_seconds()))
            self.storage_since = None

    @property
    def subject(self) -> str:
        """What the order's effects and notices are filed under."""
        return f"order:{self.pk}"


class ItemStatus(models.TextChoices):
    REQUESTED = "requested", _("to be screened")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")
    PRICED = "priced", _("priced")
    PAID = "paid", _("paid")
    PURCHASED = "purchased", _("bought")
    ARRIVED = "arrived", _("arrived")
    INSPECTED = "inspected", _("inspected")
    SHIPPED = "shipped", _("shipped")
    UNAVAILABLE = "unavailable", _("sold out")
    CANCELLED = "cancelled", _("cancelled")
    REFUNDED = "refunded", _("refunded")


#: Exits: such an item is no longer part of what is bought and sent.
DEAD = frozenset({ItemStatus.REJECTED, ItemStatus.UNAVAILABLE, ItemStatus.CANCELLED, ItemStatus.REFUNDED})
BOUGHT = frozenset({ItemStatus.PURCHASED, ItemStatus.ARRIVED, ItemStatus.INSPECTED, ItemStatus.SHIPPED})


class Item(models.Model):
    """One product of an order. `status` is moved only by functions of `workflow/`."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="items")
    position = models.PositiveSmallIntegerField(_("position"))
    url = models.TextField(_("product address"), max_length=4000)
    options = models.CharField(_("options"), max_length=500, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    note = models.CharField(_("note"), max_length=1000, blank=True)

    status = models.CharField(_("status"), max_length=12, choices=ItemStatus, default=ItemStatus.REQUESTED)
    #: what staff call it on invoices and customs papers; empty until someone knows
    name = models.CharField(_("product name"), max_length=200, blank=True)
    #: what customs will say of it (approved), or why it cannot be bought (rejected)
    screening_note = models.CharField(_("screening note"), max_length=500, blank=True)
    #: what its words hint at, `[{"code", "version", "kind", "word", "in"}]` (`hints.py`); None: nothing. A hint never decides
    hints = models.JSONField(null=True, blank=True)
    #: the version of the topic by which it was decided, if it was by one
    restriction = models.ForeignKey("Restriction", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    screened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    screened_at = models.DateTimeField(_("screened"), null=True, blank=True)
    price_krw = models.PositiveIntegerField(_("unit price (won)"), null=True, blank=True)
    shop_order_number = ExactCharField(_("shop order number"), max_length=60, blank=True)
    paid_price_krw = models.PositiveIntegerField(_("paid in all (won)"), null=True, blank=True)
    #: the courier's number of the shop's parcel to us, as on its label
    inbound_number = ExactCharField(_("number of the shop's parcel"), max_length=40, blank=True, default="", db_default="")
    arrived_at = models.DateTimeField(_("arrived"), null=True, blank=True)
    inspected_at = models.DateTimeField(_("inspected"), null=True, blank=True)
    parcel = models.ForeignKey("Parcel", on_delete=models.SET_NULL, null=True, blank=True, related_name="items", verbose_name=_("parcel"))

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="item_position_once"),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="item_quantity_positive"),
        ]
        indexes = [
            models.Index(fields=["shop_order_number"], name="item_by_shop_number"),
            models.Index(fields=["inbound_number"], name="item_by_inbound_number"),
            models.Index(fields=["screened_at", "status", "restriction"], name="item_by_screening"),
        ]

    def __str__(self) -> str:
        return self.name or _("Item %(position)s") % {"position": self.position}

    @property
    def is_live(self) -> bool:
        return self.status not in DEAD

    @property
    def was_bought(self) -> bool:
        return self.status in BOUGHT

    @property
    def line_krw(self) -> int | None:
        return None if self.price_krw is None else self.price_krw * self.quantity

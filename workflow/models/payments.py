"""What is to be paid: rates and fees as data, quote versions, invoices with lines, attempts (one per Stripe session), and the inbox of
Stripe's events. What was paid and went back: `ledger.py`. Amounts are whole won (`_krw`) and U.S. cents (`_usd_cents`).

"One open invoice per order and kind" and "one open attempt per invoice" are unique constraints over a stored generated column, which
MariaDB enforces too (it has no partial unique indexes).
"""

import secrets
from typing import Any

from django.db import models
from django.db.models import Case, GeneratedField, Value, When
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.fields import ExactCharField


class ExchangeRate(models.Model):
    """A rate as a source gave it. A row is kept even when it was not accepted, with the reason."""

    krw_per_usd = models.DecimalField(_("won for a dollar"), max_digits=10, decimal_places=4)
    source = models.CharField(_("source"), max_length=40)
    as_of = models.DateField(_("as of"))
    fetched_at = models.DateTimeField(_("fetched"), default=now, db_index=True)
    refused_because = models.CharField(_("not used because"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")

    def __str__(self) -> str:
        return f"₩{self.krw_per_usd} ({self.source}, {self.as_of})"


class FeePolicy(models.Model):
    """The fees in force from a moment on; every quote keeps the policy it was made with. 100 basis points are 1 %.

    A fee is a percentage plus a flat sum, and at least a minimum. Tiers replace the percentage (or the price of a kilogram) of the whole
    sum from an amount on: `[{"from_krw": 1000000, "bp": 300}]`, `[{"from_g": 10000, "krw_per_kg": 2500}]`. How they are reckoned:
    `workflow/fees.py`.
    """

    valid_from = models.DateTimeField(_("valid from"), unique=True)
    service_fee_bp = models.PositiveSmallIntegerField(_("service fee on goods (basis points)"), default=400)
    service_fee_flat_krw = models.PositiveIntegerField(_("service fee, flat part (won)"), default=0)
    service_fee_min_krw = models.PositiveIntegerField(_("service fee, at least (won)"), default=0)
    service_fee_tiers = models.JSONField(_("service fee from a sum of goods on"), default=list, blank=True)
    card_fee_bp = models.PositiveSmallIntegerField(_("card fee on delivery (basis points)"), default=400)
    card_fee_flat_krw = models.PositiveIntegerField(_("card fee, flat part (won)"), default=0)
    card_fee_min_krw = models.PositiveIntegerField(_("card fee, at least (won)"), default=0)
    delivery_krw_per_kg = models.PositiveIntegerField(_("delivery per chargeable kg (won)"), default=3000)
    delivery_flat_krw = models.PositiveIntegerField(_("delivery, flat part of a parcel (won)"), default=0)
    delivery_min_krw = models.PositiveIntegerField(_("delivery, at least for a parcel (won)"), default=0)
    delivery_tiers = models.JSONField(_("delivery per kg from a weight on"), default=list, blank=True)
    volume_divisor = models.PositiveSmallIntegerField(_("cm³ that count as one gram"), default=6)
    #: storage at our warehouse: days free of charge, won for a day after them, and when a person may end it
    storage_free_days = models.PositiveSmallIntegerField(_("storage free of charge (days)"), default=30, db_default=30)
    storage_krw_per_day = models.PositiveIntegerField(_("storage per day after that (won)"), default=500, db_default=500)
    storage_max_days = models.PositiveSmallIntegerField(_("storage at most (days)"), default=60, db_default=60)
    #: kept of a delivery that was paid and is not sent, for opening the parcels again
    repack_fee_krw = models.PositiveIntegerField(_("repacking fee at a cancellation (won)"), default=5000)
    #: what an item costs more at the shop than was quoted: borne by us up to here …
    difference_absorbed_krw = models.PositiveIntegerField(_("price difference that we bear (won)"), default=1000)
    #: … billed with the delivery up to here, and above that at once with an invoice of its own
    difference_carried_krw = models.PositiveIntegerField(_("price difference billed with the delivery (won)"), default=30000)

    class Meta:
        verbose_name = _("fee policy")
        verbose_name_plural = _("fee policies")

    def __str__(self) -> str:
        return f"{self.valid_from:%Y-%m-%d}"


class InvoiceKind(models.TextChoices):
    ITEMS = "items", pgettext_lazy("invoice", "Items")
    DELIVERY = "delivery", _("Delivery")
    ADJUSTMENT = "adjustment", _("Adjustment")


class InvoiceStatus(models.TextChoices):
    OPEN = "open", pgettext_lazy("invoice", "open")
    PAID = "paid", _("paid")
    VOID = "void", _("void")
    EXPIRED = "expired", _("expired")


class AttemptStatus(models.TextChoices):
    CREATED = "created", _("being opened")
    OPEN = "open", pgettext_lazy("session", "open")
    CLOSING = "closing", _("being closed")
    CLOSED = "closed", _("closed")
    PAID = "paid", _("paid")


#: may still be, or become, payable at Stripe
OPEN_ATTEMPT = (AttemptStatus.CREATED, AttemptStatus.OPEN, AttemptStatus.CLOSING)


def one_while(*statuses: str) -> GeneratedField:
    """1 while `status` is one of these, else NULL: the half of a unique constraint that lets closed rows be many."""
    return GeneratedField(
        expression=Case(When(status__in=statuses, then=Value(1)), default=Value(None)),
        output_field=models.SmallIntegerField(null=True),
        db_persist=True,
    )


class Quote(models.Model):
    """A version of the items' prices with the rate and the fees frozen; kept when the next version replaces it."""

    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="quotes")
    version = models.PositiveSmallIntegerField(_("version"))
    krw_per_usd = models.DecimalField(_("won for a dollar"), max_digits=10, decimal_places=4)
    rate_source = models.CharField(_("source of the rate"), max_length=40)
    rate_as_of = models.DateField(_("rate as of"))
    policy = models.ForeignKey(FeePolicy, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(_("made"), default=now)

    class Meta:
        verbose_name = _("quote")
        verbose_name_plural = _("quotes")
        constraints = [models.UniqueConstraint(fields=["order", "version"], name="quote_version_once")]

    def __str__(self) -> str:
        return f"v{self.version}"


class Invoice(models.Model):
    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(_("kind"), max_length=12, choices=InvoiceKind)
    #: counts per order, over all kinds
    number = models.PositiveSmallIntegerField(_("number"))
    quote = models.ForeignKey(Quote, on_delete=models.PROTECT, related_name="invoices")
    status = models.CharField(_("status"), max_length=8, choices=InvoiceStatus, default=InvoiceStatus.OPEN)
    amount_krw = models.PositiveIntegerField(_("amount (won)"))
    amount_usd_cents = models.PositiveIntegerField(_("amount (cents)"))
    currency = models.CharField(max_length=3, default="usd", editable=False)
    created_at = models.DateTimeField(_("issued"), default=now)
    pay_by = models.DateTimeField(_("to be paid by"), null=True, blank=True)
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    open_marker = one_while(InvoiceStatus.OPEN)

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="invoice_number_once"),
            models.UniqueConstraint(fields=["order", "kind", "open_marker"], name="one_open_invoice_per_kind"),
        ]
        indexes = [
            models.Index(fields=["status", "-id"], name="invoice_by_status"),
            models.Index(fields=["kind", "-id"], name="invoice_by_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.number}"

    @property
    def is_open(self) -> bool:
        return self.status == InvoiceStatus.OPEN


class LineKind(models.TextChoices):
    ITEM = "item", _("Item")
    SERVICE_FEE = "service_fee", _("Service fee")
    DELIVERY = "delivery", _("International delivery")
    STORAGE = "storage", _("Storage")
    CARD_FEE = "card_fee", _("Card fee")
    DIFFERENCE = "difference", _("Price difference")


class InvoiceLine(models.Model):
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(_("kind"), max_length=12, choices=LineKind)
    item = models.ForeignKey("Item", on_delete=models.PROTECT, null=True, related_name="invoice_lines")
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    amount_krw = models.PositiveIntegerField(_("won"))
    amount_usd_cents = models.PositiveIntegerField(_("cents"))
    #: how a fee was reckoned, for its title in any language: {"bp", "flat_krw", "is_minimum"}; None on other lines
    fee = models.JSONField(null=True, editable=False)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="line_position_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}"


class PayLink(models.Model):
    """The one address at which an order's invoice of a kind can be paid, valid through all versions of the quote."""

    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="pay_links")
    kind = models.CharField(max_length=12, choices=InvoiceKind)
    #: 128 random bits
    token = ExactCharField(max_length=32, unique=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "kind"], name="one_pay_link_per_kind")]

    def __str__(self) -> str:
        return f"pay link {self.pk}"

    @staticmethod
    def new_token() -> str:
        return secrets.token_hex(16)


class Attempt(models.Model):
    """One Checkout session at Stripe for one invoice. The key is stored before the first call, so a repeated call makes no second."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="attempts")
    generation = models.PositiveSmallIntegerField(_("generation"))
    key = ExactCharField(_("idempotency key"), max_length=80, unique=True)
    status = models.CharField(_("status"), max_length=8, choices=AttemptStatus, default=AttemptStatus.CREATED)
    session_id = ExactCharField(_("session"), max_length=120, null=True, blank=True, unique=True)
    url = models.TextField(_("address at Stripe"), blank=True)
    expires_at = models.DateTimeField(_("session ends"))
    payment_intent_id = ExactCharField(_("payment intent"), max_length=120, blank=True)
    #: an asynchronous method is being processed at Stripe: neither paid nor free to be closed
    processing = models.BooleanField(_("in process"), default=False)
    created_at = models.DateTimeField(default=now)
    closing_since = models.DateTimeField(null=True, blank=True)
    #: what to perform once it is closed, and who asked: {"transition", "actor", "user", "door", "facts"}
    then_perform = models.JSONField(null=True, blank=True)
    #: what the call to Stripe says, so that a repeated call says the same; emptied once the session is known
    request = models.JSONField(default=dict, editable=False)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    open_marker = one_while(*OPEN_ATTEMPT)

    class Meta:
        verbose_name = _("payment attempt")
        verbose_name_plural = _("payment attempts")
        ordering = ["generation"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "generation"], name="attempt_generation_once"),
            models.UniqueConstraint(fields=["invoice", "open_marker"], name="one_open_attempt_per_invoice"),
        ]
        indexes = [
            models.Index(fields=["status", "expires_at"], name="attempt_by_status"),
            models.Index(fields=["processing", "status", "-id"], name="attempt_in_process"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_ATTEMPT


class StripeEvent(models.Model):
    """The webhook inbox: stored before the 2xx, settled by a job, each event once."""

    event_id = ExactCharField(_("event"), max_length=120, unique=True)
    type = models.CharField(_("type"), max_length=80)
    payload: Any = models.JSONField(_("body"))
    received_at = models.DateTimeField(_("received"), default=now, db_index=True)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("Stripe event")
        verbose_name_plural = _("Stripe events")
        indexes = [
            models.Index(fields=["settled_at", "received_at"], name="inbox_unsettled"),
            models.Index(fields=["type", "received_at"], name="inbox_by_type"),
            models.Index(fields=["outcome", "received_at"], name="inbox_by_outcome"),
        ]

    def __str__(self) -> str:
        return self.event_id

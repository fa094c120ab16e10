"""Money: rates and fees as data, quote versions, invoices with lines, attempts (one per Stripe session), the ledger, refunds, and
the inbox of Stripe's events. Amounts are whole won (`_krw`) and U.S. cents (`_usd_cents`).

"One open invoice per order and kind" and "one open attempt per invoice" are unique constraints over a stored generated column, which
MariaDB enforces too (it has no partial unique indexes). Ledger rows are only ever added: triggers refuse the rest.
"""

import secrets
from typing import Any

from django.db import models
from django.db.models import Case, GeneratedField, Value, When
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.fields import ExactCharField
from workflow.models.hashing import digest_of


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
        indexes = [models.Index(fields=["status", "expires_at"], name="attempt_by_status")]

    def __str__(self) -> str:
        return self.key

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_ATTEMPT


class LedgerKind(models.TextChoices):
    CAPTURE = "capture", _("payment")
    UNAPPLIED = "unapplied", _("payment nobody expected")
    #: the part of an unapplied payment that staff made the payment of an invoice; its capture stands beside it
    APPLIED = "applied", _("applied to an invoice")
    REFUND = "refund", _("refund")
    REFUND_REVERSAL = "refund_reversal", _("failed refund")
    DISPUTE = "dispute", _("taken back by a dispute")
    DISPUTE_REVERSAL = "dispute_reversal", _("dispute won")


#: what customers paid and what of it went back, as they see it
MONEY_IN = (LedgerKind.CAPTURE, LedgerKind.UNAPPLIED, LedgerKind.APPLIED)
MONEY_BACK = (LedgerKind.REFUND, LedgerKind.REFUND_REVERSAL)


class LedgerEntry(models.Model):
    """Money that moved. Positive came in, negative went back. Rows are never changed or deleted, and only `workflow/ledger.py` adds them.

    The rows of an order are numbered without gaps, and each carries the hash of the one before. Money that belongs to no order (yet) is
    number 0 and stands by itself.
    """

    order = models.ForeignKey("Order", on_delete=models.PROTECT, null=True, related_name="ledger")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="ledger")
    number = models.PositiveIntegerField(_("number"), default=0, db_default=0)
    kind = models.CharField(_("kind"), max_length=16, choices=LedgerKind)
    amount_cents = models.IntegerField(_("amount (cents)"))
    currency = models.CharField(_("currency"), max_length=3, default="usd")
    #: `stripe`, or `manual` for what finance recorded with a proof
    source = models.CharField(_("source"), max_length=8)
    #: payment intent, refund or dispute at Stripe; for manual entries the order's event or our refund's key
    reference = ExactCharField(_("reference"), max_length=120)
    payment_intent_id = ExactCharField(_("payment intent"), max_length=120, blank=True, db_index=True)
    note = models.CharField(_("note"), max_length=500, blank=True)
    booked_at = models.DateTimeField(_("booked"), default=now)
    previous_hash = ExactCharField(max_length=64, blank=True, default="", db_default="")
    hash = ExactCharField(max_length=64, default="", db_default="")

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["source", "kind", "reference"], name="ledger_books_once")]
        indexes = [
            models.Index(fields=["kind", "-id"], name="ledger_by_kind"),
            models.Index(fields=["booked_at"], name="ledger_by_day"),
            models.Index(fields=["order", "number"], name="ledger_by_order"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount_cents} {self.currency}"

    def digest(self) -> str:
        """SHA-256 over everything the row says and the hash of the order's row before it."""
        return digest_of(
            self.order_id,
            self.invoice_id,
            self.number,
            self.kind,
            self.amount_cents,
            self.currency,
            self.source,
            self.reference,
            self.payment_intent_id,
            self.note,
            self.booked_at,
            self.previous_hash,
        )


class RefundStatus(models.TextChoices):
    PROPOSED = "proposed", _("needs a second person")
    APPROVED = "approved", _("to be sent")
    SENT = "sent", _("at Stripe")
    SUCCEEDED = "succeeded", _("refunded")
    FAILED = "failed", _("failed")
    DECLINED = "declined", _("declined")
    #: failed, and another one was made in its place
    REPLACED = "replaced", _("failed, sent again")
    BY_HAND = "by_hand", _("given back by hand")


#: somebody has still to do something about it
OPEN_REFUND = (RefundStatus.PROPOSED, RefundStatus.APPROVED, RefundStatus.SENT, RefundStatus.FAILED)
#: nothing of these counts against what may still be refunded
REFUND_WITHOUT_EFFECT = (RefundStatus.FAILED, RefundStatus.DECLINED, RefundStatus.REPLACED)


class RefundReason(models.TextChoices):
    """Why money goes back; reports go by it."""

    CANCELLED = "cancelled", _("order cancelled")
    SOLD_OUT = "sold_out", _("sold out")
    TOO_DEAR = "too_dear", _("dearer, and the difference was not paid")
    CHEAPER = "cheaper", _("cheaper than quoted")
    WRONG_ITEM = "wrong_item", _("wrong item")
    DAMAGED = "damaged", _("damaged")
    MISSING = "missing", _("missing")
    LATE = "late", _("we were too late")
    GOODWILL = "goodwill", _("goodwill")
    OUR_FAULT = "our_fault", _("our fault")
    UNAPPLIED = "unapplied", _("payment nobody expected")
    DASHBOARD = "dashboard", _("made in Stripe's dashboard")


class Refund(models.Model):
    """Money that goes back to the card of one payment. `key` makes a repeated request at Stripe the same one."""

    order = models.ForeignKey("Order", on_delete=models.PROTECT, null=True, related_name="refunds")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="refunds")
    #: the ledger's row of the money that goes back: a capture, or a payment nobody expected
    payment = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, null=True, related_name="refunds")
    payment_intent_id = ExactCharField(_("payment intent"), max_length=120, blank=True, db_index=True)
    amount_usd_cents = models.PositiveIntegerField(_("amount (cents)"))
    reason = models.CharField(_("reason"), max_length=12, choices=RefundReason)
    #: what staff wrote to it, and why it was declined
    note = models.CharField(_("note"), max_length=300, blank=True, default="", db_default="")
    status = models.CharField(_("status"), max_length=10, choices=RefundStatus, default=RefundStatus.APPROVED)
    key = ExactCharField(_("idempotency key"), max_length=80, unique=True)
    stripe_id = ExactCharField(_("refund at Stripe"), max_length=120, null=True, blank=True, unique=True)
    #: the failed one in whose place this was made
    retry_of = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="retried_by")
    #: staff decided on it of their own; above a limit such refunds need a second person
    is_discretionary = models.BooleanField(default=False, db_default=False)
    proposed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    #: who said yes, no, or that it was given back by hand
    approved_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=now)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=models.Q(amount_usd_cents__gt=0), name="refund_positive")]
        indexes = [models.Index(fields=["status", "created_at"], name="refund_by_status")]

    def __str__(self) -> str:
        return self.key

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_REFUND


class RefundLine(models.Model):
    """What of an invoice goes back with a refund. Their sum is the refund's; one made in Stripe's dashboard has none."""

    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="lines")
    invoice_line = models.ForeignKey(InvoiceLine, on_delete=models.PROTECT, related_name="refund_lines")
    amount_usd_cents = models.PositiveIntegerField(_("amount (cents)"))

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["refund", "invoice_line"], name="refund_line_once"),
            models.CheckConstraint(condition=models.Q(amount_usd_cents__gt=0), name="refund_line_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_usd_cents} of line {self.invoice_line_id}"


class AdjustmentRoute(models.TextChoices):
    """Who pays what an item costs more than was quoted, by the limits of the fee policy."""

    ABSORBED = "absorbed", _("borne by us")
    DELIVERY = "delivery", _("billed with the delivery")
    INVOICE = "invoice", _("billed at once")


class AdjustmentStatus(models.TextChoices):
    OPEN = "open", pgettext_lazy("price difference", "open")
    PAID = "paid", _("paid")
    ABSORBED = "absorbed", _("borne by us")
    WITHDRAWN = "withdrawn", _("withdrawn")


class Adjustment(models.Model):
    """An item that costs more at the shop than the customer paid for it; what becomes of the difference. Rules: `adjustments.py`."""

    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="adjustments")
    item = models.ForeignKey("Item", on_delete=models.PROTECT, related_name="adjustments")
    difference_krw = models.PositiveIntegerField(_("difference (won)"))
    route = models.CharField(_("who pays"), max_length=8, choices=AdjustmentRoute)
    status = models.CharField(_("status"), max_length=9, choices=AdjustmentStatus, default=AdjustmentStatus.OPEN)
    #: the invoice that bills it now; a delivery invoice that is withdrawn lets go of it
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="adjustments")
    made_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=now)
    settled_at = models.DateTimeField(null=True, blank=True)
    open_marker = one_while(AdjustmentStatus.OPEN)

    class Meta:
        verbose_name = _("price difference")
        verbose_name_plural = _("price differences")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["item", "open_marker"], name="one_open_adjustment_per_item"),
            models.CheckConstraint(condition=models.Q(difference_krw__gt=0), name="adjustment_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.difference_krw} ({self.get_route_display()})"

    @property
    def is_open(self) -> bool:
        return self.status == AdjustmentStatus.OPEN


class Dispute(models.Model):
    """A customer's bank takes a payment back, or asks about it; the words of `status` and `reason` are Stripe's."""

    stripe_id = ExactCharField(_("dispute at Stripe"), max_length=120, unique=True)
    order = models.ForeignKey("Order", on_delete=models.PROTECT, null=True, related_name="disputes")
    payment = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, null=True, related_name="disputes")
    payment_intent_id = ExactCharField(_("payment intent"), max_length=120, blank=True, db_index=True)
    amount_cents = models.PositiveIntegerField(_("amount (cents)"))
    currency = models.CharField(_("currency"), max_length=3, default="usd")
    reason = models.CharField(_("reason"), max_length=60)
    status = models.CharField(_("status"), max_length=30)
    #: until when Stripe takes an answer
    due_by = models.DateTimeField(_("answer until"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened"), default=now)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["id"]
        indexes = [models.Index(fields=["closed_at", "due_by"], name="dispute_open")]

    def __str__(self) -> str:
        return self.stripe_id

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class Reconciliation(models.Model):
    """One comparison of our ledger with Stripe's lists (`workflow/reconciliation.py`): what was looked at, found and mended."""

    since = models.DateTimeField(_("looked back to"))
    started_at = models.DateTimeField(_("started"), default=now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    asked_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    #: {"sessions", "refunds", "disputes": how many were looked at; "changed", "failed": how many findings were mended, and were not}
    counts = models.JSONField(default=dict)
    #: [{"what", "about", "order", "outcome", "repaired"}]: what could not be mended first; not all of very many
    findings = models.JSONField(default=list)
    #: why it ended early; empty when it went through
    error = models.CharField(_("error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("comparison with Stripe")
        verbose_name_plural = _("comparisons with Stripe")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


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
        indexes = [models.Index(fields=["settled_at", "received_at"], name="inbox_unsettled")]

    def __str__(self) -> str:
        return self.event_id

"""Money that moved, and what was decided about it: the ledger, refunds with their lines, price differences after the payment, disputes,
and comparisons with Stripe. Ledger rows are only ever added: triggers refuse the rest.
"""

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.fields import ExactCharField
from workflow.models.hashing import digest_of
from workflow.models.payments import Invoice, InvoiceLine, one_while


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
            # all that a month's sums need, so that none of its rows is read for them
            models.Index(fields=["booked_at", "kind", "source", "currency", "amount_cents"], name="ledger_by_day"),
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

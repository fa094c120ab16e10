"""Files that staff bring in: one batch per file and one staged row per line of it. The staged rows are the state of an import: the
file itself is not kept. How they are read, checked, applied and undone: `workflow/imports/`.
"""

from typing import Any

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.fields import ExactCharField


class ImportKind(models.TextChoices):
    PRICES = "prices", _("Item prices")
    TRACKING = "tracking", _("Tracking numbers")
    ARRIVALS = "arrivals", _("Warehouse arrivals")


class ImportStatus(models.TextChoices):
    CHECKING = "checking", pgettext_lazy("import", "being checked")
    READY = "ready", pgettext_lazy("import", "waits for confirmation")
    APPLYING = "applying", pgettext_lazy("import", "being applied")
    APPLIED = "applied", pgettext_lazy("import", "applied")
    UNDOING = "undoing", pgettext_lazy("import", "being undone")
    UNDONE = "undone", pgettext_lazy("import", "undone")
    DISCARDED = "discarded", pgettext_lazy("import", "discarded")


#: somebody's work is under way: a process that holds the claim; past `claimed_until` it was killed, and its transaction with it
BUSY = frozenset({ImportStatus.CHECKING, ImportStatus.APPLYING, ImportStatus.UNDOING})


class RowOutcome(models.TextChoices):
    STAGED = "staged", pgettext_lazy("import", "not checked yet")
    GOOD = "good", pgettext_lazy("import", "will change")
    SAME = "same", pgettext_lazy("import", "no change")
    BAD = "bad", pgettext_lazy("import", "error")
    APPLIED = "applied", pgettext_lazy("import", "applied")
    SKIPPED = "skipped", pgettext_lazy("import", "left out")
    UNDONE = "undone", pgettext_lazy("import", "undone")
    KEPT = "kept", pgettext_lazy("import", "not undone")


class ImportBatch(models.Model):
    kind = models.CharField(_("kind"), max_length=12, choices=ImportKind)
    status = models.CharField(_("status"), max_length=12, choices=ImportStatus, default=ImportStatus.CHECKING)
    file_name = models.CharField(_("file"), max_length=200)
    sha256 = ExactCharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    #: how the file was read, e.g. `CSV · CP949 · ;`
    read_as = models.CharField(max_length=60)
    #: errors are worded once, in the language of whoever brought the file
    language = models.CharField(max_length=10)
    made_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+", verbose_name=_("person"))
    made_at = models.DateTimeField(_("time"), default=now)

    row_count = models.PositiveIntegerField(default=0)
    #: progress of a check under way
    done_count = models.PositiveIntegerField(default=0)
    good_count = models.PositiveIntegerField(default=0)
    same_count = models.PositiveIntegerField(default=0)
    bad_count = models.PositiveIntegerField(default=0)
    applied_count = models.PositiveIntegerField(default=0)
    skipped_count = models.PositiveIntegerField(default=0)
    undone_count = models.PositiveIntegerField(default=0)
    order_count = models.PositiveIntegerField(default=0)

    only_good = models.BooleanField(default=False)
    #: orders that are complete afterwards also make their next move
    and_move = models.BooleanField(default=False)
    applied_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    #: why the last confirmation came to nothing
    error = models.TextField(blank=True)
    claim = ExactCharField(max_length=32, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [
            models.Index(fields=["kind", "-id"], name="import_by_kind"),
            models.Index(fields=["made_at"], name="import_by_time"),
            models.Index(fields=["sha256"], name="import_by_content"),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_busy(self) -> bool:
        return self.status in BUSY and not self.was_interrupted

    @property
    def was_interrupted(self) -> bool:
        """Its process is gone. What it did was one transaction, so nothing of it was written."""
        return self.status in BUSY and (self.claimed_until is None or self.claimed_until <= now())


class ImportRow(models.Model):
    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="rows")
    #: as a spreadsheet counts: the header is row 1
    number = models.PositiveIntegerField(_("row"))
    #: our spelling where it can be an order number, else what was typed
    order_number = ExactCharField(_("order"), max_length=40, blank=True)
    #: of the item or the parcel; NULL for an order's only parcel
    position = models.PositiveSmallIntegerField(null=True, blank=True)
    #: False: `error` says which cell could not be read, and nothing more is looked at
    is_readable = models.BooleanField(default=True)
    #: what the file says, read
    said = models.JSONField(default=dict)
    order = models.ForeignKey("Order", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    #: `item` or `parcel`, and which; NULL for a parcel that is made by the import
    target = models.CharField(max_length=8, blank=True)
    target_id = models.BigIntegerField(null=True, blank=True)
    #: column values of the target before and after; a column that is not there is NULL. `seen` also keeps the order's state
    seen = models.JSONField(default=dict)
    wanted = models.JSONField(default=dict)
    state_seen = models.CharField(max_length=32, blank=True)
    outcome = models.CharField(max_length=8, choices=RowOutcome, default=RowOutcome.STAGED)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name = _("row of an import")
        verbose_name_plural = _("rows of imports")
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="import_row_once")]
        indexes = [models.Index(fields=["batch", "outcome", "number"], name="import_row_by_outcome")]

    def __str__(self) -> str:
        return f"{self.number}: {self.order_number}"

    def refuse(self, words: Any) -> None:
        self.outcome, self.error = RowOutcome.BAD, str(words)


class ImportMove(models.Model):
    """An order that makes its next move because an import completed it, and how that went."""

    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="moves")
    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="+")
    done_at = models.DateTimeField(null=True, blank=True)
    refused = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("move after an import")
        verbose_name_plural = _("moves after imports")
        constraints = [models.UniqueConstraint(fields=["batch", "order"], name="import_move_once")]

    def __str__(self) -> str:
        return f"{self.batch_id}: {self.order_id}"

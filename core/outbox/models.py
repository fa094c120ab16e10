"""One row per promised effect; see `core/outbox/__init__.py` for how they are promised and `jobs.py` for how they are done."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField


class Effect(models.Model):
    """Something that must happen once the change that promised it is committed."""

    #: what it belongs to, e.g. `order:17`; staff look stuck rows up by it
    subject = ExactCharField(_("subject"), max_length=60)
    name = ExactCharField(_("effect"), max_length=60)
    #: JSON facts for the handler; ids and amounts, no personal data
    payload = models.JSONField(_("facts"), default=dict)
    #: rows of one promise share it; they are delivered by one job, in id order
    batch = ExactCharField(_("batch"), max_length=32, db_index=True)
    created_at = models.DateTimeField(_("promised"), default=timezone.now)
    due_at = models.DateTimeField(_("due"), default=timezone.now)
    #: when a job was last queued for it; None after a failure, so that the next sweep queues it
    queued_at = models.DateTimeField(_("queued"), null=True, blank=True, default=timezone.now)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    #: how often a worker took it up, counted and committed before the handler runs: a handler that kills its process is counted too
    starts = models.PositiveSmallIntegerField(_("starts"), default=0)
    #: how often the handler failed with an exception
    attempts = models.PositiveSmallIntegerField(_("failures"), default=0)
    claimed_until = models.DateTimeField(_("claimed until"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True)
    quarantined_at = models.DateTimeField(_("in quarantine since"), null=True, blank=True)

    class Meta:
        verbose_name = _("effect")
        verbose_name_plural = _("effects")
        indexes = [
            models.Index(fields=["done_at", "quarantined_at", "due_at"], name="effect_undone"),
            models.Index(fields=["subject", "id"], name="effect_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.subject})"

"""What happened to an order, and what staff must look at.

Event rows are only added: triggers on both engines refuse UPDATE and DELETE (migration 0002), and each row carries the hash of the
one before. They hold no personal data: people are ids, facts are amounts, ids and reasons.
"""

import json

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField
from workflow.models.hashing import digest_of


class Door(models.TextChoices):
    ADMIN = "admin", _("back office")
    API = "api", _("customer API")
    WEBHOOK = "webhook", _("webhook")
    JOB = "job", _("job")
    IMPORT = "import", _("import")


class OrderEvent(models.Model):
    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="events")
    #: 1, 2, 3 … per order, without gaps
    number = models.PositiveIntegerField(_("number"))
    #: the transition, or `request_quote`, `hold`, `release`, `ask`, `answer`
    name = models.CharField(_("what"), max_length=40)
    from_state = models.CharField(_("from"), max_length=32, blank=True)
    to_state = models.CharField(_("to"), max_length=32)
    #: staff role acting as, or `customer`, `stripe`, `courier`, `job`
    actor = models.CharField(_("who"), max_length=12)
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("person"))
    door = models.CharField(_("through"), max_length=8, choices=Door)
    facts = models.JSONField(_("facts"), default=dict)
    at = models.DateTimeField(_("time"), default=now)
    previous_hash = ExactCharField(max_length=64, blank=True)
    hash = ExactCharField(max_length=64)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["order", "number"]
        constraints = [models.UniqueConstraint(fields=["order", "number"], name="event_number_once")]
        indexes = [models.Index(fields=["at"], name="event_by_time")]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    def digest(self) -> str:
        """SHA-256 over everything the row says and the hash before it; times to the microsecond, JSON with sorted keys."""
        return digest_of(
            self.order_id,
            self.number,
            self.name,
            self.from_state,
            self.to_state,
            self.actor,
            self.user_id,
            self.door,
            json.loads(json.dumps(self.facts)),  # as it will be read back: keys are texts, and sort as texts
            self.at,
            self.previous_hash,
        )


class StaffTask(models.Model):
    """Something a person must look at; one open row per key, so that a repeated finding makes no second task."""

    key = ExactCharField(max_length=120, unique=True)
    kind = models.CharField(_("kind"), max_length=40)
    order = models.ForeignKey("Order", on_delete=models.PROTECT, null=True, blank=True, related_name="tasks")
    #: a msgid and its values, so that everybody reads it in their own language: `words`
    text = models.TextField(_("what is the matter"))
    values = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(_("since"), default=now)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    done_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        indexes = [
            models.Index(fields=["done_at", "created_at"], name="task_open"),
            models.Index(fields=["done_at", "kind", "created_at"], name="task_open_by_kind"),
        ]

    def __str__(self) -> str:
        return self.kind

    @property
    def words(self) -> str:
        """What is the matter, in the reader's language."""
        return gettext(self.text) % self.values if self.values else gettext(self.text)

"""One row per (event, channel, recipient): what was said to whom, and what became of it. Written and sent by `jobs.py`."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField


class Channel(models.TextChoices):
    EMAIL = "email", _("e-mail")
    SMS = "sms", _("SMS")


class Status(models.TextChoices):
    QUEUED = "queued", _("to be sent")
    SENDING = "sending", _("being sent")
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    #: an SMS whose provider did not answer: it may have gone out, so it is never sent again by itself
    UNKNOWN = "unknown", _("may have been sent")


class Notice(models.Model):
    key = ExactCharField(_("event"), max_length=100)
    kind = models.CharField(_("kind"), max_length=40)
    channel = models.CharField(_("channel"), max_length=5, choices=Channel)
    recipient = ExactCharField(_("recipient"), max_length=254)
    user = models.ForeignKey("accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="notices")
    locale = models.CharField(_("language"), max_length=2)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    text = models.TextField(_("text"))
    html = models.TextField(_("HTML"), blank=True)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.QUEUED)
    #: the same on every try, so that a mailbox can tell a repeated mail
    message_id = ExactCharField(max_length=120, blank=True)
    provider_id = ExactCharField(_("provider's id"), max_length=120, blank=True)
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("written"), default=timezone.now)
    due_at = models.DateTimeField(_("due"), default=timezone.now)
    claimed_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = [models.UniqueConstraint(fields=["key", "channel", "recipient"], name="notice_once")]
        indexes = [models.Index(fields=["status", "due_at"], name="notice_due")]

    def __str__(self) -> str:
        return f"{self.kind} ({self.channel})"

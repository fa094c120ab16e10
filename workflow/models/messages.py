"""What we and the customer write to each other about an order. What may be written when: `workflow/messages.py`."""

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _


class OrderMessage(models.Model):
    MAX_LENGTH = 4000

    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="messages")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("author"))
    from_staff = models.BooleanField(_("from us"))
    #: a question of ours, on which the order waits until the customer writes
    asks = models.BooleanField(_("question"), default=False)
    text = models.TextField(_("text"), max_length=MAX_LENGTH)
    at = models.DateTimeField(_("time"), default=now)
    #: of a customer's message: when staff answered it, or said that it needs no answer
    read_at = models.DateTimeField(_("read by the other side"), null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["id"]
        indexes = [models.Index(fields=["order", "from_staff", "read_at"], name="message_unread")]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.at:%Y-%m-%d %H:%M}"

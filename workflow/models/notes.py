"""What staff write to each other about an order. Rows are only added (triggers, see `append_only.py`); no customer ever reads them."""

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _


class OrderNote(models.Model):
    MAX_LENGTH = 4000

    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("author"))
    text = models.TextField(_("note"), max_length=MAX_LENGTH)
    at = models.DateTimeField(_("time"), default=now)

    class Meta:
        verbose_name = _("internal note")
        verbose_name_plural = _("internal notes")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.at:%Y-%m-%d %H:%M}"

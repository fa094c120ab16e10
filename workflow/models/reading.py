"""Who read whose personal data. Append-only: the database refuses changes; `workflow/readings.py` writes it."""

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField
from workflow.models.orders import Order


class How(models.TextChoices):
    OPENED = "opened", _("opened the page")
    SHOWN = "shown", _("asked to be shown")


class PersonalDataRead(models.Model):
    """A member of staff had a customer's data in clear before them; opening the same page again within the hour is no second row."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("who"))
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("order"))
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("whose"))
    how = models.CharField(_("how"), max_length=10, choices=How)
    #: names of `backoffice.privacy.Personal`, comma-separated
    fields = models.CharField(_("what"), max_length=80)
    reason = models.CharField(_("why"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"), default=now)
    #: what makes a row the same as one that is there already
    once = ExactCharField(max_length=64, unique=True)

    class Meta:
        verbose_name = _("reading of personal data")
        verbose_name_plural = _("who read what")
        indexes = [
            models.Index(fields=["user", "order", "how", "at"], name="read_by"),
            models.Index(fields=["how", "id"], name="read_how"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.how} {self.fields}"

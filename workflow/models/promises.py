"""What was promised: how long each thing may wait for us, the days on which nobody works, and who changed either."""

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField


class Unit(models.TextChoices):
    HOURS = "hours", _("hours")
    DAYS = "days", _("days")
    BUSINESS_DAYS = "business_days", _("business days")


class Promise(models.Model):
    """How long one thing may wait, where the owner chose otherwise than `workflow/promises.py`. 0: nothing is promised."""

    key = ExactCharField(max_length=40, unique=True)
    amount = models.PositiveSmallIntegerField(_("promised time"))
    unit = models.CharField(_("unit"), max_length=13, choices=Unit)

    class Meta:
        verbose_name = _("promise clock")
        verbose_name_plural = _("promise clocks")

    def __str__(self) -> str:
        return f"{self.key}: {self.amount} {self.unit}"


class Holiday(models.Model):
    """A day in Korea that is no business day though it may be a weekday."""

    day = models.DateField(_("day"), unique=True)
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"


class PromiseChange(models.Model):
    """Who changed a promise or a holiday, from what to what. `what` is the promise's key or the holiday's day."""

    what = ExactCharField(max_length=40)
    was = models.CharField(_("from"), max_length=100, blank=True)
    becomes = models.CharField(_("to"), max_length=100, blank=True)
    by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+", verbose_name=_("person"))
    at = models.DateTimeField(_("time"), default=now)

    class Meta:
        verbose_name = _("change of a promise")
        verbose_name_plural = _("changes of promises")

    def __str__(self) -> str:
        return f"{self.what}: {self.was} → {self.becomes}"

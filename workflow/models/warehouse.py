"""What the warehouse finds when it looks at an item, what became of it, and what was disposed of."""

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _


class Verdict(models.TextChoices):
    OK = "ok", _("as ordered")
    WRONG = "wrong", _("not what was ordered")
    DAMAGED = "damaged", _("damaged")
    MISSING = "missing", _("missing")
    PROHIBITED = "prohibited", _("may not be sent")


class Choice(models.TextChoices):
    """What the customer wants done with an item that is not as ordered."""

    KEEP = "keep", _("send it as it is")
    RETURN = "return", _("send it back to the shop")
    OTHER = "other", _("something else, see the message")


class Outcome(models.TextChoices):
    """How an inspection ended."""

    FINE = "fine", _("fine")
    KEPT = "kept", _("sent as it is")
    GIVEN_UP = "given_up", _("left the order")
    LOOKED_AGAIN = "looked_again", _("inspected anew")
    UNDONE = "undone", _("taken back")


class Inspection(models.Model):
    """One look at one item. A bad verdict stays open until a person decides; `order.position` of the item and `number` name it."""

    item = models.ForeignKey("Item", on_delete=models.PROTECT, related_name="inspections")
    #: counts per item
    number = models.PositiveSmallIntegerField(_("number"))
    verdict = models.CharField(_("verdict"), max_length=12, choices=Verdict)
    #: what was found, for the customer to read
    note = models.CharField(_("what was found"), max_length=500, blank=True)
    at = models.DateTimeField(_("inspected"), default=now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    #: the customer was asked, and should answer until then
    asked_at = models.DateTimeField(_("asked"), null=True, blank=True)
    answer_by = models.DateTimeField(_("answer by"), null=True, blank=True)
    choice = models.CharField(_("the customer's wish"), max_length=8, choices=Choice, blank=True)
    answer = models.CharField(_("the customer's words"), max_length=1000, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("inspection")
        verbose_name_plural = _("inspections")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["item", "number"], name="inspection_number_once")]
        indexes = [models.Index(fields=["ended_at", "answer_by"], name="inspection_open")]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} {self.at:%Y-%m-%d}"

    @property
    def is_open(self) -> bool:
        return self.ended_at is None


class Disposal(models.Model):
    """A person ended the storage of what nobody paid for. `notices` are those that had reached the customer: `[{"kind", "sent_at"}]`."""

    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="disposals")
    at = models.DateTimeField(_("disposed of"), default=now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    note = models.CharField(_("what was done"), max_length=500)
    storage_days = models.PositiveSmallIntegerField(_("days stored"))
    notices = models.JSONField(default=list)

    class Meta:
        verbose_name = _("disposal")
        verbose_name_plural = _("disposals")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}"

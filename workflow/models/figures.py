"""Figures by day, so that no page sums a journal: a job (`workflow/figures.py`) writes them, the home page reads them."""

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField


class DailyFigure(models.Model):
    """One figure of one day in Seoul; the days that are over stay as they were reckoned last."""

    day = models.DateField(_("day"))
    name = ExactCharField(_("figure"), max_length=60)
    value = models.JSONField(_("value"))
    reckoned_at = models.DateTimeField(_("reckoned"), default=now)

    class Meta:
        verbose_name = _("daily figure")
        verbose_name_plural = _("daily figures")
        constraints = [models.UniqueConstraint(fields=["name", "day"], name="figure_once_a_day")]
        indexes = [models.Index(fields=["day"], name="figure_by_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"

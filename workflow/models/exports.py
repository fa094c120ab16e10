"""Files that staff took out of the back office: a row for each, which is only ever added (triggers), and the columns each person takes."""

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _


class ExportLog(models.Model):
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+", verbose_name=_("person"))
    at = models.DateTimeField(_("time"), default=now)
    #: what was taken: `orders`, `items`, `customers` …
    list_name = models.CharField(_("list"), max_length=20)
    format = models.CharField(_("format"), max_length=4)
    #: how the list was narrowed; a search that may name a person is not kept
    filters = models.JSONField(_("filters"), default=dict)
    columns = models.JSONField(_("columns"), default=list)
    rows = models.PositiveIntegerField(_("rows"))

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-id"]
        indexes = [models.Index(fields=["list_name", "-id"], name="export_by_list")]

    def __str__(self) -> str:
        return f"{self.list_name} {self.at:%Y-%m-%d %H:%M}"


class ExportChoice(models.Model):
    """The columns and the format a person last took of a list."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    list_name = models.CharField(max_length=20)
    columns = models.JSONField(default=list)
    format = models.CharField(max_length=4)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "list_name"], name="export_choice_once")]

    def __str__(self) -> str:
        return self.list_name

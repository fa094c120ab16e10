"""The ground's own row: who is alive. Written by `manage.py worker` (core/worker/), read by core/health.py and by staff."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Heartbeat(models.Model):
    """One row a worker process, renewed every few seconds and deleted when it stops in order; an old one is a dead worker."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    beat_at = models.DateTimeField(_("last beat"), db_index=True)
    pid = models.PositiveIntegerField(_("process"))
    host = models.CharField(_("host"), max_length=100)
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name

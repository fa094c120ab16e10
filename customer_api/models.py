"""What the customers' door itself remembers: answers kept for repeated requests, trimmed by `jobs.py`."""

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from core.fields import ExactCharField


class KeptAnswer(models.Model):
    """The first answer to a request with an Idempotency-Key, written in the transaction of its effect; kept for 48 hours."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    route = ExactCharField(max_length=120)
    key = ExactCharField(max_length=255)
    #: SHA-256 over address and body, so that another request under the same key is noticed
    digest = ExactCharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(default=now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "route", "key"], name="answered_once")]

    def __str__(self) -> str:
        return f"{self.route} {self.status}"

"""Who has which order's page open. A row lives as long as its page beats (`workflow/presence.py`)."""

from django.conf import settings
from django.db import models


class OrderViewer(models.Model):
    order = models.ForeignKey("Order", on_delete=models.CASCADE, related_name="viewers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "user"], name="order_viewer_once")]

    def __str__(self) -> str:
        return f"{self.user_id} @ {self.order_id}"

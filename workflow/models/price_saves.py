"""What a save on the bulk price page replaced, so that it can be put back. The page's memory and no record: what happened to an order is
in its events; these rows go after a week.
"""

from django.conf import settings
from django.db import models
from django.utils.timezone import now


class PriceSave(models.Model):
    """One press of "Save" by one person, over any number of orders."""

    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    saved_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["by", "-id"], name="price_save_by_person")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class SavedPrices(models.Model):
    """What one order had before a save, by item id, and the version that the save made."""

    save_of = models.ForeignKey(PriceSave, on_delete=models.CASCADE, related_name="rows")
    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="+")
    version_after = models.PositiveIntegerField()
    #: `{item id: {"price_krw": won or null, "name": text}}`
    before = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["save_of", "order"], name="saved_prices_once")]

    def __str__(self) -> str:
        return f"{self.save_of_id}/{self.order_id}"

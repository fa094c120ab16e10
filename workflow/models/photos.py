"""Photos that staff and customers add to an order: of an item, its inspection or a parcel. The files lie in the private storage."""

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField


class Photo(models.Model):
    """A picture as we made it anew (never the uploaded bytes), and a small one of it. A removed one keeps its row."""

    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="photos")
    item = models.ForeignKey("Item", on_delete=models.SET_NULL, null=True, blank=True, related_name="photos")
    inspection = models.ForeignKey("Inspection", on_delete=models.SET_NULL, null=True, blank=True, related_name="photos")
    parcel = models.ForeignKey("Parcel", on_delete=models.SET_NULL, null=True, blank=True, related_name="photos")
    #: names in the private storage
    key = ExactCharField(max_length=120, unique=True)
    small_key = ExactCharField(max_length=120)
    width = models.PositiveIntegerField(_("width (pixels)"))
    height = models.PositiveIntegerField(_("height (pixels)"))
    bytes = models.PositiveIntegerField(_("size (bytes)"))
    added_at = models.DateTimeField(_("added"), default=now)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("added by"))
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)
    removed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        ordering = ["id"]
        indexes = [models.Index(fields=["removed_at"], name="photo_removed")]

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"

"""Parcels and what couriers say of them. An item has at most one parcel, so "in exactly one parcel" is a foreign key."""

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField
from integrations.couriers import COURIERS, TrackingStatus


class Parcel(models.Model):
    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="parcels")
    position = models.PositiveSmallIntegerField(_("parcel"))
    weight_g = models.PositiveIntegerField(_("weight (g)"), null=True, blank=True)
    volume_cm3 = models.PositiveIntegerField(_("volume (cm³)"), null=True, blank=True)
    courier = models.CharField(_("courier"), max_length=12, blank=True)
    tracking_number = ExactCharField(_("tracking number"), max_length=40, blank=True)
    handed_over_at = models.DateTimeField(_("handed over"), null=True, blank=True)

    status = models.CharField(_("status"), max_length=24, default=TrackingStatus.PENDING)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    #: came to an end without delivery: lost, returned or taken out
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    #: NULL: nothing to ask the courier for
    next_poll_at = models.DateTimeField(_("next look"), null=True, blank=True)
    polled_at = models.DateTimeField(_("last look"), null=True, blank=True)
    poll_failures = models.PositiveSmallIntegerField(default=0)
    poll_error = models.CharField(_("last answer"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("parcel")
        verbose_name_plural = _("parcels")
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["order", "position"], name="parcel_position_once")]
        indexes = [
            models.Index(fields=["next_poll_at"], name="parcel_due"),
            models.Index(fields=["tracking_number"], name="parcel_by_number"),
            models.Index(fields=["courier", "poll_failures", "polled_at"], name="parcel_by_answer"),
        ]

    def __str__(self) -> str:
        return f"{self.courier} {self.tracking_number}".strip() or f"#{self.position}"

    @property
    def is_labelled(self) -> bool:
        courier = COURIERS.get(self.courier)
        return courier is not None and bool(self.tracking_number) and courier.is_valid_number(self.tracking_number)

    @property
    def tracking_url(self) -> str:
        courier = COURIERS.get(self.courier)
        return courier.tracking_url(self.tracking_number) if courier and self.tracking_number else ""


class TrackingEvent(models.Model):
    """One scan, as the courier gave it, stored once."""

    parcel = models.ForeignKey(Parcel, on_delete=models.CASCADE, related_name="scans")
    at = models.DateTimeField(_("time"))
    code = ExactCharField(_("courier's code"), max_length=40, blank=True)
    status = models.CharField(_("status"), max_length=24)
    text = models.CharField(_("courier's words"), max_length=200, blank=True)
    place = ExactCharField(_("place"), max_length=120, blank=True)
    stored_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = _("tracking event")
        verbose_name_plural = _("tracking events")
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["parcel", "at", "code", "place"], name="scan_once")]

    def __str__(self) -> str:
        return f"{self.status} {self.at:%Y-%m-%d %H:%M}"

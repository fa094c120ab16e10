"""Parcels, their labels, and what couriers say of them. An item has at most one parcel, so "in exactly one parcel" is a foreign key."""

import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField
from integrations.couriers import COURIERS, TrackingStatus

if TYPE_CHECKING:
    from workflow.models.orders import Order


class Parcel(models.Model):
    order = models.ForeignKey("Order", on_delete=models.PROTECT, related_name="parcels")
    position = models.PositiveSmallIntegerField(_("parcel"))
    weight_g = models.PositiveIntegerField(_("weight (g)"), null=True, blank=True)
    volume_cm3 = models.PositiveIntegerField(_("volume (cm³)"), null=True, blank=True)
    #: outside, in centimetres; NULL where only a volume was entered
    length_cm = models.PositiveSmallIntegerField(_("length (cm)"), null=True, blank=True)
    width_cm = models.PositiveSmallIntegerField(_("width (cm)"), null=True, blank=True)
    height_cm = models.PositiveSmallIntegerField(_("height (cm)"), null=True, blank=True)
    #: meant for it from the packing on (its rate card proposes the fee); fixed by the label
    courier = models.CharField(_("courier"), max_length=12, blank=True)
    tracking_number = ExactCharField(_("tracking number"), max_length=40, blank=True)
    #: a person insisted on a number that breaks the courier's rules; some live numbers do
    number_insisted = models.BooleanField(_("number taken although it looks wrong"), default=False, db_default=False)
    handed_over_at = models.DateTimeField(_("handed over"), null=True, blank=True)

    status = models.CharField(_("status"), max_length=24, default=TrackingStatus.PENDING)
    #: since when, by the courier's clock
    status_since = models.DateTimeField(_("status since"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    #: came to an end without delivery: lost, returned or taken out
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    #: staff gave it up for lost; it is closed too, and what lay in it stays in it
    lost_at = models.DateTimeField(_("lost"), null=True, blank=True)

    #: NULL: nothing to ask the courier for
    next_poll_at = models.DateTimeField(_("next look"), null=True, blank=True)
    polled_at = models.DateTimeField(_("last look"), null=True, blank=True)
    poll_failures = models.PositiveSmallIntegerField(default=0)
    poll_error = models.CharField(_("last answer"), max_length=300, blank=True)
    #: the newest scan of the present label
    last_scan_at = models.DateTimeField(_("last scan"), null=True, blank=True)
    #: of the courier's last answer: the same again says nothing new
    answer_digest = ExactCharField(max_length=32, blank=True, default="", db_default="")
    #: since when something is stored that people and the order were not told yet; NULL: nothing
    news_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("parcel")
        verbose_name_plural = _("parcels")
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["order", "position"], name="parcel_position_once")]
        indexes = [
            models.Index(fields=["courier", "next_poll_at"], name="parcel_due_at_courier"),
            models.Index(fields=["news_at"], name="parcel_with_news"),
            models.Index(fields=["handed_over_at", "courier"], name="parcel_by_hand_over"),
            models.Index(fields=["tracking_number"], name="parcel_by_number"),
            models.Index(fields=["courier", "poll_failures", "polled_at"], name="parcel_by_answer"),
        ]

    def __str__(self) -> str:
        return f"{self.courier} {self.tracking_number}".strip() or f"#{self.position}"

    @property
    def is_labelled(self) -> bool:
        courier = COURIERS.get(self.courier)
        if courier is None or not self.tracking_number:
            return False
        return self.number_insisted or courier.is_valid_number(self.tracking_number)

    def is_empty(self, order: "Order") -> bool:
        """No live item of its order lies in it. Reads the order's prefetched items."""
        return not any(item.parcel_id == self.pk and item.is_live for item in order.items.all())

    @property
    def tracking_url(self) -> str:
        courier = COURIERS.get(self.courier)
        return courier.tracking_url(self.tracking_number) if courier and self.tracking_number else ""


class ParcelLabel(models.Model):
    """Courier and number of a parcel from a moment on. The present one ends with NULL; an earlier one was corrected or used up."""

    parcel = models.ForeignKey(Parcel, on_delete=models.CASCADE, related_name="labels")
    courier = models.CharField(_("courier"), max_length=12)
    tracking_number = ExactCharField(_("tracking number"), max_length=40)
    since = models.DateTimeField(_("since"), default=now)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("label")
        verbose_name_plural = _("labels")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.courier} {self.tracking_number}"


def new_track_token() -> str:
    return secrets.token_urlsafe(16)


class TrackLink(models.Model):
    """The public tracking page of an order, `/track/{token}`: for whoever has the link, without a sign-in and without personal data."""

    order = models.OneToOneField("Order", on_delete=models.CASCADE, related_name="track_link")
    token = ExactCharField(max_length=32, unique=True, default=new_track_token)

    class Meta:
        verbose_name = _("tracking link")
        verbose_name_plural = _("tracking links")

    def __str__(self) -> str:
        return self.token[:4] + "…"


class TrackingEvent(models.Model):
    """One scan, as the courier gave it, stored once per label."""

    parcel = models.ForeignKey(Parcel, on_delete=models.CASCADE, related_name="scans")
    #: the number that the courier was asked about: a corrected label keeps its scans apart
    tracking_number = ExactCharField(_("tracking number"), max_length=40, blank=True, default="", db_default="")
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
        constraints = [models.UniqueConstraint(fields=["parcel", "tracking_number", "at", "code", "place"], name="scan_once")]

    def __str__(self) -> str:
        return f"{self.status} {self.at:%Y-%m-%d %H:%M}"

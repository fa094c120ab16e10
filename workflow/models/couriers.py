"""What staff set about a courier, what it costs, what it told us by itself, and how asking it goes. How its numbers look and how it is
asked is code (`integrations/couriers.py`).
"""

from django.db import models
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField


class CourierSetting(models.Model):
    """A courier without a row is offered everywhere."""

    code = ExactCharField(_("courier"), max_length=12, unique=True)
    #: offered for new labels; parcels that have it keep it
    is_enabled = models.BooleanField(_("offered for new parcels"), default=True)
    note_ko = models.CharField(_("note for staff (Korean)"), max_length=300, blank=True)
    note_en = models.CharField(_("note for staff (English)"), max_length=300, blank=True)
    #: ISO codes it is offered for; empty: all
    countries = models.JSONField(_("destinations"), default=list, blank=True)
    #: how long to wait between two looks at a parcel, in percent of what is usual
    poll_percent = models.PositiveSmallIntegerField(_("looks (percent of the usual interval)"), default=100)
    changed_at = models.DateTimeField(_("changed"), default=now)
    changed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("courier setting")
        verbose_name_plural = _("courier settings")

    def __str__(self) -> str:
        return self.code

    @property
    def note(self) -> str:
        """In the reader's language, or in the one there is."""
        korean = (get_language() or "").startswith("ko")
        return (self.note_ko or self.note_en) if korean else (self.note_en or self.note_ko)

    def serves(self, country: str) -> bool:
        return self.is_enabled and (not self.countries or country in self.countries)


class CourierState(models.Model):
    """How asking a courier goes, for all workers together: who is at it now, what of the day's budget is used, until when it rests."""

    code = ExactCharField(_("courier"), max_length=12, unique=True)
    #: one round at a time: a claim with a lease
    round_token = ExactCharField(max_length=32, blank=True, default="")
    round_until = models.DateTimeField(null=True, blank=True)
    #: the day (UTC) that `requests` counts
    day = models.DateField(null=True, blank=True)
    requests = models.PositiveIntegerField(_("requests today"), default=0)
    #: it asked us to wait, refused our key, or is down
    rests_until = models.DateTimeField(_("rests until"), null=True, blank=True)
    answered_at = models.DateTimeField(_("last good answer"), null=True, blank=True)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("courier's state")
        verbose_name_plural = _("couriers' states")

    def __str__(self) -> str:
        return self.code


class CourierMessage(models.Model):
    """What a courier told us by itself (`POST /webhooks/couriers/{courier}`), stored before the 2xx and taken in by a job."""

    courier = models.CharField(_("courier"), max_length=12)
    #: SHA-256 of the body: the same again is no second message
    digest = ExactCharField(max_length=64)
    body = models.TextField()
    received_at = models.DateTimeField(_("received"), default=now)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("courier's message")
        verbose_name_plural = _("couriers' messages")
        constraints = [models.UniqueConstraint(fields=["courier", "digest"], name="courier_message_once")]
        indexes = [models.Index(fields=["settled_at", "received_at"], name="courier_message_waiting")]

    def __str__(self) -> str:
        return f"{self.courier} {self.received_at:%Y-%m-%d %H:%M}"


class RateCard(models.Model):
    """What a courier costs to a country from a moment on. The page proposes a parcel's fee by it; without one the fee policy does.

    `steps` are `[{"up_to_g": 500, "krw": 21000}, …]`, growing; above the last each further kilogram begun costs `extra_krw_per_kg`.
    """

    courier = models.CharField(_("courier"), max_length=12)
    #: ISO code; empty: every country without a card of its own
    country = models.CharField(_("destination"), max_length=2, blank=True)
    valid_from = models.DateTimeField(_("valid from"))
    #: cm³ that count as one gram (5 is what couriers write as 5,000 cm³ per kg)
    volume_divisor = models.PositiveSmallIntegerField(_("cm³ that count as one gram"), default=5)
    steps = models.JSONField(_("steps"), default=list)
    extra_krw_per_kg = models.PositiveIntegerField(_("each further kilogram (won)"), default=0)
    #: 100 basis points are 1 %
    fuel_surcharge_bp = models.PositiveSmallIntegerField(_("fuel surcharge (basis points)"), default=0)
    max_g = models.PositiveIntegerField(_("heaviest parcel (g)"), default=30_000)
    note = models.CharField(_("note for staff"), max_length=300, blank=True)
    made_at = models.DateTimeField(_("made"), default=now)
    made_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("rate card")
        verbose_name_plural = _("rate cards")
        constraints = [models.UniqueConstraint(fields=["courier", "country", "valid_from"], name="rate_card_once")]

    def __str__(self) -> str:
        return f"{self.courier} {self.country or '*'} {self.valid_from:%Y-%m-%d}"

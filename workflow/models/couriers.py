"""What staff set about a courier; how its numbers look and how it is asked is code (`integrations/couriers.py`)."""

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

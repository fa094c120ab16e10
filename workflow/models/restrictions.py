"""What may not be sent, or only with care, as dated data: a change is a new version of a topic, the old one stays with its end.

The first versions come from `fixtures/restricted_goods.json`; `workflow/restrictions.py` adds and reads them, `workflow/hints.py`
looks for their keywords in what customers ask for.
"""

from typing import Any

from django.db import models
from django.utils.timezone import now
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core.fields import ExactCharField

KOREAN = "ko"
SECTIONS = ("allowed", "conditions", "cautions")


class RestrictionKind(models.TextChoices):
    """From the strictest on; `Order.hint` keeps the strictest that was found."""

    PROHIBITED = "prohibited", _("prohibited")
    RESTRICTED = "restricted", _("restricted")
    NOTICE = "notice", _("notice")


class Restriction(models.Model):
    """One version of a topic. In force from `valid_from` until `valid_until` (None: until the next version)."""

    code = ExactCharField(_("topic code"), max_length=40)
    kind = models.CharField(_("kind"), max_length=10, choices=RestrictionKind)
    #: ISO code of the destination it is about; empty: everywhere
    country = models.CharField(_("destination"), max_length=2, default="US", blank=True)
    valid_from = models.DateTimeField(_("valid from"), default=now)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    #: put aside: kept, but neither shown nor looked for
    is_active = models.BooleanField(_("in use"), default=True)

    title_ko = models.CharField(_("title (Korean)"), max_length=80)
    title_en = models.CharField(_("title (English)"), max_length=80)
    #: what a customer reads beside an item, and staff beside a hint
    short_ko = models.CharField(_("in short (Korean)"), max_length=400)
    short_en = models.CharField(_("in short (English)"), max_length=400)
    allowed_ko = models.TextField(_("is it allowed? (Korean)"))
    allowed_en = models.TextField(_("is it allowed? (English)"))
    conditions_ko = models.TextField(_("conditions and exceptions (Korean)"))
    conditions_en = models.TextField(_("conditions and exceptions (English)"))
    cautions_ko = models.TextField(_("other cautions (Korean)"))
    cautions_en = models.TextField(_("other cautions (English)"))

    #: `[{"word": "맥주", "unless": ["무알콜 맥주"]}]`
    keywords_ko = models.JSONField(_("keywords (Korean)"), default=list)
    keywords_en = models.JSONField(_("keywords (English)"), default=list)
    #: how many of such things may go in one order; None: the rule has no number
    max_quantity = models.PositiveIntegerField(_("most in one order"), null=True, blank=True)
    #: `[{"title": "USPS Publication 52", "url": "https://…"}]`
    sources = models.JSONField(_("sources"), default=list)
    icon = models.CharField(_("icon"), max_length=40, default="info")
    position = models.PositiveSmallIntegerField(_("position"), default=100)

    created_at = models.DateTimeField(_("entered"), default=now)
    #: None: came with the product
    created_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    #: grows whenever a version is added or ended, so that what was compiled from them knows that it is old
    changed_at = models.DateTimeField(default=now)
    ended_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("restricted goods")
        verbose_name_plural = _("restricted goods")
        constraints = [models.UniqueConstraint(fields=["code", "valid_from"], name="restriction_version_once")]
        indexes = [models.Index(fields=["changed_at"], name="restriction_changed")]

    def __str__(self) -> str:
        return self.title

    def said(self, part: str, *, locale: str = "") -> str:
        """`title`, `short` or a section, in the language named or else the reader's."""
        korean = (locale or get_language() or "").startswith(KOREAN)
        return str(getattr(self, f"{part}_{'ko' if korean else 'en'}"))

    @property
    def title(self) -> str:
        return self.said("title")

    @property
    def short(self) -> str:
        return self.said("short")

    @property
    def keywords(self) -> list[dict[str, Any]]:
        return [*self.keywords_ko, *self.keywords_en]

    @property
    def is_in_force(self) -> bool:
        return self.is_active and self.valid_from <= now() and not self.is_over

    @property
    def is_planned(self) -> bool:
        return self.valid_from > now() and not self.is_over

    @property
    def is_over(self) -> bool:
        return self.valid_until is not None and (self.valid_until <= now() or self.valid_until <= self.valid_from)

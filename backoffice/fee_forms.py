"""What the owner types to add a fee policy: percentages as percent, tiers one a line. The rules are in `workflow/fees.py`."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from backoffice.numbers import WholeField, whole
from workflow import fees
from workflow.models import FeePolicy

_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) ?%?")


def basis_points(text: str) -> int:
    """`2.5` -> 250. Raises ValidationError for anything but a percentage with at most two decimals; `2,5` would be a guess."""
    found = _PERCENT.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        raise ValidationError(_("Please enter a percentage, like 4 or 2.5."), code="not_percent")
    return int(Decimal(found[1]) * 100)


def in_percent(points: int) -> str:
    """250 -> `2.5`"""
    return f"{Decimal(points) / 100:f}"


class PercentField(forms.CharField):
    """A text field in percent whose value is in basis points."""

    def clean(self, value: str | None) -> int:
        return basis_points(super().clean(value))


class TiersField(forms.CharField):
    """Tiers one a line, `1,000,000: 3`, whose value is the list a policy keeps."""

    widget = forms.Textarea

    def __init__(self, kind: fees.Tiers, *, read: Callable[[str], int], example: str, **words: Any) -> None:
        self.kind, self.read, self.example = kind, read, example
        widget = forms.Textarea(attrs={"rows": 3, "placeholder": example, "spellcheck": "false"})
        super().__init__(required=False, max_length=1000, widget=widget, **words)

    def clean(self, value: str | None) -> list[dict[str, int]]:
        lines = unicodedata.normalize("NFKC", super().clean(value)).splitlines()
        return [self._tier(line, number) for number, line in enumerate(lines, start=1) if line.strip()]

    def _tier(self, line: str, number: int) -> dict[str, int]:
        start, _colon, rate = line.partition(":")
        try:
            return {self.kind.since: whole(start), self.kind.gives: self.read(rate)}
        except ValidationError:
            words = _("Line %(number)s: please write it like “%(example)s”.")
            raise ValidationError(words, code="not_a_tier", params={"number": number, "example": self.example}) from None


def won_field(label: Any, help_text: Any = "") -> WholeField:
    return WholeField(label=label, help_text=help_text, widget=forms.TextInput(attrs={"inputmode": "numeric"}))


def percent_field(label: Any, help_text: Any = "") -> PercentField:
    return PercentField(label=label, help_text=help_text, widget=forms.TextInput(attrs={"inputmode": "decimal"}))


#: whole numbers that are no money
COUNTS = ("volume_divisor", "storage_free_days", "storage_max_days")
PER_CENT, FLAT, LEAST = _("Percentage (%)"), _("Flat part (₩)"), _("At least (₩)")


class PolicyForm(forms.Form):
    valid_from = forms.DateTimeField(
        label=_("Valid from"),
        required=False,
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
        help_text=_("Korean time. Empty: from the moment it is saved."),
    )
    service_fee_bp = percent_field(PER_CENT)
    service_fee_flat_krw = won_field(FLAT)
    service_fee_min_krw = won_field(LEAST)
    service_fee_tiers = TiersField(
        fees.SERVICE_FEE_TIERS,
        read=basis_points,
        example="1,000,000: 3",
        label=_("Tiers"),
        help_text=_("One a line. “1,000,000: 3” is 3 percent of the whole sum from ₩1,000,000 on."),
    )
    delivery_krw_per_kg = won_field(_("Per kg (₩)"))
    delivery_flat_krw = won_field(FLAT)
    delivery_min_krw = won_field(LEAST)
    volume_divisor = won_field(_("cm³ that weigh 1 g"))
    delivery_tiers = TiersField(
        fees.DELIVERY_TIERS,
        read=whole,
        example="10,000: 2,500",
        label=_("Tiers"),
        help_text=_("One a line. “10,000: 2,500” is ₩2,500 for each kilogram from 10,000 g on."),
    )
    card_fee_bp = percent_field(PER_CENT)
    card_fee_flat_krw = won_field(FLAT)
    card_fee_min_krw = won_field(LEAST)
    storage_free_days = won_field(_("Free (days)"))
    storage_krw_per_day = won_field(_("Per day after that (₩)"))
    storage_max_days = won_field(_("Ends after (days)"), _("Free days included. Then a person decides."))
    repack_fee_krw = won_field(_("Repacking (₩)"), _("Kept when a paid delivery is cancelled."))
    difference_absorbed_krw = won_field(_("Difference we bear (₩)"), _("When the shop asks more than was quoted."))
    difference_carried_krw = won_field(_("Billed with delivery (₩)"), _("Up to here; more is billed at once."))

    PARTS = (
        (_("Beginning"), _("Quotes already made keep the fees they were made with."), ("valid_from",)),
        (
            _("Service fee"),
            _("On the sum of the goods."),
            ("service_fee_bp", "service_fee_flat_krw", "service_fee_min_krw", "service_fee_tiers"),
        ),
        (
            _("Delivery"),
            _("Per parcel, by weight or volume, whichever is more."),
            ("delivery_krw_per_kg", "delivery_flat_krw", "delivery_min_krw", "volume_divisor", "delivery_tiers"),
        ),
        (_("Card fee"), _("On the delivery."), ("card_fee_bp", "card_fee_flat_krw", "card_fee_min_krw")),
        (
            _("Storage"),
            _("While the order waits for the customer; the clock stands while we work."),
            ("storage_free_days", "storage_krw_per_day", "storage_max_days"),
        ),
        (
            _("When things change"),
            _("Cancellations, and other prices at the shop."),
            ("repack_fee_krw", "difference_absorbed_krw", "difference_carried_krw"),
        ),
    )

    def clean(self) -> dict[str, Any]:
        for problem in fees.problems(FeePolicy(**self.cleaned_data)):
            if problem.field not in self.errors:
                self.add_error(problem.field, str(problem))
        return self.cleaned_data

    def parts(self) -> Iterator[tuple[Any, Any, list[forms.BoundField]]]:
        for title, hint, names in self.PARTS:
            yield title, hint, [self[name] for name in names]


def as_typed(policy: FeePolicy) -> dict[str, Any]:
    """The form's first values: those of a policy, from the next midnight in Korea on."""
    typed: dict[str, Any] = {name: f"{getattr(policy, name):,}" for name in (*fees.SUMS, *COUNTS)}
    typed |= {name: in_percent(getattr(policy, name)) for name in fees.PERCENTAGES}
    typed["service_fee_tiers"] = "\n".join(f"{tier['from_krw']:,}: {in_percent(tier['bp'])}" for tier in policy.service_fee_tiers)
    typed["delivery_tiers"] = "\n".join(f"{tier['from_g']:,}: {tier['krw_per_kg']:,}" for tier in policy.delivery_tiers)
    midnight = localtime().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return typed | {"valid_from": midnight}

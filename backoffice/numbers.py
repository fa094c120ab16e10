"""Numbers as people type and paste them: `12,000`, `₩12,000`, `１２０００원`, `$12.50`. Never a float."""

import re
import unicodedata
from decimal import Decimal, InvalidOperation

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_LOOSE = re.compile(r"[\s,_'₩￦$]|원$|won$|krw|usd", re.IGNORECASE)
MOST_DIGITS = 15


def plain(text: str) -> str:
    return _LOOSE.sub("", unicodedata.normalize("NFKC", text).strip())


def whole(text: str) -> int:
    """Raises ValidationError for anything but a whole number that is not negative."""
    digits = plain(text)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > MOST_DIGITS:
        raise ValidationError(_("Please enter a whole number."), code="not_whole")
    return int(digits)


def cents(text: str) -> int:
    """`12.5` dollars -> 1250. Raises ValidationError for fractions of a cent and for anything negative."""
    try:
        amount = Decimal(plain(text)) * 100
    except InvalidOperation:
        raise ValidationError(_("Please enter an amount in dollars."), code="not_money") from None
    if not amount.is_finite() or amount < 0 or amount != amount.to_integral_value() or amount > 10**MOST_DIGITS:
        raise ValidationError(_("Please enter an amount in dollars."), code="not_money")
    return int(amount)


class WholeField(forms.CharField):
    """A text field whose value is a whole number, or None where it may stay empty."""

    def clean(self, value: str | None) -> int | None:
        text = super().clean(value)
        return whole(text) if text else None


class DollarsField(forms.CharField):
    """A text field in dollars whose value is in cents."""

    def clean(self, value: str | None) -> int | None:
        text = super().clean(value)
        return cents(text) if text else None

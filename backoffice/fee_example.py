"""What some goods and one parcel cost under a fee policy, by the very functions that bill it; nothing is saved."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from backoffice.fee_forms import won_field
from workflow import pricing
from workflow.invoices import line_title
from workflow.models import ExchangeRate, FeePolicy, LineKind


class ExampleForm(forms.Form):
    """Bound to what was typed, or to these: ₩50,000 of goods and 1.2 kg."""

    example_goods_krw = won_field(_("Goods (₩)"))
    example_weight_g = won_field(_("Parcel (g)"))

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__({"example_goods_krw": "50,000", "example_weight_g": "1,200"} | said)


@dataclass(frozen=True)
class Example:
    rate: ExchangeRate
    then: pricing.Estimate
    today: pricing.Estimate

    def rows(self) -> list[tuple[str, pricing.Line, pricing.Line]]:
        return [(_title(line), line, beside) for line, beside in zip(self.then.lines, self.today.lines, strict=True)]


def example(policy: FeePolicy, form: ExampleForm, *, today: FeePolicy) -> Example | None:
    """Beside what the same costs today. None where the form is wrong, or no exchange rate is known yet."""
    rate = pricing.last_rate()
    if rate is None or not form.is_valid():
        return None
    goods, weight_g = [(form.cleaned_data["example_goods_krw"], 1)], form.cleaned_data["example_weight_g"]
    under = [pricing.estimate(goods, weight_g=weight_g, volume_cm3=0, rate=rate, policy=one) for one in (policy, today)]
    return Example(rate, *under)


def _title(line: pricing.Line) -> str:
    return gettext("Goods") if line.kind == LineKind.ITEM else line_title(line, locale=get_language() or "en")

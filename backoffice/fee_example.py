"""What some goods and one parcel, kept for some days, cost under a fee policy, by the very functions that bill it; nothing is saved."""

from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from backoffice.fee_forms import won_field
from workflow import pricing, storage
from workflow.invoices import line_title
from workflow.models import ExchangeRate, FeePolicy, LineKind

#: longer than any storage
MOST_DAYS = 10_000


class ExampleForm(forms.Form):
    """Bound to what was typed, or to these: ₩50,000 of goods and 1.2 kg, sent at once."""

    example_goods_krw = won_field(_("Goods (₩)"))
    example_weight_g = won_field(_("Parcel (g)"))
    example_days = won_field(_("Stored (days)"))

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__({"example_goods_krw": "50,000", "example_weight_g": "1,200", "example_days": "0"} | said)


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
    return Example(rate, *(_under(one, form.cleaned_data, rate=rate) for one in (policy, today)))


def _under(policy: FeePolicy, said: dict[str, Any], *, rate: ExchangeRate) -> pricing.Estimate:
    goods, weight_g = [(said["example_goods_krw"], 1)], said["example_weight_g"]
    priced = pricing.estimate(goods, weight_g=weight_g, volume_cm3=0, rate=rate, policy=policy)
    days = min(said["example_days"], MOST_DAYS)
    stored = storage.Storage(used=days * storage.DAY, terms=storage.Terms.of(policy), runs=True, at=rate.fetched_at)
    return replace(priced, lines=(*priced.lines, pricing.storage_line(stored, krw_per_usd=rate.krw_per_usd)))


def _title(line: pricing.Line) -> str:
    if line.kind == LineKind.STORAGE:  # the days that are billed may differ between the two
        return str(LineKind.STORAGE.label)
    return gettext("Goods") if line.kind == LineKind.ITEM else line_title(line, locale=get_language() or "en")

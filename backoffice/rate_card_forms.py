"""What finance types to add a rate card: its steps row by row, or read from a pasted or uploaded list into those rows. The rules are in
`workflow/rate_cards.py`, reading lists is `workflow/imports/rate_steps.py`."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from backoffice.fee_forms import in_percent, percent_field, won_field
from backoffice.numbers import WholeField, whole
from core.errors import BidangilError
from workflow import courier_settings, rate_cards, work
from workflow.imports import files, rate_steps
from workflow.models import RateCard
from workflow.rate_cards import MAX_STEPS, Freight

#: empty rows below those that are filled
SPARE = 6
MAX_PASTED = 20_000
NUMBERS = ("volume_divisor", "extra_krw_per_kg", "max_g")


class CardForm(forms.Form):
    """The steps are two lists of fields of one name, `up_to_g` and `krw`; a wrong one is named by its row."""

    courier = forms.ChoiceField(label=_("Courier"))
    country = forms.CharField(
        label=_("Destination"), required=False, max_length=2, help_text=_("Two letters, like US. Empty: all without a card of their own.")
    )
    valid_from = forms.DateTimeField(
        label=_("Valid from"),
        required=False,
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
        help_text=_("Korean time. Empty: from the moment it is saved."),
    )
    volume_divisor = won_field(_("cm³ that weigh 1 g"), _("5 is what couriers write as 5,000."))
    extra_krw_per_kg = won_field(_("Each further kg (₩)"), _("Begun above the last step."))
    fuel_surcharge_bp = percent_field(_("Fuel surcharge (%)"))
    max_g = won_field(_("Heaviest parcel (g)"))
    note = forms.CharField(label=_("Note for staff"), required=False, max_length=300)
    pasted = forms.CharField(
        label=_("Paste a list"),
        required=False,
        strip=False,
        max_length=MAX_PASTED,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "up_to_g,krw\n500,21000\n1000,25500", "spellcheck": "false"}),
    )
    file = forms.FileField(label=_("or a CSV or XLSX file"), required=False, allow_empty_file=True)

    FRAME = ("courier", "country", "valid_from", "volume_divisor", "extra_krw_per_kg", "fuel_surcharge_bp", "max_g", "note")

    def __init__(self, data: Any = None, files: Any = None, *, initial: dict[str, Any]) -> None:
        super().__init__(data, files, initial=initial)
        self.fields["courier"].choices = list(work.courier_names().items())  # type: ignore[attr-defined]
        #: what was read from a list replaces the rows
        self.read_steps: list[dict[str, int]] = []
        self.row_errors: list[tuple[int, Any]] = []

    def frame(self) -> Iterator[forms.BoundField]:
        for name in self.FRAME:
            yield self[name]

    @property
    def is_list_given(self) -> bool:
        return bool(self.data.get("pasted", "").strip() or self.files.get("file"))

    def clean_country(self) -> str:
        return str(self.cleaned_data["country"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        said["steps"] = self._read_list(said) if self.is_list_given else self._typed_steps()
        if not self.errors and not self.row_errors:
            for problem in rate_cards.problems(RateCard(**self.card())):
                self.refuse(problem)
        return said

    def card(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in (*self.FRAME, "steps")}

    def refuse(self, problem: BidangilError) -> None:
        field = problem.field if problem.field in self.fields else None
        self.add_error(field, str(problem))

    # --- Steps ---

    def _typed_rows(self) -> list[tuple[str, str]]:
        """Blank ones left out, at most so many that too many are seen to be too many."""
        pairs = zip_longest(self.data.getlist("up_to_g")[: MAX_STEPS + 50], self.data.getlist("krw")[: MAX_STEPS + 50], fillvalue="")  # type: ignore[attr-defined]
        return [(grams, won) for grams, won in pairs if grams.strip() or won.strip()]

    def _typed_steps(self) -> list[dict[str, int]]:
        steps = []
        for number, (grams, won) in enumerate(self._typed_rows(), start=1):
            try:
                steps.append({"up_to_g": whole(grams), "krw": whole(won)})
            except ValidationError as wrong:
                self.row_errors.append((number, wrong.message))
        return steps

    def _read_list(self, said: dict[str, Any]) -> list[dict[str, int]]:
        upload = said.get("file")
        try:
            if upload is not None and upload.size > files.MOST_BYTES:
                raise files.FileTooLarge(_("The file is larger than 5 MB. Split it."))
            found = rate_steps.read(upload.name, upload.read()) if upload else rate_steps.read_pasted(said.get("pasted", ""))
        except BidangilError as refused:
            self.add_error("file" if upload else "pasted", str(refused))
            return self._typed_steps()
        self.row_errors = found.errors
        if found.errors:
            return []
        self.read_steps = found.steps
        return found.steps

    def rows(self) -> list[tuple[int, str, str]]:
        """(number, grams, won) as the table shows them, with some spare ones below."""
        if self.read_steps:
            filled = as_rows(self.read_steps)
        else:
            filled = self._typed_rows() if self.is_bound else as_rows(self.initial.get("steps", []))
        spare = max(SPARE, 10 - len(filled))
        return [(number, grams, won) for number, (grams, won) in enumerate([*filled, *[("", "")] * spare], start=1)]


def as_rows(steps: list[dict[str, int]]) -> list[tuple[str, str]]:
    return [(f"{step['up_to_g']:,}", f"{step['krw']:,}") for step in steps]


def as_typed(card: RateCard) -> dict[str, Any]:
    """The form's first values: those of a card, from the next midnight in Korea on."""
    typed: dict[str, Any] = {name: f"{getattr(card, name):,}" for name in NUMBERS}
    typed |= {name: getattr(card, name) for name in ("courier", "country", "note", "steps")}
    midnight = localtime().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return typed | {"fuel_surcharge_bp": in_percent(card.fuel_surcharge_bp), "valid_from": midnight}


# --- Trying out -----------------------------------------------------------------------------------------------------------


class TryForm(forms.Form):
    """Bound to what was asked, or to a shoe box of 1.2 kg to the United States."""

    country = forms.CharField(label=_("Destination"), max_length=2)
    weight_g = WholeField(label=_("Weight (g)"))
    length_cm = WholeField(label=_("Length (cm)"))
    width_cm = WholeField(label=_("Width (cm)"))
    height_cm = WholeField(label=_("Height (cm)"))

    SIDES = ("length_cm", "width_cm", "height_cm")

    def __init__(self, said: dict[str, Any]) -> None:
        first = {"country": "US", "weight_g": "1,200", "length_cm": "34", "width_cm": "22", "height_cm": "13"}
        super().__init__(first | {name: said[name] for name in first if name in said}, auto_id="try-%s")

    def clean(self) -> dict[str, Any]:
        for name, value in self.cleaned_data.items():
            most = 1_000_000 if name == "weight_g" else 10_000
            if isinstance(value, int) and value > most:
                self.add_error(name, _("This is too large."))
                break
        return self.cleaned_data

    def prices(self) -> list[tuple[Any, Freight, bool]]:
        """(courier, freight, is the cheapest); those with a card first, the cheapest first."""
        said = self.cleaned_data
        country = said["country"].strip().upper()
        volume = said["length_cm"] * said["width_cm"] * said["height_cm"]
        names, offered = work.courier_names(), courier_settings.offered(country)
        cards = rate_cards.cards_for(country, couriers=offered)
        found = [rate_cards.by_card(card, weight_g=said["weight_g"], volume_cm3=volume) for card in cards.values()]
        found.sort(key=lambda freight: (freight.krw is None, freight.krw or 0))
        least = found[0].krw if found else None
        return [(names[freight.courier], freight, freight.krw is not None and freight.krw == least) for freight in found]

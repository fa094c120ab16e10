"""What staff type in about the parcels of one order: packing, the delivery fee, labels. And the table of all entry forms, `FORMS`."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from backoffice.numbers import WholeField
from backoffice.orders.forms import BuyForm, EntryForm, ExpectForm, PriceForm, ReceiveForm, Row, ScreenForm, ticked_keys
from workflow import courier_settings, labels, work
from workflow.entry_rules import SIDES
from workflow.guards import live_items
from workflow.models import Order, Parcel
from workflow.process import State
from workflow.rate_cards import weighed
from workflow.transitions import By

MEASURES = ("weight_g", "volume_cm3", *SIDES, "courier")


class PackForm(EntryForm):
    """One parcel: `parcel` is its id, or empty for a new one; a volume, or three sides in centimetres. `remove` takes it apart."""

    task, template = work.PACK, "backoffice/order/entries/parcel.html"
    parcel = forms.IntegerField(required=False, widget=forms.HiddenInput)
    weight_g = WholeField(required=False)
    volume_cm3 = WholeField(required=False)
    length_cm = WholeField(required=False)
    width_cm = WholeField(required=False)
    height_cm = WholeField(required=False)
    remove = forms.BooleanField(required=False)

    def __init__(self, order: Order, data: Any = None, *, parcel: Parcel | None = None) -> None:
        self.about = parcel or self._named(order, data)
        super().__init__(order, data)

    @staticmethod
    def _named(order: Order, data: Any) -> Parcel | None:
        wanted = data.get("parcel", "") if data is not None else ""
        return next((parcel for parcel in order.parcels.all() if str(parcel.pk) == wanted), None)

    def build(self) -> None:
        self.auto_id = f"parcel-{self.about.pk if self.about else 'new'}-%s"
        kept = [self.about.courier] if self.about else []
        self.fields["courier"] = forms.ChoiceField(
            choices=[("", "–"), *work.courier_choices(self.order.country, keep=kept)], required=False
        )
        self.fields["item"] = forms.TypedMultipleChoiceField(
            choices=[(item.pk, str(item)) for item in live_items(self.order)], coerce=int, required=False
        )
        if self.about:
            self.initial = {"parcel": self.about.pk, **{name: getattr(self.about, name) for name in MEASURES}}

    def places(self) -> list[tuple[int, Any, int, bool]]:
        """Each live item: its key, its name, the other parcel that it lies in now (0: none), and whether its box is ticked."""
        elsewhere = {parcel.pk: parcel.position for parcel in self.order.parcels.all() if parcel != self.about and not parcel.closed_at}
        ticked = self.ticked()
        return [(item.pk, item, elsewhere.get(item.parcel_id or 0, 0), item.pk in ticked) for item in live_items(self.order)]

    def ticked(self) -> set[int]:
        """The items shown as lying in this parcel; a new one is offered what lies in none."""
        if self.is_bound:
            return ticked_keys(self.data)
        wanted = self.about.pk if self.about else None
        return {item.pk for item in live_items(self.order) if item.parcel_id == wanted}

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        if said.get("parcel") and self.about is None:
            raise ValidationError(_("This parcel is no longer there."), code="gone")
        if said.get("remove"):
            return said
        said["sides_cm"] = self._sides()
        if said.get("weight_g") is None and "weight_g" not in self.errors:
            self.add_error("weight_g", _("This is needed."))
        if said.get("volume_cm3") is None and not said["sides_cm"] and not {"volume_cm3", *SIDES} & self.errors.keys():
            self.add_error("volume_cm3", _("This is needed."))
        return said

    def _sides(self) -> list[int] | None:
        """Three sides, or none where a volume alone was typed or typed anew."""
        sides = [self.cleaned_data.get(name) for name in SIDES]
        if self.about and sides == [getattr(self.about, name) for name in SIDES]:
            volume = self.cleaned_data.get("volume_cm3")
            if volume is not None and volume != self.about.volume_cm3:
                return None
        if any(sides) and not all(sides):
            missing = next(name for name, side in zip(SIDES, sides, strict=True) if not side)
            if missing not in self.errors:
                self.add_error(missing, _("All three sides, or the volume."))
        return [side or 0 for side in sides] if all(sides) else None

    def save(self, *, by: By) -> None:
        said = self.cleaned_data
        if said["remove"]:
            work.remove_parcel(self.order.pk, parcel_id=said["parcel"] or 0, by=by, seen_version=self.seen_version)
            return
        work.pack_parcel(
            self.order.pk,
            weight_g=said["weight_g"],
            volume_cm3=said["volume_cm3"],
            sides_cm=said["sides_cm"],
            courier=said["courier"] if "courier" in self.data else None,
            item_ids=said["item"],
            parcel_id=said["parcel"],
            by=by,
            seen_version=self.seen_version,
        )


class FeeForm(EntryForm):
    """The fee, and whose rate card proposes it. `choose` takes the couriers only, so that the proposal is theirs."""

    task, template = work.SET_FEE, "backoffice/order/entries/fee.html"
    fee_krw = WholeField(required=False)
    reason = forms.CharField(required=False, max_length=200)
    choose = forms.BooleanField(required=False)

    def subjects(self) -> Iterable[Parcel]:
        return weighed(self.order.parcels.all())

    def build(self) -> None:
        kept = [parcel.courier for parcel in self.subjects()]
        couriers = [("", "–"), *work.courier_choices(self.order.country, keep=kept)] if kept else []
        for parcel in self.subjects():
            self.add(parcel, courier=forms.ChoiceField(choices=couriers, required=False, initial=parcel.courier))

    def chosen(self) -> dict[int, str]:
        """By parcel, as the form holds it now."""
        return {row.about.pk: row.courier.value() or "" for row in self.rows()}

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        if not said.get("choose") and said.get("fee_krw") is None and "fee_krw" not in self.errors:
            self.add_error("fee_krw", _("This is needed."))
        return said

    def _couriers(self) -> dict[int, str]:
        """Those that were sent: what a form did not show is left alone."""
        return {parcel.pk: self.said("courier", parcel) for parcel in self.subjects() if f"courier-{parcel.pk}" in self.data}

    def save(self, *, by: By) -> None:
        said, couriers = self.cleaned_data, self._couriers()
        if said["choose"]:
            work.choose_couriers(self.order.pk, couriers=couriers, by=by, seen_version=self.seen_version)
            return
        work.set_delivery_fee(
            self.order.pk, fee_krw=said["fee_krw"], reason=said["reason"], couriers=couriers, by=by, seen_version=self.seen_version
        )


class LabelForm(EntryForm):
    """Of each parcel `courier-<id>` (empty: the one whose numbers look like this), `tracking_number-<id>`; `use-<id>`, the button that
    takes the courier we suggest; `insist-<id>` with `reason-<id>` where a number is right that looks wrong."""

    task, template = work.LABEL, "backoffice/order/entries/labels.html"

    def subjects(self) -> Iterable[Parcel]:
        """One that was delivered may turn out to have had another's number, as long as the order is on its way."""
        return [parcel for parcel in self.order.parcels.all() if not parcel.closed_at and self._may_be_corrected(parcel)]

    def _may_be_corrected(self, parcel: Parcel) -> bool:
        return not parcel.delivered_at or self.order.state == State.SHIPPED

    def build(self) -> None:
        kept = [parcel.courier for parcel in self.subjects()]
        choices = work.courier_choices(self.order.country, keep=kept)
        self.names = dict(choices)
        couriers = [("", _("by the number")), *choices]
        for parcel in self.subjects():
            self.add(
                parcel,
                courier=forms.ChoiceField(choices=couriers, required=False, initial=parcel.courier),
                tracking_number=forms.CharField(max_length=60, required=False, initial=parcel.tracking_number),
                use=forms.ChoiceField(choices=couriers, required=False),
                insist=forms.BooleanField(required=False),
                reason=forms.CharField(max_length=200, required=False),
            )

    def notes(self) -> list[tuple[str, str]]:
        """What colleagues noted about the couriers on offer."""
        offered = dict(work.courier_choices(self.order.country))
        return [(known.label, known.setting.note) for known in courier_settings.all_known() if known.code in offered and known.setting.note]

    # --- Beside a row whose label was not taken

    def rows(self) -> list[Row]:
        rows = super().rows()
        for row in rows:
            row.doubtful = self._is_doubtful(row)
            row.suggested = self._suggested(row) if row.doubtful else []
            row.why = self._why(row) if row.doubtful else ""
        return rows

    def _why(self, row: Row) -> str:
        """What is wrong with this row's number, where several rows come back at once."""
        typed, courier = str(row.tracking_number.value() or ""), row.courier.value()
        if courier not in self.names or courier in labels.guess_couriers(typed):
            return ""
        return _("%(number)s is not a valid %(courier)s number.") % {"number": typed, "courier": self.names[courier]}

    def _is_doubtful(self, row: Row) -> bool:
        """It came back: not saved, or delivered under another's number; then one may insist."""
        if row.about.delivered_at:
            return True
        typed = self.data.get(f"tracking_number-{row.about.pk}", "") if self.is_bound else ""
        return bool(typed.strip()) and labels.normalised(typed) != row.about.tracking_number

    def _suggested(self, row: Row) -> list[tuple[str, Any]]:
        """Code and name of other couriers whose numbers look like this one."""
        typed = str(row.tracking_number.value() or "")
        names = self.names
        return [(code, names[code]) for code in labels.guess_couriers(typed) if code in names and code != row.courier.value()]

    # --- What was typed

    def clean(self) -> dict[str, Any]:
        for parcel in self.subjects():
            if self.said("insist", parcel) and not (self.said("reason", parcel) or "").strip():
                self.add_error(f"reason-{parcel.pk}", _("Say why the number is right."))
        if not self.errors and not self._changed():
            raise self.nothing_entered()
        return self.cleaned_data

    def _courier(self, parcel: Parcel) -> str:
        chosen = self.said("use", parcel) or self.said("courier", parcel)
        return str(chosen or next(iter(labels.guess_couriers(self.said("tracking_number", parcel))), ""))

    def _changed(self) -> list[Parcel]:
        return [
            parcel
            for parcel in self.subjects()
            if (number := self.said("tracking_number", parcel))
            and (self._courier(parcel), number) != (parcel.courier, parcel.tracking_number)
        ]

    def save(self, *, by: By) -> None:
        """One parcel after the other: where the second number is wrong, the first stays entered, and the page says which."""
        seen = self.seen_version
        for parcel in self._changed():
            labelled = work.label_parcel(
                self.order.pk,
                parcel_id=parcel.pk,
                courier=self._courier(parcel),
                tracking_number=self.said("tracking_number", parcel),
                insist=self.said("reason", parcel) if self.said("insist", parcel) else "",
                by=by,
                seen_version=seen,
            )
            seen = labelled.order.version


FORMS: dict[str, type[EntryForm]] = {
    form.task.name: form for form in (ScreenForm, PriceForm, BuyForm, ReceiveForm, ExpectForm, PackForm, FeeForm, LabelForm)
}

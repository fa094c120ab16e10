"""What staff type in about the parcels of one order: packing, the delivery fee, labels. And the table of all entry forms, `FORMS`."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from backoffice.numbers import WholeField
from backoffice.orders.forms import BuyForm, EntryForm, ExpectForm, PriceForm, ReceiveForm, ScreenForm
from workflow import courier_settings, work
from workflow.guards import live_items
from workflow.models import Order, Parcel
from workflow.transitions import By


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
        self.fields["item"] = forms.TypedMultipleChoiceField(
            choices=[(item.pk, str(item)) for item in live_items(self.order)], coerce=int, required=False
        )
        if self.about:
            self.initial = {"parcel": self.about.pk, "weight_g": self.about.weight_g, "volume_cm3": self.about.volume_cm3}

    def ticked(self) -> set[int]:
        """The items shown as lying in this parcel; a new one is offered what lies in none."""
        if self.is_bound:
            return {int(pk) for pk in self.data.getlist("item") if pk.isdigit()}
        wanted = self.about.pk if self.about else None
        return {item.pk for item in live_items(self.order) if item.parcel_id == wanted}

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        if said.get("parcel") and self.about is None:
            raise ValidationError(_("This parcel is no longer there."), code="gone")
        if said.get("remove"):
            return said
        sides = [said.get(name) for name in ("length_cm", "width_cm", "height_cm")]
        if all(sides):
            said["volume_cm3"] = sides[0] * sides[1] * sides[2]  # type: ignore[operator]
        for name in ("weight_g", "volume_cm3"):
            if said.get(name) is None and name not in self.errors:
                self.add_error(name, _("This is needed."))
        return said

    def save(self, *, by: By) -> None:
        said = self.cleaned_data
        if said["remove"]:
            work.remove_parcel(self.order.pk, parcel_id=said["parcel"] or 0, by=by)
            return
        work.pack_parcel(
            self.order.pk,
            weight_g=said["weight_g"],
            volume_cm3=said["volume_cm3"],
            item_ids=said["item"],
            parcel_id=said["parcel"],
            by=by,
            seen_version=self.seen_version,
        )


class FeeForm(EntryForm):
    task, template = work.SET_FEE, "backoffice/order/entries/fee.html"
    fee_krw = WholeField()

    def save(self, *, by: By) -> None:
        work.set_delivery_fee(self.order.pk, fee_krw=self.cleaned_data["fee_krw"], by=by, seen_version=self.seen_version)


class LabelForm(EntryForm):
    task, template = work.LABEL, "backoffice/order/entries/labels.html"

    def subjects(self) -> Iterable[Parcel]:
        return [parcel for parcel in self.order.parcels.all() if not parcel.closed_at and not parcel.delivered_at]

    def build(self) -> None:
        kept = [parcel.courier for parcel in self.subjects()]
        couriers = [("", "–"), *work.courier_choices(self.order.country, keep=kept)]
        for parcel in self.subjects():
            self.add(
                parcel,
                courier=forms.ChoiceField(choices=couriers, required=False, initial=parcel.courier),
                tracking_number=forms.CharField(max_length=60, required=False, initial=parcel.tracking_number),
            )

    def notes(self) -> list[tuple[str, str]]:
        """What colleagues noted about the couriers on offer."""
        offered = dict(work.courier_choices(self.order.country))
        return [(known.label, known.setting.note) for known in courier_settings.all_known() if known.code in offered and known.setting.note]

    def clean(self) -> dict[str, Any]:
        if not self.errors and not self._changed():
            raise self.nothing_entered()
        return self.cleaned_data

    def _changed(self) -> list[Parcel]:
        return [
            parcel
            for parcel in self.subjects()
            if self.said("tracking_number", parcel)
            and (self.said("courier", parcel), self.said("tracking_number", parcel)) != (parcel.courier, parcel.tracking_number)
        ]

    def save(self, *, by: By) -> None:
        """One parcel after the other: where the second number is wrong, the first stays entered, and the page says which."""
        seen = self.seen_version
        for parcel in self._changed():
            labelled = work.label_parcel(
                self.order.pk,
                parcel_id=parcel.pk,
                courier=self.said("courier", parcel),
                tracking_number=self.said("tracking_number", parcel),
                by=by,
                seen_version=seen,
            )
            seen = labelled.order.version


FORMS: dict[str, type[EntryForm]] = {
    form.task.name: form for form in (ScreenForm, PriceForm, BuyForm, ReceiveForm, ExpectForm, PackForm, FeeForm, LabelForm)
}

"""Goods that lie with us too long, parcels that came back or are lost: dialogs over `disposal.py` and `returns.py`, and the storage clock
in words. What disposing would give back is said before it is done, by the function that plans the refunds.
"""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.text import format_lazy
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from backoffice.numbers import WholeField
from backoffice.orders.dialogs import Dialog, OrderForm
from backoffice.orders.going_back import goes_back
from backoffice.orders.inspecting import add_photos
from backoffice.words import courier_name
from core.money import format_krw
from workflow import disposal, giving_back, returns, storage
from workflow.models import Order, Parcel
from workflow.photos import Subject
from workflow.storage import Storage
from workflow.transitions import By

# --- The clock in words ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StorageWords:
    tone: str
    main: Any
    more: tuple[Any, ...]


def storage_words(order: Order) -> StorageWords | None:
    seen = storage.storage_of(order)
    return StorageWords(seen.tone, _main(seen), tuple(_more(order, seen))) if seen else None


def _main(seen: Storage) -> Any:
    if seen.is_over:
        return _("Over: day %(day)s of %(most)s") % {"day": seen.days, "most": seen.terms.max_days}
    if seen.used > seen.terms.free_days * storage.DAY:
        return _("Day %(day)s, %(sum)s so far") % {"day": seen.days, "sum": format_krw(seen.fee_krw)}
    return _("Day %(day)s of %(free)s free") % {"day": seen.days, "free": seen.terms.free_days}


def _more(order: Order, seen: Storage) -> list[Any]:
    if not seen.runs:
        return [_("The clock stands: the order is on hold.") if order.hold_reason else _("The clock stands: it is our move.")]
    said: list[Any] = [_("The clock runs: it is the customer's move.")]
    if seen.free_until and seen.free_until > seen.at and seen.terms.has_fee:
        words = {"day": _day(seen.free_until), "sum": format_krw(seen.terms.krw_per_day)}
        said.append(_("From %(day)s on %(sum)s a day.") % words)
    if seen.ends_at and not seen.is_over:
        said.append(_("Ends on %(day)s.") % {"day": _day(seen.ends_at)})
    return said


def _day(moment: Any) -> str:
    return f"{localtime(moment):%Y-%m-%d}"


# --- More days, disposal --------------------------------------------------------------------------------------------------


class ExtendForm(OrderForm):
    days = WholeField(label=_("Days"), widget=forms.TextInput(attrs={"inputmode": "numeric"}))
    reason = forms.CharField(label=_("Why?"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}), help_text=_("For us."))


class ExtendDialog(Dialog):
    name, icon = "extend_storage", "more_time"
    label, title = _("Keep longer…"), _("Keep longer")
    hint = _("Storage ends so many days later, at the daily fee. The customer is told now, and again before the new end.")
    done = _("Storage ends later now.")
    roles = disposal.EXTENDERS
    form = ExtendForm

    def makes_sense(self, order: Order, *, by: By) -> bool:
        return disposal.may_extend(order, by=by) and storage.storage_of(order) is not None

    def comes_of(self, order: Order, form: ExtendForm) -> dict[str, Any]:
        return {"storage": storage_words(order)}

    def save(self, order: Order, form: ExtendForm, *, by: By) -> None:
        said = form.cleaned_data
        disposal.extend(order.pk, days=said["days"], reason=said["reason"], by=by, seen_version=form.seen_version)


class DisposeForm(OrderForm):
    note = forms.CharField(
        label=_("What was done with the goods, and why"),
        max_length=disposal.LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("At least 20 characters. The customer reads it."),
    )


class DisposeDialog(Dialog):
    name, icon = "dispose", "delete_forever"
    label, title = _("Dispose of it…"), _("Dispose of the goods")
    hint = _("Storage is over. The order is closed, storage that was never paid is not asked for any more, and the customer gets a letter.")
    done = _("The disposal is on record, and the order is closed.")
    roles = disposal.DISPOSERS
    form = DisposeForm

    def makes_sense(self, order: Order, *, by: By) -> bool:
        return disposal.may_dispose(order, by=by)

    def comes_of(self, order: Order, form: DisposeForm) -> dict[str, Any]:
        seen = storage.storage_of(order)
        if seen is None:
            return {}
        told = disposal.told(order, seen)
        return {
            "storage": storage_words(order),
            "told": told,
            "is_proven": all(one.sent_at for one in told),
            "goes_back": goes_back(order, giving_back.cancellation(order, facts={})),
        }

    def save(self, order: Order, form: DisposeForm, *, by: By) -> None:
        disposal.dispose(order.pk, note=form.cleaned_data["note"], by=by, seen_version=form.seen_version)


# --- What came back, what is lost -----------------------------------------------------------------------------------------


def _called(parcel: Parcel) -> Any:
    return format_lazy(
        _("Parcel {n}: {courier} {number}"),
        n=parcel.position,
        courier=courier_name(parcel.courier),
        number=parcel.tracking_number,
    )


class ReceiveBackForm(OrderForm):
    note = forms.CharField(
        label=_("How it looks"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}), help_text=_("For us.")
    )
    return_charge_krw = WholeField(
        label=_("Charge for the way back (₩)"),
        required=False,
        help_text=_("Added to the delivery fee if it is sent again. Empty: as it is."),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )

    def build(self) -> None:
        for parcel in self.parcels:
            self.fields[f"parcel-{parcel.pk}"] = forms.BooleanField(required=False, initial=True, label=_called(parcel))

    @cached_property
    def parcels(self) -> list[Parcel]:
        return returns.on_the_way(self.order)

    def rows(self) -> list[tuple[Parcel, forms.BoundField]]:
        return [(parcel, self[f"parcel-{parcel.pk}"]) for parcel in self.parcels]

    def chosen(self) -> list[int]:
        return [parcel.pk for parcel in self.parcels if self.cleaned_data.get(f"parcel-{parcel.pk}")]


class ReceiveBackDialog(Dialog):
    name, icon = "receive_back", "assignment_return"
    label, title = _("Received back…"), _("Received back")
    hint = _("The parcels are here and opened. They stay on record; their items can be packed again, or given up by cancelling.")
    done = _("The parcels are received.")
    roles = returns.RECEIVERS
    form = ReceiveBackForm

    def makes_sense(self, order: Order, *, by: By) -> bool:
        return returns.may_receive(order, by=by)

    def save(self, order: Order, form: ReceiveBackForm, *, by: By) -> list[str]:
        """The parcels first: a photo that cannot be taken leaves them received, and may be added afterwards."""
        said, chosen = form.cleaned_data, form.chosen()
        returns.receive_back(
            order.pk,
            parcel_ids=chosen,
            note=said["note"],
            return_charge_krw=said["return_charge_krw"],
            by=by,
            seen_version=form.seen_version,
        )
        taken = ((pk, form.files.getlist(f"photos-{pk}")) for pk in chosen)
        return [why for pk, uploads in taken for why in add_photos(order.pk, uploads, subject=Subject(parcel_id=pk), by=by)]


class LostForm(OrderForm):
    proof = forms.CharField(
        label=_("Proof"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The courier's letter or case number, or why it can no longer come."),
    )

    def build(self) -> None:
        choices = [(str(parcel.pk), _called(parcel)) for parcel in returns.on_the_way(self.order)]
        self.fields["parcel"] = forms.ChoiceField(label=_("Parcel"), choices=choices)
        self.order_fields(["version", "parcel", "proof"])


class LostDialog(Dialog):
    name, icon = "parcel_lost", "report"
    label, title = _("Parcel lost…"), _("Parcel lost")
    hint = _(
        "The parcel is closed and is not waited for any more, and the customer gets a letter. Finance get a task to decide what goes back; "
        "with its last parcel the order goes on."
    )
    done = _("The parcel is given up for lost.")
    roles = returns.GIVERS_UP
    form = LostForm

    def makes_sense(self, order: Order, *, by: By) -> bool:
        return returns.may_lose(order, by=by)

    def save(self, order: Order, form: LostForm, *, by: By) -> None:
        said = form.cleaned_data
        returns.give_up(order.pk, parcel_id=int(said["parcel"]), proof=said["proof"], by=by, seen_version=form.seen_version)


DIALOGS = (ReceiveBackDialog(), LostDialog(), ExtendDialog(), DisposeDialog())

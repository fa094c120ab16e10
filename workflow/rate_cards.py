"""What couriers cost (`RateCard`): what a parcel costs by a card, which card holds, and the one way a card is added or taken back.

Rules: the chargeable weight is the larger of the weight and the volume by the card's own divisor. Its price is that of the first step
that reaches it; above the last step each further kilogram begun costs `extra_krw_per_kg`. The fuel surcharge is on that sum, and the whole
is rounded once, half up. A card holds for its courier and country from a moment on, until a later one does; a card for the country goes
before one for all countries. A card that came into force is never changed: fees were proposed by it. `pricing.py` proposes for an order,
by the fee policy where no card holds.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils.timezone import now
from django.utils.translation import gettext as _

from core.errors import Conflict, Invalid, NotFound
from core.money import format_krw, share
from integrations.couriers import COURIERS
from workflow import fees
from workflow.models import FeePolicy, Parcel, RateCard

if TYPE_CHECKING:
    from workflow.transitions import By

MAX_STEPS, MAX_G, MAX_KRW, MAX_DIVISOR, MAX_FUEL_BP = 200, 100_000, 10_000_000, 100, 10_000
#: by how much a fee may differ from the proposal before somebody says why, in percent of the proposal
FREE_HAND_PERCENT = 20

#: why a card gives no price: heavier than the courier takes, or bulkier than its steps go
TOO_HEAVY, NO_STEP = "too_heavy", "no_step"


# --- Sums -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Freight:
    """What a parcel costs by a courier's card, or by the fee policy where `card` is None. `krw` is None where the card gives no price."""

    courier: str
    card: RateCard | None
    divisor: int
    weight_g: int
    volume_cm3: int
    krw: int | None
    refused: str = ""

    @property
    def volume_g(self) -> int:
        """Rounded to be shown; what is priced is not rounded before the end."""
        return _half_up(self.volume_cm3, self.divisor)

    @property
    def chargeable_g(self) -> int:
        return max(self.weight_g, self.volume_g)

    @property
    def is_too_heavy(self) -> bool:
        return self.refused == TOO_HEAVY

    def as_facts(self) -> dict[str, Any]:
        """What the event of a fee keeps, so that it can be explained when cards have changed."""
        facts = {
            "courier": self.courier,
            "card": self.card.pk if self.card else None,
            "card_from": self.card.valid_from.isoformat() if self.card else None,
            "weight_g": self.weight_g,
            "volume_g": self.volume_g,
            "divisor": self.divisor,
            "chargeable_g": self.chargeable_g,
            "krw": self.krw,
            "refused": self.refused,
        }
        return {name: value for name, value in facts.items() if value not in (None, "")}


def by_card(card: RateCard, *, weight_g: int, volume_cm3: int) -> Freight:
    krw, refused = _price(card, weight_g=weight_g, volume_cm3=volume_cm3)
    return Freight(card.courier, card, card.volume_divisor, weight_g, volume_cm3, krw, refused)


def by_policy(policy: FeePolicy, *, courier: str, weight_g: int, volume_cm3: int) -> Freight:
    krw = fees.freight_krw(policy, weight_g=weight_g, volume_cm3=volume_cm3)
    return Freight(courier, None, policy.volume_divisor, weight_g, volume_cm3, krw)


def _price(card: RateCard, *, weight_g: int, volume_cm3: int) -> tuple[int | None, str]:
    """Won, or None and why."""
    if weight_g > card.max_g:
        return None, TOO_HEAVY
    divisor = card.volume_divisor
    # chargeable grams times the divisor: a whole number, so that a parcel a third of a gram above a step is above it
    parts = max(weight_g * divisor, volume_cm3)
    krw = next((step["krw"] for step in card.steps if parts <= step["up_to_g"] * divisor), None)
    if krw is None:
        if not card.extra_krw_per_kg:
            return None, NO_STEP
        last = card.steps[-1]
        krw = last["krw"] + -(-(parts - last["up_to_g"] * divisor) // (1000 * divisor)) * card.extra_krw_per_kg
    return krw + share(krw, basis_points=card.fuel_surcharge_bp), ""


def _half_up(above: int, below: int) -> int:
    return (2 * above + below) // (2 * below)


def rule(card: RateCard) -> dict[str, Any]:
    """What `by_card` goes by, for pages that reckon along while one types (`totals.js`)."""
    return {
        "divisor": card.volume_divisor,
        "steps": [[step["up_to_g"], step["krw"]] for step in card.steps],
        "extra": card.extra_krw_per_kg,
        "fuel": card.fuel_surcharge_bp,
        "max": card.max_g,
    }


# --- An order's parcels ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proposal:
    """What is proposed for the parcels that are weighed and still to be sent."""

    lines: tuple[tuple[Parcel, Freight], ...]

    @property
    def krw(self) -> int | None:
        """None where nothing is weighed, or where a parcel's card gives no price: half a sum would be taken for the whole."""
        prices = [freight.krw for _parcel, freight in self.lines]
        return None if not prices or None in prices else sum(krw for krw in prices if krw is not None)

    def is_far_from(self, fee_krw: int) -> bool:
        """The fee differs by more than may be without a reason."""
        proposed = self.krw
        return proposed is not None and abs(fee_krw - proposed) * 100 > proposed * FREE_HAND_PERCENT

    def as_facts(self) -> dict[str, Any]:
        if not self.lines:
            return {}
        lines = [{"parcel": parcel.position, **freight.as_facts()} for parcel, freight in self.lines]
        return {"proposed_krw": self.krw, "proposal": lines}


def weighed(parcels: Iterable[Parcel]) -> list[Parcel]:
    return [parcel for parcel in parcels if parcel.weight_g and not parcel.closed_at and not parcel.delivered_at]


def freight_of(parcel: Parcel, *, courier: str, cards: Mapping[str, RateCard], policy: FeePolicy) -> Freight:
    """Of a weighed parcel, if this courier takes it."""
    return freight(courier, cards=cards, policy=policy, weight_g=parcel.weight_g or 0, volume_cm3=parcel.volume_cm3 or 0)


def freight(courier: str, *, cards: Mapping[str, RateCard], policy: FeePolicy, weight_g: int, volume_cm3: int) -> Freight:
    card = cards.get(courier)
    if card is None:
        return by_policy(policy, courier=courier, weight_g=weight_g, volume_cm3=volume_cm3)
    return by_card(card, weight_g=weight_g, volume_cm3=volume_cm3)


def propose(parcels: Iterable[Parcel], *, cards: Mapping[str, RateCard], policy: FeePolicy) -> Proposal:
    found = weighed(parcels)
    return Proposal(tuple((parcel, freight_of(parcel, courier=parcel.courier, cards=cards, policy=policy)) for parcel in found))


# --- Which cards hold -----------------------------------------------------------------------------------------------------


def cards_for(country: str, *, at: datetime | None = None, couriers: Collection[str] = COURIERS) -> dict[str, RateCard]:
    """The card that holds for each courier to this country; couriers without one are left out. One statement, at most two rows each."""
    moment = at or now()
    later = RateCard.objects.filter(
        courier=OuterRef("courier"), country=OuterRef("country"), valid_from__gt=OuterRef("valid_from"), valid_from__lte=moment
    )
    held = RateCard.objects.filter(~Exists(later), courier__in=couriers, country__in={"", country}, valid_from__lte=moment)
    # the country's own come last and replace those for all
    return {card.courier: card for card in sorted(held, key=lambda card: card.country)}


def with_end() -> QuerySet[RateCard]:
    """All cards; `until` is when the next for the same courier and country begins, or None."""
    later = RateCard.objects.filter(courier=OuterRef("courier"), country=OuterRef("country"), valid_from__gt=OuterRef("valid_from"))
    return RateCard.objects.annotate(until=Subquery(later.order_by("valid_from").values("valid_from")[:1]))


# --- Adding and taking back -----------------------------------------------------------------------------------------------


def add_card(*, by: "By", **fields: Any) -> RateCard:
    """A card from a moment on, or from now on where `valid_from` is None. Raises Invalid with the field."""
    _check_may(by)
    card = RateCard(**fields, made_by=by.user)
    for problem in problems(card):
        raise problem
    card.valid_from = max(card.valid_from or now(), now())
    try:
        with transaction.atomic():
            card.save(force_insert=True)
    except IntegrityError:
        raise Invalid(_("There is already a card of this courier and country from this moment on."), field="valid_from") from None
    return card


@transaction.atomic
def remove_card(card_id: int, *, by: "By") -> None:
    """Take back a card that is not yet in force."""
    _check_may(by)
    card = RateCard.objects.select_for_update().filter(pk=card_id).first()
    if card is None:
        raise NotFound
    if card.valid_from <= now():
        raise Conflict(_("This card is or was in force; fees were proposed by it. Add a new one instead."), code="card_in_force")
    card.delete()


def _check_may(by: "By") -> None:
    from workflow.transitions import TransitionRefused

    if by.user is None or not by.user.has_perm("workflow.add_ratecard"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")


def problems(card: RateCard) -> Iterator[Invalid]:
    """Everything that speaks against adding this card, each with its field."""
    if card.courier not in COURIERS:
        yield Invalid(_("Unknown courier."), field="courier")
    if card.country and not re.fullmatch(r"[A-Z]{2}", card.country):
        yield Invalid(_("A country is two letters, like US. Empty: every country without a card of its own."), field="country")
    if card.valid_from and card.valid_from < now().replace(second=0, microsecond=0):
        yield Invalid(_("This moment is past. A card holds from now on or from a later moment."), field="valid_from")
    for field, low, most in (("volume_divisor", 1, MAX_DIVISOR), ("max_g", 1, MAX_G)):
        if not _is_within(getattr(card, field), low, most):
            yield Invalid(_("From 1 to %(most)s.") % {"most": f"{most:,}"}, field=field)
    if not _is_within(card.extra_krw_per_kg, 0, MAX_KRW):
        yield Invalid(_("An amount is from ₩0 to %(most)s.") % {"most": format_krw(MAX_KRW)}, field="extra_krw_per_kg")
    if not _is_within(card.fuel_surcharge_bp, 0, MAX_FUEL_BP):
        yield Invalid(_("A fuel surcharge is from 0% to 100%."), field="fuel_surcharge_bp")
    if len(card.note) > 300:
        yield Invalid(_("At most 300 characters."), field="note")
    yield from _step_problems(card)


def _step_problems(card: RateCard) -> Iterator[Invalid]:
    starts = [step["up_to_g"] for step in card.steps]
    if not starts:
        yield Invalid(_("A card needs at least one step."), field="steps")
    elif len(starts) > MAX_STEPS:
        yield Invalid(_("There can be at most %(most)s steps.") % {"most": MAX_STEPS}, field="steps")
    elif not all(_is_within(start, 1, MAX_G) for start in starts):
        yield Invalid(_("A step goes up to between 1 and %(most)s grams.") % {"most": f"{MAX_G:,}"}, field="steps")
    elif not all(_is_within(step["krw"], 1, MAX_KRW) for step in card.steps):
        yield Invalid(_("A step costs from ₩1 to %(most)s.") % {"most": format_krw(MAX_KRW)}, field="steps")
    elif wrong := next((high for low, high in pairwise(starts) if low >= high), None):
        yield Invalid(_("Each step must go higher than the one before it; %(grams)s g does not.") % {"grams": f"{wrong:,}"}, field="steps")
    elif card.extra_krw_per_kg == 0 and _is_within(card.max_g, 1, MAX_G) and starts[-1] < card.max_g:
        words = _("Parcels from %(grams)s g to the heaviest would have no price: say what a further kilogram costs, or add steps.")
        yield Invalid(words % {"grams": f"{starts[-1]:,}"}, field="extra_krw_per_kg")


def _is_within(value: Any, low: int, high: int) -> bool:
    """No bool and no float is a number of won or grams."""
    return type(value) is int and low <= value <= high

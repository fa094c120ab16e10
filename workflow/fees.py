"""How the fees of a policy are reckoned (pure sums; `pricing.py` makes lines of them), and the one way a policy is added or taken back.

Rules: the last tier whose threshold is reached replaces the percentage, or the price of a kilogram, of the whole sum. A fee is its
percentage and the flat sum together, and at least the minimum. In cents the percentage is taken of the cents already rounded, and the flat
sum, or the minimum where that is what counts, is converted at the bill's rate; each part is rounded once, half up.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from core.errors import Conflict, Invalid, NotFound
from core.money import format_krw, krw_to_usd_cents, share
from workflow.models import FeePolicy

if TYPE_CHECKING:
    from workflow.transitions import By

PERCENTAGES = ("service_fee_bp", "card_fee_bp")
SUMS = (
    "service_fee_flat_krw",
    "service_fee_min_krw",
    "card_fee_flat_krw",
    "card_fee_min_krw",
    "delivery_krw_per_kg",
    "delivery_flat_krw",
    "delivery_min_krw",
    "storage_krw_per_day",
    "repack_fee_krw",
    "difference_absorbed_krw",
    "difference_carried_krw",
)
MAX_BP, MAX_KRW, MAX_DIVISOR, MAX_TIERS = 5_000, 10_000_000, 100, 10
MAX_STORAGE_DAYS = 730
MAX_FROM_KRW, MAX_FROM_G = 1_000_000_000, 1_000_000


@dataclass(frozen=True)
class Tiers:
    """A field of tiers, `[{since: 1000000, gives: 300}]`, and what it may hold."""

    field: str
    since: str
    gives: str
    most_since: int
    most: int

    def reached(self, policy: FeePolicy, amount: int, *, otherwise: int) -> int:
        """What the last tier that `amount` reaches gives; `otherwise` below the first."""
        tiers: list[dict[str, int]] = getattr(policy, self.field)
        return next((tier[self.gives] for tier in reversed(tiers) if tier[self.since] <= amount), otherwise)


SERVICE_FEE_TIERS = Tiers("service_fee_tiers", "from_krw", "bp", MAX_FROM_KRW, MAX_BP)
DELIVERY_TIERS = Tiers("delivery_tiers", "from_g", "krw_per_kg", MAX_FROM_G, MAX_KRW)


# --- As data, for pages that reckon along while one types ------------------------------------------------------------------


def service_fee_rule(policy: FeePolicy) -> dict[str, Any]:
    """What `service_fee` goes by: `{"bp", "flat", "min", "tiers": [[from won, bp]]}`."""
    tiers = [[tier["from_krw"], tier["bp"]] for tier in policy.service_fee_tiers]
    return {"bp": policy.service_fee_bp, "flat": policy.service_fee_flat_krw, "min": policy.service_fee_min_krw, "tiers": tiers}


def card_fee_rule(policy: FeePolicy) -> dict[str, Any]:
    return {"bp": policy.card_fee_bp, "flat": policy.card_fee_flat_krw, "min": policy.card_fee_min_krw, "tiers": []}


def freight_rule(policy: FeePolicy) -> dict[str, Any]:
    """What `freight_krw` goes by: `{"divisor", "per_kg", "flat", "min", "tiers": [[from g, won per kg]]}`."""
    return {
        "divisor": policy.volume_divisor,
        "per_kg": policy.delivery_krw_per_kg,
        "flat": policy.delivery_flat_krw,
        "min": policy.delivery_min_krw,
        "tiers": [[tier["from_g"], tier["krw_per_kg"]] for tier in policy.delivery_tiers],
    }


# --- Fees on a sum --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fee:
    krw: int
    usd_cents: int
    #: `InvoiceLine.fee`, from which the line's title is made
    terms: dict[str, Any]


def service_fee(policy: FeePolicy, *, goods_krw: int, goods_usd_cents: int, krw_per_usd: Decimal) -> Fee:
    """`goods_usd_cents` is the sum of the goods' rounded lines."""
    bp = SERVICE_FEE_TIERS.reached(policy, goods_krw, otherwise=policy.service_fee_bp)
    return _fee(
        goods_krw,
        usd_cents=goods_usd_cents,
        krw_per_usd=krw_per_usd,
        bp=bp,
        flat_krw=policy.service_fee_flat_krw,
        min_krw=policy.service_fee_min_krw,
    )


def card_fee(policy: FeePolicy, *, delivery_krw: int, delivery_usd_cents: int, krw_per_usd: Decimal) -> Fee:
    return _fee(
        delivery_krw,
        usd_cents=delivery_usd_cents,
        krw_per_usd=krw_per_usd,
        bp=policy.card_fee_bp,
        flat_krw=policy.card_fee_flat_krw,
        min_krw=policy.card_fee_min_krw,
    )


def _fee(krw: int, *, usd_cents: int, krw_per_usd: Decimal, bp: int, flat_krw: int, min_krw: int) -> Fee:
    terms = {"bp": bp, "flat_krw": flat_krw, "is_minimum": False}
    if krw == 0:
        return Fee(0, 0, terms)
    fee_krw = share(krw, basis_points=bp) + flat_krw
    if fee_krw < min_krw:
        return Fee(min_krw, krw_to_usd_cents(min_krw, krw_per_usd=krw_per_usd), {**terms, "is_minimum": True})
    return Fee(fee_krw, share(usd_cents, basis_points=bp) + krw_to_usd_cents(flat_krw, krw_per_usd=krw_per_usd), terms)


# --- Delivery -------------------------------------------------------------------------------------------------------------


def chargeable_g(policy: FeePolicy, *, weight_g: int, volume_cm3: int) -> int:
    """The larger of the weight and the volume, rounded to be shown; what is billed is not rounded before the end."""
    return _half_up(_parts(policy, weight_g, volume_cm3), policy.volume_divisor)


def freight_krw(policy: FeePolicy, *, weight_g: int, volume_cm3: int) -> int:
    """Freight of one parcel in won."""
    parts, divisor = _parts(policy, weight_g, volume_cm3), policy.volume_divisor
    per_kg = DELIVERY_TIERS.reached(policy, parts // divisor, otherwise=policy.delivery_krw_per_kg)
    return max(_half_up(parts * per_kg, divisor * 1000) + policy.delivery_flat_krw, policy.delivery_min_krw)


def _parts(policy: FeePolicy, weight_g: int, volume_cm3: int) -> int:
    """Chargeable grams times the divisor: a whole number, so that no third of a gram is lost before the one rounding."""
    return max(weight_g * policy.volume_divisor, volume_cm3)


def _half_up(above: int, below: int) -> int:
    return (2 * above + below) // (2 * below)


# --- Adding and taking back -----------------------------------------------------------------------------------------------


def add_policy(*, by: "By", **fields: Any) -> FeePolicy:
    """A policy from a moment on, or from now on where `valid_from` is None. Raises Invalid with the field."""
    _check_may(by)
    policy = FeePolicy(**fields)
    for problem in problems(policy):
        raise problem
    policy.valid_from = max(policy.valid_from or now(), now())
    try:
        with transaction.atomic():
            policy.save(force_insert=True)
    except IntegrityError:
        raise Invalid(_("There is already a policy from this moment on."), field="valid_from") from None
    return policy


@transaction.atomic
def remove_policy(policy_id: int, *, by: "By") -> None:
    """Take back a policy that is not yet in force. Later ones stay: quotes were made with them."""
    _check_may(by)
    policy = FeePolicy.objects.select_for_update().filter(pk=policy_id).first()
    if policy is None:
        raise NotFound
    if policy.valid_from <= now():
        raise Conflict(_("This policy is or was in force; quotes refer to it. Add a new one instead."), code="policy_in_force")
    policy.delete()


def _check_may(by: "By") -> None:
    from workflow.transitions import TransitionRefused

    if by.user is None or not by.user.has_perm("workflow.add_feepolicy"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")


def problems(policy: FeePolicy) -> Iterator[Invalid]:
    """Everything that speaks against adding this policy, each with its field."""
    if policy.valid_from and policy.valid_from < now().replace(second=0, microsecond=0):
        yield Invalid(_("This moment is past. A policy holds from now on or from a later moment."), field="valid_from")
    yield from (_bad_percentage(name) for name in PERCENTAGES if not _is_within(getattr(policy, name), 0, MAX_BP))
    yield from (_bad_sum(name) for name in SUMS if not _is_within(getattr(policy, name), 0, MAX_KRW))
    if not _is_within(policy.volume_divisor, 1, MAX_DIVISOR):
        yield Invalid(_("From 1 to %(most)s.") % {"most": MAX_DIVISOR}, field="volume_divisor")
    days = {"most": MAX_STORAGE_DAYS}
    free_is_fine = _is_within(policy.storage_free_days, 0, MAX_STORAGE_DAYS)
    if not free_is_fine:
        yield Invalid(_("From 0 to %(most)s days.") % days, field="storage_free_days")
    if not _is_within(policy.storage_max_days, 1, MAX_STORAGE_DAYS):
        yield Invalid(_("From 1 to %(most)s days.") % days, field="storage_max_days")
    elif free_is_fine and policy.storage_max_days < policy.storage_free_days:
        yield Invalid(_("Storage cannot end before the free days do."), field="storage_max_days")
    if policy.difference_carried_krw < policy.difference_absorbed_krw:
        yield Invalid(_("This cannot be less than the difference that we bear."), field="difference_carried_krw")
    yield from _tier_problems(policy, SERVICE_FEE_TIERS, bad_value=_bad_percentage)
    yield from _tier_problems(policy, DELIVERY_TIERS, bad_value=_bad_sum)


def _tier_problems(policy: FeePolicy, kind: Tiers, *, bad_value: Callable[[str], Invalid]) -> Iterator[Invalid]:
    tiers = getattr(policy, kind.field)
    starts = [tier[kind.since] for tier in tiers]
    if len(tiers) > MAX_TIERS:
        yield Invalid(_("There can be at most %(most)s tiers.") % {"most": MAX_TIERS}, field=kind.field)
    if not all(_is_within(start, 1, kind.most_since) for start in starts):
        yield Invalid(_("A tier begins between 1 and %(most)s.") % {"most": f"{kind.most_since:,}"}, field=kind.field)
    elif any(low >= high for low, high in pairwise(starts)):
        yield Invalid(_("Each tier must begin above the one before it."), field=kind.field)
    if not all(_is_within(tier[kind.gives], 0, kind.most) for tier in tiers):
        yield bad_value(kind.field)


def _bad_percentage(field: str) -> Invalid:
    return Invalid(_("A percentage is from 0% to 50%."), field=field)


def _bad_sum(field: str) -> Invalid:
    return Invalid(_("An amount is from ₩0 to %(most)s.") % {"most": format_krw(MAX_KRW)}, field=field)


def _is_within(value: Any, low: int, high: int) -> bool:
    """No bool and no float is a number of won."""
    return type(value) is int and low <= value <= high

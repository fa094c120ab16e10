"""A fee policy as people read it: `4% + ₩1,000`, `₩2,500 / kg from 10,000 g`."""

from dataclasses import dataclass
from typing import Any

from django.utils.timezone import now
from django.utils.translation import gettext as _

from core.money import format_krw
from workflow.invoices import fee_words, percent
from workflow.models import FeePolicy


@dataclass(frozen=True)
class Part:
    """`main` holds below the tiers; `more` are the minimum and the tiers."""

    title: str
    main: str
    more: tuple[str, ...] = ()


def service_fee(policy: FeePolicy) -> Part:
    tiers = [_from(format_krw(tier["from_krw"]), percent(tier["bp"])) for tier in policy.service_fee_tiers]
    main = fee_words(policy.service_fee_bp, flat_krw=policy.service_fee_flat_krw)
    return Part(_("Service fee on the goods"), main, (*_at_least(policy.service_fee_min_krw), *tiers))


def card_fee(policy: FeePolicy) -> Part:
    main = fee_words(policy.card_fee_bp, flat_krw=policy.card_fee_flat_krw)
    return Part(_("Card fee on the delivery"), main, _at_least(policy.card_fee_min_krw))


def delivery(policy: FeePolicy) -> Part:
    tiers = [_from(f"{tier['from_g']:,} g", _per_kg(tier["krw_per_kg"])) for tier in policy.delivery_tiers]
    flat = f" + {format_krw(policy.delivery_flat_krw)}" if policy.delivery_flat_krw else ""
    return Part(_("Delivery of a parcel"), _per_kg(policy.delivery_krw_per_kg) + flat, (*_at_least(policy.delivery_min_krw), *tiers))


def storage(policy: FeePolicy) -> Part:
    free = _("%(days)s days free, then %(sum)s a day") % {"days": policy.storage_free_days, "sum": format_krw(policy.storage_krw_per_day)}
    return Part(_("Storage"), free, (_("ends after %(days)s days") % {"days": policy.storage_max_days},))


def parts(policy: FeePolicy) -> list[Part]:
    """All of it."""
    absorbed, carried = format_krw(policy.difference_absorbed_krw), format_krw(policy.difference_carried_krw)
    later = (_("with the delivery up to %(sum)s, above that at once") % {"sum": carried},)
    return [
        service_fee(policy),
        delivery(policy),
        Part(_("Volume that weighs 1 g"), f"{policy.volume_divisor} cm³"),
        card_fee(policy),
        storage(policy),
        Part(_("Repacking at a cancellation"), format_krw(policy.repack_fee_krw)),
        Part(_("Price differences"), _("ours up to %(sum)s") % {"sum": absorbed}, later),
    ]


def _per_kg(krw: int) -> str:
    return f"{format_krw(krw)} / kg"


def _from(start: str, then: str) -> str:
    return _("%(then)s from %(start)s") % {"then": then, "start": start}


def _at_least(krw: int) -> tuple[str, ...]:
    return (_("at least %(sum)s") % {"sum": format_krw(krw)},) if krw else ()


def standing(policy: Any) -> tuple[str, str]:
    """Tone and words: planned, in force or past. `policy.until` is when the next one begins, or None."""
    if policy.valid_from > now():
        return "customer", _("planned")
    if policy.until and policy.until <= now():
        return "nobody", _("past")
    return "good", _("in force")

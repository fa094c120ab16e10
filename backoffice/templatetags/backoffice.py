"""Money and time as the staff's pages show them."""

from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from backoffice.shops import shop_link
from backoffice.words import courier_name, effect_words
from core import money

register = template.Library()


@register.filter
def usd(cents: int | None) -> str:
    return "–" if cents is None else money.format_usd(cents)


@register.filter
def krw(won: int | None) -> str:
    return "–" if won is None or won == "" else money.format_krw(won)


@register.filter
def kst(at: datetime | None) -> SafeString | str:
    """`11-22 13:05`, with the year where it is not this one's; machines read the zone."""
    if at is None:
        return "–"
    local = localtime(at)
    words = local.strftime("%m-%d %H:%M" if local.year == localtime().year else "%Y-%m-%d %H:%M")
    return format_html(
        '<time class="bo-time" datetime="{}" title="{} KST">{}</time>', at.isoformat(), local.strftime("%Y-%m-%d %H:%M:%S"), words
    )


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """The largest unit only: `3 hours`."""
    if at is None:
        return "–"
    spoken = timesince(at, depth=1)
    return format_html('<time class="bo-time" datetime="{}">{}</time>', at.isoformat(), spoken)


@register.filter
def icon(name: str) -> SafeString:
    return format_html('<span class="material-symbols-outlined bo-icon" aria-hidden="true">{}</span>', name)


@register.inclusion_tag("backoffice/order/_shop.html")
def shop(url: str) -> dict[str, str]:
    link, host, rest = shop_link(url)
    return {"link": link, "host": host, "rest": rest}


@register.filter
def bp(basis_points: int) -> str:
    return f"{basis_points / 100:g}%"


@register.filter
def kilos(grams: int | None) -> str:
    return "–" if grams is None else f"{grams:,} g"


@register.filter
def volume(cm3: int | None) -> str:
    return "–" if cm3 is None else f"{cm3:,} cm³"


register.filter("effect", effect_words)
register.filter("courier", courier_name)


@register.filter
def joined(labels: list[Any]) -> str:
    """`buyer or warehouse`."""
    return f" {_('or')} ".join(str(label) for label in labels)

"""Money and time as the staff's pages show them."""

from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from backoffice.orders.strips import Strip
from backoffice.shops import shop_link
from backoffice.words import courier_name, effect_words
from core import money
from workflow.zones import There

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


@register.simple_tag
def when(at: datetime | None, there: There | None = None) -> SafeString | str:
    """As `kst`, and on hover what the customer's clock said."""
    if at is None or not there:  # on pages that are not about one order
        return kst(at)
    local = localtime(at)
    words = local.strftime("%m-%d %H:%M" if local.year == localtime().year else "%Y-%m-%d %H:%M")
    title = f"{local:%Y-%m-%d %H:%M:%S} KST · {_('customer')}: {on_their_clock(at, there)}"
    return format_html('<time class="bo-time" datetime="{}" title="{}">{}</time>', at.isoformat(), title, words)


@register.filter
def on_their_clock(at: datetime | None, there: There | None) -> str:
    """`11-21 20:05 PST`; empty where their clock is not known."""
    if at is None or not there:
        return ""
    about = f"{_('about')} " if there.is_about else ""
    return f"{about}{there.at(at):%m-%d %H:%M} {there.short(at)}"


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


@register.inclusion_tag("backoffice/photos/_strip.html", takes_context=True)
def photos(context: dict[str, Any], owner: Any) -> dict[str, Any]:
    """The photos of an item, an inspection or a parcel of the page's order; its photos should be prefetched (`workflow.photos`)."""
    return {"strip": Strip.of(context["request"], context["order"], owner)}


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

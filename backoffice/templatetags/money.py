"""Amounts in any currency, times and ids as the money pages show them."""

from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from backoffice.money import amounts
from backoffice.money.words import note_words
from backoffice.templatetags.backoffice import icon

register = template.Library()


@register.filter
def money(cents: int | None, currency: str = "usd") -> SafeString | str:
    return "–" if cents is None else format_html('<span class="bo-number">{}</span>', amounts.money(cents, currency=currency))


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    from backoffice.pages import moment as seoul_moment  # Unfold's own admin module loads the template tags first

    return seoul_moment(at)


#: words that were stored as a msgid, in the reader's language; what people wrote stays as it is
register.filter("msg", note_words)


@register.filter
def copyable(text: Any) -> SafeString | str:
    """An id with a button that copies it."""
    if not text:
        return "–"
    button = '<button type="button" class="bo-copy" data-copy="{}" title="{}">{}</button>'
    return format_html('<bdi class="bo-mono">{}</bdi>{}', text, format_html(button, text, _("Copy"), icon("content_copy")))

"""Customers' personal data in templates: `{% personal "email" order.customer.email %}`, and the button that shows it on a reason."""

from typing import Any

from django import template

from backoffice import privacy
from backoffice.privacy import Personal

register = template.Library()


@register.simple_tag(takes_context=True)
def personal(context: Any, what: str, text: str) -> str:
    """The text or its mask; escaped like any other."""
    return privacy.shown(context["request"], Personal(what), text)


@register.inclusion_tag("backoffice/_show_personal.html", takes_context=True)
def show_personal(context: Any, order: Any) -> dict[str, Any]:
    """A small form under masked data; nothing where nothing is masked, or may not be shown."""
    masked = privacy.still_masked(context["request"])
    words = ", ".join(str(what.label) for what in masked)
    return {"order": order, "masked": words, "csrf_token": context.get("csrf_token"), "next": context["request"].get_full_path()}

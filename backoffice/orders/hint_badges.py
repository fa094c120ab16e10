"""What the order's pages show of hints at restricted goods: which topic, by which word, and what the rule says.

The rules are in `workflow/hints.py`.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from workflow.models import Order, Restriction

TONES = {"prohibited": "bad", "restricted": "staff", "notice": "nobody"}
PLACES = {"name": _("product name"), "options": _("options"), "note": _("note"), "link": _("link")}


@dataclass(frozen=True)
class Badge:
    """One hint at an item; `asked_for` is how many such things the whole order asks for."""

    topic: Restriction
    word: str
    where: Any
    tone: str
    asked_for: int

    @property
    def is_too_many(self) -> bool:
        return self.topic.max_quantity is not None and self.asked_for > self.topic.max_quantity


def attach(order: Order) -> None:
    """Give each of the order's items its `hint_badges`; one statement where there is a hint, none where not."""
    items = list(order.items.all())
    if all(hasattr(item, "hint_badges") for item in items):
        return
    topics = Restriction.objects.in_bulk({hint["version"] for item in items for hint in item.hints or ()})
    asked_for: Counter[str] = Counter()
    for item in items:
        asked_for.update({hint["code"]: item.quantity for hint in item.hints or () if item.is_live})
    for item in items:
        found = [(topics.get(hint["version"]), hint) for hint in item.hints or ()]
        item.hint_badges = [  # type: ignore[attr-defined]
            Badge(topic, hint["word"], PLACES.get(hint["in"], ""), TONES[topic.kind], asked_for[topic.code])
            for topic, hint in found
            if topic
        ]

"""What waits, counted for everybody who looks: kept for moments in each process, so that a hundred open home pages count once.

Looked at live (the home page), a count is made anew as soon as staff were told of a change, though not oftener than once a second; for
the sidebar of every other page one that is some seconds old will do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from django.core.cache import cache

from core import events
from workflow.queues import Pile, Queue, piles, queues

#: seconds: how old a count may be when nothing happened, and when something did. The home page asks a second after it was told
#: (today.js), so what it then gets was counted after the change.
KEPT_S, FRESH_S = 10.0, 1.0


@dataclass(frozen=True)
class Counted:
    value: Any
    began: float
    position: int | None


def orders() -> list[Queue]:
    return _kept("queues", queues, position=events.position(events.STAFF_CHANNEL))


def beside(*, live: bool = False) -> dict[str, Pile]:
    return _kept("piles", piles, position=events.position(events.STAFF_CHANNEL) if live else None)


def recently(name: str, count: Callable[[], Any]) -> Any:
    """The same for whatever else a home page shows that no event tells of."""
    return _kept(name, count, position=None)


def _kept(name: str, count: Callable[[], Any], *, position: int | None) -> Any:
    key, began = f"waiting.{name}", monotonic()
    kept: Counted | None = cache.get(key)
    if kept is not None and began - kept.began < (KEPT_S if position is None or position == kept.position else FRESH_S):
        return kept.value
    value = count()
    cache.set(key, Counted(value, began, position), KEPT_S)
    return value

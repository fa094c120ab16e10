"""Doing the same to many orders: one that cannot be done never stops the others and never hides what became of them."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db import OperationalError
from django.utils.translation import gettext_lazy as _

from backoffice.orders.history import Happening, happening
from core.errors import BidangilError, Conflict
from workflow.models import OrderEvent

logger = logging.getLogger(__name__)
T = TypeVar("T")
#: people and proxies give up on a page after half a minute, and would then not read what became of which order
BUDGET_S = 20.0


class Busy(Conflict):
    code = "busy"
    message = _("Somebody else is changing this order right now. Nothing of it was changed; please try again.")


class NotBegun(Conflict):
    code = "not_begun"
    message = _("Not begun, as the orders before it took too long. Nothing of it was changed; please press again.")


class Unexpected(BidangilError):
    status_code = 500
    code = "unexpected"
    message = _("This failed and nothing of this order was changed. The others are not affected.")


def deadline() -> float:
    """When one press has had its time; for `attempt`."""
    return time.monotonic() + BUDGET_S


def attempt(act: Callable[[], T], *, about: Any, until: float) -> tuple[T | None, BidangilError | None]:
    """What came of it, or why not. `act` is one transaction, so that a failure leaves nothing half done."""
    if time.monotonic() > until:
        return None, NotBegun()
    try:
        return act(), None
    except BidangilError as refused:
        return None, refused
    except OperationalError:
        logger.warning("the database gave up on order %s in a bulk change", about, exc_info=True)
        return None, Busy()
    except Exception:
        # Whatever it is: the rows before this one are done, and the person must read which.
        logger.exception("order %s failed in a bulk change", about)
        return None, Unexpected()


def happened_since(versions: Mapping[int, int]) -> dict[int, list[Happening]]:
    """What happened to each order after the version a person looked at, oldest first. One query; `reading.changed_since` for many."""
    if not versions:
        return {}
    rows = OrderEvent.objects.filter(order__in=list(versions), number__gte=min(versions.values())).select_related("user")
    found: dict[int, list[Happening]] = {pk: [] for pk in versions}
    for event in rows.order_by("order", "number"):
        if event.number >= versions[event.order_id]:
            found[event.order_id].append(happening(event))
    return found

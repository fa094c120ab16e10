"""START HERE for couriers: all of them, by code. To add one: a module like `ems.py` and its line below (docs/adding-a-courier.md).

Everything else follows from this table: which numbers are taken and suggested, the forms, the settings page, polling, health, the
webhook's address. The words they are all translated into are in tracking.py.
"""

from integrations import ems, fedex, ups
from integrations.tracking import (
    TERMINAL,
    Budget,
    Courier,
    TrackingResult,
    TrackingScan,
    TrackingStatus,
    Webhook,
    is_customs_hold,
)

COURIERS: dict[str, Courier] = {
    courier.code: courier
    for courier in (
        fedex.COURIER,
        ups.COURIER,
        ems.COURIER,
    )
}


def guess_couriers(number: str) -> list[str]:
    """The codes of all couriers whose numbers look like this, in the order of the table; empty where it fits none."""
    return [code for code, courier in COURIERS.items() if courier.is_valid_number(number)]


__all__ = [
    "COURIERS",
    "TERMINAL",
    "Budget",
    "Courier",
    "TrackingResult",
    "TrackingScan",
    "TrackingStatus",
    "Webhook",
    "guess_couriers",
    "is_customs_hold",
]

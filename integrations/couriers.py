"""START HERE for couriers: all of them, by code. To add one: a module like `ems.py`, and its line below (and its number rule in
tracking_numbers.py). The words they are all translated into are in tracking.py.
"""

from integrations import ems, fedex
from integrations.tracking import TERMINAL, Budget, Courier, TrackingResult, TrackingScan, TrackingStatus

COURIERS: dict[str, Courier] = {
    courier.code: courier
    for courier in (
        fedex.COURIER,
        ems.COURIER,
    )
}

__all__ = ["COURIERS", "TERMINAL", "Budget", "Courier", "TrackingResult", "TrackingScan", "TrackingStatus"]

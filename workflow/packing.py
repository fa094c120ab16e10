"""What looks odd about a packed parcel: hints for the person at the scales, never a refusal."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflow.guards import live_items
from workflow.models import Item, Order, Parcel

#: cm³ that couriers count as one gram, the most usual divisor
CM3_PER_G = 5
#: lead has 11 g/cm³; a box of goods is never heavier than this
MOST_G_PER_CM3 = 3
LIGHT_AS_A_PILLOW = 6
LONG_CM, FLAT_CM, HEAVY_G = 150, 2, 30_000


def loose_items(order: Order) -> list[Item]:
    """Live items that lie in no parcel which is still to be sent or was delivered."""
    there = {parcel.pk for parcel in order.parcels.all() if not parcel.closed_at}
    return [item for item in live_items(order) if item.parcel_id not in there]


def doubts(parcel: Parcel, *, items: int) -> list[Any]:
    """`items` is how many lie in it."""
    weight, volume = parcel.weight_g or 0, parcel.volume_cm3 or 0
    sides = [side for side in (parcel.length_cm, parcel.width_cm, parcel.height_cm) if side]
    said = [
        (not items, _("Nothing lies in it.")),
        (
            bool(weight and volume) and weight * CM3_PER_G * LIGHT_AS_A_PILLOW < volume,
            _("Very light for its size: is the weight in grams?"),
        ),
        (bool(weight and volume) and weight > volume * MOST_G_PER_CM3, _("Very heavy for its size: are the sides in centimetres?")),
        (bool(sides) and max(sides, default=0) > LONG_CM, _("A side is longer than 150 cm; couriers charge extra or refuse it.")),
        (bool(sides) and min(sides, default=FLAT_CM) < FLAT_CM, _("A side is shorter than 2 cm.")),
        (weight > HEAVY_G, _("Heavier than 30 kg; not every courier takes it.")),
    ]
    return [words for odd, words in said if odd]

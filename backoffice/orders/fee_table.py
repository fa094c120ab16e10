"""What every courier asks for each weighed parcel, side by side, to choose from. The sums are `workflow/rate_cards.py`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflow import courier_settings, rate_cards, work
from workflow.models import FeePolicy, Order, Parcel, RateCard
from workflow.rate_cards import Freight, Proposal


@dataclass(frozen=True)
class Cell:
    freight: Freight
    is_chosen: bool


@dataclass(frozen=True)
class FeeRow:
    parcel: Parcel
    #: one for each courier of the head
    cells: list[Cell]

    @property
    def chosen(self) -> Freight:
        return next(cell.freight for cell in self.cells if cell.is_chosen)


@dataclass(frozen=True)
class FeeTable:
    """`couriers` are (code, name); the last is none yet, by the fee policy."""

    couriers: list[tuple[str, Any]]
    parcels: list[Parcel]
    cards: Mapping[str, RateCard]
    policy: FeePolicy

    @property
    def proposal(self) -> Proposal:
        return rate_cards.propose(self.parcels, cards=self.cards, policy=self.policy)

    def rows(self, chosen: Mapping[int, str]) -> list[FeeRow]:
        """`chosen` is what a form holds, by parcel."""
        return [FeeRow(parcel, self._cells(parcel, chosen.get(parcel.pk, parcel.courier))) for parcel in self.parcels]

    def _cells(self, parcel: Parcel, chosen: str) -> list[Cell]:
        codes = [code for code, _name in self.couriers]
        wanted = chosen if chosen in codes else ""
        priced = [(code, rate_cards.freight_of(parcel, courier=code, cards=self.cards, policy=self.policy)) for code in codes]
        return [Cell(freight, code == wanted) for code, freight in priced]

    def sums(self) -> list[int | None]:
        """All parcels with one courier, for each of the head."""
        of_all = [self.rows({parcel.pk: code for parcel in self.parcels}) for code, _name in self.couriers]
        return [_sum([row.chosen.krw for row in rows]) for rows in of_all]


def _sum(prices: list[int | None]) -> int | None:
    return None if None in prices else sum(price for price in prices if price is not None)


def table_of(order: Order, *, policy: FeePolicy) -> FeeTable:
    """Two statements, whatever the number of parcels."""
    parcels = rate_cards.weighed(order.parcels.all())
    offered, kept = courier_settings.offered(order.country), {parcel.courier for parcel in parcels}
    couriers = [(code, name) for code, name in work.courier_names().items() if code in offered | kept]
    cards = rate_cards.cards_for(order.country, couriers={code for code, _name in couriers})
    return FeeTable([*couriers, ("", "")], parcels, cards, policy)

"""From won to the customer's bill: which rate, which fees, which lines. `fees.py` reckons the fees, `payments.py` makes invoices.

Rules: convert once per line and round half up, fees on the sum of the rounded lines. The rate and the fee
policy are frozen on the quote version; delivery is billed at the rate of the items quote that was paid. An estimate is made by the
functions that make the bills, and always by the fee policy: which courier takes a parcel, and so which rate card, is not known before
it is packed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.timezone import localdate, now

from core.errors import Conflict
from core.money import STRIPE_MAX_USD_CENTS, STRIPE_MIN_USD_CENTS, krw_to_usd_cents
from workflow import differences, rate_cards, storage
from workflow.fees import Fee, card_fee, chargeable_g, freight_krw, service_fee
from workflow.models import Adjustment, ExchangeRate, FeePolicy, InvoiceKind, InvoiceStatus, Item, LineKind, Order, Quote, RateCard
from workflow.rate_cards import Proposal

if TYPE_CHECKING:
    from integrations.exchange_rate import Rate
    from workflow.models import Parcel

#: a rate outside this band, or that moved by more than 5 % a day, is kept but not used
RATE_BAND = (Decimal(900), Decimal(2000))
MAX_DAILY_MOVE = Decimal("0.05")
#: and never by more than this, however long nothing was heard
MAX_MOVE = Decimal("0.20")
RATE_MAX_AGE = timedelta(days=7)
RATE_STALE_AFTER = timedelta(hours=36)


# --- Exchange rate --------------------------------------------------------------------------------------------------------


def usable_rate(*, today: date | None = None) -> ExchangeRate | None:
    """The last accepted rate, if it is not older than seven days; prices are not confirmed without one."""
    oldest = (today or localdate()) - RATE_MAX_AGE
    return ExchangeRate.objects.filter(refused_because="", as_of__gte=oldest).order_by("-fetched_at", "-pk").first()


def last_rate() -> ExchangeRate | None:
    """The last accepted rate whatever its age; may be none yet."""
    return ExchangeRate.objects.filter(refused_because="").order_by("-fetched_at", "-pk").first()


def is_stale(rate: ExchangeRate, *, at: datetime | None = None) -> bool:
    return rate.fetched_at < (at or now()) - RATE_STALE_AFTER


def store_rate(rate: "Rate") -> ExchangeRate:
    """Keep a fetched rate; one that is out of the band or jumped too far is kept with the reason and not used."""
    return ExchangeRate.objects.create(
        krw_per_usd=rate.krw_per_usd, source=rate.source, as_of=rate.as_of, refused_because=why_refused(rate, last=last_rate())
    )


def why_refused(rate: "Rate", *, last: ExchangeRate | None) -> str:
    low, high = RATE_BAND
    if not low <= rate.krw_per_usd <= high:
        return f"outside {low}..{high}"
    if last is None:
        return ""
    days = max(1, (rate.as_of - last.as_of).days)
    moved = abs(rate.krw_per_usd - last.krw_per_usd) / last.krw_per_usd
    return f"moved {moved:.1%} in {days} d" if moved > min(MAX_DAILY_MOVE * days, MAX_MOVE) else ""


# --- Lines ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    kind: str
    amount_krw: int
    amount_usd_cents: int
    quantity: int = 1
    item: Item | None = None
    #: how a fee was reckoned, see `fees.Fee.terms`
    fee: dict[str, Any] | None = None


@dataclass(frozen=True)
class Priced:
    """A bill before it is an invoice."""

    lines: tuple[Line, ...]
    policy: FeePolicy

    @property
    def total_krw(self) -> int:
        return sum(line.amount_krw for line in self.lines)

    @property
    def total_usd_cents(self) -> int:
        return sum(line.amount_usd_cents for line in self.lines)

    @property
    def is_chargeable(self) -> bool:
        return STRIPE_MIN_USD_CENTS <= self.total_usd_cents <= STRIPE_MAX_USD_CENTS


def policy_at(moment: datetime) -> FeePolicy:
    return FeePolicy.objects.filter(valid_from__lte=moment).latest("valid_from")


def items_quote(order: Order, *, rate: ExchangeRate, policy: FeePolicy | None = None) -> Priced:
    """The live, priced items at this rate, and the service fee on their sum."""
    policy = policy or policy_at(now())
    goods = tuple(
        _line(LineKind.ITEM, krw, krw_per_usd=rate.krw_per_usd, quantity=item.quantity, item=item)
        for item in order.items.all()
        if item.is_live and (krw := item.line_krw)
    )
    return Priced(lines=(*goods, _service_fee(goods, policy=policy, krw_per_usd=rate.krw_per_usd)), policy=policy)


def delivery_quote(order: Order) -> Priced:
    """The delivery fee that staff set (with what bringing the parcel back cost), at the rate and the fees of the paid items quote, the
    card fee on it, the storage so far, and what items cost more than was quoted."""
    quote = paid_quote(order)
    freight = _line(LineKind.DELIVERY, (order.delivery_fee_krw or 0) + order.return_charge_krw, krw_per_usd=quote.krw_per_usd)
    fee = _card_fee(freight, policy=quote.policy, krw_per_usd=quote.krw_per_usd)
    stored = _storage_lines(order, quote=quote)
    return Priced(lines=(freight, fee, *stored, *difference_lines(differences.carried(order), quote=quote)), policy=quote.policy)


def _storage_lines(order: Order, *, quote: Quote) -> tuple[Line, ...]:
    """The days beyond the free ones, on one line. Without a card fee: a day costs what the letters say it costs."""
    seen = storage.storage_of(order, policy=quote.policy)
    if seen is None or not seen.fee_days:
        return ()
    return (storage_line(seen, krw_per_usd=quote.krw_per_usd),)


def storage_line(seen: storage.Storage, *, krw_per_usd: Decimal) -> Line:
    return _line(LineKind.STORAGE, seen.fee_krw, krw_per_usd=krw_per_usd, quantity=seen.fee_days)


def difference_lines(adjustments: Iterable[Adjustment], *, quote: Quote) -> tuple[Line, ...]:
    """What items cost more than was quoted, at the rate of the paid quote and without fees."""
    return tuple(_difference(adjustment, quote=quote) for adjustment in adjustments)


def _difference(adjustment: Adjustment, *, quote: Quote) -> Line:
    return _line(LineKind.DIFFERENCE, adjustment.difference_krw, item=adjustment.item, krw_per_usd=quote.krw_per_usd)


@dataclass(frozen=True)
class Estimate(Priced):
    """Every fee before anything is asked for; one parcel is assumed."""

    chargeable_weight_g: int


def estimate(
    goods: Iterable[tuple[int, int]], *, weight_g: int, volume_cm3: int, rate: ExchangeRate, policy: FeePolicy | None = None
) -> Estimate:
    """`goods` are (unit price in won, quantity); the fees in force now, at one rate. In truth two bills: goods, later delivery."""
    policy, krw_per_usd = policy or policy_at(now()), rate.krw_per_usd
    items = tuple(_line(LineKind.ITEM, price * quantity, krw_per_usd=krw_per_usd, quantity=quantity) for price, quantity in goods)
    freight = _line(LineKind.DELIVERY, freight_krw(policy, weight_g=weight_g, volume_cm3=volume_cm3), krw_per_usd=krw_per_usd)
    service = _service_fee(items, policy=policy, krw_per_usd=krw_per_usd)
    return Estimate(
        lines=(*items, service, freight, _card_fee(freight, policy=policy, krw_per_usd=krw_per_usd)),
        policy=policy,
        chargeable_weight_g=chargeable_g(policy, weight_g=weight_g, volume_cm3=volume_cm3),
    )


def _line(kind: str, krw: int, *, krw_per_usd: Decimal, quantity: int = 1, item: Item | None = None) -> Line:
    return Line(kind, krw, krw_to_usd_cents(krw, krw_per_usd=krw_per_usd), quantity, item)


def _service_fee(goods: Iterable[Line], *, policy: FeePolicy, krw_per_usd: Decimal) -> Line:
    goods = tuple(goods)
    krw, cents = sum(line.amount_krw for line in goods), sum(line.amount_usd_cents for line in goods)
    return _fee(LineKind.SERVICE_FEE, service_fee(policy, goods_krw=krw, goods_usd_cents=cents, krw_per_usd=krw_per_usd))


def _card_fee(freight: Line, *, policy: FeePolicy, krw_per_usd: Decimal) -> Line:
    krw, cents = freight.amount_krw, freight.amount_usd_cents
    return _fee(LineKind.CARD_FEE, card_fee(policy, delivery_krw=krw, delivery_usd_cents=cents, krw_per_usd=krw_per_usd))


def _fee(kind: str, fee: Fee) -> Line:
    return Line(kind, fee.krw, fee.usd_cents, fee=fee.terms)


def freeze_quote(order: Order, *, rate: ExchangeRate, policy: FeePolicy) -> Quote:
    """The next version of the order's quote. Under the order's lock."""
    version = order.quotes.count() + 1
    return Quote.objects.create(
        order=order, version=version, krw_per_usd=rate.krw_per_usd, rate_source=rate.source, rate_as_of=rate.as_of, policy=policy
    )


def paid_quote(order: Order) -> Quote:
    """The quote whose items invoice was paid. Raises Conflict where none was: there is no rate to bill delivery at."""
    quote = (
        Quote.objects.select_related("policy")
        .filter(order=order, invoices__kind=InvoiceKind.ITEMS, invoices__status=InvoiceStatus.PAID)
        .order_by("-version")
        .first()
    )
    if quote is None:
        raise Conflict(code="items_unpaid")
    return quote


# --- Delivery -------------------------------------------------------------------------------------------------------------


def proposed_delivery_fee_krw(parcels: "Iterable[Parcel]", *, policy: FeePolicy, cards: Mapping[str, RateCard] | None = None) -> int:
    """What is proposed for the parcels that are weighed, by their couriers' cards (`rate_cards.cards_for`) or the policy; staff confirm
    the fee. 0 where nothing can be proposed."""
    return rate_cards.propose(parcels, cards=cards or {}, policy=policy).krw or 0


def delivery_proposal(order: Order) -> Proposal:
    """By the cards in force now and the policy of the paid quote, parcel by parcel. Empty where no items quote was paid."""
    try:
        policy = paid_quote(order).policy
    except Conflict:
        return Proposal(())
    parcels = rate_cards.weighed(order.parcels.all())
    cards = rate_cards.cards_for(order.country, couriers={parcel.courier for parcel in parcels} - {""})
    return rate_cards.propose(parcels, cards=cards, policy=policy)

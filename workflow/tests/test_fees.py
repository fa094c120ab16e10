"""Fees to the cent: percentages, flat parts, minimums, tiers, freight; what is billed is what was estimated, under one title everywhere."""

import re
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from django.test import Client
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from core.notices.models import Notice
from customer_api.tests.client import Caller, app_of
from workflow import fees, pricing, work
from workflow.invoices import line_title
from workflow.models import ExchangeRate, FeePolicy, Invoice, InvoiceLine, LineKind, Order, PayLink, Quote
from workflow.pricing import Line
from workflow.process import Role, State
from workflow.tests import factories
from workflow.transitions import TransitionRefused, perform

RATE = Decimal("1400.0000")


def on_goods(krw: int, *, cents: int | None = None, **policy) -> tuple[int, int]:
    """The service fee on goods of this sum, in won and cents; the goods' own cents at 1,400 unless told."""
    cents = (krw * 100 + 700) // 1400 if cents is None else cents
    fee = fees.service_fee(FeePolicy(**policy), goods_krw=krw, goods_usd_cents=cents, krw_per_usd=RATE)
    return fee.krw, fee.usd_cents


def freight(weight_g: int, volume_cm3: int = 0, **policy) -> int:
    return fees.freight_krw(FeePolicy(**policy), weight_g=weight_g, volume_cm3=volume_cm3)


# --- Fees on a sum --------------------------------------------------------------------------------------------------------


def test_a_percentage_is_taken_of_the_won_and_of_the_rounded_cents():
    assert on_goods(50_000, cents=3571) == (2_000, 143)
    assert on_goods(12, service_fee_bp=415, cents=1250) == (0, 52)
    assert on_goods(10_000, service_fee_bp=0) == (0, 0)


def test_a_flat_part_is_added_and_converted_at_the_rate():
    # 4 % of 3571 cents is 142.84, and 1,000 won are 71.43 cents: each rounded by itself
    assert on_goods(50_000, cents=3571, service_fee_flat_krw=1_000) == (3_000, 143 + 71)
    assert on_goods(50_000, cents=3571, service_fee_bp=0, service_fee_flat_krw=1_000) == (1_000, 71)


@pytest.mark.parametrize(
    ("goods_krw", "fee", "is_minimum"),
    [(74_999, (3_000, 214), False), (74_900, (3_000, 214), True), (1, (3_000, 214), True), (75_025, (3_001, 214), False)],
)
def test_a_fee_is_at_least_the_minimum(goods_krw, fee, is_minimum):
    policy = FeePolicy(service_fee_min_krw=3_000)

    reckoned = fees.service_fee(policy, goods_krw=goods_krw, goods_usd_cents=round(goods_krw / 14), krw_per_usd=RATE)

    assert ((reckoned.krw, reckoned.usd_cents), reckoned.terms["is_minimum"]) == (fee, is_minimum)


def test_the_minimum_is_of_percentage_and_flat_part_together():
    assert on_goods(50_000, cents=3571, service_fee_flat_krw=1_000, service_fee_min_krw=3_000) == (3_000, 143 + 71)
    assert on_goods(49_900, cents=3564, service_fee_flat_krw=1_000, service_fee_min_krw=3_000) == (3_000, 214)


TIERS = [{"from_krw": 100_000, "bp": 300}, {"from_krw": 1_000_000, "bp": 0}]


@pytest.mark.parametrize(("goods_krw", "fee_krw"), [(99_999, 4_000), (100_000, 3_000), (999_999, 30_000), (1_000_000, 0), (5_000_000, 0)])
def test_the_last_tier_reached_is_the_percentage_of_the_whole_sum(goods_krw, fee_krw):
    assert on_goods(goods_krw, service_fee_tiers=TIERS)[0] == fee_krw


@pytest.mark.parametrize("policy", [{}, {"service_fee_flat_krw": 500}, {"service_fee_min_krw": 3_000}])
def test_nothing_costs_no_fee(policy):
    assert on_goods(0, **policy) == (0, 0)


def test_a_card_fee_has_its_own_percentage_flat_part_and_minimum():
    policy = FeePolicy(card_fee_bp=350, card_fee_flat_krw=300, card_fee_min_krw=1_000, service_fee_min_krw=9_999, service_fee_tiers=TIERS)

    on = lambda krw, cents: fees.card_fee(policy, delivery_krw=krw, delivery_usd_cents=cents, krw_per_usd=RATE)  # noqa: E731

    assert on(30_000, 2143) == fees.Fee(1_350, 75 + 21, {"bp": 350, "flat_krw": 300, "is_minimum": False})
    assert on(15_000, 1071) == fees.Fee(1_000, 71, {"bp": 350, "flat_krw": 300, "is_minimum": True})
    assert (on(0, 0).krw, on(0, 0).usd_cents) == (0, 0)


# --- Delivery -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weight_g", "volume_cm3", "fee_krw"), [(1200, 6000, 3600), (900, 21_600, 10_800), (1, 1, 3), (333, 0, 999)])
def test_freight_is_by_weight_or_volume_whichever_is_more(weight_g, volume_cm3, fee_krw):
    assert freight(weight_g, volume_cm3) == fee_krw


def test_freight_is_rounded_once_half_up_and_no_third_of_a_gram_is_lost():
    assert freight(0, 1, volume_divisor=3, delivery_krw_per_kg=1_500) == 1
    assert freight(0, 1, volume_divisor=3, delivery_krw_per_kg=1_499) == 0
    assert freight(1, delivery_krw_per_kg=2_500) == 3


def test_freight_has_a_flat_part_and_a_minimum_of_both_together():
    assert freight(1_200, delivery_flat_krw=2_000) == 5_600
    assert freight(1_200, delivery_flat_krw=2_000, delivery_min_krw=5_600) == 5_600
    assert freight(1_200, delivery_flat_krw=2_000, delivery_min_krw=8_000) == 8_000


@pytest.mark.parametrize(
    ("weight_g", "volume_cm3", "fee_krw"),
    # 59,999 cm³ are 9,999.83 g: shown as 10,000, and the tier is not reached
    [(9_999, 0, 29_997), (10_000, 0, 25_000), (1, 59_999, 30_000), (1, 60_000, 25_000), (20_000, 0, 40_000)],
)
def test_a_heavy_parcel_has_the_price_of_its_tier_for_every_kilogram(weight_g, volume_cm3, fee_krw):
    tiers = [{"from_g": 10_000, "krw_per_kg": 2_500}, {"from_g": 20_000, "krw_per_kg": 2_000}]

    assert freight(weight_g, volume_cm3, delivery_tiers=tiers) == fee_krw


def test_the_chargeable_weight_is_shown_rounded():
    shown = lambda weight_g, volume_cm3: fees.chargeable_g(FeePolicy(), weight_g=weight_g, volume_cm3=volume_cm3)  # noqa: E731
    assert (shown(1_200, 6_000), shown(1, 59_999), shown(0, 3), shown(0, 2)) == (1_200, 10_000, 1, 0)


def test_the_proposal_is_for_weighed_parcels_that_are_still_to_be_sent():
    policy = FeePolicy(delivery_flat_krw=2_000)
    to_be_sent = {"weight_g": 1_000, "volume_cm3": 0, "courier": "", "closed_at": None, "delivered_at": None}
    parcel = lambda **said: SimpleNamespace(**to_be_sent | said)  # noqa: E731

    assert pricing.proposed_delivery_fee_krw([], policy=policy) == 0
    # the last two are of a journey that was made: one came back, one was delivered
    parcels = [parcel(), parcel(volume_cm3=None), parcel(weight_g=None), parcel(closed_at=now()), parcel(delivered_at=now())]
    assert pricing.proposed_delivery_fee_krw(parcels, policy=policy) == 2 * 5_000


# --- Against an independent reference -------------------------------------------------------------------------------------


def half_up(amount: Fraction) -> int:
    """School rounding on exact fractions."""
    return floor(amount + Fraction(1, 2))


def cents(krw: int, rate: Decimal) -> int:
    return half_up(Fraction(krw * 100) / Fraction(rate))


def fee_by_the_book(krw: int, usd_cents: int, *, rate: Decimal, bp: int, flat: int, least: int) -> tuple[int, int]:
    in_won = half_up(Fraction(krw * bp, 10_000)) + flat
    if krw == 0:
        return 0, 0
    if in_won < least:
        return least, cents(least, rate)
    return in_won, half_up(Fraction(usd_cents * bp, 10_000)) + cents(flat, rate)


def tier_by_the_book(tiers: list[dict], amount: Fraction | int, *, since: str, gives: str, base: int) -> int:
    for tier in tiers:
        if amount >= tier[since]:
            base = tier[gives]
    return base


won = st.integers(0, fees.MAX_KRW)
points = st.integers(0, fees.MAX_BP)
goods = st.lists(st.tuples(st.integers(1, 20_000_000), st.integers(1, 50)), min_size=1, max_size=50)
rates = st.decimals(min_value=900, max_value=2000, places=4)


def tiers_of(since: str, starts: st.SearchStrategy, gives: str, values: st.SearchStrategy) -> st.SearchStrategy:
    rising = st.lists(starts, unique=True, max_size=fees.MAX_TIERS).map(sorted)
    return rising.flatmap(
        lambda found: st.tuples(*(values.map(lambda value, start=start: {since: start, gives: value}) for start in found))
    )


policies = st.builds(
    FeePolicy,
    service_fee_bp=points, service_fee_flat_krw=won, service_fee_min_krw=won,
    service_fee_tiers=tiers_of("from_krw", st.integers(1, fees.MAX_FROM_KRW), "bp", points).map(list),
    card_fee_bp=points, card_fee_flat_krw=won, card_fee_min_krw=won,
    delivery_krw_per_kg=won, delivery_flat_krw=won, delivery_min_krw=won,
    delivery_tiers=tiers_of("from_g", st.integers(1, fees.MAX_FROM_G), "krw_per_kg", won).map(list),
    volume_divisor=st.integers(1, fees.MAX_DIVISOR),
)  # fmt: skip


class Basket:
    """Enough of an order for `items_quote`: its items."""

    def __init__(self, goods: list[tuple[int, int]]) -> None:
        self.items = self
        self.goods = [SimpleNamespace(is_live=True, quantity=quantity, line_krw=price * quantity) for price, quantity in goods]

    def all(self) -> list[SimpleNamespace]:
        return self.goods


def amounts(lines) -> list[tuple[int, int]]:
    return [(line.amount_krw, line.amount_usd_cents) for line in lines]


@given(goods, policies, rates, st.integers(0, 1_000_000), st.integers(0, 10_000_000))
def test_bills_and_estimates_are_what_exact_fractions_say(goods, policy, rate, weight_g, volume_cm3):
    # Given: the reference, line by line
    lines = [(price * quantity, cents(price * quantity, rate)) for price, quantity in goods]
    sum_krw, sum_cents = (sum(part) for part in zip(*lines, strict=True))
    bp = tier_by_the_book(policy.service_fee_tiers, sum_krw, since="from_krw", gives="bp", base=policy.service_fee_bp)
    service = fee_by_the_book(sum_krw, sum_cents, rate=rate, bp=bp, flat=policy.service_fee_flat_krw, least=policy.service_fee_min_krw)
    grams = max(Fraction(weight_g), Fraction(volume_cm3, policy.volume_divisor))
    per_kg = tier_by_the_book(policy.delivery_tiers, grams, since="from_g", gives="krw_per_kg", base=policy.delivery_krw_per_kg)
    delivery_krw = max(half_up(grams * per_kg / 1000) + policy.delivery_flat_krw, policy.delivery_min_krw)
    delivery = (delivery_krw, cents(delivery_krw, rate))
    card = fee_by_the_book(*delivery, rate=rate, bp=policy.card_fee_bp, flat=policy.card_fee_flat_krw, least=policy.card_fee_min_krw)

    # When
    exchange = ExchangeRate(krw_per_usd=rate)
    quote = pricing.items_quote(Basket(goods), rate=exchange, policy=policy)
    estimate = pricing.estimate(goods, weight_g=weight_g, volume_cm3=volume_cm3, rate=exchange, policy=policy)

    # Then
    assert amounts(quote.lines) == [*lines, service]
    assert amounts(estimate.lines) == [*lines, service, delivery, card]
    assert estimate.chargeable_weight_g == half_up(grams)
    assert quote.total_usd_cents == sum_cents + service[1]
    assert quote.is_chargeable == (50 <= sum_cents + service[1] <= 99_999_999)


# --- On real orders -------------------------------------------------------------------------------------------------------

ALL = {
    "service_fee_flat_krw": 1_000,
    "service_fee_min_krw": 500,
    "service_fee_tiers": [{"from_krw": 50_000, "bp": 250}],
    "card_fee_bp": 0,
    "card_fee_flat_krw": 700,
    "delivery_flat_krw": 2_000,
}


def in_force(**fields) -> FeePolicy:
    return FeePolicy.objects.create(valid_from=now() - timedelta(seconds=1), **fields)


def priced_order(*prices: int, rate: str = "1400.00") -> Order:
    """An approved order of one piece each, priced, with the prices not yet confirmed."""
    order = factories.order_at(State.QUOTE_APPROVED, items=len(prices))
    order.items.update(quantity=1)
    factories.rate(rate)
    wanted = dict(zip((item.pk for item in order.items.all()), prices, strict=True))
    work.price_items(order.pk, prices=wanted, by=factories.by(Role.BUYER))
    return factories.reload(order)


def confirm(order: Order) -> Order:
    return perform(order.pk, Order.confirm_item_prices, by=factories.by(Role.BUYER))


@pytest.mark.django_db
def test_an_invoice_is_what_the_estimate_said():
    # Given: goods for 50,000 won, and 30,000 won of delivery as staff set it; 56,000 cm³ cost just that
    in_force(**ALL)
    order = factories.order_at(State.AWAITING_DELIVERY_PAYMENT)
    # When
    goods = [{"price_krw": 10_000}, {"price_krw": 20_000, "quantity": 2}]
    told = Caller().post("/estimates", {"items": goods, "weight_g": 1_200, "volume_cm3": 56_000})
    # Then
    lines = InvoiceLine.objects.filter(invoice__order=order).order_by("invoice__number", "position")
    billed = [(line.kind, line_title(line, locale="en"), line.quantity, line.amount_krw, line.amount_usd_cents) for line in lines]
    assert billed == [
        ("item", "Item 1", 1, 10_000, 714),
        ("item", "Item 2 × 2", 2, 40_000, 2857),
        ("service_fee", "Service fee 2.5% + ₩1,000", 1, 2_250, 89 + 71),
        ("delivery", "International delivery", 1, 30_000, 2143),
        ("card_fee", "Card fee ₩700", 1, 700, 50),
    ]
    estimated = [tuple(line[name] for name in ("kind", "title", "quantity", "amount_krw", "amount_usd_cents")) for line in told["lines"]]
    assert estimated == [(kind, title.removesuffix(" × 2"), *rest) for kind, title, *rest in billed]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("prices", "total_cents"), [((500,), 50), ((494,), 49), ((999_999_990,), 99_999_999), ((999_999_990, 5), 100_000_000)]
)
def test_a_total_outside_stripes_limits_is_refused_and_nothing_changed(prices, total_cents):
    # Given: no fee, and 1,000 won a dollar
    in_force(service_fee_bp=0)
    order = priced_order(*prices, rate="1000.00")
    before = (order.state, order.version, order.last_event_number)
    assert pricing.items_quote(order, rate=ExchangeRate.objects.latest("pk")).total_usd_cents == total_cents
    # When, Then
    if 50 <= total_cents <= 99_999_999:
        assert confirm(order).state == State.AWAITING_ITEM_PAYMENT
        return
    with pytest.raises(TransitionRefused, match=re.escape("The total must be between $0.50 and $999,999.99.")) as refused:
        confirm(order)
    assert refused.value.code == "amount_out_of_range"
    fresh = factories.reload(order)
    assert (fresh.state, fresh.version, fresh.last_event_number) == before
    assert {item.status for item in fresh.items.all()} == {"approved"}
    assert not Invoice.objects.exists()
    assert not Quote.objects.exists()


@pytest.mark.django_db
def test_a_minimum_can_lift_a_small_order_to_what_stripe_takes():
    in_force(service_fee_min_krw=3_000)

    order = confirm(priced_order(100))

    assert amounts(InvoiceLine.objects.filter(invoice__order=order)) == [(100, 7), (3_000, 214)]


@pytest.mark.django_db
def test_a_quote_keeps_its_policy_when_a_new_one_comes_into_force():
    # Given: quoted and paid under the first policy
    order = factories.order_at(State.AT_WAREHOUSE)
    first = order.quotes.get().policy
    # When
    second = in_force(service_fee_bp=1_000, card_fee_bp=1_000)
    factories.confirm_fee(order)
    later = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    # Then
    assert (order.quotes.get().policy, later.quotes.get().policy) == (first, second)
    delivery = factories.reload(order).invoices.get(kind="delivery")
    assert [line_title(line, locale="en") for line in delivery.lines.all()] == ["International delivery", "Card fee 4%"]
    assert amounts(delivery.lines.all()) == [(30_000, 2143), (1_200, 86)]
    assert line_title(later.invoices.get().lines.get(kind="service_fee"), locale="en") == "Service fee 10%"


# --- How lines read -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "title"),
    [
        ((400, 0, False), "Service fee 4%"),
        ((250, 0, False), "Service fee 2.5%"),
        ((1, 0, False), "Service fee 0.01%"),
        ((0, 0, False), "Service fee 0%"),
        ((400, 1_000, False), "Service fee 4% + ₩1,000"),
        ((0, 1_000, False), "Service fee ₩1,000"),
        ((400, 1_000, True), "Service fee (minimum ₩3,000)"),
    ],
)
def test_a_fee_says_how_it_was_reckoned(terms, title):
    fee = dict(zip(("bp", "flat_krw", "is_minimum"), terms, strict=True))
    assert line_title(Line(LineKind.SERVICE_FEE, 3_000, 214, fee=fee), locale="en") == title
    assert line_title(Line(LineKind.CARD_FEE, 3_000, 214, fee=fee), locale="en") == title.replace("Service", "Card")


@pytest.mark.django_db
def test_a_line_made_before_it_kept_its_terms_has_the_percentage_of_its_policy():
    in_force(service_fee_bp=300)
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT)
    InvoiceLine.objects.update(fee=None)

    assert line_title(order.invoices.get().lines.get(kind="service_fee"), locale="en") == "Service fee 3%"
    assert line_title(order.invoices.get().lines.get(kind="service_fee"), locale="ko") == "대행 수수료 3%"


@pytest.mark.django_db
def test_a_price_difference_names_its_item_and_no_title_is_too_long_for_stripe():
    item = factories.new_order(items=1).items.get()
    title = lambda kind, quantity: line_title(Line(kind, 1_000, 71, quantity, item), locale="en")  # noqa: E731
    assert title(LineKind.DIFFERENCE, 1) == "Price difference: Item 1"
    item.name = "양" * 300
    assert title(LineKind.DIFFERENCE, 1) == "Price difference: " + "양" * 232
    assert title(LineKind.ITEM, 1) == title(LineKind.ITEM, 2) == "양" * 250
    assert line_title(Line(LineKind.DIFFERENCE, 1_000, 71), locale="en") == "Price difference"


@pytest.mark.django_db
def test_a_title_is_the_same_everywhere(sandbox, jobs):
    # Given: an order whose service fee is the minimum
    in_force(service_fee_min_krw=3_000)
    order = factories.order_at(State.AWAITING_ITEM_PAYMENT, owner=factories.customer(locale="en"))
    # When
    jobs.run()
    # Then
    titles = ["Item 1", "Item 2 × 2", "Service fee (minimum ₩3,000)"]
    assert titles_in_api(order) == titles
    assert titles_at_stripe(sandbox) == titles
    mail = Notice.objects.get(recipient=order.customer.email, kind="confirm_item_prices", channel="email").text
    pay_page = Client().get(f"/pay/{PayLink.objects.get(order=order, kind='items').token}").content.decode()
    office = office_of_owner().get(f"/admin/workflow/order/{order.pk}/change/").content.decode()
    for title in titles:
        assert title in mail, title
        assert title in pay_page, title
        assert title in office, title


def titles_in_api(order: Order) -> list[str]:
    (invoice,) = app_of(order.customer).get(f"/orders/{order.number}")["invoices"]
    return [line["title"] for line in invoice["lines"]]


def titles_at_stripe(sandbox) -> list[str]:
    (sent,) = [request for request in sandbox.requests("stripe") if request["method"] == "POST"]
    return [value for name, value in parse_qsl(sent["body"]) if name.endswith("[product_data][name]")]


def office_of_owner() -> Client:
    client = Client()
    client.force_login(factories.staff(Role.OWNER))
    return client

"""What a parcel costs by a card, to the won; which card holds; who adds one and what a card may not be."""

from datetime import timedelta

import pytest
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BidangilError, Conflict, Invalid, NotFound
from workflow import pricing, rate_cards, work
from workflow.models import OrderEvent, Parcel, RateCard
from workflow.process import Role, State
from workflow.rate_cards import NO_STEP, TOO_HEAVY, by_card
from workflow.tests import factories
from workflow.transitions import TransitionRefused

DAY = timedelta(days=1)
STEPS = [{"up_to_g": 500, "krw": 21_000}, {"up_to_g": 1_000, "krw": 25_500}, {"up_to_g": 1_500, "krw": 29_900}]


def card(**said) -> RateCard:
    return RateCard(**{"courier": "ems", "steps": STEPS, "extra_krw_per_kg": 3_000, "volume_divisor": 5} | said)


def price(weight_g: int, volume_cm3: int = 0, **said) -> int | None:
    return by_card(card(**said), weight_g=weight_g, volume_cm3=volume_cm3).krw


# --- Sums -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weight_g", "krw"),
    [
        (1, 21_000), (499, 21_000), (500, 21_000), (501, 25_500), (999, 25_500), (1_000, 25_500), (1_001, 29_900), (1_500, 29_900),
        (1_501, 32_900), (2_499, 32_900), (2_500, 32_900), (2_501, 35_900), (30_000, 29_900 + 29 * 3_000),
    ],
)  # fmt: skip
def test_the_price_is_of_the_first_step_that_reaches_and_above_the_last_for_each_kilogram_begun(weight_g, krw):
    assert price(weight_g) == krw


@pytest.mark.parametrize(
    ("volume_cm3", "divisor", "krw", "chargeable_g"),
    [
        (2_500, 5, 21_000, 500), (2_501, 5, 25_500, 500), (3_000, 6, 21_000, 500), (3_001, 6, 25_500, 500), (5_000, 5, 25_500, 1_000),
        (7_500, 5, 29_900, 1_500), (7_501, 5, 32_900, 1_500), (12_501, 5, 35_900, 2_500), (400, 5, 21_000, 100),
    ],
)  # fmt: skip
def test_bulky_parcels_are_charged_by_the_cards_own_divisor_and_no_fifth_of_a_gram_is_lost(volume_cm3, divisor, krw, chargeable_g):
    freight = by_card(card(volume_divisor=divisor), weight_g=100, volume_cm3=volume_cm3)
    assert (freight.krw, freight.chargeable_g) == (krw, chargeable_g)


@pytest.mark.parametrize(("bp", "krw"), [(0, 21_000), (1, 21_002), (1_500, 24_150), (10_000, 42_000)])
def test_the_fuel_surcharge_is_on_top_and_rounded_once_half_up(bp, krw):
    assert price(500, fuel_surcharge_bp=bp) == krw  # 2.1 won are 2


def test_the_fuel_surcharge_is_on_further_kilograms_too():
    # 32,901 + 6.25 % = 34,957.31; 32,900 + 0.5 % = 33,064.5
    assert price(2_500, extra_krw_per_kg=3_001, fuel_surcharge_bp=625) == 34_957
    assert price(2_500, fuel_surcharge_bp=50) == 33_065


def test_a_parcel_heavier_than_the_courier_takes_or_bulkier_than_its_steps_has_no_price():
    freight = by_card(card(max_g=20_000), weight_g=20_001, volume_cm3=0)
    assert (freight.krw, freight.refused, freight.is_too_heavy) == (None, TOO_HEAVY, True)
    assert price(20_000, max_g=20_000) == 29_900 + 19 * 3_000
    ended = card(max_g=1_500, extra_krw_per_kg=0)
    assert by_card(ended, weight_g=1_500, volume_cm3=7_500).krw == 29_900
    assert by_card(ended, weight_g=1_500, volume_cm3=7_501).refused == NO_STEP


@pytest.mark.once
@given(st.integers(1, 30_000), st.integers(1, 200_000), st.integers(0, 3_000))
def test_more_weight_or_volume_never_costs_less(weight_g, volume_cm3, fuel):
    sent = card(fuel_surcharge_bp=fuel)
    base = by_card(sent, weight_g=weight_g, volume_cm3=volume_cm3).krw
    assert by_card(sent, weight_g=min(weight_g + 1, 30_000), volume_cm3=volume_cm3).krw >= base
    assert by_card(sent, weight_g=weight_g, volume_cm3=volume_cm3 + 5).krw >= base
    assert base >= 21_000


# --- Which card holds -----------------------------------------------------------------------------------------------------


put = factories.rate_card


@pytest.mark.django_db
def test_the_countrys_card_goes_before_the_one_for_all_and_a_later_one_before_an_earlier(django_assert_num_queries):
    put(days=-9)
    everywhere, american = put(days=-2), put(country="US", days=-5)
    put(days=1), put(country="US", days=1), put(country="CA", days=-1)
    fedex = put("fedex", "US", days=-3)

    with django_assert_num_queries(1):
        assert rate_cards.cards_for("US") == {"ems": american, "fedex": fedex}
    assert rate_cards.cards_for("FR") == {"ems": everywhere}
    assert rate_cards.cards_for("US", couriers={"fedex"}) == {"fedex": fedex}
    assert rate_cards.cards_for("US", at=now() - 20 * DAY) == {}


# --- An order's parcels ---------------------------------------------------------------------------------------------------


@pytest.fixture
def order(db):
    """Two parcels: 1.2 kg, and 400 g in 3,000 cm³ (600 g by a divisor of 5)."""
    found, warehouse = factories.order_at(State.AT_WAREHOUSE), factories.by(Role.WAREHOUSE)
    first, second = found.items.all()
    work.pack_parcel(found.pk, weight_g=1_200, volume_cm3=600, item_ids=[first.pk], by=warehouse)
    work.pack_parcel(found.pk, weight_g=400, volume_cm3=3_000, item_ids=[second.pk], by=warehouse)
    return factories.reload(found)


def couriers(order, *codes) -> dict[int, str]:
    return dict(zip(order.parcels.values_list("pk", flat=True), codes, strict=True))


def test_each_parcel_is_proposed_by_its_couriers_card_and_by_the_policy_where_there_is_none(order):
    held = put(country=order.country)
    work.choose_couriers(order.pk, couriers=couriers(order, "ems", "fedex"), by=factories.by(Role.FINANCE))

    proposal = pricing.delivery_proposal(factories.reload(order))

    assert [(freight.card, freight.krw) for _parcel, freight in proposal.lines] == [(held, 29_900), (None, 1_500)]
    assert proposal.krw == 31_400
    assert OrderEvent.objects.filter(order=order).latest("number").facts == {"couriers": {"1": "ems", "2": "fedex"}}


def test_half_a_sum_is_never_proposed(order):
    put(max_g=1_000)
    work.choose_couriers(order.pk, couriers=couriers(order, "ems", "ems"), by=factories.by(Role.WAREHOUSE))
    fresh = factories.reload(order)
    assert [freight.krw for _parcel, freight in pricing.delivery_proposal(fresh).lines] == [None, 25_500]
    assert pricing.delivery_proposal(fresh).krw is None
    policy = pricing.paid_quote(fresh).policy
    assert pricing.proposed_delivery_fee_krw(fresh.parcels.all(), policy=policy, cards=rate_cards.cards_for("US")) == 0
    # the fee is a person's then, without a reason
    assert work.set_delivery_fee(order.pk, fee_krw=90_000, by=factories.by(Role.WAREHOUSE)).delivery_fee_krw == 90_000


def test_the_event_of_a_fee_keeps_what_was_proposed_and_by_which_card(order):
    held = put()

    work.set_delivery_fee(order.pk, fee_krw=55_400, couriers=couriers(order, "ems", "ems"), by=factories.by(Role.WAREHOUSE))

    facts = OrderEvent.objects.filter(order=order).latest("number").facts
    assert facts["delivery_fee_krw"] == facts["proposed_krw"] == 55_400
    by_ems = {"courier": "ems", "card": held.pk, "card_from": held.valid_from.isoformat(), "divisor": 5}
    assert facts["proposal"] == [
        {"parcel": 1, **by_ems, "weight_g": 1_200, "volume_g": 120, "chargeable_g": 1_200, "krw": 29_900},
        {"parcel": 2, **by_ems, "weight_g": 400, "volume_g": 600, "chargeable_g": 600, "krw": 25_500},
    ]
    assert facts["couriers"] == {"1": "ems", "2": "ems"}
    assert list(order.parcels.values_list("courier", flat=True)) == ["ems", "ems"]


def test_a_later_card_changes_no_fee_that_was_set(order):
    put()
    work.set_delivery_fee(order.pk, fee_krw=55_400, couriers=couriers(order, "ems", "ems"), by=factories.by(Role.WAREHOUSE))
    put(days=0, steps=[{"up_to_g": 30_000, "krw": 9_000}])
    assert pricing.delivery_proposal(factories.reload(order)).krw == 18_000
    assert factories.reload(order).delivery_fee_krw == 55_400


@pytest.mark.parametrize(("fee_krw", "needed"), [(4_080, False), (6_120, False), (4_079, True), (6_121, True)])
def test_more_than_a_fifth_from_the_proposal_needs_a_reason(order, fee_krw, needed):
    """The policy proposes 3,600 and 1,500 won."""
    before, warehouse = OrderEvent.objects.count(), factories.by(Role.WAREHOUSE)
    if needed:
        with pytest.raises(Invalid) as refused:
            work.set_delivery_fee(order.pk, fee_krw=fee_krw, reason="  ", by=warehouse)
        assert (refused.value.field, OrderEvent.objects.count()) == ("reason", before)
        assert factories.reload(order).delivery_fee_krw is None
    work.set_delivery_fee(order.pk, fee_krw=fee_krw, reason="agreed by telephone" if needed else "", by=warehouse)
    assert OrderEvent.objects.latest("pk").facts.get("reason") == ("agreed by telephone" if needed else None)


def test_a_refused_courier_changes_nothing(order):
    parcel = order.parcels.first()
    for wrong in ({parcel.pk: "pigeon"}, {parcel.pk + 1_000: "ems"}):
        with pytest.raises(Invalid):
            work.set_delivery_fee(order.pk, fee_krw=5_100, couriers=wrong, by=factories.by(Role.WAREHOUSE))
    with pytest.raises(TransitionRefused):
        work.choose_couriers(order.pk, couriers={parcel.pk: "ems"}, by=factories.by(Role.BUYER))
    assert (factories.reload(order).delivery_fee_krw, Parcel.objects.get(pk=parcel.pk).courier) == (None, "")


# --- Adding and taking back -----------------------------------------------------------------------------------------------

NEW = {"courier": "ems", "country": "US", "steps": STEPS, "extra_krw_per_kg": 3_000}


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.OWNER, Role.FINANCE])
def test_a_card_is_added_by_who_may_and_taken_back_before_it_holds(role):
    by = factories.by(role)
    held = rate_cards.add_card(by=by, valid_from=None, **NEW)
    coming = rate_cards.add_card(by=by, valid_from=now() + DAY, **NEW)
    assert (rate_cards.cards_for("US"), held.made_by) == ({"ems": held}, by.user)
    assert list(rate_cards.with_end().order_by("valid_from").values_list("until", flat=True)) == [coming.valid_from, None]

    with pytest.raises(Conflict) as refused:
        rate_cards.remove_card(held.pk, by=by)
    assert refused.value.code == "card_in_force"
    rate_cards.remove_card(coming.pk, by=by)
    with pytest.raises(NotFound):
        rate_cards.remove_card(coming.pk, by=by)
    assert list(RateCard.objects.all()) == [held]


@pytest.mark.django_db
@pytest.mark.parametrize("roles", [(), (Role.WAREHOUSE, Role.BUYER, Role.SUPPORT, Role.MODERATOR)])
def test_nobody_else_adds_or_takes_back(roles):
    planned, by = put(days=1), factories.by(*roles)
    for act in (lambda: rate_cards.add_card(by=by, valid_from=None, **NEW), lambda: rate_cards.remove_card(planned.pk, by=by)):
        with pytest.raises(TransitionRefused):
            act()
    assert RateCard.objects.get() == planned


@pytest.mark.django_db
def test_two_cards_never_begin_at_one_moment():
    moment, by = now() + DAY, factories.by(Role.OWNER)
    rate_cards.add_card(by=by, valid_from=moment, **NEW)
    with pytest.raises(Invalid) as refused:
        rate_cards.add_card(by=by, valid_from=moment, **NEW)
    assert (refused.value.field, RateCard.objects.count()) == ("valid_from", 1)
    rate_cards.add_card(by=by, valid_from=moment, **NEW | {"country": ""})


def step(up_to_g, krw=1_000) -> dict:
    return {"up_to_g": up_to_g, "krw": krw}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"courier": "pigeon"}, "courier"),
        ({"country": "usa"}, "country"),
        ({"valid_from": -timedelta(minutes=2)}, "valid_from"),
        ({"volume_divisor": 0}, "volume_divisor"),
        ({"max_g": 100_001}, "max_g"),
        ({"extra_krw_per_kg": -1}, "extra_krw_per_kg"),
        ({"extra_krw_per_kg": 0}, "extra_krw_per_kg"),
        ({"fuel_surcharge_bp": 10_001}, "fuel_surcharge_bp"),
        ({"note": "x" * 301}, "note"),
        ({"steps": []}, "steps"),
        ({"steps": [step(500), step(500)]}, "steps"),
        ({"steps": [step(0)]}, "steps"),
        ({"steps": [step(500, 0)]}, "steps"),
        ({"steps": [step(True)]}, "steps"),
        ({"steps": [step(n) for n in range(1, 202)]}, "steps"),
    ],
)
def test_what_is_wrong_with_a_card_is_said_with_its_field(changed, field):
    moment = changed.get("valid_from")
    said = NEW | changed | ({"valid_from": now() + moment} if moment else {"valid_from": None})
    with pytest.raises(BidangilError) as refused:
        rate_cards.add_card(by=factories.by(Role.OWNER), **said)
    assert (refused.value.field, RateCard.objects.count()) == (field, 0)


@pytest.mark.django_db
def test_estimates_stay_with_the_policy():
    put(steps=[step(30_000, 99_000)])
    found = pricing.estimate([(10_000, 1)], weight_g=500, volume_cm3=3_600, rate=factories.rate())
    assert (found.chargeable_weight_g, found.lines[2].amount_krw) == (600, 1_800)

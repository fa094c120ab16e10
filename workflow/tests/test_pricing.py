"""Won to cents, exactly, and which exchange rate is believed. Fees: `test_fees.py`."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import format_krw, format_usd, krw_to_usd_cents, share
from integrations.exchange_rate import Rate
from workflow import pricing
from workflow.models import ExchangeRate

won = st.integers(1, 50_000_000)
rates = st.decimals(min_value=900, max_value=2000, places=4)


def half_up(amount: Fraction) -> int:
    """The reference: school rounding on exact fractions."""
    return floor(amount + Fraction(1, 2))


@given(won, rates)
def test_a_cent_is_never_lost_or_made_by_floats(amount, rate):
    assert krw_to_usd_cents(amount, krw_per_usd=rate) == half_up(Fraction(amount * 100) / Fraction(rate))


@pytest.mark.parametrize(("amount", "rate", "cents"), [(10_000, "1400", 714), (7, "1400", 1), (1, "2000", 0), (1_000_005, "1000", 100_001)])
def test_exact_conversions(amount, rate, cents):
    assert krw_to_usd_cents(amount, krw_per_usd=Decimal(rate)) == cents


def test_half_a_unit_goes_up():
    assert share(1250, basis_points=400) == 50
    assert share(1237, basis_points=400) == 49
    assert share(1238, basis_points=400) == 50


@pytest.mark.parametrize("rate", ["0", "-1"])
def test_an_impossible_rate_is_an_error_not_a_price(rate):
    with pytest.raises(ValueError, match="positive"):
        krw_to_usd_cents(1, krw_per_usd=Decimal(rate))


def test_money_is_written_for_people():
    assert (format_usd(123456789), format_usd(-5), format_krw(1234567)) == ("$1,234,567.89", "-$0.05", "₩1,234,567")


# --- Which rate -----------------------------------------------------------------------------------------------------------

TODAY = date(2026, 11, 22)


def fetched(krw: str, *, as_of: date = TODAY) -> Rate:
    return Rate(krw_per_usd=Decimal(krw), source="test", as_of=as_of)


@pytest.mark.django_db
def test_a_rate_out_of_the_band_or_that_jumped_is_kept_and_not_used():
    pricing.store_rate(fetched("1400"))

    assert pricing.store_rate(fetched("2001")).refused_because
    assert pricing.store_rate(fetched("899.9999")).refused_because
    assert pricing.store_rate(fetched("1471")).refused_because.startswith("moved")
    assert pricing.store_rate(fetched("1470")).refused_because == ""
    assert ExchangeRate.objects.count() == 5


@pytest.mark.django_db
def test_a_jump_over_several_days_may_be_larger():
    pricing.store_rate(fetched("1400", as_of=TODAY - timedelta(days=3)))

    assert pricing.store_rate(fetched("1600")).refused_because == ""


@pytest.mark.django_db
def test_a_rate_older_than_seven_days_is_not_used_for_prices():
    pricing.store_rate(fetched("1400", as_of=TODAY - timedelta(days=8)))
    assert pricing.usable_rate(today=TODAY) is None

    pricing.store_rate(fetched("1400", as_of=TODAY - timedelta(days=7)))
    assert pricing.usable_rate(today=TODAY) is not None

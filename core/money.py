"""Won and U.S. cents, as integers; the only place where one becomes the other.

Rules: convert once per line, round half up, fees on the sum of the rounded lines. No float ever enters.
"""

from decimal import ROUND_HALF_UP, Decimal

#: Stripe's limits for one USD charge (docs.stripe.com/currencies): 0.50 USD to 999,999.99 USD.
STRIPE_MIN_USD_CENTS = 50
STRIPE_MAX_USD_CENTS = 99_999_999

BASIS_POINTS = 10_000


def _whole(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def krw_to_usd_cents(amount_krw: int, *, krw_per_usd: Decimal) -> int:
    """Cents for a sum in won at `krw_per_usd`, rounded half up to the cent."""
    if krw_per_usd <= 0:
        raise ValueError("an exchange rate is a positive number")
    return _whole(Decimal(amount_krw) * 100 / krw_per_usd)


def share(amount: int, *, basis_points: int) -> int:
    """A percentage of a sum (4 % = 400 basis points) in the sum's own unit, rounded half up."""
    return _whole(Decimal(amount) * basis_points / BASIS_POINTS)


def part(amount: int, *, of: int, whole: int) -> int:
    """The share of a sum that `of` is in `whole`, in the sum's own unit, rounded half up."""
    return _whole(Decimal(amount) * of / whole)


def format_usd(cents: int) -> str:
    """`-1234567` -> `-$12,345.67`."""
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}${cents // 100:,}.{cents % 100:02d}"


def format_krw(won: int) -> str:
    """`-12345` -> `-₩12,345`."""
    sign, won = ("-", -won) if won < 0 else ("", won)
    return f"{sign}₩{won:,}"

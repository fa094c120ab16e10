"""Amounts in whatever currency a payer chose; ours are U.S. cents."""

from core.money import format_usd

#: how many digits a currency's amounts have behind the point, where it is not two (docs.stripe.com/currencies)
DIGITS = {
    **dict.fromkeys(["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"], 0),
    **dict.fromkeys(["bhd", "jod", "kwd", "omr", "tnd"], 3),
}


def _written(cents: int, *, currency: str, thousands: str) -> str:
    digits = DIGITS.get(currency, 2)
    whole, rest = divmod(abs(cents), 10**digits)
    return f"{'-' if cents < 0 else ''}{whole:{thousands}}" + (f".{rest:0{digits}d}" if digits else "")


def plain_amount(cents: int, *, currency: str = "usd") -> str:
    """In the currency's unit, as a spreadsheet reads it: `-1234.50`."""
    return _written(cents, currency=currency, thousands="")


def money(cents: int, *, currency: str = "usd") -> str:
    """`-$1,234.50`, `1,234.50 EUR`."""
    return format_usd(cents) if currency == "usd" else f"{_written(cents, currency=currency, thousands=',')} {currency.upper()}"

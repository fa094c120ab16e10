"""What one US dollar costs in won, asked of each configured source in turn until one gives a rate that can be believed.

Only the look-up: how old a stored rate may be and how far it may jump in a day is decided in workflow/pricing.py. A new source is one
function here and one line in `SOURCES`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

from django.conf import settings

from integrations.base import (
    AuthRefused,
    BadAnswer,
    InvalidRequest,
    ProviderError,
    QuotaExceeded,
    Unavailable,
    call,
    redacted,
    refusal,
)
from integrations.shape import Record, read_json

PROVIDER = "exchange_rate"
LOWEST_KRW, HIGHEST_KRW = Decimal(900), Decimal(2000)
OLDEST = timedelta(days=7)
EXIMBANK_AMOUNT = re.compile(r"\d{1,3}(,\d{3})*(\.\d{1,8})?|\d{1,7}(\.\d{1,8})?", re.ASCII)


@dataclass(frozen=True)
class Rate:
    krw_per_usd: Decimal
    source: str
    as_of: date


def fetch_rate(*, today: date) -> Rate:
    """The first believable rate (exact, as the source writes it); `Unavailable` tells what each source said instead.

    `today` is the day in Seoul.
    """
    said: list[str] = []
    for base_url in settings.FX_BASE_URLS:
        name = _name_of(base_url)
        if name not in SOURCES:
            said.append(f"{urlsplit(base_url).hostname}: not a source known here")
            continue
        try:
            return _believable(SOURCES[name](base_url.rstrip("/"), today), today=today)
        except ProviderError as error:
            said.append(f"{name}: {error.message}")
    raise Unavailable("no usable rate: " + "; ".join(redacted(words)[:90] for words in said), provider=PROVIDER, code="no_rate")


def _name_of(base_url: str) -> str:
    """By the last part of the path (`…/fx/eximbank`, `…/currency-api@latest`) or by the host."""
    parts = urlsplit(base_url)
    last = parts.path.rstrip("/").rpartition("/")[2]
    host = parts.hostname or ""
    hints = {"currency-api": "currency-api", "eximbank": "eximbank", "koreaexim": "eximbank", "frankfurter": "frankfurter"}
    return next((name for hint, name in hints.items() if last.startswith(hint) or hint in host), "")


def _believable(rate: Rate, *, today: date) -> Rate:
    if not rate.krw_per_usd.is_finite() or not LOWEST_KRW <= rate.krw_per_usd <= HIGHEST_KRW:
        raise BadAnswer(f"{rate.krw_per_usd:.6g} won per dollar cannot be", provider=rate.source, code="bounds")
    if not today - OLDEST <= rate.as_of <= today + timedelta(days=1):
        raise BadAnswer(f"its rate is of {rate.as_of}", provider=rate.source, code="date")
    return rate


def _currency_api(base_url: str, today: date) -> Rate:
    answer = _get("currency-api", f"{base_url}/v1/currencies/usd.min.json")
    record = Record(answer, provider="currency-api", what="answer")
    usd = record.maybe_record("usd")
    return Rate(_number(usd or record, "krw"), "currency-api", _day(record))


def _frankfurter(base_url: str, today: date) -> Rate:
    answer = _get("frankfurter", f"{base_url}/v1/latest", base="USD", symbols="KRW")
    record = Record(answer, provider="frankfurter", what="answer")
    rates = record.maybe_record("rates")
    return Rate(_number(rates or record, "KRW"), "frankfurter", _day(record))


def _eximbank(base_url: str, today: date) -> Rate:
    """Says nothing (an empty list or null) on holidays and before about 11:00, so the days before are asked too."""
    for day in (today - timedelta(days=back) for back in range(OLDEST.days + 1)):
        answer = _get("eximbank", f"{base_url}/exchangeJSON", authkey=settings.EXIMBANK_AUTH_KEY, searchdate=f"{day:%Y%m%d}", data="AP01")
        rows = Record({"rows": answer}, provider="eximbank", what="answer").records("rows")
        if rows:
            return Rate(_eximbank_dollar(rows), "eximbank", day)
    raise Unavailable("has had nothing to say for a week", provider="eximbank", code="empty")


EXIMBANK_REFUSALS: dict[str, type[ProviderError]] = {"2": InvalidRequest, "3": AuthRefused, "4": QuotaExceeded}


def _eximbank_dollar(rows: list[Record]) -> Decimal:
    for row in rows:
        result = str(row.value.get("result"))
        if result != "1":
            raise EXIMBANK_REFUSALS.get(result, BadAnswer)(f"refused with result {result}", provider="eximbank", code=f"result_{result}")
        if row.value.get("cur_unit") == "USD":
            text = row.text("deal_bas_r").strip()
            return Decimal(text.replace(",", "")) if EXIMBANK_AMOUNT.fullmatch(text) else row.bad("deal_bas_r")
    raise BadAnswer("lists no dollar", provider="eximbank", code="shape")


SOURCES: dict[str, Callable[[str, date], Rate]] = {
    "currency-api": _currency_api,
    "eximbank": _eximbank,
    "frankfurter": _frankfurter,
}


def _get(provider: str, url: str, **params: str) -> object:
    answer = call("GET", url, provider=provider, what="rate", params=params)
    if answer.status != 200:
        raise refusal(answer, provider=provider)
    return read_json(answer, provider=provider)


def _number(record: Record, key: str) -> Decimal:
    value = record.value.get(key)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return record.bad(key)
    return Decimal(value)


def _day(record: Record) -> date:
    try:
        return date.fromisoformat(record.text("date"))
    except ValueError:
        return record.bad("date")

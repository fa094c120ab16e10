"""Three sources of the exchange rate, each in its own shape: currency-api (npm), Eximbank AP01, frankfurter. One rate behind them."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from integrations.sandbox.books import Document
from integrations.sandbox.faults import Fault

SEOUL = ZoneInfo("Asia/Seoul")
PUBLISHED_AT_HOUR = 11
"""Eximbank has nothing before about 11:00 in Seoul, nor on weekends: an empty list."""
RESULT_OK, RESULT_BAD_DATA, RESULT_BAD_KEY = 1, 2, 3
SATURDAY = 5


class Rates:
    def __init__(self, *, krw_per_usd: str, eximbank_key: str) -> None:
        self._rate = Decimal(krw_per_usd)
        self._rate_text = krw_per_usd
        self._eximbank_key = eximbank_key

    def app(self) -> Starlette:
        eximbank = ("/eximbank", "/eximbank/exchangeJSON", "/eximbank/site/program/financial/exchangeJSON")
        frankfurter = ("/frankfurter/v2/rate/USD/KRW", "/frankfurter/rate/USD/KRW")
        return Starlette(
            routes=[
                Route("/currency-api/v1/currencies/usd.min.json", self._currency_api),
                *(Route(path, self._eximbank) for path in eximbank),
                *(Route(path, self._frankfurter_v2) for path in frankfurter),
                Route("/frankfurter/v1/latest", self._frankfurter_v1),
            ]
        )

    async def _currency_api(self, _: Request) -> Response:
        # written by hand: the rate keeps every digit it was given, whatever floats would make of it
        today = datetime.now(UTC).date().isoformat()
        return _json_text(f'{{"date": "{today}", "usd": {{"eur": 0.86514, "krw": {self._rate_text}, "usd": 1}}}}')

    async def _frankfurter_v2(self, _: Request) -> Response:
        return _json_text(f'{{"date": "{_working_day().isoformat()}", "base": "USD", "quote": "KRW", "rate": {self._cents()}}}')

    async def _frankfurter_v1(self, request: Request) -> Response:
        if request.query_params.get("base") != "USD" or request.query_params.get("symbols") != "KRW":
            return JSONResponse({"message": "not found"}, status_code=404)
        return _json_text(f'{{"amount": 1.0, "base": "USD", "date": "{_working_day().isoformat()}", "rates": {{"KRW": {self._cents()}}}}}')

    async def _eximbank(self, request: Request) -> Response:
        query = request.query_params
        if query.get("authkey") != self._eximbank_key:
            return JSONResponse([_empty_row(RESULT_BAD_KEY)])
        if query.get("data") != "AP01":
            return JSONResponse([_empty_row(RESULT_BAD_DATA)])
        day = _asked_day(query.get("searchdate"))
        if day is None:
            return JSONResponse([_empty_row(RESULT_BAD_DATA)])
        return JSONResponse(self._eximbank_rows() if _is_published(day) else [])

    def _cents(self) -> Decimal:
        return self._rate.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)

    def _eximbank_rows(self) -> list[Document]:
        spread = self._rate / 100
        usd = _row("USD", "미국 달러", base=self._rate, spread=spread)
        return [_row("JPY(100)", "일본 옌", base=Decimal("938.74"), spread=Decimal("9.38")), usd]


def _row(unit: str, name: str, *, base: Decimal, spread: Decimal) -> Document:
    whole, exact = f"{int(base):,}", _with_commas(base)
    return {
        "result": RESULT_OK,
        "cur_unit": unit,
        "ttb": _with_commas(base - spread),
        "tts": _with_commas(base + spread),
        "deal_bas_r": exact,
        "bkpr": whole,
        "yy_efee_r": "0",
        "ten_dd_efee_r": "0",
        "kftc_bkpr": whole,
        "kftc_deal_bas_r": exact,
        "cur_nm": name,
    }


def _empty_row(result: int) -> Document:
    names = ("cur_unit", "ttb", "tts", "deal_bas_r", "bkpr", "yy_efee_r", "ten_dd_efee_r", "kftc_bkpr", "kftc_deal_bas_r", "cur_nm")
    return {"result": result} | dict.fromkeys(names)


def _with_commas(value: Decimal) -> str:
    """As Eximbank writes numbers: thousands with commas, no trailing zeros ("1,447.2")."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _asked_day(text: str | None) -> date | None:
    if not text:
        return datetime.now(SEOUL).date()
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=SEOUL).date()
    except ValueError:
        return None


def _is_published(day: date) -> bool:
    now = datetime.now(SEOUL)
    return day.weekday() < SATURDAY and (day < now.date() or (day == now.date() and now.hour >= PUBLISHED_AT_HOUR))


def _working_day() -> date:
    day = datetime.now(UTC).date()
    return day - timedelta(days=max(0, day.weekday() - 4))


def _json_text(text: str) -> Response:
    json.loads(text)
    return Response(text, media_type="application/json")


def error_answer(mode: str, _: Fault) -> Response:
    return PlainTextResponse(
        {"500": "Internal Server Error", "401": "Unauthorized", "429": "Too Many Requests"}[mode], status_code=int(mode)
    )

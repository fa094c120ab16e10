"""Three sources, asked in turn; one that is wrong, silent or broken never gives the rate."""

import json
from datetime import date
from decimal import Decimal

import pytest

from integrations.base import Unavailable
from integrations.exchange_rate import Rate, fetch_rate
from integrations.tests.conftest import Reply, TinyServer

TODAY = date(2026, 11, 22)
CURRENCY_API = '{"date": "2026-11-22", "usd": {"krw": 1462.31420573, "eur": 0.86514, "usd": 1}}'
FRANKFURTER = '{"amount": 1.0, "base": "USD", "date": "2026-11-20", "rates": {"KRW": 1461.92}}'
EXIMBANK = [{"result": 1, "cur_unit": "JPY(100)", "deal_bas_r": "950.1"}, {"result": 1, "cur_unit": "USD", "deal_bas_r": "1,461.82"}]


@pytest.fixture
def ask(tiny: TinyServer, settings):
    settings.EXIMBANK_AUTH_KEY = "sandbox-exim"

    def ask(*names: str) -> Rate:
        settings.FX_BASE_URLS = [f"{tiny.url}/fx/{name}" for name in names]
        return fetch_rate(today=TODAY)

    return ask


def test_currency_api_is_read_to_the_last_digit(ask, tiny):
    tiny.replies_with(Reply(CURRENCY_API))

    assert ask("currency-api@latest") == Rate(Decimal("1462.31420573"), "currency-api", date(2026, 11, 22))
    assert tiny.seen[0].path == "/fx/currency-api@latest/v1/currencies/usd.min.json"


def test_frankfurter_is_read_with_the_day_of_its_rate(ask, tiny):
    tiny.replies_with(Reply(FRANKFURTER))

    assert ask("frankfurter") == Rate(Decimal("1461.92"), "frankfurter", date(2026, 11, 20))
    assert (tiny.seen[0].path, tiny.seen[0].query) == ("/fx/frankfurter/v1/latest", {"base": ["USD"], "symbols": ["KRW"]})


def test_eximbank_is_asked_back_to_its_last_working_day(ask, tiny):
    tiny.replies_with(Reply("[]"), Reply("null"), Reply(json.dumps(EXIMBANK)))

    assert ask("eximbank") == Rate(Decimal("1461.82"), "eximbank", date(2026, 11, 20))
    assert [seen.query for seen in tiny.seen] == [
        {"authkey": ["sandbox-exim"], "searchdate": [day], "data": ["AP01"]} for day in ("20261122", "20261121", "20261120")
    ]


def test_eximbank_is_asked_for_eight_days_and_no_more(ask, tiny):
    tiny.replies_with(Reply("[]"))

    with pytest.raises(Unavailable):
        ask("eximbank")

    assert [seen.query["searchdate"][0] for seen in tiny.seen][-1] == "20261115"
    assert len(tiny.seen) == 8


def test_the_next_source_is_asked_when_one_fails(ask, tiny):
    tiny.replies_with(Reply("", 503), Reply("<html>", 200, "text/html"), Reply(FRANKFURTER))

    assert ask("currency-api", "eximbank", "frankfurter").source == "frankfurter"


def test_when_all_fail_each_is_quoted_and_no_key_is(ask, tiny):
    tiny.replies_with(Reply("", 503), Reply('[{"result": 3}]'), Reply('{"date": "2026-11-20", "rates": {"KRW": 14.6}}'))

    with pytest.raises(Unavailable) as caught:
        ask("currency-api", "eximbank", "frankfurter", "other")

    assert caught.value.message == (
        "no usable rate: currency-api: answered HTTP 503; eximbank: refused with result 3; "
        "frankfurter: 14.6 won per dollar cannot be; 127.0.0.1: not a source known here"
    )
    assert (caught.value.provider, caught.value.code, caught.value.permanent) == ("exchange_rate", "no_rate", False)


def test_no_source_at_all_is_an_error_too(settings):
    settings.FX_BASE_URLS = []

    with pytest.raises(Unavailable):
        fetch_rate(today=TODAY)


@pytest.mark.parametrize("krw", ["900", "1462.31", "2000", "1999.99999999", "1500"])
def test_the_bounds_themselves_are_believed(ask, tiny, krw):
    tiny.replies_with(Reply(f'{{"date": "2026-11-22", "usd": {{"krw": {krw}}}}}'))

    assert ask("currency-api").krw_per_usd == Decimal(krw)


@pytest.mark.parametrize(
    "krw",
    ["0", "-1462", "899.99", "2000.01", "14623.1", "1e400", "1e-400", "NaN", "Infinity", "null", "true", '"1462.31"', "[1462]", "{}"],
)
def test_what_no_rate_can_be_is_refused(ask, tiny, krw):
    tiny.replies_with(Reply(f'{{"date": "2026-11-22", "usd": {{"krw": {krw}}}}}'))

    with pytest.raises(Unavailable):
        ask("currency-api")


@pytest.mark.parametrize("day", ["2026-11-14", "2026-11-24", "2026-02-30", "yesterday", "", "1462"])
def test_a_rate_of_another_time_is_refused(ask, tiny, day):
    tiny.replies_with(Reply(f'{{"date": "{day}", "usd": {{"krw": 1462.31}}}}'))

    with pytest.raises(Unavailable):
        ask("currency-api")


@pytest.mark.parametrize("day", ["2026-11-15", "2026-11-23"])
def test_a_week_back_and_a_day_ahead_are_believed(ask, tiny, day):
    tiny.replies_with(Reply(f'{{"date": "{day}", "usd": {{"krw": 1462.31}}}}'))

    assert ask("currency-api").as_of == date.fromisoformat(day)


@pytest.mark.parametrize("text", ["", "1.461,82", "1,46182", "-1,461.82", "１,461.82", "NaN", "1e3"])
def test_eximbank_amounts_are_read_strictly(ask, tiny, text):
    tiny.replies_with(Reply(json.dumps([{"result": 1, "cur_unit": "USD", "deal_bas_r": text}])))

    with pytest.raises(Unavailable):
        ask("eximbank")


@pytest.mark.parametrize(
    "body", ["{}", "[]", "5", '"x"', "[[]]", "[null]", '{"date": "2026-11-22"}', '{"date": "2026-11-22", "usd": []}', ""]
)
@pytest.mark.parametrize("name", ["currency-api", "frankfurter", "eximbank"])
def test_bodies_of_another_shape_are_refused(ask, tiny, name, body):
    tiny.replies_with(Reply(body))

    with pytest.raises(Unavailable):
        ask(name)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://cdn.jsdelivr.net/npm/@fawazahmed0/currency-api@latest", "currency-api"),
        ("https://latest.currency-api.pages.dev", "currency-api"),
        ("https://oapi.koreaexim.go.kr/site/program/financial", "eximbank"),
        ("https://api.frankfurter.dev", "frankfurter"),
        ("http://127.0.0.1:8001/fx/eximbank/", "eximbank"),
        ("https://example.com/rates", ""),
    ],
)
def test_a_source_is_recognised_by_its_address(url, name):
    from integrations.exchange_rate import _name_of

    assert _name_of(url) == name

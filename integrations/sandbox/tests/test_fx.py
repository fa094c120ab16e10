"""Three sources, one rate, each in its own shape."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import requests

from integrations.sandbox.testing import Sandbox, running_sandbox


def asked(sandbox: Sandbox, path: str, **query: str) -> requests.Response:
    answer = requests.get(f"{sandbox.url}/fx/{path}", params=query, timeout=5)
    assert answer.status_code == 200
    return answer


def last_weekday(day: date) -> date:
    return day - timedelta(days=max(0, day.weekday() - 4))


def test_currency_api_keeps_every_digit(sandbox: Sandbox) -> None:
    answer = asked(sandbox, "currency-api/v1/currencies/usd.min.json").json(parse_float=Decimal)
    assert answer == {
        "date": datetime.now(UTC).date().isoformat(),
        "usd": {"eur": Decimal("0.86514"), "krw": Decimal("1462.31420573"), "usd": 1},
    }


def test_frankfurter_is_dated_on_a_working_day(sandbox: Sandbox) -> None:
    day = last_weekday(datetime.now(UTC).date()).isoformat()
    answer = asked(sandbox, "frankfurter/v2/rate/USD/KRW").json()
    assert answer == {"date": day, "base": "USD", "quote": "KRW", "rate": 1462.31}
    assert asked(sandbox, "frankfurter/v1/latest", base="USD", symbols="KRW").json()["rates"] == {"KRW": 1462.31}


def test_eximbank_answers_working_days_in_texts_with_commas(sandbox: Sandbox) -> None:
    day = last_weekday(datetime.now(UTC).date() - timedelta(days=2))
    rows = asked(sandbox, "eximbank/exchangeJSON", authkey="sandbox-exim", searchdate=f"{day:%Y%m%d}", data="AP01").json()
    assert [(row["result"], row["cur_unit"], row["deal_bas_r"]) for row in rows] == [(1, "JPY(100)", "938.74"), (1, "USD", "1,462.31")]


def test_eximbank_has_nothing_on_sundays_and_refuses_inside_a_200(sandbox: Sandbox) -> None:
    assert asked(sandbox, "eximbank", authkey="sandbox-exim", searchdate="20261122", data="AP01").json() == []
    assert asked(sandbox, "eximbank", authkey="other", searchdate="20261120", data="AP01").json()[0]["result"] == 3
    assert asked(sandbox, "eximbank", authkey="sandbox-exim", searchdate="20261120", data="AP09").json()[0]["result"] == 2
    assert asked(sandbox, "eximbank", authkey="sandbox-exim", searchdate="Friday", data="AP01").json()[0]["result"] == 2


def test_another_rate_can_be_started_with() -> None:
    with running_sandbox(environment={"SANDBOX_KRW_PER_USD": "14620"}) as sandbox:
        assert asked(sandbox, "currency-api/v1/currencies/usd.min.json").json()["usd"]["krw"] == 14620

"""The exchange rate and estimates."""

from datetime import timedelta

import pytest

from workflow.models import ExchangeRate
from workflow.tests import factories

pytestmark = pytest.mark.django_db


def test_the_last_accepted_rate(nobody):
    factories.rate("1400.00")
    ExchangeRate.objects.create(krw_per_usd="3.5", source="broken", as_of="2026-11-22", refused_because="outside 900..2000")
    answer = nobody.get("/exchange-rate")
    assert (answer["krw_per_usd"], answer["source"], answer["stale"]) == ("1400.0000", "test", False)


def test_an_old_rate_says_so(nobody):
    rate = factories.rate("1400.00")
    ExchangeRate.objects.filter(pk=rate.pk).update(fetched_at=rate.fetched_at - timedelta(hours=37))
    assert nobody.get("/exchange-rate")["stale"] is True


def test_without_any_rate_there_is_none(nobody):
    answer = nobody.get("/exchange-rate")
    assert answer.is_problem(409, "no_exchange_rate")
    assert answer.headers["Retry-After"] == "60"
    assert nobody.post("/estimates", {"items": [{"price_krw": 1}], "weight_g": 1, "volume_cm3": 1}).is_problem(409, "no_exchange_rate")


def test_an_estimate_has_every_fee_line(nobody):
    # Given: 50,000 won of goods; 1.2 kg, but 12,000 cm³ count as 2 kg; 3,000 won a kilogram
    factories.rate("1400.00")
    body = {"items": [{"price_krw": 10_000, "quantity": 1}, {"price_krw": 20_000, "quantity": 2}], "weight_g": 1200, "volume_cm3": 12_000}
    # When
    answer = nobody.post("/estimates", body)
    # Then
    assert [(line["kind"], line["title"], line["quantity"], line["amount_krw"], line["amount_usd_cents"]) for line in answer["lines"]] == [
        ("item", "Item 1", 1, 10_000, 714),
        ("item", "Item 2", 2, 40_000, 2857),
        ("service_fee", "Service fee 4%", 1, 2_000, 143),
        ("delivery", "International delivery", 1, 6_000, 429),
        ("card_fee", "Card fee 4%", 1, 240, 17),
    ]
    assert (answer["amount_krw"], answer["amount_usd_cents"], answer["chargeable_weight_g"]) == (58_240, 4160, 2000)
    assert answer["exchange_rate"]["krw_per_usd"] == "1400.0000"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"items": []}, "items"),
        ({"items": [{"price_krw": 0}]}, "items.0.price_krw"),
        ({"items": [{"price_krw": 10**12}]}, "items.0.price_krw"),
        ({"items": [{"price_krw": 1, "quantity": 1000}]}, "items.0.quantity"),
        ({"items": [{"price_krw": True}]}, "items.0.price_krw"),
        ({"items": [{"price_krw": "5"}]}, "items.0.price_krw"),
        ({"items": [{"price_krw": 1.5}]}, "items.0.price_krw"),
        ({"weight_g": -1}, "weight_g"),
        ({"weight_g": 10**400}, "weight_g"),
        ({"volume_cm3": None}, "volume_cm3"),
    ],
)
def test_impossible_numbers_are_refused(nobody, change, field):
    factories.rate()
    answer = nobody.post("/estimates", {"items": [{"price_krw": 1}], "weight_g": 1, "volume_cm3": 1} | change)
    assert answer.status == 422, answer
    assert list(answer.fields) == [field]

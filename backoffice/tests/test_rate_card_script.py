"""The script that shows a parcel's freight while one types reckons as the server does, on the same table of cases."""

from pathlib import Path

from backoffice.tests import browser
from workflow import rate_cards
from workflow.models import RateCard

pytestmark = browser.IN_A_BROWSER

SCRIPT = Path(__file__).parent.parent / "static" / "backoffice" / "totals.js"
STEPS = [{"up_to_g": 500, "krw": 21_000}, {"up_to_g": 1_000, "krw": 25_500}, {"up_to_g": 1_500, "krw": 29_901}]
CARDS = [
    {"extra_krw_per_kg": 3_001},
    {"extra_krw_per_kg": 3_000, "fuel_surcharge_bp": 1_375, "max_g": 10_000},
    {"extra_krw_per_kg": 0, "volume_divisor": 6},
]
GRAMS = (1, 499, 500, 501, 1_000, 1_001, 1_500, 1_501, 2_500, 2_501, 9_999, 10_000, 10_001)
TABLE = [(grams, cm3) for grams in GRAMS for cm3 in (1, 2_501, 7_501, 9_001, 12_500)]
RECKON = """([rule, rows]) => rows.map(([grams, cm3]) => {
  const { fee } = boTotals.byCard(rule, BigInt(grams), BigInt(cm3));
  return fee === null ? null : Number(fee);
})"""


def test_the_script_reckons_as_the_server_does(chromium):
    page = chromium.new_page()
    page.add_script_tag(path=SCRIPT)
    for terms in CARDS:
        card = RateCard(courier="ems", steps=STEPS, **terms)
        ours = [rate_cards.by_card(card, weight_g=grams, volume_cm3=cm3).krw for grams, cm3 in TABLE]
        assert page.evaluate(RECKON, [rate_cards.rule(card), TABLE]) == ours
    page.close()

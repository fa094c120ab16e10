"""The scripts beside the delivery fee: a parcel's freight is reckoned as the server does, and the fee follows the chosen couriers. No shop
runs: the script is put beside the fee's own template.
"""

from pathlib import Path
from types import SimpleNamespace

from django.template.loader import render_to_string

from backoffice.orders.fee_table import FeeTable
from backoffice.tests import browser
from workflow import rate_cards
from workflow.models import FeePolicy, Parcel, RateCard

pytestmark = browser.IN_A_BROWSER

SCRIPT = Path(__file__).parent.parent / "static" / "backoffice" / "totals.js"
STEPS = [{"up_to_g": 500, "krw": 21_000}, {"up_to_g": 1_000, "krw": 25_500}, {"up_to_g": 1_500, "krw": 29_901}]
CARDS = [
    {"extra_krw_per_kg": 3_001},
    {"extra_krw_per_kg": 3_000, "fuel_surcharge_bp": 1_375, "max_g": 10_000},
    {"extra_krw_per_kg": 0, "volume_divisor": 6},
]
MOST = {"ems": 30_000, "fedex": 2_000}
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


def test_the_fee_follows_the_chosen_couriers_until_somebody_types_another(chromium):
    """FedEx takes no parcel above 2 kg; by the policy they are 3,000 and 9,000 won."""
    cards = {code: RateCard(pk=1, courier=code, steps=STEPS, extra_krw_per_kg=3_000, max_g=most) for code, most in MOST.items()}
    parcels = [Parcel(pk=n, position=n, weight_g=grams, volume_cm3=10) for n, grams in ((1, 1_000), (2, 3_000))]
    page = chromium.new_page()
    page.set_content(fee_form(FeeTable([("ems", "EMS"), ("fedex", "FedEx"), ("", "")], parcels, cards, FeePolicy())))
    page.add_script_tag(path=SCRIPT)
    page.evaluate("document.querySelectorAll('[data-totals]').forEach((root) => boTotals.total(root))")

    def choose(parcel: int, courier: str) -> tuple[str, str]:
        page.check(f"[name=courier-{parcel}][value='{courier}']")
        return page.input_value("[name=fee_krw]"), page.inner_text("[data-proposed]")

    assert (page.input_value("[name=fee_krw]"), page.inner_text("[data-proposed]")) == ("12000", "₩12,000")
    assert not page.is_visible("[name=reason]")
    assert choose(1, "ems") == ("34500", "₩34,500")
    assert choose(2, "ems") == ("61401", "₩61,401")  # 29,901 and two more kilograms
    assert choose(2, "fedex") == ("", "–")
    assert choose(2, "ems") == ("61401", "₩61,401")
    page.fill("[name=fee_krw]", "73,681")
    assert not page.is_visible("[name=reason]")  # 20 percent are 12,280 won
    page.fill("[name=fee_krw]", "73,682")
    assert page.is_visible("[name=reason]")
    assert choose(1, "fedex") == ("73,682", "₩61,401")
    page.close()


def fee_form(table: FeeTable) -> str:
    field = SimpleNamespace(value="", errors=[])
    form = SimpleNamespace(chosen=dict, is_bound=False, fee_krw=field, reason=field)
    hints = {"table": table, "proposed_krw": table.proposal.krw, "fee_krw": table.proposal.krw, "free_hand": rate_cards.FREE_HAND_PERCENT}
    rule = '{"bp": 400, "flat": 0, "min": 0, "tiers": []}'
    entry = {"hints": {**hints, "quote": SimpleNamespace(krw_per_usd="1400.0000"), "fee_rule": rule, "fee_words": "4%"}}
    return render_to_string("backoffice/order/entries/fee.html", {"form": form, "entry": entry})

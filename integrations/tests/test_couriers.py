"""What every courier owes to those who use them, whichever it is."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from integrations.couriers import COURIERS, TERMINAL, TrackingScan, TrackingStatus, guess_couriers, is_customs_hold

NUMBERS = {"fedex": "986578788855", "ups": "1Z5R89390357567127", "ems": "EG123456785KR"}


def test_the_couriers_are_known_by_their_codes():
    assert list(COURIERS) == ["fedex", "ups", "ems"]
    assert all(courier.code == code for code, courier in COURIERS.items())


@pytest.mark.parametrize("code", COURIERS)
def test_each_checks_its_own_numbers_and_links_to_its_own_page(code):
    courier, number = COURIERS[code], NUMBERS[code]

    assert courier.is_valid_number(number)
    assert not any(courier.is_valid_number(other) for other in NUMBERS.values() if other != number)
    assert courier.tracking_url(f" {number.lower()}\"'><script>").startswith("https://")
    assert number in courier.tracking_url(number)
    assert "<" not in courier.tracking_url(f"{number}\"'><script>")
    assert courier.batch_size >= 1
    assert courier.label
    assert guess_couriers(number) == [code]
    assert courier.budget.in_flight >= 1


def test_three_states_end_a_parcels_way():
    assert {TrackingStatus.DELIVERED, TrackingStatus.RETURNED, TrackingStatus.CANCELLED} == TERMINAL
    assert [str(status) for status in TrackingStatus] == [
        "pending", "info_received", "in_transit", "customs", "out_for_delivery", "available_for_pickup",
        "attempt_failed", "exception", "returning", "returned", "delivered", "cancelled",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "text", "held"),
    [
        ("exception", "Shipment exception - Clearance delay - Import", True),
        ("exception", "A missing commercial invoice is causing a delay: held in customs.", True),
        ("exception", "통관보류 (세관 확인 중)", True),
        ("exception", "Import duties are unpaid", True),
        ("exception", "Damaged, handling per instructions", False),
        ("exception", "The address is important but incomplete", False),
        ("customs", "Clearance delay - Import", True),
        ("customs", "International shipment release - Import", False),
        ("customs", "통관및분류", False),
        ("in_transit", "Held in customs, says somebody", False),
        ("delivered", "Clearance delay", False),
    ],
)
def test_a_hold_at_the_customs_is_told_from_other_troubles(status, text, held):
    assert is_customs_hold(TrackingScan(datetime(2026, 11, 18, tzinfo=UTC), "X", TrackingStatus(status), text, "")) is held


def test_no_sdk_is_loaded_before_it_is_used():
    """A web process that never calls outside should not pay for it; `requests` and `stripe` cost 0.3 s and 30 MB."""
    modules = "base couriers ems exchange_rate fedex mail relay shape signatures sms stripe tracking tracking_numbers ups"
    imports = "; ".join(f"import integrations.{name}" for name in modules.split())
    check = f"import sys; {imports}; print(sorted({{'requests', 'stripe', 'urllib3', 'defusedxml', 'smtplib'}} & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[2]
    )

    assert done.stdout.strip() == "['smtplib']"

"""A policy is added by who may, checked as a whole, never changed, and taken back only before it holds."""

import re
from datetime import timedelta

import pytest
from django.utils import translation
from django.utils.timezone import now

from core.errors import BidangilError, Conflict, Invalid, NotFound
from workflow import fees, pricing
from workflow.models import FeePolicy
from workflow.process import Role
from workflow.tests import factories
from workflow.transitions import TransitionRefused

pytestmark = pytest.mark.django_db

TOMORROW = timedelta(days=1)


def test_a_policy_is_added_by_who_may_and_waits_for_its_moment():
    moment = now() + TOMORROW

    policy = fees.add_policy(by=factories.by(Role.OWNER), valid_from=moment, service_fee_bp=300)

    assert FeePolicy.objects.get(valid_from=moment) == policy
    assert pricing.policy_at(now()) != policy
    assert pricing.policy_at(moment) == policy


def test_a_policy_of_this_minute_or_without_a_moment_holds_from_now_on():
    owner, begun = factories.by(Role.OWNER), now()
    for said in (None, now().replace(second=0, microsecond=0)):
        policy = fees.add_policy(by=owner, valid_from=said)
        assert begun <= policy.valid_from <= now()
        assert pricing.policy_at(now()) == policy


@pytest.mark.parametrize("roles", [(), (Role.FINANCE,), (Role.BUYER, Role.WAREHOUSE, Role.SUPPORT)])
def test_nobody_else_adds_or_takes_back(roles):
    planned = FeePolicy.objects.create(valid_from=now() + TOMORROW)

    with pytest.raises(TransitionRefused) as refused:
        fees.add_policy(by=factories.by(*roles), valid_from=now() + 2 * TOMORROW)
    assert refused.value.code == "not_allowed"
    with pytest.raises(TransitionRefused) as refused:
        fees.remove_policy(planned.pk, by=factories.by(*roles))
    assert refused.value.code == "not_allowed"
    assert FeePolicy.objects.count() == 2


def rising(count: int) -> list[dict[str, int]]:
    return [{"from_krw": number, "bp": 100} for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"valid_from": -timedelta(minutes=1)}, "This moment is past."),
        ({"service_fee_bp": 5_001}, "A percentage is from 0% to 50%."),
        ({"card_fee_bp": -1}, "A percentage is from 0% to 50%."),
        ({"service_fee_bp": 4.0}, "A percentage is from 0% to 50%."),
        ({"delivery_krw_per_kg": 10_000_001}, "An amount is from ₩0 to ₩10,000,000."),
        ({"card_fee_min_krw": True}, "An amount is from ₩0 to ₩10,000,000."),
        ({"repack_fee_krw": -1}, "An amount is from ₩0 to ₩10,000,000."),
        ({"volume_divisor": 0}, "From 1 to 100."),
        ({"volume_divisor": 101}, "From 1 to 100."),
        ({"difference_carried_krw": 999}, "This cannot be less than the difference that we bear."),
        ({"service_fee_tiers": rising(11)}, "There can be at most 10 tiers."),
        ({"service_fee_tiers": rising(2)[::-1]}, "Each tier must begin above the one before it."),
        ({"service_fee_tiers": [{"from_krw": 5, "bp": 1}] * 2}, "Each tier must begin above the one before it."),
        ({"service_fee_tiers": [{"from_krw": 0, "bp": 1}]}, "A tier begins between 1 and 1,000,000,000."),
        ({"service_fee_tiers": [{"from_krw": 1, "bp": 5_001}]}, "A percentage is from 0% to 50%."),
        ({"delivery_tiers": [{"from_g": 1_000_001, "krw_per_kg": 1}]}, "A tier begins between 1 and 1,000,000."),
        ({"delivery_tiers": [{"from_g": 1, "krw_per_kg": 10_000_001}]}, "An amount is from ₩0 to ₩10,000,000."),
    ],
)
def test_an_impossible_policy_is_refused_with_its_field(changed, words):
    (field,) = changed
    said = {"valid_from": now() + TOMORROW} | {name: now() + value if name == "valid_from" else value for name, value in changed.items()}

    with pytest.raises(Invalid) as refused:
        fees.add_policy(by=factories.by(Role.OWNER), **said)

    assert str(refused.value).startswith(words)
    assert refused.value.field == field
    assert FeePolicy.objects.count() == 1


def test_the_bounds_themselves_are_allowed_and_fit_the_columns():
    most = dict.fromkeys(fees.PERCENTAGES, fees.MAX_BP) | dict.fromkeys(fees.SUMS, fees.MAX_KRW) | {"volume_divisor": fees.MAX_DIVISOR}

    fees.add_policy(by=factories.by(Role.OWNER), valid_from=now() + TOMORROW, service_fee_tiers=rising(10), **most)

    policy = FeePolicy.objects.latest("valid_from")
    assert {name: getattr(policy, name) for name in most} == most
    assert policy.service_fee_tiers == rising(10)


def test_two_policies_cannot_begin_at_one_moment():
    owner, moment = factories.by(Role.OWNER), now() + TOMORROW
    fees.add_policy(by=owner, valid_from=moment, service_fee_bp=300)

    with pytest.raises(Invalid, match="There is already a policy from this moment") as refused:
        fees.add_policy(by=owner, valid_from=moment, service_fee_bp=500)

    assert refused.value.field == "valid_from"
    assert FeePolicy.objects.get(valid_from=moment).service_fee_bp == 300


def test_only_a_planned_policy_is_taken_back():
    owner, first = factories.by(Role.OWNER), FeePolicy.objects.get()
    planned = fees.add_policy(by=owner, valid_from=now() + TOMORROW)

    with pytest.raises(Conflict) as refused:
        fees.remove_policy(first.pk, by=owner)
    fees.remove_policy(planned.pk, by=owner)
    with pytest.raises(NotFound):
        fees.remove_policy(planned.pk, by=owner)

    assert refused.value.code == "policy_in_force"
    assert list(FeePolicy.objects.all()) == [first]


def test_refusals_are_said_in_korean_too():
    with translation.override("ko"), pytest.raises(BidangilError) as refused:
        fees.add_policy(by=factories.by(), valid_from=now() + TOMORROW)
    assert re.search("[가-힣]", str(refused.value))

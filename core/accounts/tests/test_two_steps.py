"""Codes of the second step under many guesses at once: rows are locked while a code is judged."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connection
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.accounts import two_steps
from core.errors import BidangilError
from workflow.tests import factories

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.MYSQL, reason="promises about concurrency are for MariaDB"),
]
AT_ONCE = 8


@pytest.fixture
def person():
    user = factories.staff("buyer")
    two_steps.begin(user)
    codes = two_steps.confirm(user, code_now(user))
    TOTPDevice.objects.update(last_t=-1)
    return user, codes


def code_now(user) -> str:
    totp = TOTP(TOTPDevice.objects.get(user=user).bin_key)
    totp.time = time.time()
    return f"{totp.token():06d}"


def outcomes(user, codes: list[str]) -> list[str]:
    """What became of these codes, given at the same moment."""
    together = Barrier(len(codes))

    def give(code: str) -> str:
        try:
            together.wait()
            two_steps.check(user, code)
            return "in"
        except BidangilError as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(codes)) as pool:
        return sorted(pool.map(give, codes))


def test_one_code_of_the_app_lets_one_in(person):
    user, _recovery = person
    said = outcomes(user, [code_now(user)] * AT_ONCE)
    assert said.count("in") == 1


def test_one_recovery_code_lets_one_in(person):
    user, recovery = person
    said = outcomes(user, [recovery[0]] * AT_ONCE)
    assert said.count("in") == 1
    assert two_steps.codes_left(user) == 9


def test_of_many_wrong_codes_at_once_five_are_judged(person):
    user, _recovery = person
    said = outcomes(user, [f"wrong-{number}" for number in range(AT_ONCE)])
    assert said == ["code_invalid"] * 5 + ["too_many_logins"] * 3

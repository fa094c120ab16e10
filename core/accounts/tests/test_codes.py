"""E-mail codes under attack: guesses, twins, purposes mixed up, proofs used again; on MariaDB with a hundred at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from core.accounts import registration
from core.accounts.models import EmailCode, User
from core.errors import BidangilError, TooManyRequests

EMAIL, PASSWORD = "minji@example.com", "a long enough 비밀번호"


def ask(purpose: str = "signup", *, email: str = EMAIL) -> str:
    """Ask for a code and read it in the mailbox."""
    mailbox = []
    registration.request_code(email=email, purpose=purpose, send=lambda row, code: mailbox.append(code))
    return mailbox[0]


def verify(code: str, purpose: str = "signup", *, email: str = EMAIL) -> str:
    return registration.verify_code(email=email, purpose=purpose, code=code)


def wrong(code: str) -> str:
    return "111111" if code != "111111" else "222222"


def refused(call, *args, **kwargs) -> str:
    with pytest.raises(BidangilError) as caught:
        call(*args, **kwargs)
    return caught.value.code


@pytest.mark.django_db
class TestOneByOne:
    def test_the_sixth_try_is_refused_even_with_the_right_code(self):
        code = ask()
        assert [refused(verify, wrong(code)) for _try in range(5)] == ["code_invalid"] * 5

        with pytest.raises(TooManyRequests):
            verify(code)

    def test_a_code_serves_its_purpose_and_address_only(self):
        code = ask("signup")
        assert refused(verify, code, "password_reset") == "code_invalid"
        assert refused(verify, code, email="other@example.com") == "code_invalid"

    def test_twins_of_an_address_are_one_address(self):
        assert verify(ask(email="ＭinJi@Example.com "))

    def test_a_code_is_verified_once(self):
        code = ask()
        verify(code)
        assert refused(verify, code) == "code_invalid"

    def test_a_new_code_ends_the_earlier_one(self):
        first = ask()
        second = ask()
        if first != second:
            assert refused(verify, first) == "code_invalid"
        verify(second)
        assert refused(verify, first) == "code_invalid"

    def test_a_code_dies_after_ten_minutes(self):
        code = ask()
        EmailCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert refused(verify, code) == "code_invalid"

    def test_a_proof_is_used_once_and_for_its_purpose(self):
        proof = verify(ask())
        assert refused(registration.reset_password, proof=proof, password=PASSWORD) == "code_invalid"
        registration.sign_up(proof=proof, password=PASSWORD, nickname="minji", locale="ko")
        assert refused(registration.sign_up, proof=proof, password=PASSWORD, nickname="minji2", locale="ko") == "code_invalid"
        assert User.objects.count() == 1

    def test_five_codes_an_hour(self):
        for _code in range(5):
            ask()
        with pytest.raises(TooManyRequests):
            ask()
        ask("password_reset")


at_once = [
    pytest.mark.mysql,
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="promises about concurrency are for MariaDB"),
    pytest.mark.django_db(transaction=True),
]


def together(call, *, people: int) -> list:
    """Everybody lets go at the same instant; what each of them got."""
    barrier = threading.Barrier(people, timeout=90)

    def one(number: int):
        try:
            connection.ensure_connection()
            barrier.wait()
            return call(number)
        except Exception as error:
            return getattr(error, "code", None) or f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    with ThreadPoolExecutor(people) as pool:
        return list(pool.map(one, range(people)))


class TestAtOnce:
    pytestmark = at_once

    def test_of_a_hundred_guesses_at_once_five_are_judged(self):
        code = ask()
        guesses = [f"{100_000 + n:06}" for n in range(100)]
        judged = []
        real = registration.hmac.compare_digest

        def counting(mine, theirs):
            judged.append(theirs)
            return real(mine, theirs)

        registration.hmac.compare_digest, restore = counting, real
        try:
            answers = together(lambda n: verify(guesses[n] if guesses[n] != code else wrong(code)), people=100)
        finally:
            registration.hmac.compare_digest = restore

        assert len(judged) == 5
        assert sorted(set(answers)) == ["code_invalid", "too_many_requests"]
        assert answers.count("code_invalid") == 5

    def test_the_right_code_given_twenty_times_at_once_is_one_proof(self):
        code = ask()

        answers = together(lambda n: verify(code), people=20)

        assert sorted(a == "code_invalid" for a in answers) == [False] + [True] * 19

    def test_one_proof_makes_one_account(self):
        proof = verify(ask())

        together(lambda n: registration.sign_up(proof=proof, password=PASSWORD, nickname=f"minji{n}", locale="ko").pk, people=10)

        assert User.objects.count() == 1

"""Numbers as people type them. The valid and invalid ones are the test numbers of tracking_number_data (MIT, Jeff Keen)."""

import pytest

from integrations.couriers import COURIERS, guess_couriers
from integrations.tracking_numbers import is_s10, normalise


@pytest.mark.parametrize(
    "number",
    [
        "986578788855",
        "477179081230",
        "799531274483",
        "790535312317",
        " 7 9 0 5 3 5 3 1 2 3 1 7 ",
        "974367662710",
        "0414 4176 0228 964",
        "5682 8361 0012 000",
        " 5 6 8 2   8 3 6 1   0 0 1 2   0 0 0 ",
        "5682 8361 0012 734",
        "9611020987654312345672",
        " 9 6 1 1 0 2 0 9 8 7 6 5 4 3 1 2 3 4 5 6 7 2 ",
        "00000123450000000027",
    ],
)
def test_fedex_numbers(number):
    assert COURIERS["fedex"].is_valid_number(number)
    assert guess_couriers(number) == ["fedex"]


@pytest.mark.parametrize(
    "number",
    [
        "996578788855",
        "5682 8361 0012 732",
        "9600000000000000000001",
        "000000000000",
        "",
        "98657878885",
        "9865787888555",
        "98657878885X",
        "EG123456785KR",
    ],
)
def test_what_is_no_fedex_number(number):
    assert not COURIERS["fedex"].is_valid_number(number)


@pytest.mark.parametrize("number", ["RB123456785GB", "RB123456785US", "RB123456785CV", "RB123456785CF", "EG123456785KR", "EG230930844KR"])
def test_s10_check_digits(number):
    assert is_s10(number)
    assert all(not is_s10(number[:10] + digit + number[11:]) for digit in "0123456789" if digit != number[10])


@pytest.mark.parametrize("number", ["EG000000005KR", "EG000000155KR", "EG000000080KR", "EG000000031KR"])
def test_s10_remainders_0_and_1_have_check_digits_of_their_own(number):
    assert is_s10(number)


@pytest.mark.parametrize(
    "number", ["eg 123 456 785 kr", "EG-123-456-785-KR", "ＥＧ１２３４５６７８５ＫＲ", "EG123456785KR\u200b", "\tEG123456785KR\n"]
)
def test_ems_numbers_however_they_are_pasted(number):
    assert normalise(number) == "EG123456785KR"
    assert COURIERS["ems"].is_valid_number(number)
    assert guess_couriers(number) == ["ems"]


@pytest.mark.parametrize(
    "number",
    ["EG123456786KR", "RB123456785GB", "EG123456785US", "RB123456785KR", "EG12345678KR", "986578788855", "EG１２３４５６７８５K", ""],
)
def test_what_is_no_ems_number(number):
    assert not COURIERS["ems"].is_valid_number(number)


@pytest.mark.parametrize("number", ["", "hello", "9" * 1_000, "비단길", "RB123456785GB"])
def test_nothing_is_guessed_for_what_fits_no_courier(number):
    assert guess_couriers(number) == []


@pytest.mark.parametrize(
    "number",
    [
        "1Z5R89390357567127",
        "1Z879E930346834440",
        "1Z410E7W0392751591",
        "1Z8V92A70367203024",
        " 1Z 8V9 2A7 03 6720 302 4 ",
        "1ZXX3150YW44070023",
        "1z5r8-9390-3575-6712-7",
    ],
)
def test_ups_numbers_which_ems_premium_has_too(number):
    assert COURIERS["ups"].is_valid_number(number)
    assert guess_couriers(number) == ["ups"]


@pytest.mark.parametrize(
    "number", ["1Z1111111111111111", "1Z5R89390357567128", "1Z5R8939035756712", "2Z5R89390357567127", "1Z5R8939035756712X"]
)
def test_what_is_no_ups_number(number):
    assert not COURIERS["ups"].is_valid_number(number)


def test_normalising_twice_changes_nothing_and_keeps_it_short():
    once = normalise("  eg-123 456\u00a0785 kr " + "x" * 100)

    assert once == normalise(once)
    assert len(once) == 40

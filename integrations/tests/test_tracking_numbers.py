"""Numbers as people type them. The valid and invalid ones are the test numbers of tracking_number_data (MIT, Jeff Keen)."""

import pytest

from integrations.tracking_numbers import guess_courier, is_s10, is_valid, normalise


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
    assert is_valid("fedex", number)
    assert guess_courier(number) == "fedex"


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
    assert not is_valid("fedex", number)


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
    assert is_valid("ems", number)
    assert guess_courier(number) == "ems"


@pytest.mark.parametrize(
    "number",
    ["EG123456786KR", "RB123456785GB", "EG123456785US", "RB123456785KR", "EG12345678KR", "986578788855", "EG１２３４５６７８５K", ""],
)
def test_what_is_no_ems_number(number):
    assert not is_valid("ems", number)


@pytest.mark.parametrize("number", ["", "hello", "1Z5R89390357567127", "9" * 1_000, "비단길", "RB123456785GB"])
def test_nothing_is_guessed_for_what_fits_no_courier(number):
    assert guess_courier(number) is None


def test_an_unknown_courier_has_no_valid_numbers():
    assert not is_valid("pigeon", "986578788855")


def test_normalising_twice_changes_nothing_and_keeps_it_short():
    once = normalise("  eg-123 456\u00a0785 kr " + "x" * 100)

    assert once == normalise(once)
    assert len(once) == 40

"""How letters look as HTML and text: escaped, self-contained, one line where one line belongs."""

import re

import pytest

from core.accounts.letters import code_letter
from core.notices import Letter, write
from core.notices.models import Notice
from core.notices.phones import e164
from core.notices.rendering import as_html, as_text, one_line

LETTER = Letter(
    subject="Ready to pay",
    lines=("Your prices are confirmed.", "Please pay soon."),
    rows=(("양말 <script>", "₩10,000 · $7.14"), ("Service fee 4%", "₩400 · $0.29")),
    total=("Total", "₩10,400 · $7.43"),
    after=("Thank you.",),
    button=("Pay now", "https://bidangil.example/pay/abc?a=1&b=2"),
    links=(("FedEx 1", "https://www.fedex.com/1"),),
    notes=("Small print.",),
)


def test_the_text_reads_from_top_to_bottom():
    assert as_text(LETTER, locale="en") == (
        "Your prices are confirmed.\n\n"
        "Please pay soon.\n\n"
        "- 양말 <script>: ₩10,000 · $7.14\n"
        "- Service fee 4%: ₩400 · $0.29\n"
        "= Total: ₩10,400 · $7.43\n\n"
        "Thank you.\n\n"
        "Pay now:\nhttps://bidangil.example/pay/abc?a=1&b=2\n\n"
        "FedEx 1: https://www.fedex.com/1\n\n"
        "Small print.\n\n"
        "The Bidangil team\n\n"
        "--\nYou receive this mail because you use Bidangil. Questions? Write to us on your order page at any time.\n"
    )


def test_html_is_escaped_and_says_its_language():
    html = as_html(LETTER, locale="ko")

    assert "양말 &lt;script&gt;" in html
    assert "<script" not in html
    assert 'href="https://bidangil.example/pay/abc?a=1&amp;b=2"' in html
    assert '<html lang="ko">' in html


def test_nothing_is_loaded_from_elsewhere():
    html = as_html(LETTER, locale="en")

    assert not re.search(r"<(img|link|script|iframe|video|audio|object)\b|@import|url\(|\bsrc=", html)
    assert "color-scheme" in html
    assert "prefers-color-scheme: dark" in html


def test_long_values_stand_below_their_labels():
    letter = Letter(subject="s", lines=("l",), rows=(("Socks", "Customs will ask for the material, please keep the label on."),))

    assert as_text(letter, locale="en").startswith("l\n\n- Socks\n  Customs will ask")
    assert 'colspan="2"' in as_html(letter, locale="en")
    assert 'colspan="2"' not in as_html(LETTER, locale="en")


def test_what_somebody_typed_keeps_its_paragraphs_and_no_control_characters():
    letter = Letter(subject="s", lines=("One\r\n\r\nTwo\x00\x1b[31m  three", ""))

    assert as_text(letter, locale="en").startswith("One\n\nTwo [31m three\n\n")


@pytest.mark.parametrize("text", ["a\nBcc: b", "a\r\nBcc: b", "a\x0b\x85Bcc: b", "a\u2028Bcc: b"])
def test_a_subject_is_one_line(text):
    assert one_line(text) == "a Bcc: b"


@pytest.mark.django_db
@pytest.mark.parametrize("recipient", ["a@example.com\nBcc: b@example.com", "a@example.com b@example.com", "", " ", "a\x00@example.com"])
def test_an_address_with_breaks_is_refused(recipient):
    with pytest.raises(ValueError, match="no spaces"):
        write(key="k", kind="k", channel="email", recipient=recipient, user_id=None, locale="en", letter=LETTER)

    assert not Notice.objects.exists()


@pytest.mark.parametrize("purpose", ["signup", "password_reset"])
@pytest.mark.parametrize("locale", ["ko", "en"])
def test_a_code_stands_alone_on_its_line(purpose, locale):
    letter = code_letter(purpose, "482913", locale)

    assert "\n\n482913\n\n" in as_text(letter, locale=locale)
    assert letter.button is None
    assert "482913" not in letter.subject


@pytest.mark.parametrize(
    ("written", "country", "dialled"),
    [
        ("010-1234-5678", "US", "+821012345678"),
        ("+82 10-1234-5678", "US", "+821012345678"),
        ("+82 (0)10 1234 5678", "KR", "+821012345678"),
        ("0082 10 1234 5678", "US", "+821012345678"),
        ("(714) 555-0100", "US", "+17145550100"),
        ("1-714-555-0100", "US", "+17145550100"),
        ("+1 714.555.0100", "KR", "+17145550100"),
        ("(714) 555-0100", "AU", ""),
        ("02-123-4567", "KR", ""),
        ("call me", "US", ""),
        ("", "US", ""),
        ("+0123456789", "US", ""),
    ],
)
def test_numbers_are_made_international_where_that_is_certain(written, country, dialled):
    assert e164(written, country=country) == dialled

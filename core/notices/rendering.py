"""A letter as HTML and as plain text. The one design of all mails is `templates/notices/letter.html`.

No pictures, nothing from elsewhere: mails read the same where remote content is blocked, in the dark and on a narrow phone.
"""

import unicodedata
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from core.notices import Letter, Pair

#: a table with a wider value than this is set in one column: the label above, the value below
VALUE_WIDTH = 28


@dataclass(frozen=True)
class Surroundings:
    """The words around every letter."""

    brand: str
    tagline: str
    signature: str
    footer: str
    button_hint: str


SURROUNDINGS = {
    "ko": Surroundings(
        brand="비단길",
        tagline="한국에서 내 집 앞까지",
        signature="비단길 드림",
        footer="비단길을 이용해 주셔서 보내 드린 메일입니다. 궁금한 점은 주문 페이지에서 언제든 물어봐 주세요.",
        button_hint="버튼이 열리지 않으면 이 주소를 브라우저에 붙여 넣어 주세요.",
    ),
    "en": Surroundings(
        brand="Bidangil",
        tagline="From Korea to your door",
        signature="The Bidangil team",
        footer="You receive this mail because you use Bidangil. Questions? Write to us on your order page at any time.",
        button_hint="If the button does not open, paste this address into your browser:",
    ),
}


def around(locale: str) -> Surroundings:
    return SURROUNDINGS.get(locale, SURROUNDINGS["en"])


def one_line(text: str) -> str:
    """Without line breaks, control characters and doubled spaces: fit for a header, a table cell, a line of a list."""
    return " ".join("".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in text).split())


def paragraphs(lines: tuple[str, ...]) -> list[str]:
    """Line breaks that somebody typed make paragraphs of their own; empty ones are dropped."""
    return [clean for line in lines for part in line.splitlines() if (clean := one_line(part))]


def _plain_rows(letter: Letter) -> list[Pair]:
    return [(one_line(label), one_line(value)) for label, value in letter.rows]


def as_html(letter: Letter, *, locale: str) -> str:
    rows = _plain_rows(letter)
    total = letter.total and (one_line(letter.total[0]), one_line(letter.total[1]))
    context: dict[str, Any] = {
        "locale": locale,
        "subject": one_line(letter.subject),
        "lines": paragraphs(letter.lines),
        "code": one_line(letter.code),
        "rows": rows,
        "stacked": is_stacked(rows),
        "total": total,
        "after": paragraphs(letter.after),
        "button": letter.button,
        "links": letter.links,
        "notes": paragraphs(letter.notes),
        "signature": around(locale).signature if letter.signed else "",
        "footer": one_line(letter.footer) or around(locale).footer,
        "around": around(locale),
        "home": settings.PUBLIC_BASE_URL,
    }
    return render_to_string("notices/letter.html", context)


def is_stacked(rows: list[Pair]) -> bool:
    return any(width(value) > VALUE_WIDTH for _label, value in rows)


def width(text: str) -> int:
    """Columns on a screen: Korean letters are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def as_text(letter: Letter, *, locale: str) -> str:
    words, rows = around(locale), _plain_rows(letter)
    between = "\n  " if is_stacked(rows) else ": "
    table = [f"- {label}{between}{value}" for label, value in rows]
    if letter.total:
        table.append(f"= {one_line(letter.total[0])}: {one_line(letter.total[1])}")
    button = [f"{letter.button[0]}:", letter.button[1]] if letter.button else []
    blocks = [
        *([line] for line in paragraphs(letter.lines)),
        [letter.code] if letter.code else [],
        table,
        *([line] for line in paragraphs(letter.after)),
        button,
        [f"{label}: {address}" for label, address in letter.links],
        *([line] for line in paragraphs(letter.notes)),
        [words.signature] if letter.signed else [],
        ["--", one_line(letter.footer) or words.footer],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"

"""The paper under a receipt: A4 pages with one Korean font, text set on a baseline, lines that break, and text that can be printed.

fpdf2 and Noto Sans KR (docs/decisions/0008). Measures are millimetres, sizes of letters points. What stands where: `receipt_pdf.py`.
"""

import unicodedata
from collections.abc import Container, Iterator
from datetime import datetime

import pylopdf_fonts_ko
from fpdf import FPDF, ViewerPreferences
from fpdf.enums import TextMode
from fpdf.fonts import TTFFont

LEFT, RIGHT, TOP, BOTTOM = 20.0, 190.0, 22.0, 276.0
WIDTH = RIGHT - LEFT
FONT = "noto"

Colour = tuple[int, int, int]
TEAL: Colour = (15, 118, 110)
INK: Colour = (28, 36, 36)
SOFT: Colour = (104, 117, 116)
RULE: Colour = (217, 226, 225)
TINT: Colour = (240, 247, 246)

#: stands for a character the font does not have
UNKNOWN = "□"
SMALL, PLAIN = 8.0, 9.5


def printable(text: str, *, known: Container[int]) -> str:
    """One line of what the font can print: no controls, no signs that turn the direction, a box for each unknown character.

    Marks that would stand on or change the character before them (a variation of an emoji) are left out instead.
    """
    shown = []
    for char in unicodedata.normalize("NFC", text):
        category = unicodedata.category(char)
        if char.isspace():
            shown.append(" ")
        elif category[0] == "C":
            continue
        elif ord(char) in known:
            shown.append(char)
        elif category[0] != "M":
            shown.append(UNKNOWN)
    return " ".join("".join(shown).split())


class Sheet(FPDF):
    """`y` of every method is a baseline, counted from the top of the page."""

    def __init__(self, *, title: str, author: str, locale: str, made_at: datetime) -> None:
        super().__init__(format="A4")
        # Ours is written when the pages are counted; fpdf2's sign for it may stand in a product's name.
        self.str_alias_nb_pages = ""
        self.set_auto_page_break(False)
        self.set_title(title)
        self.set_author(author)
        self.set_lang({"ko": "ko-KR"}.get(locale, "en-US"))
        self.set_creation_date(made_at)
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)
        self.font_file = self._load_font()

    def _load_font(self) -> TTFFont:
        self.add_font(FONT, fname=pylopdf_fonts_ko.sans_path())
        self.set_font(FONT)
        font = self.fonts[FONT]
        assert isinstance(font, TTFFont)
        # Otherwise a quarter of the time goes into measuring all outlines again; the font's own box is good enough.
        font.ttfont.recalcBBoxes = False
        return font

    # --- text

    def said(self, text: str) -> str:
        return printable(text, known=self.font_file.cmap)

    def width(self, text: str, *, size: float) -> float:
        _count, width = self.font_file.get_text_width(text, size, None)
        return width / self.k

    def put(
        self, text: str, *, x: float, y: float, size: float = PLAIN, colour: Colour = INK, right: bool = False, strong: bool = False
    ) -> None:
        """One line of text that begins, or with `right` ends, at `x`. The font has one weight: strong letters get an outline."""
        text = self.said(text)
        self.set_font_size(size)
        self.set_text_color(colour)
        x = x - self.width(text, size=size) if right else x
        if not strong:
            self.text(x, y, text)
            return
        with self.local_context(text_mode=TextMode.FILL_STROKE, line_width=size * 0.026, draw_color=colour):
            self.text(x, y, text)

    def broken(self, text: str, *, width: float, size: float = PLAIN, most: int = 6) -> list[str]:
        """The text in lines of at most `width`: broken between words, within a word only where it is longer than a line."""
        lines, line = [], ""
        for word in self._words(text, width=width, size=size):
            joined = f"{line} {word}".strip()
            if line and self.width(joined, size=size) > width:
                lines.append(line)
                line = word
            else:
                line = joined
        lines.append(line)
        return lines if len(lines) <= most else [*lines[: most - 1], self._cut(lines[most - 1], width=width, size=size)]

    def _words(self, text: str, *, width: float, size: float) -> Iterator[str]:
        for word in self.said(text).split():
            piece = ""
            for char in word:
                if piece and self.width(piece + char, size=size) > width:
                    yield piece
                    piece = ""
                piece += char
            yield piece

    def _cut(self, line: str, *, width: float, size: float) -> str:
        while line and self.width(f"{line}…", size=size) > width:
            line = line[:-1]
        return f"{line.rstrip()}…"

    # --- pages, lines and boxes

    def turn_to(self, page: int) -> None:
        self.page = page
        self.current_font_is_set_on_page = False

    def rule(self, *, y: float, colour: Colour = RULE, weight: float = 0.2) -> None:
        self.set_draw_color(colour)
        self.set_line_width(weight)
        self.line(LEFT, y, RIGHT, y)

    def band(self) -> None:
        """Along the top of the first page."""
        self.set_fill_color(TEAL)
        self.rect(0, 0, self.w, 3, style="F")

    def box(self, *, y: float, height: float, colour: Colour = TINT) -> None:
        self.set_fill_color(colour)
        self.rect(LEFT, y, WIDTH, height, style="F", round_corners=True, corner_radius=2)

"""The steps of a rate card from a pasted or uploaded list, `up_to_g,krw`, with or without a first row of names. Nothing is stored: the
form shows what was read, and a person saves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.errors import Invalid
from workflow import spreadsheets
from workflow.imports import cells, columns, files, sheets
from workflow.imports.cells import CellError
from workflow.rate_cards import MAX_STEPS

UP_TO = columns.Column("up_to_g", "up_to_g", "무게(g)", ("up to", "up to g", "weight", "weight g", "무게", "중량"), required=True)
KRW = columns.Column("krw", "krw", "요금", ("won", "price", "price krw", "fee", "원", "금액", "가격"), required=True)
COLUMNS = (UP_TO, KRW)
#: wrong rows that are named; the rest is alike
MOST_NAMED = 20


@dataclass(frozen=True)
class Read:
    """`errors` are (row as a spreadsheet counts, why); with any, `steps` are not to be used."""

    steps: list[dict[str, int]]
    errors: list[tuple[int, Any]]


def read_pasted(text: str) -> Read:
    return read("pasted.csv", text.encode())


def read(name: str, content: bytes) -> Read:
    """Raises Invalid, or what `files.check` does, where the file as a whole cannot be read."""
    kind = files.check(name, content)
    sheet = sheets.opened(content, kind=kind, fits=_fits)
    rows = list(islice(sheet.rows, MAX_STEPS + 2))
    places = {"up_to_g": 0, "krw": 1}
    if rows and columns.known(rows[0][1], COLUMNS):
        places, rows = columns.places(rows[0][1], COLUMNS), rows[1:]
    if not rows:
        raise Invalid(_("There is no row to read."), field="file")
    if len(rows) > MAX_STEPS:
        raise Invalid(_("There can be at most %(most)s steps.") % {"most": MAX_STEPS}, field="file")
    return _read(rows, places)


def _fits(header: list[str]) -> int:
    """By names where there are any, else by how many columns it has: without names, two is right."""
    return 10 * columns.known(header, COLUMNS) + (len(header) == len(COLUMNS))


def _read(rows: Sequence[tuple[int, list[str]]], places: dict[str, int]) -> Read:
    steps, errors = [], []
    for number, row in rows:
        try:
            steps.append({"up_to_g": cells.grams(_cell(row, places["up_to_g"])), "krw": cells.won(_cell(row, places["krw"]))})
        except CellError as wrong:
            errors.append((number, wrong.args[0]))
    return Read(steps, errors[:MOST_NAMED])


def _cell(row: list[str], place: int) -> str:
    return spreadsheets.as_typed(row[place]) if place < len(row) else ""

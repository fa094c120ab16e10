"""Is an uploaded file one that we read, and small enough? Decided from its size, its first bytes and its zip directory; an XLSX is then
counted through with a bare XML parser, so that nothing large is ever built in memory.
"""

import io
import zipfile
from dataclasses import dataclass
from typing import IO, Any, NoReturn
from xml.parsers import expat

from django.utils.translation import gettext_lazy as _

from core.errors import BidangilError, Invalid

MOST_BYTES, MOST_UNPACKED, MOST_PARTS = 5 * 1024 * 1024, 50 * 1024 * 1024, 200
MOST_ROWS, MOST_COLUMNS = 20_000, 50
#: of all sheets: 20,000 rows of a template of ours, which has at most 8 columns; a cell holds a few elements
MOST_CELLS = MOST_ROWS * 8
MOST_IN_CELL = 4
#: a shared text is read before the first row is; styles likewise. In elements: of texts (Excel in Korea writes three for each), and of
#: everything else in the workbook together, as each of those becomes an object
MOST_SHARED, MOST_OTHER = 8 * 1024 * 1024, 4 * 1024 * 1024
MOST_IN_TEXTS, MOST_ELSEWHERE = 12 * MOST_ROWS, 40_000
#: what a sheet's rows are made of
CELL_TAGS = frozenset({"row", "c", "v", "is", "t", "f"})
#: blank rows between and below
MOST_RAW_ROWS = MOST_ROWS + 5_000
FORMATS = ("csv", "xlsx")
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class FileTooLarge(BidangilError):
    status_code = 413
    code = "file_too_large"


class UnsupportedFile(BidangilError):
    status_code = 415
    code = "unsupported_file"


def check(name: str, content: bytes) -> str:
    """`csv` or `xlsx`, or a refusal that says why."""
    kind = name.rpartition(".")[2].lower() if "." in name else ""
    if kind not in FORMATS:
        raise UnsupportedFile(_("Only CSV and XLSX files are read. Save it as one of them."))
    if len(content) > MOST_BYTES:
        raise FileTooLarge(_("The file is larger than 5 MB. Split it."))
    if not content.strip(b"\x00 \t\r\n"):
        raise Invalid(_("The file is empty."), field="file")
    if kind == "csv" and content.startswith((ZIP, OLE, b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"<?xml")):
        raise UnsupportedFile(_("The file's name ends in .csv, but it holds something else."))
    if kind == "xlsx":
        _check_workbook(content)
    return kind


def _check_workbook(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_directory(archive.infolist())
            counted = _Counted()
            for part in archive.infolist():
                _read_through(archive.open(part), counted, is_xml=part.filename.lower().endswith((".xml", ".rels")))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, expat.ExpatError):
        raise UnsupportedFile(_("The file's name ends in .xlsx, but it is no workbook, or it is damaged.")) from None


def _check_directory(parts: list[zipfile.ZipInfo]) -> None:
    names = [part.filename.lower() for part in parts]
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise FileTooLarge(_("The workbook is too large when unpacked. Keep only the sheet with the rows."))
    if "xl/workbook.xml" not in names or len(set(names)) != len(names):
        raise UnsupportedFile(_("The file's name ends in .xlsx, but it is no workbook, or it is damaged."))
    if any("externallink" in name or (name.endswith((".bin", ".vml")) and "vba" in name) for name in names):
        raise UnsupportedFile(_("The workbook has macros or links to other files. Copy the rows into a new one."))
    for part in parts:
        most = MOST_SHARED if part.filename.lower() == "xl/sharedstrings.xml" else MOST_OTHER
        if "/worksheets/" not in part.filename.lower() and part.file_size > most and part.filename.lower().endswith(".xml"):
            raise FileTooLarge(_("The workbook is too large when unpacked. Keep only the sheet with the rows."))


@dataclass
class _Counted:
    """Over all parts of a workbook."""

    cells: int = 0
    in_texts: int = 0
    elsewhere: int = 0


def _read_through(part: IO[bytes], counted: _Counted, *, is_xml: bool) -> None:
    """A workbook may call any part of it a sheet, whatever the part's name; what is no XML is looked at up to where that shows."""
    try:
        _Counter(counted).read(part)
    except expat.ExpatError:
        if is_xml:
            raise


class _Counter:
    """Counts the elements of one part and stops at the first that is too many. Declarations (entities, DTDs) are refused."""

    def __init__(self, counted: _Counted) -> None:
        self.counted, self.root = counted, ""
        self.rows = self.in_row = self.in_cell = 0
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = self._refuse_declarations
        self.parser = parser

    def read(self, part: IO[bytes]) -> None:
        with part:
            while piece := part.read(64 * 1024):
                self.parser.Parse(piece, False)
            self.parser.Parse(b"", True)

    def _refuse_declarations(self, *_said: Any) -> NoReturn:
        raise UnsupportedFile(_("The workbook declares entities. Copy the rows into a new one."))

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        self.root = self.root or tag
        if self.root == "worksheet" and tag in CELL_TAGS:
            self._in_sheet(tag, attributes)
        elif self.root == "sst":
            self.counted.in_texts += 1
        elif self.root != "calcChain" or tag != "c":  # one for each formula; nobody reads it
            self.counted.elsewhere += 1
        counted = self.counted
        if counted.cells > MOST_CELLS or counted.in_texts > MOST_IN_TEXTS or counted.elsewhere > MOST_ELSEWHERE:
            raise FileTooLarge(_("The workbook has too many cells. Keep only the columns of the template."))

    def _in_sheet(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            self.rows, self.in_row = self.rows + 1, 0
            number = attributes.get("r", "")
            if self.rows > MOST_RAW_ROWS or (number.isdigit() and int(number[:9]) > MOST_RAW_ROWS):
                raise Invalid(_("The file has more than %(most)s rows. Split it.") % {"most": f"{MOST_ROWS:,}"}, field="file")
        elif tag == "c":
            self.counted.cells += 1
            self.in_row, self.in_cell = self.in_row + 1, 0
            if self.in_row > MOST_COLUMNS:
                raise Invalid(_("The file has more than %(most)s columns.") % {"most": MOST_COLUMNS}, field="file")
        else:
            self.in_cell += 1
            self.counted.elsewhere += self.in_cell > MOST_IN_CELL

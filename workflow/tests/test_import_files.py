"""Files that mean harm, or are none of ours: refused within two seconds, from their first bytes and their zip directory."""

import io
import time
import zipfile

import openpyxl
import pytest

from core.errors import BidangilError
from workflow.imports import staging
from workflow.imports.files import MOST_BYTES
from workflow.models import ImportBatch
from workflow.process import Role, State
from workflow.spreadsheets import as_typed, harmless
from workflow.tests import factories

pytestmark = pytest.mark.django_db

SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
SHEET_PART = "xl/worksheets/sheet1.xml"


def workbook(*rows: list) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_parts(**parts: str | bytes) -> bytes:
    """A small workbook in which these parts are replaced or added."""
    return with_named(
        {{"sheet": SHEET_PART, "links": "xl/externalLinks/externalLink1.xml"}.get(name, name): said for name, said in parts.items()}
    )


def with_named(parts: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(["order", "item", "price"], ["BD", 1, 1]))) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, said in parts.items():
            new.writestr(name, said)
    return file.getvalue()


def xxe() -> bytes:
    return with_parts(
        sheet='<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + SHEET.format("<row><c><v>&e;</v></c></row>")
    )


def three_million_cells() -> bytes:
    row = "<row>" + "<c/>" * 30 + "</row>"
    return with_parts(sheet=SHEET.format(row * 100_000))


def one_endless_row() -> bytes:
    return with_parts(sheet=SHEET.format("<row>" + "<c/>" * 3_000_000 + "</row>"))


def far_away_row() -> bytes:
    return with_parts(sheet=SHEET.format('<row r="1048576"><c r="A1048576"><v>1</v></c></row>'))


def shared_texts() -> bytes:
    return with_named({"xl/sharedStrings.xml": "<sst>" + "<si><t>a</t></si>" * 900_000 + "</sst>"})


def many_styles() -> bytes:
    return with_named({"xl/styles.xml": "<styleSheet><cellXfs>" + "<xf/>" * 600_000 + "</cellXfs></styleSheet>"})


def merged_cells() -> bytes:
    merged = "<mergeCells>" + '<mergeCell ref="A1:B2"/>' * 500_000 + "</mergeCells></worksheet>"
    return with_parts(sheet=SHEET.format("").replace("</worksheet>", merged))


def sheet_of_another_name(sheet: str) -> bytes:
    """The part that the workbook calls its sheet has neither the name nor the place of one."""
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="{0}/worksheet" '
    )
    rels += 'Target="media/image1.png"/></Relationships>'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return with_named({"xl/_rels/workbook.xml.rels": rels.format(office), "xl/media/image1.png": sheet})


def many_sheets() -> bytes:
    sheet = SHEET.format(("<row>" + "<c/>" * 40 + "</row>") * 3_900)
    return with_named({f"xl/worksheets/more{number}.xml": sheet for number in range(60)})


def unpacked_100_mb() -> bytes:
    return with_named({"xl/media/a.bin": b"\0" * 100_000_000})


def too_many_rows() -> bytes:
    return b"order,item,price\n" + b"BD,1,1\n" * 20_001


HOSTILE = [
    ("XXE", "a.xlsx", xxe, 415),
    ("3,000,000 cells", "a.xlsx", three_million_cells, 413),
    ("one row of 3,000,000 cells", "a.xlsx", one_endless_row, 422),
    ("a row a million lines down", "a.xlsx", far_away_row, 422),
    ("900,000 shared texts", "a.xlsx", shared_texts, 413),
    ("600,000 styles", "a.xlsx", many_styles, 413),
    ("500,000 merged cells", "a.xlsx", merged_cells, 413),
    ("a sheet named as a picture", "a.xlsx", lambda: sheet_of_another_name(SHEET.format(("<row>" + "<c/>" * 40 + "</row>") * 24_000)), 413),
    ("XXE named as a picture", "a.xlsx", lambda: sheet_of_another_name('<!DOCTYPE x [<!ENTITY e "a">]>' + SHEET.format("&e;")), 415),
    ("60 sheets of 156,000 cells", "a.xlsx", many_sheets, 413),
    ("100 MB unpacked", "a.xlsx", unpacked_100_mb, 413),
    ("external links", "a.xlsx", lambda: with_parts(links="<a/>"), 415),
    ("macros", "a.xlsx", lambda: with_named({"xl/vbaProject.bin": b"x"}), 415),
    ("a zip that is no workbook", "a.xlsx", lambda: with_named({})[:-200], 415),
    ("CSV named XLSX", "a.xlsx", lambda: b"order,item,price\nBD,1,1\n", 415),
    ("XLSX named CSV", "a.csv", lambda: workbook(["order", "item", "price"]), 415),
    ("bytes", "a.csv", lambda: b"order,item\x00,price\n", 415),
    ("old Excel", "a.xls", lambda: b"\xd0\xcf\x11\xe0" + b"x" * 100, 415),
    ("OpenDocument", "a.ods", lambda: workbook(["order"]), 415),
    ("YAML", "a.yaml", lambda: b"a: 1", 415),
    ("JSON", "a.json", lambda: b"[]", 415),
    ("no ending", "prices", lambda: b"order,item,price\n", 415),
    ("nothing", "a.csv", lambda: b"", 422),
    ("blanks", "a.csv", lambda: b"\n \n", 422),
    ("5 MB and a byte", "a.csv", lambda: b"x" * (MOST_BYTES + 1), 413),
    ("20,001 rows", "a.csv", too_many_rows, 422),
    ("51 columns", "a.csv", lambda: b"order,item,price\n" + b"x," * 50 + b"x\n", 422),
    ("2,400,000 columns", "a.csv", lambda: b"a," * 2_400_000 + b"\nb", 422),
    ("4,900,000 blank lines above", "a.csv", lambda: b"\n" * 4_900_000 + b"order,item,price", 422),
    ("neither UTF-8 nor CP949", "a.csv", lambda: b"order,item,price\n\xff\xff\xfe\x80", 422),
    ("cut UTF-16", "a.csv", lambda: "order,item,price".encode("utf-16")[:-1], 422),
]


@pytest.mark.parametrize(("name", "make", "status"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_files_are_refused_quickly(name, make, status):
    content, by = make(), factories.by(Role.BUYER)
    began = time.process_time()  # the machine may be busy with others
    with pytest.raises(BidangilError) as refused:
        staging.stage(kind="prices", name=name, content=content, by=by)
    assert time.process_time() - began < 2
    assert refused.value.status_code == status, str(refused.value)
    assert not ImportBatch.objects.exists()


def test_a_workbook_is_read_as_people_see_it():
    """Numbers, text, blank rows; a formula counts as its last value, and none was worked out here."""
    first, second = factories.order_at(State.QUOTE_APPROVED), factories.order_at(State.QUOTE_APPROVED)
    content = workbook(
        ["Order No.", "Item", "Unit price"], [first.number, 1, 12000], [None, None, None], [first.number, "2", "₩9,900"],
        [second.number, 1, 1.5], [second.number, 2, "=1+1"], ["", "", ""],
    )  # fmt: skip
    batch = staging.stage(kind="prices", name="가격.XLSX", content=content, by=factories.by(Role.BUYER))
    assert (batch.read_as, batch.row_count, batch.file_name) == ("XLSX", 4, "가격.XLSX")
    assert list(batch.rows.order_by("number").values_list("number", "outcome", "error")) == [
        (2, "good", ""),
        (4, "good", ""),
        (5, "bad", "“1.5” has decimals; a whole number is needed."),
        (6, "same", ""),
    ]


def test_a_number_that_a_workbook_has_shortened_is_not_guessed():
    order = factories.order_at(State.DELIVERY_PAID)
    content = workbook(["order", "courier", "tracking"], [order.number, "fedex", 9612345678901234567890])
    batch = staging.stage(kind="tracking", name="a.xlsx", content=content, by=factories.by(Role.WAREHOUSE))
    assert [row.error for row in batch.rows.all()] == [
        "“9.612346e+21” was shortened by a spreadsheet. Format the column as text and type all digits."
    ]


@pytest.mark.parametrize("text", ["=1+1", "+82 10", "-5 개", "@a", "|calc", "\tx", "\rx", "＝1", "plain", "12", "-12", "it's", "'quoted"])
def test_what_our_own_files_mask_comes_back_the_same(text):
    assert as_typed(harmless(text)) == text


@pytest.mark.parametrize(
    ("name", "kind", "read_as", "rows"),
    [
        ("prices.csv", "prices", "CSV · UTF-8 · ,", 3),
        ("prices-cp949.csv", "prices", "CSV · CP949 · ,", 3),
        ("tracking.csv", "tracking", "CSV · UTF-8 · ,", 2),
        ("arrivals.xlsx", "arrivals", "XLSX", 3),
    ],
)
def test_the_examples_are_read_and_their_orders_are_nobodys(settings, name, kind, read_as, rows):
    content = (settings.BASE_DIR / "fixtures" / name).read_bytes()
    batch = staging.stage(kind=kind, name=name, content=content, by=factories.by(Role.OWNER))
    assert (batch.read_as, batch.row_count, batch.bad_count) == (read_as, rows, rows)
    assert set(batch.rows.values_list("is_readable", "error")) == {(True, "There is no order with this number.")}

"""The imports' pages: bring, see old and new, confirm, undo; who may what, and what is refused with which answer."""

import csv
import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backoffice.tests.conftest import fingerprint, said, shown
from workflow.entry_rules import set_name
from workflow.models import ImportBatch, ImportStatus, Order
from workflow.process import Role, State
from workflow.tests.factories import FEDEX_NUMBER, order_at, reload

pytestmark = pytest.mark.django_db
PAGE = "/admin/imports/"


def bring(client, text: str | bytes, *, kind: str = "prices", name: str = "prices.csv"):
    content = text.encode() if isinstance(text, str) else text
    return client.post(PAGE, {"kind": kind, "file": SimpleUploadedFile(name, content)}, follow=True)


def press(client, name: str, **data):
    return client.post(f"{PAGE}{ImportBatch.objects.latest('pk').pk}/{name}/", data, follow=True)


def prices_of(order: Order) -> str:
    return f"주문번호,순번,단가\n{order.number},1,12000\n{order.number},2,15000\n"


def test_bring_see_confirm_undo(sign_in):
    buyer, order = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED)
    page = bring(buyer, prices_of(order))
    assert ["– → ₩12,000" in shown(page), "– → ₩15,000" in shown(page)] == [True, True]
    assert "Apply all 2 rows" in shown(page)
    page = press(buyer, "confirm", rows="all")
    assert said(page) == ["Applied."]
    assert list(order.items.values_list("price_krw", flat=True)) == [12_000, 15_000]
    assert "One order of this file is complete and waits." in shown(page)
    assert said(press(buyer, "confirm", rows="all")) == ["This import was applied already; nothing was done twice."]
    assert "applied the same file on" in shown(bring(buyer, prices_of(order)))
    first = ImportBatch.objects.earliest("pk")
    buyer.post(f"{PAGE}{first.pk}/undo/")
    first.refresh_from_db()
    assert (first.status, first.undone_by) == (ImportStatus.UNDONE, buyer.user)
    assert list(order.items.values_list("price_krw", flat=True)) == [None, None]
    assert "2 of 2 rows put back" in shown(buyer.get(PAGE))


def test_errors_are_listed_with_their_rows_and_can_be_taken_along(sign_in):
    buyer, order = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED)
    page = bring(buyer, prices_of(order) + "BD-00000-00000,1,5\n<script>alert(1)</script>,1,5\n")
    assert "4 BD-00000-00000 #1 unit price ₩5 There is no order with this number." in shown(page)
    assert b"<script>alert(1)" not in page.content
    before = fingerprint(order)
    assert said(press(buyer, "confirm", rows="all"))[0].startswith("Some rows have errors")
    assert fingerprint(order) == before
    batch = ImportBatch.objects.get()
    file = buyer.get(f"{PAGE}{batch.pk}/errors.csv").content.decode("utf-8-sig")
    assert next(csv.DictReader(io.StringIO(file))) == {
        "row": "4", "order": "BD-00000-00000", "position": "1", "error": "There is no order with this number.",
    }  # fmt: skip
    assert said(press(buyer, "confirm", rows="good")) == ["Applied."]
    assert list(order.items.values_list("price_krw", flat=True)) == [12_000, 15_000]


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (Role.BUYER, ["prices"]),
        (Role.WAREHOUSE, ["tracking", "arrivals"]),
        (Role.OWNER, ["prices", "tracking", "arrivals"]),
        (Role.FINANCE, None),
        (Role.SUPPORT, None),
        (Role.MODERATOR, None),
    ],
)
def test_each_kind_is_for_those_whose_work_it_is(sign_in, role, kinds):
    client, order = sign_in(role), order_at(State.QUOTE_APPROVED)
    before = fingerprint(order)
    page = client.get(PAGE)
    assert (page.status_code, [kind["code"] for kind in page.context.get("kinds", [])] if kinds else None) == (200 if kinds else 403, kinds)
    assert ('href="/admin/imports/"' in client.get("/admin/").content.decode()) is bool(kinds)
    for kind in ("prices", "tracking", "arrivals"):
        if kind not in (kinds or []):
            assert bring(client, prices_of(order), kind=kind).status_code == 403
            assert client.get(f"{PAGE}template/{kind}.csv").status_code == 403
    assert fingerprint(order) == before
    assert not ImportBatch.objects.exists()


def test_another_persons_file_is_seen_and_not_confirmed(sign_in):
    buyer, colleague, warehouse = sign_in(Role.BUYER), sign_in(Role.BUYER), sign_in(Role.WAREHOUSE)
    order = order_at(State.QUOTE_APPROVED)
    bring(buyer, prices_of(order))
    batch, before = ImportBatch.objects.get(), fingerprint(order)
    assert "who brought the file, may apply it" in shown(colleague.get(f"{PAGE}{batch.pk}/"))
    assert said(press(colleague, "confirm", rows="all")) == ["Only who brought the file may do this."]
    assert press(warehouse, "confirm", rows="all").status_code == 403
    assert warehouse.get(f"{PAGE}{batch.pk}/").status_code == 403
    for name in ("confirm", "undo", "discard", "check", "move"):
        assert buyer.get(f"{PAGE}{batch.pk}/{name}/").status_code == 405
    assert fingerprint(order) == before
    assert said(press(buyer, "discard")) == ["Discarded. Nothing was changed."]
    assert not batch.rows.exists()


@pytest.mark.parametrize(
    ("name", "content", "status", "words"),
    [
        ("a.xls", b"x", 415, "Only CSV and XLSX files are read."),
        ("a.csv", b"", 422, "The file is empty."),
        ("a.csv", b"item,price\n1,1\n", 422, "order (주문번호)"),
        ("a.csv", b"x" * (5 * 1024 * 1024 + 1), 413, "The file is larger than 5 MB."),
    ],
)
def test_a_refused_file_is_a_page_with_the_reason(sign_in, name, content, status, words):
    page = bring(sign_in(Role.BUYER), content, name=name)
    assert page.status_code == status
    assert words in shown(page)
    assert not ImportBatch.objects.exists()


def test_forged_names_and_forms_are_refused(sign_in):
    buyer = sign_in(Role.BUYER)
    data = {"kind": "prices", "import_file_name": "../../etc/passwd", "format": "99"}
    assert buyer.post(PAGE, data).status_code == 422
    assert bring(buyer, b"x", kind="users").status_code == 403
    assert [buyer.get(f"{PAGE}{path}").status_code for path in ("999/", "template/prices.yaml", "template/users.csv")] == [404] * 3


def test_the_filled_template_comes_back_as_it_went_out(sign_in):
    buyer, order, held = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED), order_at(State.QUOTE_APPROVED)
    Order.objects.filter(pk=held.pk).update(hold_reason="x")
    order.items.filter(position=1).update(name="=SUM(A1)", options="-1 size")
    answer = buyer.get(f"{PAGE}template/prices.csv?filled=1")
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert lines[0] == ["order", "item", "product name", "options", "quantity", "address", "price"]
    assert [line[:5] for line in lines[1:]] == [[order.number, "1", "'=SUM(A1)", "'-1 size", "1"], [order.number, "2", "", "", "2"]]
    lines[1][-1] = "5000"
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    bring(buyer, text.getvalue())
    press(buyer, "confirm", rows="all")
    assert list(order.items.values_list("name", "price_krw")) == [("=SUM(A1)", 5000), ("", None)]
    book = openpyxl.load_workbook(io.BytesIO(buyer.get(f"{PAGE}template/prices.xlsx?filled=1").content))
    assert [cell.value for cell in book.active[2]][:2] == [order.number, "2"]


def test_tracking_numbers_and_ship_what_is_complete(sign_in):
    warehouse, order = sign_in(Role.WAREHOUSE), order_at(State.DELIVERY_PAID)
    page = bring(warehouse, f"order,courier,tracking\n{order.number},FedEx,{FEDEX_NUMBER}\n", kind="tracking")
    assert "then “Ship” for every order that is complete" in shown(page)
    page = press(warehouse, "confirm", rows="all", and_move="1")
    assert reload(order).state == State.DELIVERY_PAID
    from django_q.models import OrmQ

    assert [row.task["func"] for row in OrmQ.objects.all() if "imports" in row.task["func"]] == ["workflow.imports.jobs.move"]


def test_the_pages_cost_the_same_whatever_they_show(sign_in):
    buyer, order = sign_in(Role.BUYER), order_at(State.QUOTE_APPROVED, items=2)
    bring(buyer, prices_of(order))

    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert buyer.get(path).status_code == 200
        return len(captured)

    few = statements(PAGE), statements(f"{PAGE}{ImportBatch.objects.get().pk}/")
    more = [order_at(State.QUOTE_APPROVED) for _ in range(3)]
    bring(buyer, prices_of(order) + "".join(f"{one.number},{n},10\n" for one in more for n in (1, 2)))
    assert (statements(PAGE), statements(f"{PAGE}{ImportBatch.objects.latest('pk').pk}/")) == few


def test_a_name_that_no_spreadsheet_takes_spoils_no_file(sign_in):
    order = order_at(State.QUOTE_APPROVED)
    order.items.filter(position=1).update(name="a\x01b")
    assert sign_in(Role.BUYER).get("/admin/imports/template/prices.xlsx?filled=1").status_code == 200
    item = order.items.get(position=2)
    set_name(item, " a\x01\x1fb\n")
    assert item.name == "a b"


def test_rows_pasted_from_a_spreadsheet_need_no_file(sign_in):
    warehouse, order = sign_in(Role.WAREHOUSE), order_at(State.DELIVERY_PAID)
    page = warehouse.post(PAGE, {"kind": "tracking", "pasted": f"주문번호\t운송장번호\r\n{order.number}\t{FEDEX_NUMBER}\r\n"}, follow=True)
    assert f"– → {FEDEX_NUMBER}" in shown(page)
    assert ImportBatch.objects.get().file_name == "pasted.csv"


def test_neither_a_file_nor_rows_brings_nothing(sign_in):
    page = sign_in(Role.WAREHOUSE).post(PAGE, {"kind": "tracking", "pasted": " \r\n"})
    assert (page.status_code, ImportBatch.objects.count()) == (422, 0)
    assert "Choose a file, or paste rows." in shown(page)

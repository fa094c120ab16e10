"""Exports: what the list shows, in the columns chosen, that no spreadsheet takes for a program; masked, capped and recorded."""

import csv
import io
import tracemalloc
from array import array
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import openpyxl
import pytest
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from backoffice.exports import files, lists
from backoffice.exports.cells import for_csv, for_xlsx
from backoffice.tests.poison import assert_inert_table
from backoffice.tests.test_poison import write_beside, write_order
from workflow import ledger
from workflow.models import ExportChoice, ExportLog, LedgerEntry, Order, StaffTask
from workflow.process import Role, State
from workflow.spreadsheets import as_typed, harmless
from workflow.tests.factories import customer, new_order, order_at, reload

pytestmark = pytest.mark.django_db
ORDERS, LEDGER, PEOPLE = "/admin/workflow/order/", "/admin/workflow/ledgerentry/", "/admin/accounts/user/"


def taken(client, url: str, *columns: str, file_format: str = "csv"):
    """The file's rows without its head."""
    answer = client.post(url, {"column": columns, "format": file_format})
    assert answer.status_code == 200, answer.content[:300]
    body = b"".join(answer.streaming_content)
    if file_format == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(body)).active
        return [list(row) for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert body[:3] == b"\xef\xbb\xbf"
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))[1:]


# --- Cells ----------------------------------------------------------------------------------------------------------------

POISON = [
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t1", "\r1", "|calc", " =1+1", "\u00a0=1", "\u200b=1", "\ufeff@a", "＝1+1", "＋1", "－1", "＠a",
    "-5",     "-2+cmd|' /C calc'!A0", '=HYPERLINK("http://x")', "\n=1", "'=1", "''+1", "\x01=1",
]  # fmt: skip
HARMLESS = ["", "a=b", "It's", "'quoted'", "블랙 / M", "1-2", "user@example.com", "🙂", " a", "12"]


@pytest.mark.parametrize("said", POISON)
def test_what_could_be_a_formula_is_text_and_comes_back(said):
    assert harmless(said) == f"'{said}"
    assert as_typed(harmless(said)) == said
    assert for_csv(said)[0] == for_xlsx(said)[0] == "'"


@pytest.mark.parametrize("said", HARMLESS)
def test_what_is_none_is_left_alone(said):
    assert harmless(said) == as_typed(said) == for_csv(said) == said


def test_numbers_stay_numbers_and_times_are_seouls():
    assert [for_csv(value) for value in (-5, Decimal("-12.30"), 0, None)] == ["-5", "-12.30", "0", ""]
    assert [for_xlsx(value) for value in (-5, Decimal("-12.30"), 0, None)] == [-5, Decimal("-12.30"), 0, None]
    at = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
    assert for_csv(at) == "2026-11-25 05:30:00"
    assert for_xlsx(at) == datetime(2026, 11, 25, 5, 30)  # noqa: DTZ001 - a spreadsheet knows no zones


def test_what_a_spreadsheet_cannot_hold_is_left_out():
    assert for_xlsx("a\x00b\x0bc") == "abc"
    assert len(for_xlsx("x" * 40_000)) == 32_767


# --- The file -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_the_file_holds_what_the_list_shows_in_the_columns_chosen(owner, file_format):
    shipped, _other = order_at(State.SHIPPED), new_order()
    Order.objects.filter(pk=shipped.pk).update(note="=1+1", recipient_name="김민지")
    rows = taken(owner, f"{ORDERS}export/?state=shipped", "note", "number", "recipient", "paid_usd", file_format=file_format)
    paid = sum(invoice.amount_usd_cents for invoice in shipped.invoices.all())
    amount = f"{Decimal(paid) / 100:.2f}"
    assert rows == [[shipped.number, amount if file_format == "csv" else float(amount), "김민지", "'=1+1"]]


def test_poison_leaves_both_formats_as_it_came(owner):
    said = ["<script>alert(1)</script>", '"; DROP TABLE', "a,b\r\nc", "'; --", "👩‍👩‍👧", "=cmd|' /C calc'!A0"]
    for number, words in enumerate(said):
        StaffTask.objects.create(key=f"k{number}", kind="stuck", text=words)
    for file_format in ("csv", "xlsx"):
        rows = taken(owner, "/admin/workflow/stafftask/export/?open=all", "what", file_format=file_format)
        assert [as_typed(row[0]).replace("\r", "") for row in rows][::-1] == [words.replace("\r", "") for words in said], file_format


def test_no_export_holds_a_formula_whatever_customers_and_couriers_wrote(owner):
    order = order_at(State.SHIPPED, items=4)
    write_order(order, str, turn=1)
    write_beside(reload(order), str)
    for model, exports in lists.OF_LIST.items():
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/export/"
        for place, export in enumerate(exports):
            url = f"{base}{export.name}/" if place else base
            for file_format in ("csv", "xlsx"):
                rows = taken(owner, url, *(column.name for column in export.columns), file_format=file_format)
                assert rows, url
                assert_inert_table(rows)


def test_items_and_parcels_of_the_orders_shown(owner):
    shipped, _other = order_at(State.SHIPPED, items=3), new_order()
    url = f"{ORDERS}export/items/?q={shipped.number}"
    assert taken(owner, url, "position", "order", "price_krw") == [[shipped.number, str(n), str(n * 10_000)] for n in (1, 2, 3)]
    parcel = shipped.parcels.get()
    assert taken(owner, f"{ORDERS}export/parcels/?q={shipped.number}", "tracking_number") == [[parcel.tracking_number]]


def test_the_ledger_is_oldest_first_and_what_went_back_is_negative(owner):
    order = order_at(State.ITEMS_PAID)
    ledger.book(order=order, kind="refund", amount_cents=-1234, source="stripe", reference="re_9", note="late")
    rows = taken(owner, f"{LEDGER}export/?q={order.number}", "kind", "amount", "currency", "note", "reference", file_format="xlsx")
    capture = LedgerEntry.objects.get(order=order, number=1)
    assert [row[1] for row in rows] == [capture.amount_cents / 100, -12.34]
    assert rows[1] == ["refund", -12.34, "USD", "re_9", "we were too late"]
    assert taken(owner, f"{LEDGER}export/?kind=refund", "amount") == [["-12.34"]]


@pytest.mark.parametrize(
    ("url", "column"),
    [("invoice", "amount_usd"), ("attempt", "status"), ("refund", "amount_usd"), ("stafftask", "what"), ("ledgerentry", "amount")],
)
def test_every_list_gives_all_its_columns(owner, url, column):
    order_at(State.COMPLETED)
    export = next(one for exports in lists.OF_LIST.values() for one in exports if one.model._meta.model_name == url)
    names = [one.name for one in export.columns]
    assert column in names
    for file_format in ("csv", "xlsx"):
        rows = taken(
            owner,
            f"/admin/workflow/{url}/export/?open=all" if url == "stafftask" else f"/admin/workflow/{url}/export/",
            *names,
            file_format=file_format,
        )
        assert len(rows) == export.model.objects.count()


# --- Who and how many -----------------------------------------------------------------------------------------------------


def test_what_a_role_does_not_see_is_masked_in_the_file_too(sign_in):
    order = new_order()
    url, columns = f"{ORDERS}export/", ("email", "recipient", "phone", "line1")
    assert taken(sign_in(Role.BUYER), url, *columns) == [[f"{order.customer.email[0]}•••@example.com", "K•••", "•••• 0100", "••••"]]
    assert taken(sign_in(Role.SUPPORT), url, *columns) == [
        [order.customer.email, "Kim Minji", "'+16505550100", "1600 Amphitheatre Parkway"]
    ]


def test_customers_are_for_the_owner_and_no_staff_is_among_them(sign_in):
    person = customer()
    assert taken(sign_in(Role.OWNER), f"{PEOPLE}export/", "email", "orders") == [[person.email, "0"]]
    made = ExportLog.objects.count()
    for role in (Role.BUYER, Role.WAREHOUSE, Role.FINANCE, Role.SUPPORT, Role.MODERATOR):
        client = sign_in(role)
        assert (
            client.get(f"{PEOPLE}export/").status_code
            == client.post(f"{PEOPLE}export/", {"column": "email", "format": "csv"}).status_code
            == 403
        )
    assert ExportLog.objects.count() == made


def test_who_may_not_see_a_list_cannot_take_it(sign_in):
    order_at(State.ITEMS_PAID)
    for role in (Role.BUYER, Role.SUPPORT):
        assert sign_in(role).post(f"{LEDGER}export/", {"column": "amount", "format": "csv"}).status_code == 403
    assert not ExportLog.objects.exists()


def test_a_file_takes_so_many_rows_and_says_so(owner, monkeypatch):
    orders = [new_order(items=1) for _ in range(4)]
    monkeypatch.setattr(files, "MOST_IN_XLSX", 2)
    monkeypatch.setitem(lists.OF_LIST, Order, (replace(lists.ORDERS, most=3),))
    page = owner.get(f"{ORDERS}export/")
    assert (page.context["count"], page.context["is_more"]) == (3, True)
    refused = owner.post(f"{ORDERS}export/", {"column": "number", "format": "xlsx"})
    assert refused.status_code == 422
    assert "take CSV" in refused.content.decode()
    assert not ExportLog.objects.exists()
    assert taken(owner, f"{ORDERS}export/", "number") == [[order.number] for order in orders[:0:-1]]


def test_other_formats_and_columns_do_not_exist(owner):
    for said in ({"format": "99"}, {"format": "html"}, {}, {"format": "csv", "column": "password"}):
        assert owner.post(f"{ORDERS}export/", {"column": "number", **said}).status_code == 400
    assert owner.post(f"{ORDERS}export/", {"format": "csv"}).status_code == 422
    assert owner.get(f"{ORDERS}export/nonsense/").status_code == 404
    assert not ExportLog.objects.exists()


def test_a_file_needs_the_token_of_its_page(sign_in):
    client = sign_in(Role.OWNER, csrf=True)
    assert client.post(f"{ORDERS}export/", {"column": "number", "format": "csv"}).status_code == 403
    assert not ExportLog.objects.exists()


# --- What is kept ---------------------------------------------------------------------------------------------------------


def test_who_took_what_is_recorded_for_good(owner, sign_in):
    order = order_at(State.SHIPPED)
    taken(owner, f"{ORDERS}export/?state=shipped&before=99999&q={order.number}", "number", "state")
    log = ExportLog.objects.get()
    assert (log.user, log.list_name, log.format, log.rows, log.columns) == (owner.user, "orders", "csv", 1, ["number", "state"])
    assert log.filters == {"state": "shipped", "q": order.number}
    with pytest.raises(DatabaseError), transaction.atomic():
        ExportLog.objects.update(rows=0)
    with pytest.raises(DatabaseError), transaction.atomic():
        ExportLog.objects.all().delete()
    page = owner.get("/admin/workflow/exportlog/").content.decode()
    assert owner.user.nickname in page
    assert "state=shipped" in page
    assert [sign_in(role).get("/admin/workflow/exportlog/").status_code for role in (Role.SUPPORT, Role.FINANCE)] == [403, 403]


def test_whom_was_searched_for_is_not_kept(owner):
    order = new_order()
    for said in (order.customer.email, "minji85", "01012345678", "김민지"):
        taken(owner, f"{ORDERS}export/?q={said}", "number")
    assert [log.filters for log in ExportLog.objects.all()] == [{"q": "•••"}] * 4


def test_the_columns_are_remembered_by_person_and_list(owner, sign_in):
    new_order()
    taken(owner, f"{ORDERS}export/", "number", "note")
    ticked = lambda client, what: [column.name for column, is_on in client.get(f"{ORDERS}export/{what}/").context["columns"] if is_on]  # noqa: E731
    assert ticked(owner, "orders") == ["number", "note"]
    assert owner.get(f"{ORDERS}export/").context["format"] == "csv"
    usual = [column.name for column in lists.ITEMS.columns if column.usual]
    assert ticked(owner, "items") == ticked(sign_in(Role.BUYER), "items") == usual
    assert ExportChoice.objects.count() == 1


def test_the_list_leads_to_its_export_as_it_is_narrowed(owner):
    new_order()
    page = owner.get(f"{ORDERS}?state=quote_requested&before=99999").content.decode()
    assert 'href="/admin/workflow/order/export/?state=quote_requested"' in page


# --- What it costs --------------------------------------------------------------------------------------------------------


def test_a_batch_costs_the_same_statements_whatever_it_holds(owner, monkeypatch):
    monkeypatch.setattr(files, "BATCH", 2)
    for _ in range(6):
        new_order()
    every = [column.name for column in lists.ORDERS.columns]
    answer = owner.post(f"{ORDERS}export/", {"column": every, "format": "csv"})
    with CaptureQueriesContext(connection) as queries:
        assert len(b"".join(answer.streaming_content).splitlines()) == 7
    assert len(queries) == 3 * (1 + 4)  # orders, and customers, items, invoices, parcels of two


def test_many_rows_take_no_more_memory_than_few(rf: RequestFactory, owner):
    StaffTask.objects.bulk_create(StaffTask(key=f"k{n}", kind="stuck", text="words") for n in range(8_000))
    request = rf.get("/")
    request.user = owner.user
    keys = array("q", StaffTask.objects.order_by("-pk").values_list("pk", flat=True))
    export = lists.TASKS

    def peak(some: "array[int]") -> tuple[int, int]:
        tracemalloc.start()
        lines = sum(part.count(b"\n") for part in files.csv_parts(request, export, some, list(export.columns[:2])))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return lines, used

    (few_lines, few), (lines, many) = peak(keys[:2_000]), peak(keys)
    assert (few_lines, lines) == (2_001, 8_001)
    assert many < few * 1.5

"""The warehouse at its pages: arrivals by scanned number, verdicts with photos, the question, the end; and who waits for whom."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from backoffice import warehouse_pages
from backoffice.tests.conftest import page_url, work_url
from core.tests.ground.conftest import ROOT
from workflow import inspections, work
from workflow.models import Inspection, Item, Order, Photo
from workflow.process import Role, State
from workflow.tests import factories
from workflow.tests.factories import reload
from workflow.transitions import By

pytestmark = pytest.mark.django_db

ARRIVALS, INSPECTIONS, OURS = "/admin/arrivals/", "/admin/inspections/", {"waits": "us"}


@pytest.fixture
def order() -> Order:
    return factories.order_at(State.ITEMS_PURCHASED)


@pytest.fixture
def warehouse(sign_in):
    return sign_in(Role.WAREHOUSE)


def items(order):
    return list(order.items.order_by("position"))


def statuses(order):
    return list(order.items.order_by("position").values_list("status", flat=True))


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def enter(client, item, what, *, q="", version=None):
    version = reload(item.order).version if version is None else version
    return client.post(ARRIVALS, {"item": item.pk, "what": what, "q": q, "version": version})


# --- Arrivals -------------------------------------------------------------------------------------------------------------


def test_every_number_of_a_parcel_leads_to_its_items(warehouse, order):
    one, two = items(order)
    work.expect_items(order.pk, numbers={two.pk: "5123-4567 8901"}, by=factories.by(Role.BUYER))
    for number, found in {
        order.number.lower().replace("-", ""): [one, two],
        one.shop_order_number: [one],
        "512345678901": [two],
        "no such number": [],
        "": [],
        "\x00" + "9" * 500: [],
    }.items():
        context = warehouse.get(ARRIVALS, {"q": number}).context
        assert [match.item for match in context["matches"]] == found, number


def test_arrived_fine_and_the_last_one_taken_back(warehouse, order):
    one, two = items(order)
    left = enter(warehouse, one, "fine", q=order.number)
    assert left.url == f"{ARRIVALS}?q={order.number}&last={one.pk}"
    # nothing of it is left to enter: the page is ready for the next parcel
    done = enter(warehouse, two, "fine", q=order.number)
    assert done.url == f"{ARRIVALS}?last={two.pk}"
    assert statuses(order) == ["inspected", "inspected"]
    page = warehouse.get(done.url)
    assert page.context["last"].item == two
    assert 'name="q" id="scan" maxlength="60"' in page.content.decode()
    assert enter(warehouse, two, "undo").status_code == 302
    assert enter(warehouse, two, "arrived").status_code == 302
    assert statuses(order) == ["inspected", "arrived"]


def test_a_page_that_is_old_enters_nothing(warehouse, order):
    item, seen = items(order)[0], order.version
    assert enter(warehouse, item, "fine", version=seen).status_code == 302
    refused = enter(warehouse, item, "undo", q="S-1", version=seen)
    assert said(refused) == ["Somebody changed this order meanwhile. Please look at it again."]
    assert (refused.url, statuses(order)[0]) == (f"{ARRIVALS}?q=S-1", "inspected")


@pytest.mark.parametrize("data", [{}, {"item": "x", "what": "fine"}, {"item": "9" * 30, "what": "fine"}, {"item": "1", "what": "burn"}])
def test_a_post_that_is_none(warehouse, data):
    assert warehouse.post(ARRIVALS, data).status_code == 404


def test_arrivals_are_the_warehouses(sign_in, order):
    buyer = sign_in(Role.BUYER)
    assert buyer.get(ARRIVALS).status_code == 403
    assert enter(buyer, items(order)[0], "fine").status_code == 403
    assert statuses(order) == ["purchased", "purchased"]


def test_the_pages_ask_the_same_for_one_item_and_many(warehouse, order):
    Item.objects.update(shop_order_number="S-1")
    template = items(order)[1]
    Inspection.objects.create(item=items(order)[0], number=1, verdict="damaged", note="x", by=warehouse.user)

    def count(url) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert warehouse.get(url).status_code == 200
        return len(asked)

    urls = (f"{ARRIVALS}?q=S-1&last={template.pk}", INSPECTIONS)
    for url in urls:
        warehouse.get(url)
    few = [count(url) for url in urls]
    many = [
        Item(order=order, position=n, url="https://a.kr", status="purchased", shop_order_number="S-1", paid_price_krw=1)
        for n in range(3, 90)
    ]
    Item.objects.bulk_create(many)
    by = warehouse.user
    Inspection.objects.bulk_create(Inspection(item=item, number=1, verdict="wrong", by=by) for item in order.items.filter(position__gt=2))
    assert [count(url) for url in urls] == few
    assert len(warehouse.get(urls[0]).context["matches"]) == 60


# --- Numbers of the shops' parcels, and the receiving form ----------------------------------------------------------------


def test_the_numbers_of_the_shops_parcels(sign_in, order):
    buyer, (one, two) = sign_in(Role.BUYER), items(order)
    data = {"version": order.version, f"inbound_number-{one.pk}": " 1234 5678-9012 ", f"inbound_number-{two.pk}": ""}
    assert buyer.post(work_url(order, "expect_items"), data).status_code == 302
    assert [item.inbound_number for item in items(reload(order))] == ["123456789012", ""]


def test_nothing_is_ticked_and_one_button_says_everything(warehouse, order):
    page = warehouse.get(page_url(order)).content.decode()
    assert 'class="bo-box" type="checkbox" name="item"' in page
    assert 'name="item" value="%s" id="arrived-%s" checked' % ((items(order)[0].pk,) * 2) not in page
    data = {"version": order.version, "inspected": "all"}
    assert warehouse.post(work_url(order, "receive_items"), data).status_code == 302
    assert statuses(order) == ["inspected", "inspected"]
    again = warehouse.post(work_url(order, "receive_items"), {"version": reload(order).version, "inspected": "all"})
    assert again.status_code == 422


# --- Inspections on the order page ----------------------------------------------------------------------------------------


def inspect_url(order, name="inspect"):
    return f"/admin/workflow/order/{order.pk}/{name}/"


def photo() -> SimpleUploadedFile:
    return SimpleUploadedFile("box.jpg", (ROOT / "fixtures" / "sample-photo.jpg").read_bytes(), "image/jpeg")


def press(client, order, inspection, what):
    data = {"version": reload(order).version}
    return client.post(f"/admin/workflow/order/{order.pk}/inspection/{inspection.pk}/{what}/", data)


def test_a_verdict_with_its_photo_the_question_the_answer_and_the_end(warehouse, order, client):
    item = items(order)[0]
    dialog = warehouse.get(inspect_url(order), {"item": item.pk})
    assert f'<option value="{item.pk}" selected>' in dialog.content.decode()
    broken = SimpleUploadedFile("not.jpg", b"<html>", "image/jpeg")
    data = {"version": order.version, "item": item.pk, "verdict": "damaged", "note": "the box is wet", "photos": [photo(), broken]}
    saved = warehouse.post(inspect_url(order), data)
    assert saved.status_code == 302, saved.context["form"].errors
    noted, warned = said(saved)
    assert noted == "What was found is noted."
    assert warned.startswith("not.jpg: ")
    inspection = Inspection.objects.get()
    assert (inspection.note, Photo.objects.get().inspection) == ("the box is wet", inspection)

    page = warehouse.get(page_url(order)).content.decode()
    assert "Ask the customer what to do." in page
    shown = page.split("data-inspection=")[1].split('src="')[1].split('"')[0]
    picture = client.get(shown)
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert b"".join(picture.streaming_content).startswith(b"\xff\xd8")

    dialog = warehouse.get(inspect_url(order, "ask_about"))
    question = dialog.context["form"]["text"].value()
    assert "the box is wet" in question
    data = {"version": reload(order).version, "inspection": [inspection.pk], "text": question}
    assert warehouse.post(inspect_url(order, "ask_about"), data).status_code == 302
    assert "Waits for the customer." in warehouse.get(page_url(order)).content.decode()
    assert said(press(warehouse, order, inspection, "keep"))[-1] == "The customer has not answered yet."

    inspections.answer_inspection(order.pk, position=1, choice="keep", text="it is <b>fine</b>", by=By.customer(order.customer))
    page = warehouse.get(page_url(order)).content.decode()
    assert "it is &lt;b&gt;fine&lt;/b&gt;" in page
    assert f"/inspection/{inspection.pk}/keep/" in page
    view = warehouse.get(f"/admin/workflow/order/{order.pk}/customer/").content.decode()
    assert view.count("the box is wet") == 2
    assert press(warehouse, order, inspection, "keep").status_code == 302
    assert statuses(order)[0] == "inspected"


def test_a_verdict_without_words_comes_back_with_what_was_typed(warehouse, order):
    data = {"version": order.version, "item": items(order)[0].pk, "verdict": "wrong", "note": "  "}
    answer = warehouse.post(inspect_url(order), data)
    assert answer.status_code == 422
    assert "Please say what is wrong; the customer reads it." in answer.content.decode()
    data = {**data, "note": "a blue one", "version": order.version - 1}
    answer = warehouse.post(inspect_url(order), data)
    assert (answer.status_code, Inspection.objects.count()) == (409, 0)
    assert "a blue one" in answer.content.decode()


def test_buttons_of_an_inspection(warehouse, order, sign_in):
    item = items(order)[0]
    inspection = inspections.inspect_item(order.pk, item_id=item.pk, verdict="wrong", note="blue", by=By.staff(warehouse.user))
    finance = sign_in(Role.FINANCE)
    assert press(finance, order, inspection, "again").status_code == 403
    assert f"/inspection/{inspection.pk}/" not in finance.get(page_url(order)).content.decode()
    assert press(warehouse, factories.order_at(State.ITEMS_PURCHASED), inspection, "again").status_code == 404
    assert press(warehouse, order, inspection, "burn").status_code == 404
    assert press(warehouse, order, inspection, "undo").status_code == 302
    assert f"/undo-arrival/{item.pk}/" in warehouse.get(page_url(order)).content.decode()
    data = {"version": reload(order).version}
    assert warehouse.post(f"/admin/workflow/order/{order.pk}/undo-arrival/{item.pk}/", data).status_code == 302
    assert statuses(order)[0] == "purchased"


def test_who_waits_for_whom_a_page_at_a_time(warehouse, order, monkeypatch):
    by = By.staff(warehouse.user)
    first, second = (inspections.inspect_item(order.pk, item_id=item.pk, verdict="damaged", note="x", by=by) for item in items(order))
    inspections.ask_about(order.pk, inspection_ids=[second.pk], text="?", by=by)

    def ours() -> list[Inspection]:
        return [row.inspection for row in warehouse.get(INSPECTIONS, OURS).context["rows"]]

    rows = warehouse.get(INSPECTIONS).context["rows"]
    assert ours() == [first]
    assert [(row.inspection, str(row.waits[1])) for row in rows] == [(first, "us: ask the customer"), (second, "the customer")]
    inspections.answer_inspection(order.pk, position=2, choice="return", by=By.customer(order.customer))
    assert str(warehouse.get(INSPECTIONS).context["rows"][1].waits[1]) == "us: the customer decided"
    assert ours() == [first, second]
    Inspection.objects.filter(pk=second.pk).update(choice="", answer_by=now() - timedelta(minutes=1))
    assert ours() == [first, second]
    monkeypatch.setattr(warehouse_pages, "PAGE_SIZE", 1)
    page = warehouse.get(INSPECTIONS)
    assert ([row.inspection for row in page.context["rows"]], page.context["following"]) == ([first], first.pk)
    assert [row.inspection for row in warehouse.get(INSPECTIONS, {"after": first.pk}).context["rows"]] == [second]
    assert warehouse.get(INSPECTIONS, {"after": "x" * 400}).status_code == 200

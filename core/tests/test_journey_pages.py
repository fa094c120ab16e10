"""The browser without a screen reads pages as a browser does: what it would send, what it shows, what it does not find."""

import io

import pytest
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser

from core.management.journey.browser import multipart
from core.management.journey.courier import next_fedex_number, next_s10_number
from core.management.journey.pages import Page, Upload
from core.management.journey.steps import Failed

HTML = """
<html><head><meta http-equiv="refresh" content="1"></head><body>
<form action="/search"><input name="q"></form>
<p role="alert">Not <b>so</b>
 fast</p>
<form method="post" action="/order/7/enter/label/">
  <input type="hidden" name="csrf" value="t&amp;k"><input name="weight" value=""><input name="gone" value="1" disabled>
  <input type="radio" name="verdict-3" value="approved"><input type="radio" name="verdict-3" value="rejected" checked>
  <input type="checkbox" name="item" value="8" checked><input type="checkbox" name="item" value="9"><input type="checkbox" name="remove">
  <select name="courier"><option value="">–</option><option value="fedex">FedEx</option><option value="ems" selected>EMS</option></select>
  <textarea name="reason">
two
lines</textarea>
  <button name="inspected" value="0">No</button><button name="inspected" value="1">Yes</button>
</form>
<input name="outside" value="1">
<a class="x" data-move="ship" href="/order/7/do/ship/"><span>icon</span>Ship</a>
<span data-move="cancel" aria-disabled="true" title="On hold">Cancel</span><br>
<a href="?page=2"><bdi>BD-1</bdi></a>
</body></html>
"""


@pytest.fixture
def page() -> Page:
    return Page("http://shop.test/order/7/", 200, HTML)


def test_a_form_is_sent_as_it_stands(page: Page) -> None:
    assert page.form("/label/").pairs() == [
        ("csrf", "t&k"),
        ("weight", ""),
        ("verdict-3", "rejected"),
        ("item", "8"),
        ("courier", "ems"),
        ("reason", "two\nlines"),
    ]


def test_filled_and_sent_with_the_button_that_was_pressed(page: Page) -> None:
    form = page.form("/label/")
    form.fill("weight", 2450)
    form.fill_each("verdict-", ["approved"])
    form.tick("item", ["9"])
    form.fill("courier", "fedex")
    assert form.pairs(("inspected", "1")) == [
        ("csrf", "t&k"),
        ("weight", "2450"),
        ("verdict-3", "approved"),
        ("item", "9"),
        ("courier", "fedex"),
        ("reason", "two\nlines"),
        ("inspected", "1"),
    ]


def test_what_is_not_there_cannot_be_used(page: Page) -> None:
    form = page.form("/label/")
    with pytest.raises(Failed, match="no field “outside”"):
        form.fill("outside", "1")
    with pytest.raises(Failed, match="no field “gone”"):
        form.fill("gone", "1")
    with pytest.raises(Failed, match="“courier” does not offer “ups”"):
        form.fill("courier", "ups")
    with pytest.raises(Failed, match="“item” does not offer 10"):
        form.tick("item", ["10"])
    with pytest.raises(Failed, match="no button “inspected=2”"):
        form.pairs(("inspected", "2"))
    with pytest.raises(Failed, match=r"no form that leads to …/pay on http://shop[.]test/order/7/: Not so fast"):
        page.form("/pay")


def test_buttons_links_and_words(page: Page) -> None:
    ship, cancel = page.marked("data-move", "ship"), page.marked("data-move", "cancel")
    assert ship is not None
    assert cancel is not None
    assert page.absolute(ship.attributes["href"]) == "http://shop.test/order/7/do/ship/"
    assert "href" not in cancel.attributes
    assert page.marked("data-move", "reship") is None
    assert page.link("BD-1") == "http://shop.test/order/7/?page=2"
    assert page.link("BD-2") == ""
    assert page.alerts == ["Not so fast"]
    assert page.refreshes
    with pytest.raises(Failed, match="the page answered 409: Not so fast"):
        Page(page.url, 409, HTML).expect("the page")


def test_the_next_number_of_a_label_roll_has_its_check_digit() -> None:
    assert next_fedex_number("986578788855") == "986578788866"
    assert next_s10_number("EG123456785KR") == "EG123456799KR"


def test_files_go_as_a_browser_sends_them():
    body, kind = multipart([("note", "상자")], [Upload("photos", "box.jpg", "image/jpeg", b"\xff\xd8\r\n--x")])
    meta = {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body))}
    fields, files = MultiPartParser(meta, io.BytesIO(body), [MemoryFileUploadHandler()]).parse()
    found = files["photos"]
    assert (fields["note"], found.name, found.content_type, found.read()) == ("상자", "box.jpg", "image/jpeg", b"\xff\xd8\r\n--x")


def test_a_form_that_takes_no_files_takes_none():
    page = Page("http://x/", 200, '<form method="post" action="/a/"><input type="file" name="photos"><input name="n" value="1"></form>')
    with pytest.raises(Failed, match="takes no file"):
        page.form("/a/").attach("photos", "a.jpg", "image/jpeg", b"x")
    assert page.form("/a/").pairs() == [("n", "1")]

"""Photos on the order page: who sees and adds what, several files at once, and how large a form with them may be."""

import asyncio
import errno
import re

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.test import Client
from django.urls import reverse

from backoffice import headers
from core.web.bodies import largest_body, read_body
from core.web.problems import Problem
from core.web.site import sees_orders
from workflow import photos
from workflow.models import Inspection, Item, Order, Photo
from workflow.process import Role
from workflow.tests import factories
from workflow.tests.test_photos import order_with_parcel, upload

pytestmark = pytest.mark.django_db
MB = 1024 * 1024


@pytest.fixture
def order(db) -> Order:
    order = order_with_parcel()
    Item.objects.filter(order=order).update(status="inspected")
    return order


def page_of(order: Order) -> str:
    return reverse("admin:workflow_order_change", args=[order.pk])


def photos_of(order: Order, kind: str, owner) -> str:
    return reverse("admin:workflow_order_photos", args=[order.pk, kind, owner.pk])


def send(client: Client, url: str, *files):
    return client.post(url, {"photo": list(files)})


def opens(link: str) -> bool:
    answer = Client().get(link)
    return answer.status_code == 200 and bool(b"".join(answer.streaming_content))


def told(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_files_are_added_and_then_seen_on_the_order_page(sign_in, order):
    warehouse, item = sign_in(Role.WAREHOUSE), order.items.first()
    url = photos_of(order, "item", item)

    answer = warehouse.post(url, {"photo": [upload("1.jpg"), upload("2.jpg")]}, follow=True)

    assert (answer.redirect_chain, told(answer)) == ([(page_of(order), 302)], ["2 photos are kept."])
    text = answer.content.decode()
    small = re.findall(r'<img src="(/photos/[^"]+-small-[^"]+)"', text)
    assert [photo.item for photo in Photo.objects.all()] == [item, item]
    assert len(small) == 2
    assert all(opens(link) for link in small)
    assert f'href="{url}"' in text


def test_a_refused_file_is_named_with_its_reason_and_the_good_ones_are_kept(sign_in, order):
    warehouse, parcel = sign_in(Role.WAREHOUSE), order.parcels.first()

    answer = send(warehouse, photos_of(order, "parcel", parcel), upload("good.jpg"), upload("<b>.png", b"<svg/>"), upload("0.jpg", b""))

    text = answer.content.decode()
    assert (answer.status_code, Photo.objects.get().parcel) == (422, parcel)
    assert "&lt;b&gt;.png</bdi>: Please send a JPEG, PNG or WebP picture." in text
    assert "0.jpg</bdi>: The file is empty." in text
    assert text.count("data-photo ") == 1


def test_a_form_without_a_file_says_so(sign_in, order):
    answer = send(sign_in(Role.WAREHOUSE), photos_of(order, "parcel", order.parcels.first()))

    assert (answer.status_code, "Please choose a picture first." in answer.content.decode()) == (422, True)


def test_photos_of_an_inspection_have_their_card(sign_in, order):
    warehouse = sign_in(Role.WAREHOUSE)
    found = Inspection.objects.create(item=order.items.first(), number=1, verdict="damaged", by=warehouse.user)

    assert send(warehouse, photos_of(order, "inspection", found), upload()).status_code == 302
    assert photos_of(order, "inspection", found) in warehouse.get(photos_of(order, "inspection", found)).content.decode()
    assert Photo.objects.get().inspection == found


@pytest.mark.parametrize("kind", ["item", "parcel", "inspection", "order", "x"])
def test_things_of_another_order_have_no_card_here(sign_in, order, kind):
    warehouse, other = sign_in(Role.WAREHOUSE), order_with_parcel()
    owner = {"item": other.items.first(), "parcel": other.parcels.first()}.get(kind, other)

    url = photos_of(order, kind, owner)
    assert (warehouse.get(url).status_code, send(warehouse, url, upload()).status_code) == (404, 404)


#: role -> may add to an item, sees an item's photos, may add to a parcel, sees a parcel's photos (on labels stands the address)
WHO = {
    Role.OWNER: (True, True, True, True),
    Role.WAREHOUSE: (True, True, True, True),
    Role.SUPPORT: (True, True, True, True),
    Role.BUYER: (True, True, False, False),
    Role.FINANCE: (False, True, False, False),
}


@pytest.mark.parametrize("role", WHO)
def test_who_sees_and_adds_what(sign_in, order, role):
    by, item, parcel = factories.by(Role.WAREHOUSE), order.items.first(), order.parcels.first()
    of_item = photos.add_photo(order.pk, upload=upload(), by=by, item_id=item.pk)
    of_parcel = photos.add_photo(order.pk, upload=upload(), by=by, parcel_id=parcel.pk)
    client = sign_in(role)

    text = client.get(page_of(order)).content.decode()

    item_url, parcel_url = photos_of(order, "item", item), photos_of(order, "parcel", parcel)
    shown = (item_url in text, f"/photos/{of_item.pk}-" in text, parcel_url in text, f"/photos/{of_parcel.pk}-" in text)
    assert shown == WHO[role]
    assert ("1 photo, on which the address may be seen" in text) == (not WHO[role][3])
    assert (send(client, item_url, upload()).status_code, send(client, parcel_url, upload()).status_code) == (
        302 if WHO[role][0] else 403,
        302 if WHO[role][2] else 403,
    )
    gone = reverse("admin:workflow_order_photo_remove", args=[order.pk, of_parcel.pk])
    assert client.post(gone).status_code == (302 if WHO[role][2] else 403)


def test_removing_asks_first(sign_in, order):
    photo = photos.add_photo(order.pk, upload=upload(), by=factories.by(Role.WAREHOUSE))
    warehouse, url = sign_in(Role.WAREHOUSE), reverse("admin:workflow_order_photo_remove", args=[order.pk, photo.pk])

    assert "Remove this photo?" in warehouse.get(url).content.decode()
    assert photos.live(order) == [photo]
    assert warehouse.post(url).status_code == 302
    assert (photos.live(order), warehouse.get(url).status_code) == ([], 404)


def test_the_order_page_asks_no_more_for_more_photos(sign_in, order, django_assert_num_queries, django_assert_max_num_queries):
    warehouse, by = sign_in(Role.WAREHOUSE), factories.by(Role.WAREHOUSE)
    photos.add_photo(order.pk, upload=upload(), by=by, item_id=order.items.first().pk)
    warehouse.get(page_of(order))
    with django_assert_max_num_queries(80) as few:
        warehouse.get(page_of(order))
    for item in order.items.all():
        photos.add_photos(order.pk, uploads=[upload(), upload()], subject=photos.Subject(item_id=item.pk), by=by)

    with django_assert_num_queries(len(few)):
        warehouse.get(page_of(order))


# --- How large a form may be ----------------------------------------------------------------------------------------------


def scope(path: str, *, cookie: str = "", kind: str = "multipart/form-data; boundary=x", length: int = 0) -> dict:
    sent = {b"content-type": kind.encode(), b"cookie": cookie.encode(), b"content-length": str(length).encode()}
    return {"type": "http", "method": "POST", "path": path, "headers": list(sent.items())}


def test_only_staffs_photos_may_be_that_large(sign_in, order, monkeypatch):
    monkeypatch.setattr("core.web.site.close_old_connections", lambda: None)  # the test's transaction is on it
    path, warehouse = photos_of(order, "item", order.items.first()), sign_in(Role.WAREHOUSE)
    cookie = f"{django_settings.SESSION_COOKIE_NAME}={warehouse.session.session_key}"

    assert sees_orders(scope(path, cookie=cookie))
    assert not any(sees_orders(scope(path, cookie=wrong)) for wrong in ("", f"{django_settings.SESSION_COOKIE_NAME}=made-up"))
    assert largest_body(scope(path), from_staff=True) == 125 * MB
    assert largest_body(scope(path), from_staff=False) == 12 * MB
    assert largest_body(scope(path, kind="application/x-www-form-urlencoded"), from_staff=True) == 12 * MB
    assert largest_body(scope(page_of(order)), from_staff=True) == 12 * MB
    assert largest_body(scope("/api/v1/orders"), from_staff=True) == 12 * MB


@pytest.mark.parametrize(("from_staff", "refused"), [(True, False), (False, True)])
def test_thirteen_megabytes_are_put_aside_for_staff_and_refused_to_others(from_staff, refused):
    pieces_sent = 14 if refused else 13  # who is refused may still say the rest
    pieces = iter([{"type": "http.request", "body": bytes(MB), "more_body": number < pieces_sent - 1} for number in range(pieces_sent)])

    async def receive():
        return next(pieces)

    async def read():
        return await read_body(scope("/admin/workflow/order/1/photos/item/1/"), receive, from_staff=from_staff)

    if refused:
        with pytest.raises(Problem) as problem:
            asyncio.run(read())
        assert (problem.value.status, problem.value.code) == (413, "body_too_large")
    else:
        body = asyncio.run(read())
        assert (body.length, body.file._rolled) == (13 * MB, True)  # on the disk, not in memory
        body.file.close()


def test_a_full_disk_while_a_form_is_taken_apart_is_a_507(sign_in, order, monkeypatch, settings):
    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    settings.FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
    monkeypatch.setattr(TemporaryFileUploadHandler, "new_file", full)
    warehouse = sign_in(Role.WAREHOUSE)
    warehouse.raise_request_exception = False

    answer = send(warehouse, photos_of(order, "item", order.items.first()), upload())

    assert (answer.status_code, answer.content.decode()) == (507, "The upload cannot be stored right now.")
    assert Photo.objects.count() == 0


def test_what_the_browser_may_show_without_a_bucket_is_ours_alone():
    assert "img-src 'self' data:;" in headers.POLICY

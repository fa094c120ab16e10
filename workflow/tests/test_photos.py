"""Photos of an order: who adds what, that row and files come and go together, and how far a signed link leads."""

import contextlib
import errno
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.files.storage import FileSystemStorage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.timezone import now
from PIL import Image

from core.errors import NotFound
from integrations.storage import PrivateDisk, StorageDown
from workflow import jobs, photos
from workflow.models import Inspection, Order, OrderEvent, Parcel, Photo
from workflow.process import Role
from workflow.tests import factories
from workflow.transitions import By, TransitionRefused

pytestmark = pytest.mark.django_db


def jpeg(color: str = "teal") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (30, 20), color).save(written, "JPEG")
    return written.getvalue()


def upload(name: str = "IMG_1.jpg", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, jpeg() if content is None else content, content_type="image/jpeg")


@pytest.fixture
def order(db) -> Order:
    return order_with_parcel()


def order_with_parcel() -> Order:
    order = factories.new_order()
    Parcel.objects.create(order=order, position=1, weight_g=1200, volume_cm3=6000)
    return order


@pytest.fixture
def warehouse(db) -> By:
    return factories.by(Role.WAREHOUSE)


def add(order: Order, by: By, **of) -> Photo:
    return photos.add_photo(order.pk, upload=upload(), by=by, **of)


def files() -> list[str]:
    """Every file in the private storage."""
    root = storages["private"].location

    def below(folder: str) -> list[str]:
        try:
            folders, names = storages["private"].listdir(folder)
        except FileNotFoundError:
            return []
        return names + [name for one in folders for name in below(f"{folder}/{one}")]

    return below(root)


def get(url: str, **headers):
    return Client().get(url, headers=headers)


# --- Adding ---------------------------------------------------------------------------------------------------------------


def test_a_photo_has_its_row_its_files_and_its_event(order, warehouse):
    parcel = order.parcels.first()

    photo = add(order, warehouse, parcel_id=parcel.pk)

    assert (photo.order_id, photo.parcel_id, photo.item_id, photo.width, photo.height) == (order.pk, parcel.pk, None, 30, 20)
    assert photo.added_by == warehouse.user
    assert photo.key.startswith(f"orders/{now():%Y/%m/%d}/")
    assert sorted(files()) == sorted(name.rpartition("/")[2] for name in (photo.key, photo.small_key))
    assert photo.bytes == storages["private"].size(photo.key)
    event = OrderEvent.objects.filter(order=order).latest("number")
    assert (event.name, event.facts) == ("photos_added", {"photos": [photo.pk], "parcel": parcel.position})


@pytest.mark.parametrize(
    "name", ["../../x", "x" * 300, "a%00.jpg", "a\0b.jpg", "a.png/", "\u202egpj.exe", "CON", ".htaccess", "<script>.svg"]
)
def test_the_uploads_name_plays_no_part(order, warehouse, name):
    sent = upload()
    sent._name = name  # past Django's own cleaning

    photo = photos.add_photo(order.pk, upload=sent, by=warehouse)

    assert photo.key.removesuffix(".jpg").rpartition("/")[2].isalnum()
    assert photo.small_key == photo.key.removesuffix(".jpg") + "-small.jpg"


@pytest.mark.parametrize(("role", "may"), [(role, role in photos.ADDERS) for role in Role])
def test_who_may_add_and_remove(order, warehouse, role, may):
    photo, by = add(order, warehouse), factories.by(role)

    for act in (lambda: add(order, by), lambda: photos.remove_photo(order.pk, photo_id=photo.pk, by=by)):
        if may:
            act()
        else:
            with pytest.raises(TransitionRefused) as refused:
                act()
            assert refused.value.code == "not_allowed"


def test_subjects_of_another_order_are_not_found(order, warehouse):
    other = order_with_parcel()
    item, inspected = order.items.first(), other.items.first()
    inspection = Inspection.objects.create(item=inspected, number=9, verdict="ok", by=warehouse.user)

    for of in ({"item_id": inspected.pk}, {"parcel_id": other.parcels.first().pk}, {"inspection_id": inspection.pk}, {"item_id": 10**9}):
        with pytest.raises(NotFound):
            add(order, warehouse, **of)
    with pytest.raises(NotFound):
        add(other, warehouse, inspection_id=inspection.pk, item_id=item.pk)
    assert (Photo.objects.count(), files()) == (0, [])
    assert add(other, warehouse, inspection_id=inspection.pk).inspection == inspection


def test_several_uploads_are_one_event_and_a_bad_one_spoils_no_other(order, warehouse):
    item = order.items.first()
    uploads = [upload("1.jpg"), upload("2.jpg", b"<svg/>"), upload("3.jpg"), upload("4.jpg", b"")]

    added = photos.add_photos(order.pk, uploads=uploads, subject=photos.Subject(item_id=item.pk), by=warehouse)

    assert [photo.item_id for photo in added.photos] == [item.pk, item.pk]
    assert [(name, error.code) for name, error in added.refused] == [("2.jpg", "picture_format"), ("4.jpg", "picture_empty")]
    assert len(files()) == 4
    event = OrderEvent.objects.filter(order=order, name="photos_added").get()
    assert event.facts == {"photos": [photo.pk for photo in added.photos], "item": item.position}


def test_there_are_twelve_of_a_subject_at_most_and_a_removed_one_makes_room(order, warehouse):
    item, parcel = order.items.first(), order.parcels.first()
    subject = photos.Subject(item_id=item.pk)
    added = photos.add_photos(order.pk, uploads=[upload(f"{n}.jpg") for n in range(13)], subject=subject, by=warehouse)

    assert (len(added.photos), [error.code for _name, error in added.refused]) == (12, ["too_many_photos"])
    with pytest.raises(photos.TooManyPhotos):
        add(order, warehouse, item_id=item.pk)
    add(order, warehouse, parcel_id=parcel.pk)
    photos.remove_photo(order.pk, photo_id=added.photos[0].pk, by=warehouse)
    add(order, warehouse, item_id=item.pk)


def test_an_order_has_so_many_in_all(order, warehouse, monkeypatch):
    monkeypatch.setattr(photos, "MOST_PER_ORDER", 2)
    first, second = order.items.all()
    add(order, warehouse, item_id=first.pk)
    add(order, warehouse, item_id=second.pk)

    with pytest.raises(photos.TooManyPhotos, match="of an order"):
        add(order, warehouse)


# --- When something is down -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [StorageDown("down"), OSError(errno.ENOSPC, "No space left on device")], ids=["bucket down", "disk full"])
@pytest.mark.parametrize("at", [1, 2], ids=["large file", "small file"])
def test_without_storage_there_is_a_clear_answer_no_row_and_no_file(order, warehouse, monkeypatch, fault, at):
    saved, events, count = FileSystemStorage._save, OrderEvent.objects.count(), 0

    def failing(self, name, content):
        nonlocal count
        count += 1
        if count == at:
            raise fault
        return saved(self, name, content)

    monkeypatch.setattr(PrivateDisk, "_save", failing)
    with pytest.raises(photos.StorageUnavailable) as refused:
        add(order, warehouse)

    assert (refused.value.status_code, refused.value.code) == (503, "storage_unavailable")
    assert (Photo.objects.count(), OrderEvent.objects.count(), files()) == (0, events, [])


def test_a_row_that_cannot_be_written_takes_its_files_with_it(order, warehouse, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("killed at the event")

    monkeypatch.setattr(photos, "record", broken)
    with pytest.raises(RuntimeError):
        add(order, warehouse)

    assert (Photo.objects.count(), files()) == (0, [])


@contextlib.contextmanager
def later(monkeypatch, **passed) -> Iterator[None]:
    moment = now() + timedelta(**passed)
    monkeypatch.setattr(photos, "now", lambda: moment)
    yield
    monkeypatch.undo()


def test_what_a_killed_process_left_is_swept_once_it_is_old_and_nothing_else(order, warehouse, monkeypatch):
    kept = add(order, warehouse)
    orphan = photos._store(photos.read_picture(upload()))

    assert jobs.sweep_photos() == 0
    with later(monkeypatch, hours=3):
        assert jobs.sweep_photos() == 2
        assert jobs.sweep_photos() == 0

    assert sorted(files()) == sorted(name.rpartition("/")[2] for name in (kept.key, kept.small_key))
    assert not storages["private"].exists(orphan.key)


def test_a_storage_that_is_down_is_swept_another_time(order, warehouse, monkeypatch):
    def down(self, name):
        raise StorageDown("down")

    photo = add(order, warehouse)
    photos.remove_photo(order.pk, photo_id=photo.pk, by=warehouse)
    with monkeypatch.context() as patch:
        patch.setattr(PrivateDisk, "delete", down)
        assert jobs.sweep_photos() == 0

    assert jobs.sweep_photos() == 2


# --- Removing -------------------------------------------------------------------------------------------------------------


def test_a_removed_photo_keeps_its_row_loses_its_link_at_once_and_its_files_with_the_sweep(order, warehouse):
    photo = add(order, warehouse, item_id=order.items.first().pk)
    url = photos.signed_url(photo)

    photos.remove_photo(order.pk, photo_id=photo.pk, by=warehouse)
    photos.remove_photo(order.pk, photo_id=photo.pk, by=warehouse)

    photo.refresh_from_db()
    assert photo.removed_by == warehouse.user
    event = OrderEvent.objects.filter(order=order, name="photo_removed").get()
    assert event.facts == {"photo": photo.pk, "item": order.items.first().position}
    assert get(url).status_code == 404
    assert (photos.live(order), photos.links([photo])) == ([], [])
    assert len(files()) == 2
    assert (jobs.sweep_photos(), jobs.sweep_photos(), files()) == (2, 0, [])
    assert Photo.objects.filter(pk=photo.pk, removed_at__isnull=False).exists()


def test_another_orders_photo_is_not_removed(order, warehouse):
    photo = add(order_with_parcel(), warehouse)

    with pytest.raises(NotFound):
        photos.remove_photo(order.pk, photo_id=photo.pk, by=warehouse)


def test_live_photos_of_a_prefetched_order_cost_no_query(order, warehouse, django_assert_num_queries):
    first, second = order.items.all()
    one, other = add(order, warehouse, item_id=first.pk), add(order, warehouse, item_id=second.pk)
    gone = add(order, warehouse, item_id=second.pk)
    photos.remove_photo(order.pk, photo_id=gone.pk, by=warehouse)

    with django_assert_num_queries(3):
        read = Order.objects.prefetch_related("items", photos.prefetched("items__photos")).get(pk=order.pk)
        found = [photos.live(item) for item in read.items.all()]
    assert found == [[one], [other]]


# --- Signed links ---------------------------------------------------------------------------------------------------------


def test_a_signed_link_shows_the_picture_and_can_do_nothing_else(order, warehouse):
    photo = add(order, warehouse)

    large, small = get(photos.signed_url(photo)), get(photos.signed_url(photo, small=True))

    with storages["private"].open(photo.key) as file:
        assert b"".join(large.streaming_content) == file.read()
    with storages["private"].open(photo.small_key) as file:
        assert b"".join(small.streaming_content) == file.read()
    assert (large.status_code, large["Content-Type"], large["X-Content-Type-Options"]) == (200, "image/jpeg", "nosniff")
    assert large["Content-Disposition"] == f'inline; filename="photo-{photo.pk}.jpg"'
    assert large["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    kept_for = int(large["Cache-Control"].removeprefix("private, max-age="))
    assert 600 <= kept_for <= 900
    assert "Set-Cookie" not in large


def test_a_link_holds_for_its_picture_and_its_time_alone(order, warehouse, monkeypatch):
    mine, other = add(order, warehouse), add(order, warehouse)
    url = photos.signed_url(mine)
    token = url.rpartition("/")[2]

    for wrong in (
        token.replace(f"{mine.pk}-", f"{other.pk}-", 1),
        token.replace("large", "small"),
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token.split(".")[0],
        "x",
        "%00",
        "0-large-9999999999.",
    ):
        assert get(f"/photos/{wrong}").status_code == 403, wrong
    with later(monkeypatch, minutes=16):
        answer = get(url, **{"accept-language": "en"})
    assert (answer.status_code, answer["Content-Type"], answer.json()["code"]) == (403, "application/problem+json", "link_invalid")
    assert Client().post(url).status_code == 405
    with contextlib.closing(Client().head(url)) as head:
        assert head.status_code == 200


def test_links_made_within_minutes_are_the_same_so_that_browsers_keep_the_picture(order, warehouse, monkeypatch):
    photo = add(order, warehouse)
    moment = now().replace(minute=0, second=10)

    monkeypatch.setattr(photos, "now", lambda: moment)
    first = photos.signed_url(photo)
    monkeypatch.setattr(photos, "now", lambda: moment + timedelta(minutes=4))

    assert photos.signed_url(photo) == first
    assert photos.signed_url(photo, lifetime=photos.FOR_STAFF) != first


def test_a_photo_in_a_bucket_is_fetched_there(order, warehouse, monkeypatch):
    photo = add(order, warehouse)
    asked = {}

    def link(self, name, **says):
        asked.update(name=name, **says)
        return "https://bucket.example/x?signed"

    monkeypatch.setattr(PrivateDisk, "signed_link", link)
    answer = get(photos.signed_url(photo, small=True))

    assert (answer.status_code, answer["Location"], answer["Cache-Control"]) == (
        302,
        "https://bucket.example/x?signed",
        "private, max-age=30",
    )
    assert asked == {"name": photo.small_key, "lifetime_s": 60, "file_name": f"photo-{photo.pk}.jpg", "content_type": "image/jpeg"}


@pytest.mark.parametrize(("fault", "status"), [(StorageDown("down"), 503), (FileNotFoundError(), 404)])
def test_a_picture_that_cannot_be_read_is_said_so(order, warehouse, monkeypatch, fault, status):
    def broken(self, name, mode="rb"):
        raise fault

    photo = add(order, warehouse)
    monkeypatch.setattr(PrivateDisk, "_open", broken)

    assert get(photos.signed_url(photo)).status_code == status

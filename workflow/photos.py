"""Photos of an order's items, inspections and parcels: added and taken away by staff, seen through signed links.

A picture is made anew first (`core.pictures`), without any lock; its two files are written next, under a name of our own; then the row
and its event in one transaction. A row that cannot be written takes its files with it; what a killed process leaves behind is swept.
So there is never a row without its files. The files lie in the private storage, to which no address leads.
"""

import logging
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import IO, Any

from django.core import signing
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.errors import BidangilError, Conflict, NotFound
from core.pictures import CONTENT_TYPE, Picture, read_picture
from core.retries import retried
from workflow.models import Inspection, Item, Order, Parcel, Photo
from workflow.process import Role
from workflow.transitions import By, TransitionRefused, locked_for_staff, record

log = logging.getLogger(__name__)

ADDERS = frozenset({Role.OWNER, Role.WAREHOUSE, Role.BUYER, Role.SUPPORT})
MOST_PER_SUBJECT, MOST_PER_ORDER = 12, 120
#: how long a signed link holds; a page of staff's may stay open
FOR_CUSTOMERS, FOR_STAFF = timedelta(minutes=15), timedelta(hours=1)
#: a bucket's own link, made when ours is followed
AT_THE_BUCKET_S = 60
#: links made within this time are the same, so that browsers need not fetch a picture again; a third of a customer's link at most
SAME_LINK_S = 300
#: an upload is over by then, one way or the other
ORPHAN_AFTER = timedelta(hours=2)
#: how far back the sweep looks for what it missed
SWEEP_DAYS, SWEEP_BATCH = 7, 500


class StorageUnavailable(BidangilError):
    """Neither row nor file was kept."""

    status_code = 503
    code = "storage_unavailable"
    message = _("The picture cannot be stored right now. Please try again in a few minutes.")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "60"})


class TooManyPhotos(Conflict):
    code = "too_many_photos"


@dataclass(frozen=True)
class Subject:
    """What a photo shows: an item, one inspection of it, or a parcel; of the order itself where it names none."""

    item_id: int | None = None
    inspection_id: int | None = None
    parcel_id: int | None = None

    @property
    def columns(self) -> dict[str, int | None]:
        return {"item_id": self.item_id, "inspection_id": self.inspection_id, "parcel_id": self.parcel_id}


# --- Adding and taking away -----------------------------------------------------------------------------------------------


def add_photo(
    order_id: int,
    *,
    upload: UploadedFile,
    by: By,
    item_id: int | None = None,
    inspection_id: int | None = None,
    parcel_id: int | None = None,
) -> Photo:
    """One photo more; raises Invalid for what is no fit picture, Conflict where there are enough, StorageUnavailable."""
    subject = Subject(item_id=item_id, inspection_id=inspection_id, parcel_id=parcel_id)
    added = add_photos(order_id, uploads=[upload], subject=subject, by=by)
    for _name, error in added.refused:
        raise error
    return added.photos[0]


@dataclass(frozen=True)
class Added:
    """What became of several uploads: the photos there are now, and for each refused file its name and why."""

    photos: list[Photo]
    refused: list[tuple[str, BidangilError]]


def add_photos(order_id: int, *, uploads: Iterable[UploadedFile], subject: Subject, by: By) -> Added:
    """As many of the uploads as are fit, under one event; one that is not leaves the others alone."""
    if not by.roles & ADDERS:
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    _refuse_strangers(order_id, subject)
    stored: list[_Stored] = []
    refused: list[tuple[str, BidangilError]] = []
    try:
        for upload in uploads:
            try:
                # Refused before ten megabytes are decoded for it, and once more under the lock.
                _refuse_surplus(order_id, subject, more=len(stored) + 1)
                stored.append(_store(read_picture(upload)))
            except BidangilError as error:
                refused.append((upload.name or "", error))
        return Added(_attach(order_id, stored, subject=subject, by=by) if stored else [], refused)
    except BaseException:
        _discard(*(name for one in stored for name in (one.key, one.small_key)))
        raise


@retried
@transaction.atomic
def remove_photo(order_id: int, *, photo_id: int, by: By) -> Photo:
    """Nobody sees it from now on; who removed it and when is kept, the files go with the next sweep. Twice is once."""
    order = locked_for_staff(order_id, roles=ADDERS, by=by)
    photo = Photo.objects.select_related("item", "inspection__item").filter(pk=photo_id, order=order).first()
    if photo is None:
        raise NotFound
    if photo.removed_at is None:
        photo.removed_at, photo.removed_by = now(), by.user
        photo.save(update_fields=["removed_at", "removed_by"])
        item = photo.item or (photo.inspection.item if photo.inspection else None)
        facts = {"photo": photo.pk, **_facts(order, item=item, parcel_id=photo.parcel_id)}
        record(order, name="photo_removed", from_state=order.state, by=by, facts=facts, live="order.item")
    return photo


@dataclass(frozen=True)
class _Stored:
    """Two files that are there already, for a row that is not yet."""

    key: str
    small_key: str
    width: int
    height: int
    bytes: int


def _store(picture: Picture) -> _Stored:
    name = f"orders/{now():%Y/%m/%d}/{secrets.token_hex(16)}"
    key, small_key = f"{name}.jpg", f"{name}-small.jpg"
    try:
        for wanted, content in ((key, picture.large), (small_key, picture.small)):
            storages["private"].save(wanted, ContentFile(content))
    except OSError as error:  # the bucket is down, the disk is full
        log.error("a photo could not be stored: %s", error)
        _discard(key, small_key)
        raise StorageUnavailable from None
    return _Stored(key, small_key, picture.width, picture.height, len(picture.large))


def _discard(*names: str) -> None:
    for name in names:
        with suppress(OSError):  # the sweep will find it
            storages["private"].delete(name)


@retried
@transaction.atomic
def _attach(order_id: int, stored: Sequence[_Stored], *, subject: Subject, by: By) -> list[Photo]:
    order = locked_for_staff(order_id, roles=ADDERS, by=by)
    _refuse_surplus(order_id, subject, more=len(stored))
    item = _item_of(order, subject)
    assert by.user is not None  # who holds a role is somebody
    made = [Photo.objects.create(order=order, **subject.columns, **asdict(one), added_by=by.user) for one in stored]
    facts = {"photos": [photo.pk for photo in made], **_facts(order, item=item, parcel_id=subject.parcel_id)}
    record(order, name="photos_added", from_state=order.state, by=by, facts=facts, live="order.item")
    return made


def _refuse_strangers(order_id: int, subject: Subject) -> None:
    order = Order.objects.filter(pk=order_id).prefetch_related("items", "parcels").first()
    if order is None:
        raise NotFound
    _item_of(order, subject)


def _refuse_surplus(order_id: int, subject: Subject, *, more: int) -> None:
    of_order = Photo.objects.filter(order_id=order_id, removed_at=None)
    if of_order.filter(**subject.columns).count() + more > MOST_PER_SUBJECT:
        raise TooManyPhotos(_("There may be %(most)s photos of it. Please remove one first.") % {"most": MOST_PER_SUBJECT})
    if of_order.count() + more > MOST_PER_ORDER:
        raise TooManyPhotos(_("There may be %(most)s photos of an order. Please remove one first.") % {"most": MOST_PER_ORDER})


def _item_of(order: Order, subject: Subject) -> Item | None:
    """The item that the photo shows, if it is of one; NotFound for a subject of another order."""
    item_id = subject.item_id
    if subject.inspection_id is not None:
        inspected = Inspection.objects.filter(pk=subject.inspection_id).values_list("item_id", flat=True).first()
        if inspected is None or item_id not in (None, inspected):
            raise NotFound
        item_id = inspected
    items, parcels = {item.pk: item for item in order.items.all()}, {parcel.pk for parcel in order.parcels.all()}
    if (item_id is not None and item_id not in items) or (subject.parcel_id is not None and subject.parcel_id not in parcels):
        raise NotFound
    return items[item_id] if item_id is not None else None


def _facts(order: Order, *, item: Item | None, parcel_id: int | None) -> dict[str, Any]:
    """What it shows, by the positions people know."""
    parcel = next((parcel for parcel in order.parcels.all() if parcel.pk == parcel_id), None)
    return {name: thing.position for name, thing in (("item", item), ("parcel", parcel)) if thing is not None}


# --- Reading --------------------------------------------------------------------------------------------------------------


def prefetched(lookup: str = "photos") -> Prefetch:
    """For `prefetch_related` of orders, items, inspections or parcels: their live photos, which `live` then finds without a query."""
    return Prefetch(lookup, Photo.objects.filter(removed_at=None).order_by("pk"))


def live(owner: Order | Item | Inspection | Parcel) -> list[Photo]:
    """Those that are not removed, oldest first; one query where they were not prefetched."""
    if "photos" in getattr(owner, "_prefetched_objects_cache", {}):
        return sorted((photo for photo in owner.photos.all() if photo.removed_at is None), key=lambda photo: photo.pk)
    return list(owner.photos.filter(removed_at=None).order_by("pk"))


@dataclass(frozen=True)
class Link:
    """One photo as a page or the API shows it."""

    photo: Photo
    url: str
    small_url: str


def links(photos: Iterable[Photo], *, lifetime: timedelta = FOR_CUSTOMERS) -> list[Link]:
    """Addresses of photos that the asker has been found to may see: who has a link sees the picture."""
    return [
        Link(photo, signed_url(photo, lifetime=lifetime), signed_url(photo, small=True, lifetime=lifetime))
        for photo in photos
        if photo.removed_at is None
    ]


def link_ends_at(lifetime: timedelta = FOR_CUSTOMERS) -> datetime:
    """Until when a link that is made now holds."""
    begun = int(now().timestamp()) // SAME_LINK_S * SAME_LINK_S
    return datetime.fromtimestamp(begun, tz=UTC) + lifetime


def signed_url(photo: Photo, *, small: bool = False, lifetime: timedelta = FOR_CUSTOMERS) -> str:
    """The path under which the picture is found for this long at most."""
    ends = int(link_ends_at(lifetime).timestamp())
    token = _signer().sign(f"{photo.pk}-{'small' if small else 'large'}-{ends}")
    return reverse("photo", args=[token])


@dataclass(frozen=True)
class Seen:
    """What a signed link leads to: an address at the bucket, or the file itself. `lifetime_s` is what is left of the link."""

    redirect: str | None
    file: IO[Any] | None
    file_name: str
    lifetime_s: int


class LinkRefused(BidangilError):
    status_code = 403
    code = "link_invalid"
    message = _("This link does not hold, or no longer.")


def see(token: str) -> Seen:
    """Raises LinkRefused for a link that is not ours or has run out, NotFound for a photo that was removed."""
    photo_id, size, lifetime_s = _read(token)
    photo = Photo.objects.filter(pk=photo_id, removed_at=None).first()
    if photo is None:
        raise NotFound
    name, file_name = (photo.small_key if size == "small" else photo.key), f"photo-{photo.pk}.jpg"
    storage: Any = storages["private"]
    try:
        at_bucket_s = min(lifetime_s, AT_THE_BUCKET_S)
        redirect = storage.signed_link(name, lifetime_s=at_bucket_s, file_name=file_name, content_type=CONTENT_TYPE)
        file = None if redirect else storage.open(name)
    except FileNotFoundError:
        log.error("photo %s has no file", photo.pk)
        raise NotFound from None
    except OSError:
        raise StorageUnavailable from None
    return Seen(redirect, file, file_name, at_bucket_s if redirect else lifetime_s)


def _read(token: str) -> tuple[int, str, int]:
    try:
        photo_id, size, ends = _signer().unsign(token).split("-")
    except (signing.BadSignature, ValueError):
        raise LinkRefused from None
    left = int(ends) - int(now().timestamp())
    if left <= 0:
        raise LinkRefused
    return int(photo_id), size, left


def _signer() -> signing.Signer:
    return signing.Signer(sep=".", salt="workflow.photos")


# --- Sweeping -------------------------------------------------------------------------------------------------------------


def sweep() -> int:
    """Delete the files of removed photos and those that belong to no row; the number deleted. A storage that is down is left for later."""
    try:
        return _sweep_removed() + sum(_sweep_day(now().date() - timedelta(days=back)) for back in range(SWEEP_DAYS + 1))
    except OSError as error:
        log.warning("photos could not be swept: %s", error)
        return 0


def _sweep_removed() -> int:
    """A row whose files are gone has no `small_key` any more."""
    count = 0
    for photo in to_sweep():
        for name in (photo.key, photo.small_key):
            storages["private"].delete(name)
            count += 1
        Photo.objects.filter(pk=photo.pk).update(small_key="")
    return count


def to_sweep() -> QuerySet[Photo]:
    """Removed ones whose files are still there, as many as one run takes on."""
    since = now() - timedelta(days=30)
    return Photo.objects.filter(removed_at__gte=since).exclude(small_key="").order_by("removed_at")[:SWEEP_BATCH]


def _sweep_day(day: date) -> int:
    storage = storages["private"]
    folder = f"orders/{day:%Y/%m/%d}"
    try:
        names = [f"{folder}/{name}" for name in storage.listdir(folder)[1]]
    except FileNotFoundError:
        return 0
    count = 0
    for start in range(0, len(names), SWEEP_BATCH):
        for name in _without_row(names[start : start + SWEEP_BATCH]):
            with suppress(FileNotFoundError, SuspiciousFileOperation):
                if storage.get_modified_time(name) < now() - ORPHAN_AFTER:
                    storage.delete(name)
                    count += 1
    return count


def _without_row(names: Sequence[str]) -> list[str]:
    keys = {name: name.replace("-small.jpg", ".jpg") for name in names}
    known = set(Photo.objects.filter(key__in=set(keys.values())).values_list("key", flat=True))
    return [name for name, key in keys.items() if key not in known]

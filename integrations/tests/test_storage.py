"""Private files on the disk and in a bucket: moto's server answers as S3 does, over HTTP."""

import errno
import logging
import socket
import stat
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from integrations.storage import PrivateBucket, PrivateDisk, StorageDown

moto_server = pytest.importorskip("moto.server")

NAME = "orders/2026/11/25/0123456789abcdef.jpg"
SECRET = "not-to-be-told-to-anybody"
SAYS = {"lifetime_s": 60, "file_name": "photo-1.jpg", "content_type": "image/jpeg"}


@pytest.fixture(scope="module")
def s3():
    """One server for all tests here."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def at(endpoint: str | None, *, name: str = "private", region: str = "us-east-1") -> PrivateBucket:
    return PrivateBucket(bucket_name=name, region_name=region, endpoint_url=endpoint, access_key="k", secret_key=SECRET)


@pytest.fixture(scope="module")
def bucket(s3) -> PrivateBucket:
    made = at(s3)
    made.connection.create_bucket(Bucket="private")
    return made


@pytest.fixture(autouse=True)
def _no_request_log(caplog):
    caplog.set_level(logging.ERROR, logger="werkzeug")


def closed_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(params=["disk", "bucket"])
def storage(request):
    return request.getfixturevalue("bucket") if request.param == "bucket" else PrivateDisk()


def test_what_is_saved_is_read_listed_and_deleted(storage):
    name = storage.save(NAME, ContentFile(b"picture"))

    assert (name, storage.exists(name), storage.listdir("orders/2026/11/25")[1]) == (NAME, True, ["0123456789abcdef.jpg"])
    with storage.open(name) as file:
        assert file.read() == b"picture"

    storage.delete(name)
    storage.delete(name)  # twice is once
    assert not storage.exists(name)


def test_a_second_file_of_a_name_does_not_replace_the_first(storage):
    first, second = storage.save(NAME, ContentFile(b"1")), storage.save(NAME, ContentFile(b"2"))

    assert first != second
    with storage.open(first) as file:
        assert file.read() == b"1"
    storage.delete(first)
    storage.delete(second)


@pytest.mark.parametrize("name", ["../../etc/passwd", "orders/../../x.jpg", "/etc/passwd"])
def test_no_name_leads_out(storage, name):
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b"x"))


def test_a_file_on_the_disk_is_for_our_own_user_and_has_no_address(settings):
    disk = PrivateDisk()
    disk.save(NAME, ContentFile(b"picture"))

    path = settings.PRIVATE_ROOT / NAME
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert disk.signed_link(NAME, **SAYS) is None
    with pytest.raises(ValueError, match="not accessible via a URL"):
        disk.url(NAME)


def test_the_private_storage_lies_where_nothing_is_served_from(settings):
    assert isinstance(storages["private"], PrivateDisk)
    assert settings.PRIVATE_ROOT not in (settings.STATIC_ROOT, settings.MEDIA_ROOT)


def test_a_full_disk_leaves_no_half_a_file(settings):
    class Full(ContentFile):
        def chunks(self, chunk_size=None):
            yield b"half"
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        PrivateDisk().save(NAME, Full(b"whole"))

    assert not (settings.PRIVATE_ROOT / NAME).exists()


def test_a_signed_link_opens_and_says_what_it_is(bucket):
    bucket.save(NAME, ContentFile(b"picture"))

    answer = requests.get(bucket.signed_link(NAME, **SAYS), timeout=5)

    assert (answer.status_code, answer.content) == (200, b"picture")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Disposition"] == 'inline; filename="photo-1.jpg"'
    assert answer.headers["Cache-Control"] == "private, max-age=60"


def test_without_a_signature_nothing_opens_and_a_link_says_when_it_ends(bucket):
    """That it really ends is S3's word: moto does not look at the time."""
    bucket.save(NAME, ContentFile(b"picture"))
    link = urlsplit(bucket.signed_link(NAME, **SAYS))

    assert requests.get(f"{link.scheme}://{link.netloc}{link.path}", timeout=5).status_code == 403
    assert parse_qs(link.query)["X-Amz-Expires"] == ["60"]


def test_a_link_does_not_tell_our_secret_and_names_its_bucket_by_path(bucket, s3):
    link = bucket.signed_link(NAME, **SAYS)

    assert link.startswith(f"{s3}/private/{NAME}?")
    assert SECRET not in link


def test_at_aws_a_bucket_has_a_host_of_its_own():
    link = at(None, name="bidangil-private", region="ap-northeast-2").signed_link(NAME, **SAYS)

    assert urlsplit(link).hostname == "bidangil-private.s3.ap-northeast-2.amazonaws.com"


def test_what_is_not_there_is_said_alike(storage):
    with pytest.raises(FileNotFoundError):
        storage.open("orders/none.jpg").read()


def test_a_bucket_that_does_not_answer_is_down_within_two_tries():
    started = time.monotonic()

    with pytest.raises(StorageDown, match="did not answer"):
        at(f"http://127.0.0.1:{closed_port()}").save(NAME, ContentFile(b"picture"))

    assert time.monotonic() - started < 8


def test_a_bucket_that_refuses_us_is_down_too(s3):
    with pytest.raises(StorageDown, match="NoSuchBucket"):
        at(s3, name="other").save(NAME, ContentFile(b"x"))

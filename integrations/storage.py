"""Where private files lie: a directory of our own, or a bucket at S3 or its like (`S3_BUCKET`). Used through Django's storage API:
`storages["private"]`.

Both say the same when something is wrong: OSError (`StorageDown` for a bucket), FileNotFoundError where a file is none. Neither ever
leaves half a file. `signed_link` is the address under which the outside may fetch a file for a short while, or None where we hand it
out ourselves.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from storages.backends.s3 import S3Storage

from integrations.base import redacted


class StorageDown(OSError):
    """The bucket does not answer, or refuses us."""


class PrivateDisk(FileSystemStorage):
    """Files under `PRIVATE_ROOT`, readable for our own user alone; no address leads there."""

    def __init__(self) -> None:
        super().__init__(file_permissions_mode=0o600, directory_permissions_mode=0o700)

    @property
    def base_location(self) -> str:
        return str(settings.PRIVATE_ROOT)

    @property
    def location(self) -> str:
        return os.path.abspath(self.base_location)

    @property
    def base_url(self) -> None:  # type: ignore[override]
        return None

    def signed_link(self, name: str, *, lifetime_s: int, file_name: str, content_type: str) -> str | None:
        return None

    def _save(self, name: str, content: File) -> str:
        try:
            return super()._save(name, content)  # type: ignore[misc]
        except OSError:
            with suppress(OSError):  # what was written before the disk was full
                self.delete(name)
            raise


class PrivateBucket(S3Storage):
    """Files in a bucket that nobody reads without a signature. One more try where it does not answer, then it is down."""

    def __init__(self, *, endpoint_url: str | None = None, **options: Any) -> None:
        config = Config(
            connect_timeout=settings.PROVIDER_CONNECT_TIMEOUT_S,
            read_timeout=settings.PROVIDER_READ_TIMEOUT_S,
            retries={"total_max_attempts": 2, "mode": "standard"},
            signature_version="s3v4",
            # What stands in for S3 has one host name for all its buckets.
            s3={"addressing_style": "path" if endpoint_url else "virtual"},
        )
        super().__init__(
            endpoint_url=endpoint_url,
            client_config=config,
            default_acl=None,  # the bucket's own policy: nothing is public
            file_overwrite=False,
            querystring_auth=True,
            querystring_expire=60,
            **options,
        )

    def signed_link(self, name: str, *, lifetime_s: int, file_name: str, content_type: str) -> str | None:
        says = {
            "ResponseContentType": content_type,
            "ResponseContentDisposition": f'inline; filename="{file_name}"',
            "ResponseCacheControl": f"private, max-age={lifetime_s}",
        }
        with _speaking():
            return str(self.url(name, parameters=says, expire=lifetime_s))

    def _save(self, name: str, content: File) -> str:
        with _speaking():
            return str(super()._save(name, content))

    def _open(self, name: str, mode: str = "rb") -> File:
        with _speaking():
            return super()._open(name, mode)

    def delete(self, name: str) -> None:
        with _speaking():
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _speaking():
            return bool(super().exists(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with _speaking():
            return super().listdir(path)

    def get_modified_time(self, name: str) -> Any:
        with _speaking():
            return super().get_modified_time(name)


@contextmanager
def _speaking() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("404", "NoSuchKey"):
            raise FileNotFoundError("no such file in the bucket") from None
        raise StorageDown(f"the bucket refused: {redacted(code)}") from None
    except (BotoCoreError, Boto3Error) as error:
        raise StorageDown(f"the bucket did not answer: {type(error).__name__}") from None

"""Uploaded pictures, made anew: what people send is looked at with suspicion and never kept; what is kept is a JPEG of our own making.

The format is what the bytes say, never the name or the header. The declared size is checked before anything is decoded, two pictures
are decoded at once at most, and nothing of the upload's metadata (place, camera, comments) or of bytes hidden behind it survives.
"""

import io
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from django.core.files.base import File
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageCms, ImageOps

from core.errors import BidangilError, Invalid

log = logging.getLogger(__name__)

MOST_BYTES = 10 * 1024 * 1024
#: JPEG is decoded at half its size or less where it is large, the others whole: phones make up to 50 million
MOST_PIXELS = {"JPEG": 64_000_000, "PNG": 25_000_000, "WEBP": 25_000_000}
LARGE, SMALL = 2048, 400
QUALITY, SMALL_QUALITY = 85, 80
CONTENT_TYPE = "image/jpeg"
#: a phone's JPEG with a second picture behind the first (depth, film)
SAME_AS = {"MPO": "JPEG"}
#: who waits longer for their turn is told to come again
TURN_S = 15.0
MOST_PROFILE_BYTES = 64 * 1024

_turns = threading.BoundedSemaphore(2)


class PictureRefused(Invalid):
    code = "picture_invalid"
    message = _("This is not a picture that can be read.")

    def __init__(self, message: Any = None, *, code: str | None = None) -> None:
        super().__init__(message, code=code, field="photo")


class NotAPicture(PictureRefused):
    status_code = 415
    code = "picture_format"
    message = _("Please send a JPEG, PNG or WebP picture.")


class PictureTooLarge(PictureRefused):
    status_code = 413
    code = "picture_too_large"


class Busy(BidangilError):
    status_code = 503
    code = "unavailable"
    message = _("Busy right now. Please try again in a moment.")


@dataclass(frozen=True)
class Picture:
    """Two JPEGs of one picture: upright, in sRGB, on white, without metadata."""

    large: bytes
    small: bytes
    width: int
    height: int


def read_picture(upload: File, *, max_bytes: int = MOST_BYTES) -> Picture:
    """Make an uploaded picture anew, or raise PictureRefused with words for whoever sent it."""
    if not upload.size or upload.file is None:
        raise PictureRefused(_("The file is empty."), code="picture_empty")
    if upload.size > max_bytes:
        raise PictureTooLarge(_("A picture may have at most %(limit)s MB.") % {"limit": max_bytes // (1024 * 1024)})
    with _turn(), _refusing():
        upload.file.seek(0)
        return _made_anew(_opened(upload.file))


@contextmanager
def _turn() -> Iterator[None]:
    """Decoding takes memory: pictures wait for each other."""
    if not _turns.acquire(timeout=TURN_S):
        raise Busy(headers={"Retry-After": "5"})
    try:
        yield
    finally:
        _turns.release()


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever a decoder stumbles over is the picture's fault: damaged ones raise nearly everything."""
    try:
        yield
    except BidangilError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except (MemoryError, RecursionError):
        raise PictureRefused from None
    except Exception as error:
        log.info("a picture could not be read: %s", type(error).__name__)
        raise PictureRefused from None


def _opened(file: IO[Any]) -> Image.Image:
    """The picture with its size known to be bearable and nothing decoded yet."""
    _refuse_by_header(file)
    try:
        image = Image.open(file, formats=list(MOST_PIXELS))
    except Image.UnidentifiedImageError:
        raise NotAPicture from None
    if image.width * image.height > MOST_PIXELS[SAME_AS.get(image.format or "", image.format or "")]:
        raise _too_many_pixels()
    if image.format not in SAME_AS and getattr(image, "is_animated", False):
        raise PictureRefused(_("Please send a still picture, not a moving one."), code="picture_moving")
    return image


def _refuse_by_header(file: IO[Any]) -> None:
    """WebP's library makes room for the whole canvas when it opens one: the size is read from the extended header before."""
    head = file.read(30)
    file.seek(0)
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        if width * height > MOST_PIXELS["WEBP"]:
            raise _too_many_pixels()


def _too_many_pixels() -> PictureRefused:
    return PictureRefused(_("The picture has too many pixels. Please send a smaller one."), code="picture_too_many_pixels")


def _made_anew(image: Image.Image) -> Picture:
    profile = image.info.get("icc_profile")
    image.draft(None, (LARGE, LARGE))  # a JPEG is decoded at the smallest scale that is still large enough
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    image.thumbnail((LARGE, LARGE), reducing_gap=2.0)
    image = _on_white(_in_srgb(_upright(_eight_bits(image)), profile))
    small = image.copy()
    small.thumbnail((SMALL, SMALL))
    width, height = image.size
    return Picture(large=_jpeg(image, QUALITY), small=_jpeg(small, SMALL_QUALITY), width=width, height=height)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey pictures of 16 bits lose their lower eight; everything else of theirs is kept."""
    if not image.mode.startswith("I"):
        return image
    return image.point(lambda value: value * (1 / 256) + 0).convert("L")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # which way is up is not worth a refusal
        return image


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Colours as the camera meant them (phones use a wider space); a profile that cannot be used is left out."""
    if profile and len(profile) <= MOST_PROFILE_BYTES and image.mode in ("RGB", "CMYK"):
        try:
            meant = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, meant, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass
    return image


def _on_white(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image)
        image = paper
    return image.convert("RGB")


def _jpeg(image: Image.Image, quality: int) -> bytes:
    """Pixels only: a fresh picture has no metadata that could be written along."""
    bare = Image.frombytes("RGB", image.size, image.tobytes())
    written = io.BytesIO()
    bare.save(written, "JPEG", quality=quality, optimize=True, progressive=True)
    return written.getvalue()

"""Pictures that strangers send (attack rows 58 to 62): what is refused, how soon and at what cost; and that nothing of theirs is kept."""

import io
import resource
import struct
import time
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageCms

from core.pictures import LARGE, SMALL, PictureRefused, read_picture

pytestmark = pytest.mark.once
EXIF_ORIENTATION, EXIF_GPS, EXIF_MAKE = 0x0112, 0x8825, 0x010F


def upload(content: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="image/png")


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (60, 40), color=None) -> Image.Image:
    return Image.new(mode, size, color)


def remade(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(read_picture(upload(content)).large))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_claiming(width: int, height: int) -> bytes:
    """A small file whose header says so; what is in it is as large as fits into a few bytes of zeros."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(5_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def webp_claiming(side: int) -> bytes:
    canvas = (side - 1).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def moving(kind: str, frames: int) -> bytes:
    """Frames that differ, or the encoder would make one of them."""
    one, *others = [picture("L", (8, 8), number % 256) for number in range(frames)]
    return encoded(one, kind, save_all=True, append_images=others)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
JPEG = encoded(picture())

REFUSED = [
    ("an SVG with a script", lambda: SVG, 415, "picture_format"),
    ("HTML that says it is a PNG", lambda: b"<!doctype html><script>alert(1)</script>", 415, "picture_format"),
    ("PHP", lambda: b"<?php system($_GET['c']); ?>", 415, "picture_format"),
    ("a GIF that is a script", lambda: encoded(picture("P"), "GIF") + b"/*GIF89a*/=alert(1)//", 415, "picture_format"),
    ("a TIFF", lambda: encoded(picture(), "TIFF"), 415, "picture_format"),
    ("a BMP", lambda: encoded(picture(), "BMP"), 415, "picture_format"),
    ("a PDF", lambda: encoded(picture(), "PDF"), 415, "picture_format"),
    ("nothing", lambda: b"", 422, "picture_empty"),
    ("the head of a JPEG", lambda: JPEG[:20], 415, "picture_format"),
    ("half a JPEG", lambda: encoded(Image.effect_noise((300, 300), 90))[:9000], 422, "picture_invalid"),
    ("half a PNG", lambda: encoded(Image.effect_noise((300, 300), 90), "PNG")[:9000], 422, "picture_invalid"),
    ("half a WebP", lambda: encoded(Image.effect_noise((300, 300), 90), "WEBP")[:9000], 422, "picture_invalid"),
    ("a PNG of 30,000 × 30,000", lambda: png_claiming(30_000, 30_000), 422, "picture_too_many_pixels"),
    ("a PNG of 8,000 × 8,000", lambda: png_claiming(8_000, 8_000), 422, "picture_too_many_pixels"),
    ("a PNG of 2,000,000,000 × 1", lambda: png_claiming(2_000_000_000, 1), 422, "picture_too_many_pixels"),
    ("a WebP of 16,777,216 squared", lambda: webp_claiming(1 << 24), 422, "picture_too_many_pixels"),
    ("a GIF of 500 frames", lambda: moving("GIF", 500), 415, "picture_format"),
    ("a PNG of 5,000 frames", lambda: moving("PNG", 5000), 422, "picture_moving"),
    ("a WebP of 500 frames", lambda: moving("WEBP", 500), 422, "picture_moving"),
    ("more than 10 MB", lambda: JPEG + bytes(10 * 1024 * 1024), 413, "picture_too_large"),
]


@pytest.mark.parametrize(("make", "status", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_it_is_refused_at_once_with_words_and_costs_little(make, status, code):
    content = make()
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()

    with pytest.raises(PictureRefused) as refused:
        read_picture(upload(content, name="x.png"))

    assert (refused.value.status_code, refused.value.code, refused.value.field) == (status, code, "photo")
    assert time.process_time() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_good_picture_becomes_two_jpegs_of_bounded_size(kind):
    made = read_picture(upload(encoded(picture(size=(3000, 1500), color="teal"), kind), name="a.php"))

    large, small = Image.open(io.BytesIO(made.large)), Image.open(io.BytesIO(made.small))
    assert (large.format, large.size, small.format, small.size) == ("JPEG", (LARGE, 1024), "JPEG", (SMALL, 200))
    assert (made.width, made.height) == (2048, 1024)


def test_a_small_picture_is_not_made_larger():
    assert remade(JPEG).size == (60, 40)


def test_it_stands_upright_and_nothing_of_its_metadata_is_left():
    # Given: a phone held upright, in Seoul, and a page hidden behind the picture
    exif = Image.Exif()
    exif[EXIF_ORIENTATION], exif[EXIF_MAKE] = 6, "a-phone"
    exif.get_ifd(EXIF_GPS)[1] = "N"
    sent = encoded(picture(size=(60, 40)), exif=exif, comment=b"a-comment", icc_profile=profile()) + b"<script>behind</script>"

    # When
    made = read_picture(upload(sent))

    # Then
    kept = Image.open(io.BytesIO(made.large))
    assert kept.size == (40, 60)
    assert dict(kept.getexif()) == {}
    assert set(kept.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"}
    assert not any(word in file for file in (made.large, made.small) for word in (b"a-phone", b"a-comment", b"behind", b"Exif", b"ICC"))


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (lambda: encoded(picture("CMYK", color=(0, 255, 255, 0))), (255, 0, 0)),
        (lambda: encoded(picture("I;16", color=0x8000), "PNG"), (128, 128, 128)),
        (lambda: encoded(picture("L", color=77), "PNG"), (77, 77, 77)),
        (lambda: encoded(picture("1", color=1), "PNG"), (255, 255, 255)),
        (lambda: encoded(picture(color=(0, 128, 0)).convert("P", palette=Image.Palette.ADAPTIVE), "PNG"), (0, 128, 0)),
        (lambda: encoded(picture("RGBA", color=(255, 0, 0, 0)), "PNG"), (255, 255, 255)),
        (lambda: encoded(picture("RGBA", color=(255, 0, 0, 0)), "WEBP", lossless=True, exact=True), (255, 255, 255)),
        (lambda: encoded(picture("LA", color=(0, 0)), "PNG"), (255, 255, 255)),
        (lambda: encoded(picture("P", color=0), "PNG", transparency=0), (255, 255, 255)),
        (lambda: encoded(picture(color=(10, 20, 30)), "PNG", transparency=(10, 20, 30)), (255, 255, 255)),
        (lambda: encoded(picture(color=(0, 128, 0)), icc_profile=b"no profile at all"), (0, 128, 0)),
    ],
    ids=[
        "CMYK",
        "16 bits",
        "grey",
        "1 bit",
        "palette",
        "RGBA",
        "WebP's alpha",
        "grey alpha",
        "clear palette",
        "clear colour",
        "bad profile",
    ],
)
def test_every_kind_of_colour_is_understood(content, wanted):
    found = remade(content())

    assert found.mode == "RGB"
    assert all(abs(one - other) <= 3 for one, other in zip(found.getpixel((20, 20)), wanted, strict=True)), found.getpixel((20, 20))


def test_a_phones_jpeg_with_a_second_picture_behind_it_is_a_jpeg():
    sent = encoded(picture(size=(60, 40)), "MPO", save_all=True, append_images=[picture(size=(30, 20))])

    assert remade(sent).size == (60, 40)


def test_a_large_jpeg_is_decoded_at_a_smaller_scale():
    # Given: 48 million pixels, as phones make them
    sent = encoded(picture("L", (8000, 6000), 90))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    made = read_picture(upload(sent))

    assert (made.width, made.height) == (2048, 1536)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000

"""Files as a public page is sent them: broken, lying, bursting, posing, and seeded mutations.

All are made by code. `corpus()` gives each with what may become of it, `mutations()` as many
variations of valid files as are asked for.
"""

import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import httpx
import numpy as np
import pillow_heif
from PIL import Image

from fer_core.images import MAX_BYTES, MAX_SIDE
from tests.conftest import PORTRAITS

pillow_heif.register_heif_opener()

Allowed = Literal["picture", "refused", "either"]
SIDE = 128  # pixels of the valid pictures: small, but their face is found
BIG = (8_000, 7_900)  # 63 megapixels, just within the limit
BEYOND = (20_000, 20_000)
SENTENCE = re.compile(r"[A-Z](?!.*[.!?]\s)[^\n/]+\.")
"""One, which names no path."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file.

    Attributes:
        name: what it is, as in `png/zeros`.
        data: its bytes.
        allowed: what may become of it.
        file_name: under which it is sent.
    """

    name: str
    data: bytes
    allowed: Allowed = "either"
    file_name: str = "picture.png"


@cache
def corpus() -> tuple[Item, ...]:
    """All files, each a second's work at most to make."""
    chapters: list[Callable[[], Iterator[Item]]] = [
        _shapes, _modes, _damage, _dimensions, _frames, _compression, _floods, _metadata,
        _directories, _polyglots, _strangers, _names,
    ]  # fmt: skip
    items = tuple(item for chapter in chapters for item in chapter())
    assert len({item.name for item in items}) == len(items)
    return items


@cache
def valid() -> dict[str, bytes]:
    """A small portrait in every format and in most of their kinds."""
    with Image.open(PORTRAITS[0]) as opened:
        face = opened.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    grey, palette, rgba = face.convert("L"), face.quantize(64), face.copy()
    rgba.putalpha(grey)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    animated = {"save_all": True, "append_images": [face.rotate(90), face], "duration": 50}
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "jpeg": encoded(face, "JPEG", exif=exif),
        "jpeg-progressive": encoded(face, "JPEG", progressive=True),
        "jpeg-cmyk": encoded(face.convert("CMYK"), "JPEG"),
        "jpeg-grey": encoded(grey, "JPEG"),
        "mpo": encoded(face, "MPO", save_all=True, append_images=[face]),
        "png": encoded(face, "PNG", exif=exif),
        "png-rgba": encoded(rgba, "PNG"),
        "png-palette": encoded(palette, "PNG", transparency=3),
        "png-16-bit": encoded(deep, "PNG"),
        "png-animated": encoded(face, "PNG", **animated),
        "webp": encoded(face, "WEBP", exif=exif),
        "webp-lossless": encoded(rgba, "WEBP", lossless=True),
        "webp-animated": encoded(face, "WEBP", **animated),
        "gif": encoded(palette, "GIF"),
        "gif-animated": encoded(face, "GIF", **animated),
        "bmp": encoded(face, "BMP"),
        "bmp-run-length": bmp_run_length(SIDE, SIDE, b"\x40\x07\x40\x09\x00\x00" * SIDE),
        "tiff": encoded(face, "TIFF", exif=exif),
        "tiff-lab": encoded(Image.merge("LAB", face.split()), "TIFF"),
        "avif": encoded(face, "AVIF", exif=exif),
        "heic": encoded(face, "HEIF", exif=exif.tobytes()),
    }
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        kind = compression.removeprefix("tiff_")
        files[f"tiff-{kind}"] = encoded(face, "TIFF", compression=compression)
    files["tiff-group4"] = encoded(grey.convert("1"), "TIFF", compression="group4")
    return files


def encoded(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


# Building by hand what no encoder would write.


def zeros(count: int) -> bytes:
    """A zlib stream of so many zeros, made without making them."""
    packer = zlib.compressobj(9, wbits=-15)
    mebibyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(bytes(count % (1 << 20))) + packer.flush()
    checksum = (count % 65_521 << 16 | 1).to_bytes(4, "big")
    return b"\x78\xda" + mebibyte * (count >> 20) + end + checksum


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """A chunk of a PNG."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    size: tuple[int, int],
    packed: bytes,
    *,
    depth: int = 8,
    color: int = 0,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A PNG of compressed rows, with chunks before and after them."""
    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, interlaced)
    rows = chunk(b"IDAT", packed)
    ends = chunk(b"IHDR", header), chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + ends[0] + before + rows + after + ends[1]


def small_png(before: bytes = b"", after: bytes = b"") -> bytes:
    """A grey PNG of 8 x 8 pixels with other chunks."""
    return png((8, 8), zeros(72), before=before, after=after)


def black_png(channels: int, color: int, *, depth: int = 8, interlaced: bool = False) -> bytes:
    """A black PNG of 63 megapixels in some tens or hundreds of kilobytes."""
    width, height = BIG
    count = height * (1 + width * channels * depth // 8)
    # An interlaced picture has more, and shorter, rows.
    packed = zeros(count + 2 * height if interlaced else count)
    return png(BIG, packed, color=color, depth=depth, interlaced=interlaced)


def segment(marker: int, content: bytes) -> bytes:
    """A marker segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg_with(*segments: bytes) -> bytes:
    """A valid JPEG with segments put in front."""
    return b"\xff\xd8" + b"".join(segments) + valid()["jpeg-grey"][2:]


def exif_segments(block: bytes) -> list[bytes]:
    """An EXIF block of any length, spread over segments as Pillow joins them."""
    parts = [block[at : at + 65_000] for at in range(0, len(block), 65_000)]
    return [segment(0xE1, b"Exif\0\0" + part) for part in parts]


STRIP_OFFSETS, STRIP_SIZES = 273, 279
UNIT = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 8: 2, 11: 4, 12: 8}
SHORT, LONG, UNDEFINED = 3, 4, 7
Field = tuple[int, int, int, int]
"""Tag, type, count, and the value or, for what is longer than four bytes, its place in the body."""


def tiff(fields: Sequence[Field], body: bytes = b"", following: int = 0) -> bytes:
    """A TIFF, or an EXIF block, of one directory and what it points to."""
    body_at = 14 + 12 * len(fields)
    entries = b""
    for tag, kind, count, value in sorted(fields):
        outside = count * UNIT.get(kind, 1) > 4 or tag == STRIP_OFFSETS
        where = (value + body_at * outside) & 0xFFFFFFFF
        entries += struct.pack("<HHII", tag, kind, count & 0xFFFFFFFF, where)
    length = struct.pack("<H", len(fields))
    return b"II*\0\x08\0\0\0" + length + entries + struct.pack("<I", following) + body


def grey_tiff(width: int, height: int, *, bits: int = 8, compression: int = 1) -> list[Field]:
    """The fields of a grey picture in one strip at the start of the body."""
    return [
        (256, LONG, 1, width), (257, LONG, 1, height), (258, SHORT, 1, bits),
        (259, SHORT, 1, compression), (262, SHORT, 1, 1), (STRIP_OFFSETS, LONG, 1, 0),
        (277, SHORT, 1, 1), (278, LONG, 1, height), (STRIP_SIZES, LONG, 1, width * height),
    ]  # fmt: skip


def overlapping_fields(count: int, size: int) -> list[Field]:
    """So many private fields that all point to the same bytes."""
    return [(40_000 + number, UNDEFINED, size, 0) for number in range(count)]


def bmp_run_length(width: int, height: int, runs: bytes) -> bytes:
    """A BMP of 8 bits whose rows are packed by run length."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    palette = b"".join(bytes((level, level, level, 0)) for level in range(256))
    at = 14 + len(head) + len(palette)
    return struct.pack("<2sIHHI", b"BM", at + len(runs), 0, 0, at) + head + palette + runs


def box(kind: bytes, content: bytes) -> bytes:
    """A box of the container of HEIC, AVIF and MP4."""
    return struct.pack(">I", 8 + len(content)) + kind + content


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of these chunks."""
    content = b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(content)) + b"WEBP" + content


def webp_extended(flags: int, width: int, height: int) -> tuple[bytes, bytes]:
    """The chunk that says what a WebP contains and how large it is."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", bytes((flags, 0, 0, 0)) + sides


@cache
def lossless_pixel() -> tuple[bytes, bytes]:
    """The chunk with the picture of a WebP of one pixel."""
    data = encoded(Image.new("RGB", (1, 1)), "WEBP", lossless=True)
    return data[12:16], data[20 : 20 + int.from_bytes(data[16:20], "little")]


# The chapters of the corpus.


def _shapes() -> Iterator[Item]:
    """Few pixels, long rows, rare modes."""
    yield Item("shape/nothing", b"", "refused")
    yield Item("shape/one-byte", b"\xff", "refused")
    for file_format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"):
        pixel = encoded(Image.new("RGB", (1, 1), "teal"), file_format)
        yield Item(f"shape/one-pixel-{file_format.lower()}", pixel, "picture")
    for width, height in ((1, MAX_SIDE), (MAX_SIDE, 1)):
        strip = encoded(Image.new("L", (width, height)), "PNG")
        yield Item(f"shape/{width}x{height}", strip, "picture")
    for width, height in ((1, MAX_SIDE + 1), (MAX_SIDE + 1, 1), (2**31 - 1, 1), (1, 2**31 - 1)):
        yield Item(f"shape/{width}x{height}", png((width, height), zeros(100)), "refused")
    for width, height in ((0, 0), (0, 9), (9, 0), (2**32 - 1, 2**32 - 1)):
        yield Item(f"shape/{width}x{height}", png((width, height), zeros(100)), "refused")
    for height in (-8, -(2**31), 2**31 - 1):
        data = bytearray(valid()["bmp"])
        data[22:26] = struct.pack("<i", height)
        yield Item(f"shape/bmp-height-{height}", bytes(data))


def _modes() -> Iterator[Item]:
    """Every way to store colours, and ways that do not exist."""
    for name, data in valid().items():
        yield Item(f"valid/{name}", data, "picture")
    for mode in ("I", "F"):
        wide = Image.new(mode, (8, 8), 100)
        yield Item(f"mode/tiff-{mode}", encoded(wide, "TIFF"), "refused")
    for mode in ("1", "LA", "PA", "P", "RGBA", "RGBX", "YCbCr", "I;16"):
        yield Item(f"mode/tiff-{mode}", encoded(Image.new(mode, (8, 8)), "TIFF"))
    for bits in (0, 2, 3, 7, 12, 24, 64, 65_535):
        yield Item(f"mode/tiff-{bits}-bits", tiff(grey_tiff(8, 8, bits=bits), bytes(64)))
    for depth, color in ((16, 2), (16, 6), (1, 0), (4, 3), (16, 3), (3, 0), (8, 5), (8, 255)):
        data = png((8, 8), zeros(1000), depth=depth, color=color)
        yield Item(f"mode/png-depth-{depth}-color-{color}", data)


def _damage() -> Iterator[Item]:
    """Cut off and flipped files of every kind."""
    chance = random.Random(0)  # noqa: S311 - repeatable, not secret
    for name, data in valid().items():
        for share in (0.02, 0.3, 0.97):
            yield Item(f"damage/{name}-cut-at-{share}", data[: int(len(data) * share)])
        for number in range(3):
            flipped = bytearray(data)
            for _ in range(8):
                flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            yield Item(f"damage/{name}-flipped-{number}", bytes(flipped))
        yield Item(f"damage/{name}-shifted", b"\0" + data, "refused")
        yield Item(f"damage/{name}-twice", data * 2)


def _dimensions() -> Iterator[Item]:
    """A huge size in the header of a tiny file."""
    for width, height in (BIG, BEYOND, (65_535, 65_535)):
        allowed: Allowed = "either" if (width, height) == BIG else "refused"
        size = f"{width}x{height}"
        yield Item(f"header/png-{size}", png((width, height), zeros(100)), allowed)
        gif = bytearray(valid()["gif"])
        gif[6:10] = struct.pack("<HH", width, height)
        yield Item(f"header/gif-canvas-{size}", bytes(gif), allowed)
        jpeg = bytearray(valid()["jpeg-grey"])
        at = jpeg.index(b"\xff\xc0")
        jpeg[at + 5 : at + 9] = struct.pack(">HH", height, width)
        yield Item(f"header/jpeg-{size}", bytes(jpeg), allowed)
        bmp = bytearray(valid()["bmp"])
        bmp[18:26] = struct.pack("<ii", width, height)
        yield Item(f"header/bmp-{size}", bytes(bmp), allowed)
        yield Item(f"header/tiff-{size}", tiff(grey_tiff(width, height), bytes(64)), allowed)
        canvas = webp_extended(0, min(width, 2**24), min(height, 2**24))
        yield Item(f"header/webp-{size}", riff(canvas, lossless_pixel()))
        for kind in ("avif", "heic"):
            data = valid()[kind].replace(
                b"ispe\0\0\0\0" + struct.pack(">II", SIDE, SIDE),
                b"ispe\0\0\0\0" + struct.pack(">II", width, height),
            )
            yield Item(f"header/{kind}-{size}", data)


def _frames() -> Iterator[Item]:
    """Very many frames, of which only the first is wanted."""
    gif = b"GIF89a\x01\0\x01\0\x80\0\0" + bytes(3) + b"\xff\xff\xff"
    frame = b"!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0"
    yield Item("frames/gif", gif + frame * 200_000 + b";", "picture")
    delay = bytes((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0))
    kind, pixel = lossless_pixel()
    one = delay + kind + struct.pack("<I", len(pixel)) + pixel + b"\0" * (len(pixel) % 2)
    animation = [webp_extended(2, 1, 1), (b"ANIM", bytes(6))]
    yield Item("frames/webp", riff(*animation, *[(b"ANMF", one)] * 100_000))
    directory = tiff(grey_tiff(1, 1), b"\x80")
    step = len(directory) - 8
    pages = [
        directory[8:-5].replace(struct.pack("<I", 14 + 12 * 9), struct.pack("<I", len(directory)))
        + struct.pack("<I", 8 + step * (number + 1))
        + b"\x80"
        for number in range(50_000)
    ]
    yield Item("frames/tiff", directory[:8] + b"".join(pages), "picture")
    control = struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 10, 0, 0)
    several = chunk(b"acTL", struct.pack(">II", 100_000, 0)) + chunk(b"fcTL", control)
    later = chunk(b"fcTL", control) + chunk(b"fdAT", bytes(4) + zeros(72))
    yield Item("frames/png", small_png(several, later * 100_000))
    lies = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)) + chunk(b"fcTL", control)
    yield Item("frames/png-that-says-2-billion", small_png(lies))


def _compression() -> Iterator[Item]:
    """Little that unpacks to much."""
    yield Item("zeros/png-grey", black_png(1, 0), "picture")
    yield Item("zeros/png-rgb", black_png(3, 2), "picture")
    yield Item("zeros/png-rgba", black_png(4, 6), "picture")
    yield Item("zeros/png-16-bit-grey", black_png(1, 0, depth=16), "picture")
    yield Item("zeros/png-16-bit-rgba", black_png(4, 6, depth=16), "picture")
    yield Item("zeros/png-interlaced", black_png(3, 2, interlaced=True), "picture")
    yield Item("zeros/png-beyond", png(BEYOND, zeros(BEYOND[1] * (1 + BEYOND[0]))), "refused")
    yield Item("zeros/png-more-than-said", png((8, 8), zeros(600_000_000)))
    much = b"name\0\0" + zeros(400_000_000)
    for kind in (b"zTXt", b"iCCP"):
        yield Item(f"zeros/png-{kind.decode()}", small_png(chunk(kind, much)))
        yield Item(f"zeros/png-{kind.decode()}-after", small_png(after=chunk(kind, much)))
    international = chunk(b"iTXt", b"name\0\x01\0\0\0" + zeros(400_000_000))
    yield Item("zeros/png-iTXt", small_png(international))
    mebibyte = chunk(b"zTXt", b"name\0\0" + zeros(1_000_000))
    yield Item("zeros/png-zTXt-many", small_png(mebibyte * 2_000))
    packed = zeros(BIG[0] * BIG[1])
    fields = [field for field in grey_tiff(*BIG, compression=8) if field[0] != STRIP_SIZES]
    fields.append((STRIP_SIZES, LONG, 1, len(packed)))
    yield Item("zeros/tiff-deflate", tiff(fields, packed), "picture")
    yield Item("zeros/jpeg", encoded(Image.new("L", BIG), "JPEG"), "picture")


def progressive_jpeg(scans: int) -> bytes:
    """63 megapixels in a few kilobytes, gone over again in every scan.

    Each scan says "no change" for all blocks, 16,384 at a time, in 15 bits of zeros.
    """
    width, height = BIG
    tables = segment(0xDB, b"\0" + b"\1" * 64)
    tables += segment(0xC4, b"\x10\x01" + bytes(15) + b"\xe0")
    frame = segment(0xC2, struct.pack(">BHHB3B", 8, height, width, 1, 1, 0x11, 0))
    blocks = -(-width // 8) * -(-height // 8)
    runs = bytes(-(-15 * -(-blocks // 16_384) // 8))
    scan = segment(0xDA, b"\x01\x01\0\x01\x3f\0") + runs
    return b"\xff\xd8" + tables + frame + scan * scans + b"\xff\xd9"


def _floods() -> Iterator[Item]:
    """Within all limits of size, but each byte costs as much time as can be had for it."""
    yield Item("flood/jpeg-scans", progressive_jpeg(1_500))
    yield Item("flood/jpeg-segments", jpeg_with(segment(0xFE, b"") * (MAX_BYTES // 4 - 10_000)))
    yield Item("flood/png-chunks", small_png(chunk(b"aaAa") * (MAX_BYTES // 12 - 100)))
    yield Item("flood/png-chunks-after", small_png(after=chunk(b"aaAa") * (MAX_BYTES // 12 - 100)))
    head = b"GIF89a\x01\0\x01\0\x80\0\0" + bytes(6)
    comment = b"!\xfe" + (b"\xff" + b"a" * 255) * (MAX_BYTES // 256 - 10) + b"\0"
    frame = b",\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
    yield Item("flood/gif-comment", head + comment + frame)
    yield Item("flood/gif-comments", head + b"!\xfe\x01a\0" * (MAX_BYTES // 5 - 10) + frame)
    strips = MAX_BYTES // 4 - 100
    fields = [field for field in grey_tiff(1, 2) if field[0] not in (STRIP_OFFSETS, 278)]
    fields += [(STRIP_OFFSETS, LONG, strips, 0), (278, LONG, 1, 1)]
    yield Item("flood/tiff-strips", tiff(fields, bytes(4 * strips)))
    yield Item("flood/bmp-runs", bmp_run_length(*BIG, b"\x01\x00" * (MAX_BYTES // 2 - 1_000)))


def _metadata() -> Iterator[Item]:
    """Much beside the picture, and nonsense in it."""
    profile = b"ICC_PROFILE\0"
    parts = [segment(0xE2, profile + bytes((1 + n % 255, 255)) + bytes(65_000)) for n in range(255)]
    yield Item("metadata/jpeg-icc-16-megabytes", jpeg_with(*parts), "picture")
    yield Item("metadata/jpeg-icc-same-part", jpeg_with(*parts[:1] * 250))
    mebibytes = tiff([(0x9286, UNDEFINED, 10_000_000, 0)], bytes(10_000_000))
    yield Item("metadata/jpeg-exif-10-megabytes", jpeg_with(*exif_segments(mebibytes)))
    yield Item("metadata/png-exif-10-megabytes", small_png(chunk(b"eXIf", mebibytes)))
    alpha = webp_extended(8, 1, 1)
    yield Item(
        "metadata/webp-exif-10-megabytes", riff(alpha, lossless_pixel(), (b"EXIF", mebibytes))
    )
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {one} "{f"&{other};" * 10}">'
        for one, other in zip("bcdefghij", "abcdefghi", strict=True)
    )
    packet = (bomb + ']><x:xmpmeta xmlns:x="adobe:ns:meta/">&j;</x:xmpmeta>').encode()
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)
    yield Item("metadata/jpeg-xmp-entities", jpeg_with(xmp), "picture")
    yield Item(
        "metadata/png-xmp-entities",
        small_png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)),
        "picture",
    )
    absurd: list[tuple[str, Field, bytes]] = [
        *((f"{value}", (0x0112, SHORT, 1, value), b"") for value in (0, 9, 255, 65_535)),
        ("long", (0x0112, LONG, 1, 2**32 - 1), b""),
        ("signed", (0x0112, 8, 1, 0xFFFF), b""),
        ("text", (0x0112, 2, 9, 0), b"sideways\0"),
        ("list", (0x0112, SHORT, 30_000, 0), b"\6\0" * 30_000),
        ("none", (0x0112, SHORT, 0, 0), b""),
        ("fraction", (0x0112, 5, 1, 0), bytes(8)),
        ("not-a-number", (0x0112, 12, 1, 0), struct.pack("<d", float("nan"))),
        ("unknown-type", (0x0112, 99, 1, 6), b""),
        ("far-away", (0x0112, SHORT, 2**30, 2**31), b""),
        ("negative-count", (0x0112, LONG, -1, 0), b""),
    ]  # fmt: skip
    for name, field, body in absurd:
        block = tiff([field], body)
        yield Item(f"orientation/jpeg-{name}", jpeg_with(*exif_segments(block)))
        yield Item(f"orientation/png-{name}", small_png(chunk(b"eXIf", block)))
        yield Item(f"orientation/tiff-{name}", tiff([*grey_tiff(8, 8), field], bytes(64)))
    for value in range(2, 9):
        turned = small_png(chunk(b"eXIf", tiff([(0x0112, SHORT, 1, value)])))
        yield Item(f"orientation/png-right-{value}", turned, "picture")


def _directories() -> Iterator[Item]:
    """Directories of TIFF and EXIF that point to themselves, to each other, or all to one place."""
    for name, at in (("itself", 8), ("header", 0), ("end", 2**32 - 1)):
        fields = grey_tiff(8, 8)
        yield Item(f"directory/tiff-next-is-{name}", tiff(fields, bytes(64), at))
        for tag in (0x8769, 0x8825, 0xA005, 0x014A):
            block = tiff([(0x0112, SHORT, 1, 6), (tag, LONG, 1, at)], b"", at)
            yield Item(f"directory/jpeg-{tag:x}-is-{name}", jpeg_with(*exif_segments(block)))
            yield Item(f"directory/png-{tag:x}-is-{name}", small_png(chunk(b"eXIf", block)))
            looped = tiff([*fields, (tag, LONG, 1, at)], bytes(64), at)
            yield Item(f"directory/tiff-{tag:x}-is-{name}", looped)
    for head in (
        b"",
        b"II",
        b"II*\0",
        b"MM\0*\xff\xff\xff\xff",
        b"XX*\0\x08\0\0\0",
        b"II+\0" + bytes(9),
    ):
        yield Item(f"directory/jpeg-head-{head.hex()}", jpeg_with(*exif_segments(head or b"\0")))
        yield Item(f"directory/tiff-head-{head.hex()}", head + bytes(20), "refused")
    yield Item("directory/tiff-all-tags", tiff(overlapping_fields(25_000, 2)))
    # Half a megabyte to a gigabyte: every field is read on its own.
    fields, shared = overlapping_fields(5_000, 200_000), bytes(200_000)
    yield Item("directory/tiff-overlapping", tiff([*grey_tiff(8, 8), *fields], shared))
    block = tiff(fields, shared)
    yield Item("directory/png-overlapping", small_png(chunk(b"eXIf", block)))
    yield Item("directory/jpeg-overlapping", jpeg_with(*exif_segments(block)))
    yield Item(
        "directory/webp-overlapping",
        riff(webp_extended(8, 1, 1), lossless_pixel(), (b"EXIF", block)),
    )


def _polyglots() -> Iterator[Item]:
    """Files that are two things."""
    jpeg, whole = valid()["jpeg-grey"], valid()["png"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("../../evil.py", "print(1)")
    yield Item("polyglot/jpeg-zip", jpeg + archive.getvalue(), "picture")
    yield Item("polyglot/zip-jpeg", archive.getvalue() + jpeg, "refused")
    script = b"GIF89a/*" + valid()["gif"][8:] + b"*/=1;alert(1)"
    yield Item("polyglot/gif-script", script)
    document = b"%PDF-1.7\n1 0 obj\n<</Length 9>>\nstream\n"
    yield Item("polyglot/pdf-jpeg", document + jpeg, "refused")
    yield Item("polyglot/jpeg-pdf", jpeg_with(segment(0xFE, document)), "picture")
    page = b"<!doctype html><script>alert(1)</script>"
    yield Item("polyglot/html-png", page + whole, "refused")
    yield Item("polyglot/png-html", small_png(chunk(b"tEXt", b"Title\0" + page)), "picture")
    yield Item("polyglot/png-then-html", whole + page, "picture")
    yield Item("polyglot/bmp-script", b"BM=1;/*" + valid()["bmp"][7:] + b"*/alert(1)")
    yield Item("polyglot/webp-avif", valid()["webp"] + valid()["avif"], "picture")
    yield Item("polyglot/program", b"#!/bin/sh\necho 1\n" + jpeg, "refused")


def _strangers() -> Iterator[Item]:
    """What is no picture, or of a format that is not read."""
    entities = '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&x;</text></svg>'
    strangers = {
        "svg": drawing.replace("&x;", "").encode(),
        "svg-entities": (entities + drawing).encode(),
        "svg-utf-16": (entities + drawing).encode("utf-16"),
        "html": b"<!doctype html><img src=x onerror=alert(1)>",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
        "portable-pixmap": b"P6 1 1 255\nabc",
        "icon": b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 1, 1, 0, 0, 1, 32, 40, 22) + bytes(40),
        "photoshop": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3) + bytes(40),
        "jpeg-2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40),
        "video": box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + box(b"mdat", bytes(99)),
        "container-of-itself": box(b"ftyp", b"heic\0\0\0\0heicmif1") + box(b"meta", b"meta" * 99),
        "container-endless": b"\0\0\0\0ftypavif" + bytes(99),
        "pickle": b"\x80\4cposix\nsystem\nX\4\0\0\0true\x85R.",
        "zip-of-zeros": b"PK\3\4" + zeros(100_000_000)[:5000],
        "text": "Voilà.".encode("latin-1"),
        "nulls": bytes(100_000),
    }  # fmt: skip
    for name, data in strangers.items():
        yield Item(f"stranger/{name}", data, "refused", f"{name}.png")


HOSTILE_NAMES = {
    "markup": "<img src=x onerror=alert(1)>.png",
    "quotes": "\"'`&amp;.png",
    "template": "{{7*7}}${7*7}{0.__class__}%s%n.png",
    "formula": "=HYPERLINK(1).png",
    "control": "a\tb\x1b[31mc\x7f.png",
    "new-line": "a\nb\r\nc.png",
    "null": "a\0b.png",
    "separators": "../../../../tmp/evil/../a\\..\\b.png",
    "absolute": "/etc/passwd",
    "dots": "...png",
    "parent": "..",
    "hidden": ".png",
    "device": "CON.png",
    "direction": "\u202egnp.exe",
    "emoji": "🙂" * 60 + ".png",
    "long": "x" * 4_000 + ".png",
    "long-ending": "x." + "y" * 4_000,
    "percent": "%2e%2e%2f%00.png",
    "spaces": "   ",
    "option": "--help.png",
    "no-ending": "picture",
    "script-ending": "picture.html",
}


def _names() -> Iterator[Item]:
    """A good picture under a bad name."""
    for name, file_name in HOSTILE_NAMES.items():
        yield Item(f"name/{name}", small_png(), "picture", file_name)


# How they are sent.

META = {"_type": "gradio.FileData"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint said: the status, and data or an error where it was taken in."""

    status: int
    data: list[Any] | None = None
    error: str | None = None

    @property
    def refused(self) -> bool:
        """Whether it is a refusal as it should be: a status that says so, or one sentence."""
        if self.status == 200:
            return self.data is None and SENTENCE.fullmatch(self.error or "") is not None
        return 400 <= self.status < 500


class Visitor:
    """Speaks to the app as a program does that leaves the manners of gradio_client aside."""

    def __init__(self, address: str) -> None:
        """Every body that comes back is searched for traces of the program."""
        # A connection for each request, since the server closes them after errors.
        limits = httpx.Limits(max_keepalive_connections=0)
        hooks = {"response": [assert_tells_nothing_of_the_program]}
        self.http = httpx.Client(base_url=address, limits=limits, event_hooks=hooks, timeout=60)

    def upload(self, data: bytes, file_name: str) -> httpx.Response:
        """Send a file under a name as it is, which no library would."""
        quoted = file_name.replace('"', '\\"').encode()
        head = b'Content-Disposition: form-data; name="files"; filename="' + quoted + b'"\r\n'
        body = b"--limit\r\n" + head + b"\r\n" + data + b"\r\n--limit--\r\n"
        kind = {"Content-Type": "multipart/form-data; boundary=limit"}
        return self.http.post("/gradio_api/upload", content=body, headers=kind)

    def uploaded(self, data: bytes, file_name: str = "picture.jpg") -> dict[str, Any]:
        """What endpoints take for a file that was uploaded."""
        (path,) = self.upload(data, file_name).raise_for_status().json()
        return {"path": path, "meta": META}

    def call(self, endpoint: str, *data: Any) -> Reply:
        """Call an endpoint and wait for what it says."""
        return self.send(endpoint, json.dumps({"data": data}).encode())

    def send(self, endpoint: str, body: bytes) -> Reply:
        """The same with any body."""
        kind = {"Content-Type": "application/json"}
        taken = self.http.post(f"/gradio_api/call/{endpoint}", content=body, headers=kind)
        if taken.status_code != 200:
            return Reply(taken.status_code)
        said = self.http.get(f"/gradio_api/call/{endpoint}/{taken.json()['event_id']}")
        event, _, told = said.text.rpartition("event: ")[2].partition("\ndata: ")
        answer = json.loads(told)
        if event == "complete":
            return Reply(said.status_code, data=answer)
        return Reply(
            said.status_code, error=answer["error"] if isinstance(answer, dict) else answer
        )


def begin_event(visitor: Visitor, name: str, data: list[Any], session: str) -> str:
    """Ask for an event of the page as the browser does; its id."""
    config = visitor.http.get("/config").json()
    (index,) = [each["id"] for each in config["dependencies"] if each["api_name"] == name]
    body = {"data": data, "fn_index": index, "session_hash": session, "simple_format": True}
    taken = visitor.http.post("/gradio_api/queue/join", json=body)
    return str(taken.raise_for_status().json()["event_id"])


def assert_tells_nothing_of_the_program(response: httpx.Response) -> None:
    """No body of an answer shows where in the program something failed."""
    response.read()
    if "text" in (kind := response.headers.get("content-type", "")) or "json" in kind:
        assert "Traceback" not in response.text, response.url
        assert 'File "' not in response.text, response.url


# Mutations of valid files.

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
MAX_MUTATED = 300_000  # bytes


def mutations(seed: int) -> Iterator[tuple[str, bytes]]:
    """Endless variations of the valid files, each with the name of what it came from."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    seeds = list(valid().items())
    while True:
        name, data = chance.choice(seeds)
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
            other = chance.choice(seeds)[1]
            chance.choice(MUTATIONS)(chance, changed, other)
            del changed[MAX_MUTATED:]
        if name.startswith("png") and chance.random() < 0.8:
            renew_checksums(changed)
        yield name, bytes(changed)


def _place(chance: random.Random, data: bytearray) -> int:
    """Somewhere in a file, two times of three near its start, where the headers are."""
    reach = min(len(data), chance.choice((64, 400, len(data))))
    return chance.randrange(reach) if reach else 0


def flip_bits(chance: random.Random, data: bytearray, other: bytes) -> None:
    for _ in range(chance.choice((1, 1, 2, 8, 32)) if data else 0):
        data[_place(chance, data)] ^= 1 << chance.randrange(8)


def truncate(chance: random.Random, data: bytearray, other: bytes) -> None:
    del data[_place(chance, data) :]


def splice(chance: random.Random, data: bytearray, other: bytes) -> None:
    data[_place(chance, data) :] = other[chance.randrange(len(other)) :]


def graft(chance: random.Random, data: bytearray, other: bytes) -> None:
    start, at = chance.randrange(len(other)), _place(chance, data)
    piece = other[start : start + chance.randrange(1, 200)]
    data[at : at + len(piece)] = piece


def repeat(chance: random.Random, data: bytearray, other: bytes) -> None:
    start = _place(chance, data)
    piece = data[start : start + chance.choice((1, 4, 12, 64, 1_000))]
    data[start:start] = piece * chance.choice((1, 2, 10, 300))


def leave_out(chance: random.Random, data: bytearray, other: bytes) -> None:
    start = _place(chance, data)
    del data[start : start + chance.choice((1, 2, 4, 12, 100))]


def set_extreme(chance: random.Random, data: bytearray, other: bytes) -> None:
    for _ in range(chance.choice((1, 1, 2, 4))):
        start, size = _place(chance, data), chance.choice((1, 2, 4, 4))
        value = chance.choice(EXTREMES) & (256**size - 1)
        data[start : start + size] = value.to_bytes(size, chance.choice(("big", "little")))


def overwrite(chance: random.Random, data: bytearray, other: bytes) -> None:
    start, size = _place(chance, data), chance.choice((4, 16, 100, 2_000))
    data[start : start + size] = chance.choice(
        (bytes(size), b"\xff" * size, chance.randbytes(size))
    )


MUTATIONS = (
    flip_bits, flip_bits, truncate, splice, graft, repeat, leave_out, set_extreme, set_extreme,
    overwrite,
)  # fmt: skip


def renew_checksums(data: bytearray) -> None:
    """Make the chunks of a changed PNG valid again, or it would be refused for them alone."""
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            return
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4

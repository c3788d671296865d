import io
import re
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from fer_core.errors import ImageTooLargeError, InvalidImageError
from fer_core.images import MAX_BYTES, MAX_PIXELS, load_image

EXIF_ORIENTATION = 0x0112
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "MPO")
LOSSLESS = ("PNG", "WEBP", "GIF", "BMP", "TIFF")


def encode(picture, file_format, **options):
    if file_format == "WEBP":
        options.setdefault("lossless", True)
    file = io.BytesIO()
    as_image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    as_image.save(file, file_format, **options)
    return file.getvalue()


def png(width, height, bit_depth, color_type, rows):
    """A PNG built by hand: `rows` are the raw scan lines, each after its filter byte."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 1))
        + chunk(b"IEND", b"")
    )


def quadrants(height=32, width=48):
    """A picture that no flip and no turn leaves as it is."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (250, 10, 10)
    picture[: height // 2, width // 2 :] = (10, 250, 10)
    picture[height // 2 :, : width // 2] = (10, 10, 250)
    picture[height // 2 :, width // 2 :] = (240, 240, 20)
    return picture


def noise(height=40, width=60, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


def assert_refused(source, error=InvalidImageError):
    """Refused with exactly this error, in one sentence that tells nothing of the server."""
    with pytest.raises(InvalidImageError) as caught:
        load_image(source)
    assert caught.type is error
    message = str(caught.value)
    assert re.fullmatch(r"[A-Z][^\n]+\.", message)
    assert not re.search(r"[.!?]\s", message), f"more than one sentence: {message}"
    assert "/" not in message


class DecodedError(BaseException):
    """Passes through every `except Exception`."""


@pytest.fixture
def decoding_fails_the_test(monkeypatch):
    def load(self):
        raise DecodedError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)


class TestFormats:
    @pytest.mark.parametrize("file_format", LOSSLESS)
    def test_a_lossless_file_gives_the_exact_pixels(self, file_format):
        np.testing.assert_array_equal(load_image(encode(quadrants(), file_format)), quadrants())

    @pytest.mark.parametrize("file_format", ["JPEG", "AVIF", "HEIF", "MPO"])
    def test_a_lossy_file_gives_nearly_the_pixels(self, file_format):
        data = encode(quadrants(), file_format, quality=95, subsampling="4:4:4")
        np.testing.assert_allclose(load_image(data).astype(int), quadrants(), atol=6)

    @pytest.mark.parametrize("file_format", FORMATS)
    def test_a_picture_of_one_pixel_is_read(self, file_format):
        picture = np.full((1, 1, 3), 128, np.uint8)
        np.testing.assert_allclose(load_image(encode(picture, file_format)), picture, atol=3)

    @pytest.mark.parametrize("file_format", FORMATS)
    def test_a_file_gives_contiguous_uint8_rgb(self, file_format):
        picture = load_image(encode(quadrants(), file_format))
        assert (picture.shape, picture.dtype) == ((32, 48, 3), np.uint8)
        assert picture.flags.c_contiguous

    @pytest.mark.parametrize("file_format", ["GIF", "WEBP"])
    def test_an_animation_gives_its_first_frame(self, file_format):
        later = [Image.new("RGB", (48, 32), color) for color in ("black", "white")]
        data = encode(quadrants(), file_format, save_all=True, append_images=later, duration=50)
        np.testing.assert_array_equal(load_image(data), quadrants())

    def test_a_multi_page_tiff_gives_its_first_page(self):
        later = [Image.new("RGB", (9, 9), "black")]
        data = encode(quadrants(), "TIFF", save_all=True, append_images=later)
        np.testing.assert_array_equal(load_image(data), quadrants())

    def test_a_multi_picture_jpeg_gives_its_first_picture(self):
        later = [Image.new("RGB", (48, 32), "black")]
        options = {"save_all": True, "append_images": later, "quality": 95, "subsampling": "4:4:4"}
        picture = load_image(encode(quadrants(), "MPO", **options))
        np.testing.assert_allclose(picture.astype(int), quadrants(), atol=6)


GREY_16_BIT = np.linspace(0, 65_535, 300).astype(np.uint16).reshape(15, 20)


class TestModes:
    def test_grey_gives_three_equal_channels(self):
        grey = noise()[..., 0]
        expected = np.repeat(grey[..., np.newaxis], 3, axis=2)
        np.testing.assert_array_equal(load_image(encode(grey, "PNG")), expected)

    def test_black_and_white_gives_0_and_255(self):
        bits = noise()[..., 0] > 127
        expected = np.repeat(bits[..., np.newaxis] * np.uint8(255), 3, axis=2)
        np.testing.assert_array_equal(load_image(encode(Image.fromarray(bits), "PNG")), expected)

    @pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
    def test_16_bit_grey_is_scaled_not_clipped(self, file_format):
        picture = load_image(encode(GREY_16_BIT, file_format))
        expected = np.repeat(GREY_16_BIT[..., np.newaxis] / 257, 3, axis=2)
        np.testing.assert_allclose(picture, expected, atol=1)

    def test_16_bit_grey_of_pillow_is_scaled_not_clipped(self):
        picture = load_image(Image.fromarray(GREY_16_BIT))
        expected = np.repeat(GREY_16_BIT[..., np.newaxis] / 257, 3, axis=2)
        np.testing.assert_allclose(picture, expected, atol=1)

    def test_16_bit_rgb_is_scaled_not_clipped(self):
        colors = np.array([[0, 128, 65_535], [40_000, 7_000, 300]], np.uint16)
        rows = b"\0" + colors.astype(">u2").tobytes()
        picture = load_image(png(2, 1, 16, 2, rows))
        np.testing.assert_allclose(picture[0], colors / 257, atol=1)

    @pytest.mark.parametrize("level", [0, 65_535])
    def test_black_and_white_of_16_bits_stay_black_and_white(self, level):
        picture = load_image(encode(np.full((2, 2), level, np.uint16), "PNG"))
        np.testing.assert_array_equal(picture, np.full((2, 2, 3), level // 257))

    @pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
    def test_rgba_lies_over_white(self, file_format):
        rgba = np.array([[[200, 100, 0, 0], [200, 100, 0, 255], [200, 100, 0, 102]]], np.uint8)
        # 102 / 255 = .4 of the colour and .6 of white.
        expected = [[[255, 255, 255], [200, 100, 0], [233, 193, 153]]]
        picture = load_image(encode(rgba, file_format, exact=True))
        np.testing.assert_allclose(picture.astype(int), expected, atol=1)

    def test_grey_with_alpha_lies_over_white(self):
        values = Image.fromarray(np.array([[100, 100, 100]], np.uint8))
        values.putalpha(Image.fromarray(np.array([[0, 255, 102]], np.uint8)))
        assert values.mode == "LA"
        expected = [[[255] * 3, [100] * 3, [193] * 3]]
        np.testing.assert_allclose(load_image(encode(values, "PNG")).astype(int), expected, atol=1)

    def test_a_palette_gives_its_colors(self):
        palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
        palette.putpalette([9, 8, 7, 60, 50, 40, 255, 0, 1])
        expected = [[[9, 8, 7], [60, 50, 40], [255, 0, 1]]]
        np.testing.assert_array_equal(load_image(encode(palette, "PNG")), expected)

    @pytest.mark.parametrize("file_format", ["PNG", "GIF"])
    def test_a_transparent_palette_entry_becomes_white(self, file_format):
        palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
        palette.putpalette([9, 8, 7, 60, 50, 40, 255, 0, 1])
        expected = [[[9, 8, 7], [255, 255, 255], [255, 0, 1]]]
        data = encode(palette, file_format, transparency=1)
        np.testing.assert_array_equal(load_image(data), expected)

    def test_half_transparent_palette_entries_mix_with_white(self):
        palette = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
        palette.putpalette([200, 100, 0, 60, 50, 40])
        data = encode(palette, "PNG", transparency=bytes([102, 255]))
        expected = [[[233, 193, 153], [60, 50, 40]]]
        np.testing.assert_allclose(load_image(data).astype(int), expected, atol=1)

    def test_a_transparent_color_of_rgb_becomes_white(self):
        picture = np.array([[[9, 8, 7], [60, 50, 40]]], np.uint8)
        data = encode(picture, "PNG", transparency=(9, 8, 7))
        np.testing.assert_array_equal(load_image(data), [[[255, 255, 255], [60, 50, 40]]])

    @pytest.mark.parametrize(
        ("cmyk", "rgb"),
        [
            ((0, 0, 0, 0), (255, 255, 255)),
            ((0, 0, 0, 255), (0, 0, 0)),
            ((0, 255, 255, 0), (255, 0, 0)),
            ((255, 0, 0, 0), (0, 255, 255)),
        ],
    )
    def test_a_cmyk_jpeg_gives_its_colors(self, cmyk, rgb):
        picture = load_image(encode(Image.new("CMYK", (16, 16), cmyk), "JPEG", quality=95))
        np.testing.assert_allclose(picture.astype(int), np.full((16, 16, 3), rgb), atol=6)

    @pytest.mark.parametrize("mode", ["F", "I"])
    def test_a_tiff_without_an_agreed_range_of_values_is_refused(self, mode):
        assert_refused(encode(Image.new(mode, (8, 8), 100), "TIFF"))

    @pytest.mark.parametrize("mode", ["F", "I"])
    def test_a_pillow_image_without_an_agreed_range_of_values_is_refused(self, mode):
        assert_refused(Image.new(mode, (8, 8), 100))

    @pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
    def test_a_pillow_image_without_pixels_is_refused(self, size):
        assert_refused(Image.new("RGB", size))


# How a camera stores an upright picture, by EXIF orientation (Exif 2.32, section 4.6.4 A).
STORED = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


def photograph(orientation, file_format, **options):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](quadrants())))
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return encode(stored, file_format, exif=exif.tobytes(), **options)


@pytest.mark.parametrize("orientation", STORED)
class TestOrientation:
    @pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
    def test_a_lossless_file_comes_upright(self, orientation, file_format):
        picture = load_image(photograph(orientation, file_format))
        np.testing.assert_array_equal(picture, quadrants())

    def test_jpeg_bytes_come_upright(self, orientation):
        picture = load_image(photograph(orientation, "JPEG", quality=95, subsampling="4:4:4"))
        np.testing.assert_allclose(picture.astype(int), quadrants(), atol=6)

    def test_a_jpeg_path_comes_upright(self, orientation, tmp_path):
        path = tmp_path / "photograph.jpg"
        path.write_bytes(photograph(orientation, "JPEG", quality=95, subsampling="4:4:4"))
        np.testing.assert_allclose(load_image(path).astype(int), quadrants(), atol=6)

    def test_a_pillow_image_comes_upright(self, orientation):
        opened = Image.open(io.BytesIO(photograph(orientation, "PNG")))
        np.testing.assert_array_equal(load_image(opened), quadrants())

    def test_the_given_pillow_image_stays_as_it_was_stored(self, orientation):
        opened = Image.open(io.BytesIO(photograph(orientation, "PNG")))
        load_image(opened)
        np.testing.assert_array_equal(np.asarray(opened), STORED[orientation](quadrants()))


class PathOfItsOwnKind:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


class TestPaths:
    @pytest.mark.parametrize("kind", [str, Path, PathOfItsOwnKind])
    def test_every_kind_of_path_is_read(self, kind, tmp_path):
        path = tmp_path / "picture with spaces, ä and 顔.png"
        path.write_bytes(encode(quadrants(), "PNG"))
        np.testing.assert_array_equal(load_image(kind(path)), quadrants())

    def test_the_content_decides_and_not_the_ending(self, tmp_path):
        path = tmp_path / "picture.txt"
        path.write_bytes(encode(quadrants(), "PNG"))
        np.testing.assert_array_equal(load_image(path), quadrants())

    def test_a_missing_file_is_refused(self, tmp_path):
        assert_refused(tmp_path / "missing.png")

    def test_a_directory_is_refused(self, tmp_path):
        assert_refused(tmp_path)

    def test_a_path_below_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").touch()
        assert_refused(tmp_path / "file" / "picture.png")

    def test_an_endless_name_is_refused(self):
        assert_refused("x" * 5000)

    @pytest.mark.parametrize("path", ["", "picture\0.png"], ids=["empty", "null character"])
    def test_a_path_that_cannot_be_is_refused(self, path):
        assert_refused(path)

    def test_an_empty_file_is_refused(self, tmp_path):
        (tmp_path / "empty.png").touch()
        assert_refused(tmp_path / "empty.png")

    @pytest.mark.parametrize(
        "source",
        [None, 3, 0.5, bytearray(b"x"), [[0, 1], [2, 3]], io.BytesIO(b"x")],
        ids=lambda source: type(source).__name__,
    )
    def test_anything_else_is_refused(self, source):
        assert_refused(source)


class TestDamage:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"just some text, and no picture",
            b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect/></svg>",
            b"<!doctype html><html><body><img src='x.png'></body></html>",
            b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\n",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
            b"PK\x03\x04" + bytes(40),
            b"P6 1 1 255\n\x01\x02\x03",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff",
            b"GIF89a",
            b"RIFF\0\0\0\0WEBP",
            bytes(1000),
            b"\xff" * 1000,
            noise().tobytes(),
        ],
        ids=[
            "nothing",
            "text",
            "svg",
            "html",
            "pdf",
            "postscript",
            "zip",
            "portable pixmap",
            "png signature",
            "jpeg signature",
            "gif signature",
            "webp signature",
            "zeros",
            "ones",
            "noise",
        ],
    )
    def test_what_is_no_picture_is_refused(self, data):
        assert_refused(data)

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "HEIF"])
    def test_a_truncated_file_is_refused(self, file_format, share):
        data = encode(noise(), file_format)
        assert_refused(data[: int(len(data) * share)])

    def test_a_truncated_file_on_disk_is_refused(self, tmp_path):
        path = tmp_path / "half.jpg"
        data = encode(noise(), "JPEG")
        path.write_bytes(data[: len(data) // 2])
        assert_refused(path)

    def test_a_pillow_image_of_a_truncated_file_is_refused(self):
        data = encode(noise(), "JPEG")
        assert_refused(Image.open(io.BytesIO(data[: len(data) // 2])))

    def test_reading_goes_on_after_a_refusal(self):
        assert_refused(b"no picture")
        np.testing.assert_array_equal(load_image(encode(quadrants(), "PNG")), quadrants())


def with_header_size(data, file_format, width, height):
    """The same file, but its header says another size."""
    data = bytearray(data)
    if file_format == "PNG":
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif file_format == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif file_format == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif file_format == "JPEG":
        start_of_frame = data.index(b"\xff\xc0")
        data[start_of_frame + 5 : start_of_frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


class TestLimits:
    def test_the_limits_are_the_published_ones(self):
        assert (MAX_PIXELS, MAX_BYTES) == (64_000_000, 20_000_000)

    @pytest.mark.usefixtures("decoding_fails_the_test")
    @pytest.mark.parametrize(
        "size", [(20_000, 20_000), (10_000, 10_000), (9_000, 8_000), (8_001, 8_000)], ids=str
    )
    @pytest.mark.parametrize("file_format", ["PNG", "GIF", "BMP", "JPEG"])
    def test_a_header_beyond_64_megapixels_is_refused_before_decoding(self, file_format, size):
        data = with_header_size(encode(quadrants(), file_format), file_format, *size)
        assert_refused(data, ImageTooLargeError)

    @pytest.mark.usefixtures("decoding_fails_the_test")
    @pytest.mark.parametrize("size", [(20_000, 20_000), (9_000, 8_000)], ids=str)
    def test_a_file_beyond_64_megapixels_is_refused_before_decoding(self, tmp_path, size):
        path = tmp_path / "picture.png"
        path.write_bytes(with_header_size(encode(quadrants(), "PNG"), "PNG", *size))
        assert_refused(path, ImageTooLargeError)

    @pytest.mark.usefixtures("decoding_fails_the_test")
    def test_a_whole_picture_of_72_megapixels_is_refused_before_decoding(self):
        data = png(9_000, 8_000, 1, 0, bytes((1 + 9_000 // 8) * 8_000))
        assert len(data) < 1_000_000
        assert_refused(data, ImageTooLargeError)

    @pytest.mark.usefixtures("decoding_fails_the_test")
    def test_a_pillow_image_of_72_megapixels_is_refused_before_decoding(self):
        opened = Image.open(io.BytesIO(png(9_000, 8_000, 1, 0, bytes(1126 * 8_000))))
        assert_refused(opened, ImageTooLargeError)

    @pytest.mark.usefixtures("decoding_fails_the_test")
    def test_the_same_header_within_the_limit_is_decoded(self):
        data = with_header_size(encode(quadrants(), "PNG"), "PNG", 8_000, 8_000)
        with pytest.raises(DecodedError):
            load_image(data)

    def test_a_strip_beyond_64_megapixels_is_refused(self):
        data = with_header_size(encode(quadrants(), "PNG"), "PNG", 64_000_001, 1)
        assert_refused(data, ImageTooLargeError)

    @pytest.mark.parametrize("shape", [(8_001, 8_000), (8_001, 8_000, 3), (8_001, 8_000, 4)])
    def test_an_array_beyond_64_megapixels_is_refused(self, shape):
        assert_refused(np.broadcast_to(np.uint8(0), shape), ImageTooLargeError)

    def test_an_array_of_exactly_64_megapixels_is_read(self):
        picture = np.zeros((8_000, 8_000, 3), np.uint8)
        assert load_image(picture).shape == picture.shape

    def test_bytes_beyond_20_megabytes_are_refused(self):
        data = encode(quadrants(), "PNG")
        assert_refused(data + bytes(MAX_BYTES + 1 - len(data)), ImageTooLargeError)

    def test_exactly_20_megabytes_are_read(self):
        data = encode(quadrants(), "PNG")
        picture = load_image(data + bytes(MAX_BYTES - len(data)))
        np.testing.assert_array_equal(picture, quadrants())

    def test_a_file_beyond_20_megabytes_is_refused_before_reading(self, tmp_path, monkeypatch):
        path = tmp_path / "large.png"
        path.write_bytes(encode(quadrants(), "PNG"))
        with path.open("r+b") as file:
            file.truncate(MAX_BYTES + 1)

        def read_bytes(self):
            raise DecodedError

        monkeypatch.setattr(Path, "read_bytes", read_bytes)
        assert_refused(path, ImageTooLargeError)


RGB = noise()
READABLE_ARRAYS = {
    "contiguous": (RGB, RGB),
    "grey": (RGB[..., 0], RGB[..., [0, 0, 0]]),
    "grey with a channel axis": (RGB[..., :1], RGB[..., [0, 0, 0]]),
    "grey view": (RGB[::2, ::3, 1], RGB[::2, ::3, [1, 1, 1]]),
    "part": (RGB[5:20, 7:31], RGB[5:20, 7:31].copy()),
    "every other pixel": (RGB[::2, ::2], RGB[::2, ::2].copy()),
    "flipped": (RGB[:, ::-1], RGB[:, ::-1].copy()),
    "upside down": (RGB[::-1], RGB[::-1].copy()),
    "channels reversed": (RGB[..., ::-1], RGB[..., ::-1].copy()),
    "transposed": (RGB.transpose(1, 0, 2), RGB.transpose(1, 0, 2).copy()),
    "fortran": (np.asfortranarray(RGB), RGB),
    "fortran grey": (np.asfortranarray(RGB[..., 0]), RGB[..., [0, 0, 0]]),
    "one pixel": (RGB[:1, :1], RGB[:1, :1].copy()),
    "one pixel of grey": (RGB[:1, :1, 0], RGB[:1, :1, [0, 0, 0]]),
    "three by three of grey": (RGB[:3, :3, 0], RGB[:3, :3, [0, 0, 0]]),
    "four columns of rgb": (RGB[:, :4], RGB[:, :4].copy()),
    "broadcast": (np.broadcast_to(np.uint8(7), (4, 5, 3)), np.full((4, 5, 3), 7, np.uint8)),
}
each_readable_array = pytest.mark.parametrize(
    ("array", "expected"), READABLE_ARRAYS.values(), ids=READABLE_ARRAYS
)


class TestArrays:
    @each_readable_array
    def test_an_array_gives_its_pixels(self, array, expected):
        np.testing.assert_array_equal(load_image(array), expected)

    @each_readable_array
    def test_an_array_gives_contiguous_uint8_rgb(self, array, expected):
        picture = load_image(array)
        assert (picture.ndim, picture.shape[2], picture.dtype) == (3, 3, np.uint8)
        assert picture.flags.c_contiguous

    def test_a_contiguous_rgb_array_is_not_copied(self):
        assert np.shares_memory(load_image(RGB), RGB)

    @pytest.mark.parametrize("order", ["C", "F"])
    def test_an_rgba_array_lies_over_white(self, order):
        rgba = np.array([[[200, 100, 0, 0], [200, 100, 0, 255], [200, 100, 0, 102]]], np.uint8)
        expected = [[[255, 255, 255], [200, 100, 0], [233, 193, 153]]]
        picture = load_image(np.asarray(rgba, order=order))
        np.testing.assert_allclose(picture.astype(int), expected, atol=1)

    def test_a_flipped_rgba_array_gives_its_pixels(self):
        rgba = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
        np.testing.assert_array_equal(load_image(rgba[:, ::-1]), RGB[:, ::-1])

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_the_given_array_is_not_changed(self, channels):
        array = noise(channels=channels)
        load_image(array)
        np.testing.assert_array_equal(array, noise(channels=channels))

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_a_read_only_array_is_read(self, channels):
        array = noise(channels=channels)
        array.flags.writeable = False
        assert load_image(array).shape == (40, 60, 3)

    @pytest.mark.parametrize(
        "shape",
        [
            (),
            (9,),
            (0,),
            (0, 0),
            (0, 9, 3),
            (9, 0, 3),
            (9, 9, 0),
            (9, 9, 2),
            (9, 9, 5),
            (3, 9, 9),
            (1, 9, 9, 3),
        ],
        ids=str,
    )
    def test_another_shape_is_refused(self, shape):
        assert_refused(np.zeros(shape, np.uint8))

    @pytest.mark.parametrize(
        "dtype", [bool, np.int8, np.uint16, np.int64, np.float16, np.float32, np.float64, object]
    )
    def test_another_dtype_is_refused(self, dtype):
        assert_refused(np.zeros((9, 9, 3), dtype))


@cache
def intact(file_format):
    picture = np.kron(noise(6, 8), np.ones((6, 6, 1), np.uint8))
    return encode(picture, file_format)


@pytest.mark.parametrize("seed", range(75))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_damaged_file_gives_a_picture_or_the_one_error(file_format, seed):
    generator = np.random.default_rng(seed)
    data = bytearray(intact(file_format))
    if seed % 3 == 0:
        del data[generator.integers(1, len(data)) :]
    else:
        # Every other time near the beginning, where the headers are.
        reach = min(len(data), 120) if seed % 2 else len(data)
        for position in generator.integers(0, reach, generator.integers(1, 9)):
            data[position] ^= 1 << generator.integers(0, 8)
    try:
        picture = load_image(bytes(data))
    except InvalidImageError:
        return
    assert (picture.ndim, picture.shape[2], picture.dtype) == (3, 3, np.uint8)

"""Loads an image of any supported kind as upright RGB, within limits of size and time."""

import io
import os
import time
from pathlib import Path
from typing import Literal

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image

from fer_core.errors import ImageTooLargeError, InvalidImageError

pillow_heif.register_heif_opener(thumbnails=False)

ImageSource = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]

MAX_PIXELS = 64_000_000  # 64 megapixels: 192 MB as RGB
MAX_SIDE = 65_500  # pixels; JPEG_MAX_DIMENSION of libjpeg
MAX_BYTES = 20_000_000  # 20 MB, encoded
# MPO opens as JPEG; HEIF is what phones call HEIC.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
MAX_AVIF_PIXELS = 32_000_000  # its decoder takes three times the memory of others
BAND_PIXELS = 1_000_000
# Limits of CPU time of the thread, in seconds: header, pixels. Ten times what images need.
HEADER_SECONDS, PIXEL_SECONDS, SECONDS_A_PIXEL = 0.7, 1.0, 1e-7
JPEG_SCAN, MAX_SCANS = b"\xff\xda", 100  # scans of a progressive JPEG; ten are usual
EXIF_MARK, MAX_EXIF = b"Exif\0\0", 3  # segments, which Pillow concatenates
MAX_EXIF_ENTRIES = 500  # cameras write fewer than a hundred
TIFF_OFFSETS, MAX_TIFF_PARTS = (273, 324), 4 * MAX_SIDE  # strips and tiles: rows of four planes
# EXIF orientation: counter-clockwise quarter turns to upright, then whether to mirror.
TURNS = {1: (0, False), 2: (0, True), 3: (2, False), 4: (2, True),
         5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}  # fmt: skip
BACKGROUND = (255, 255, 255)  # behind transparent pixels, as on a web page

NO_FILE = "There is no readable file at this path."
UNREADABLE = (
    "This file is not a picture that can be read; please use a JPEG, PNG, WebP, GIF, BMP, TIFF, "
    "AVIF or HEIC file."
)
TRUNCATED = "This picture is damaged or incomplete; please save or send it again."
TOO_MANY_PIXELS = "This picture has more than 64 megapixels; please make it smaller."
TOO_LONG = "This picture is longer than 65,500 pixels on one side; please make it smaller."
TOO_MANY_BYTES = "This file is larger than 20 MB; please make it smaller."
LABORIOUS = (
    "This picture is stored in a way that takes too long to read; please save it as an ordinary "
    "JPEG or PNG."
)
LARGE_AVIF = "This AVIF has more than 32 megapixels; please make it smaller or save it as JPEG."
UNKNOWN_MODE = (
    "This picture stores its colours in a way that is not supported; please save it as an ordinary "
    "JPEG or PNG."
)
BAD_ARRAY = (
    "An array must be a uint8 picture of shape (height, width), (height, width, 3) in RGB or "
    "(height, width, 4) in RGBA"
)


def load_image(source: ImageSource) -> NDArray[np.uint8]:
    """Load an image: first frame, EXIF orientation applied, transparency over white.

    Args:
        source: a path, the bytes of an image file, a PIL image (its current frame), or
            an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) uint8, grey, RGB or RGBA.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous, to be treated as read-only: an RGB array is returned
        without a copy.

    Raises:
        ImageTooLargeError: more than `MAX_PIXELS` pixels, `MAX_SIDE` pixels on one side or
            `MAX_BYTES` bytes; found in the header, before the pixels are decoded.
        InvalidImageError: anything else that cannot be read as an image.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _turn(*_from_pillow(source))
    if isinstance(source, bytes):
        return _from_bytes(source)
    if isinstance(source, str | os.PathLike):
        return _from_bytes(_read(Path(source)))
    raise InvalidImageError("Please give a picture: a path, bytes, a PIL image or an array.")


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():  # a device or a pipe may have no end
            raise InvalidImageError(NO_FILE)
        if path.stat().st_size > MAX_BYTES:
            raise ImageTooLargeError(TOO_MANY_BYTES)
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise InvalidImageError(NO_FILE) from error


def _from_bytes(data: bytes) -> NDArray[np.uint8]:
    if len(data) > MAX_BYTES:
        raise ImageTooLargeError(TOO_MANY_BYTES)
    if _is_laborious(data):
        raise InvalidImageError(LABORIOUS)
    source = _Metered(data)
    try:
        opened = Image.open(source, formats=FORMATS)
    except InvalidImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow warns from 89 megapixels on, above our own limit, and some turn warnings to errors.
        raise ImageTooLargeError(TOO_MANY_PIXELS) from error
    except Exception as error:  # a damaged header makes Pillow's parsers raise nearly anything
        raise InvalidImageError(UNREADABLE) from error
    with opened:
        if opened.format == "AVIF" and opened.width * opened.height > MAX_AVIF_PIXELS:
            raise ImageTooLargeError(LARGE_AVIF)
        # A run-length coded BMP is read byte by byte, whatever its size.
        pixels = 0 if opened.format == "BMP" else opened.width * opened.height
        source.allow(PIXEL_SECONDS + pixels * SECONDS_A_PIXEL)
        upright, orientation = _from_pillow(opened)
    # After the decoded image is freed, because rotating copies it.
    return _turn(upright, orientation)


class _Metered(io.BytesIO):
    """A file in memory whose reading is limited in bytes and CPU time.

    Crafted small files make parsers read the same bytes again and again, or one byte at a time;
    they are refused.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._left = 3 * len(data) + 1_000_000
        self.allow(HEADER_SECONDS)

    def allow(self, seconds: float) -> None:
        """Allow so many seconds of CPU time of this thread from now on."""
        self._until = time.thread_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, or raise InvalidImageError beyond the limits."""
        content = super().read(size)
        self._left -= len(content)
        if self._left < 0 or time.thread_time() > self._until:
            raise InvalidImageError(LABORIOUS)
        return content


def _is_laborious(data: bytes) -> bool:
    """Tell whether its structure alone would take minutes to read; no camera writes such files."""
    if data[:2] == b"\xff\xd8":
        return data.count(JPEG_SCAN) > MAX_SCANS or data.count(EXIF_MARK) > MAX_EXIF
    return any(tag in TIFF_OFFSETS and count > MAX_TIFF_PARTS for tag, count in _directory(data))


def _directory(data: bytes) -> list[tuple[int, int]]:
    """List tag and number of values of each entry in the first directory of TIFF or EXIF data."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return []
    order: Literal["little", "big"] = "little" if data[:1] == b"I" else "big"

    def number(start: int, length: int) -> int:
        return int.from_bytes(data[start : start + length], order)

    begin = number(4, 4)
    entries = range(begin + 2, begin + 2 + 12 * number(begin, 2), 12)
    return [(number(entry, 2), number(entry + 4, 4)) for entry in entries]


def _from_pillow(image: Image.Image) -> tuple[NDArray[np.uint8], int]:
    """Decode the image as it is stored, and its EXIF orientation."""
    width, height = image.size
    _check_size(width, height)
    try:
        image.load()
        orientation = _orientation(image)
        if width * height <= BAND_PIXELS:
            return np.asarray(_to_rgb(image), dtype=np.uint8), orientation
        # In bands, because intermediate copies of a large image would take its size twice.
        array = np.empty((height, width, 3), np.uint8)
        rows = max(1, BAND_PIXELS // width)
        for top in range(0, height, rows):
            bottom = min(height, top + rows)
            array[top:bottom] = np.asarray(_to_rgb(image.crop((0, top, width, bottom))))
    except InvalidImageError:
        raise
    except Exception as error:  # as above: decoders raise OSError, SyntaxError, struct.error, ...
        raise InvalidImageError(TRUNCATED) from error
    return array, orientation


def _orientation(image: Image.Image) -> int:
    """Read the EXIF orientation, 1 to 8; 1 where there is none, or more EXIF than cameras write."""
    exif = (image.info.get("exif") or b"").removeprefix(EXIF_MARK)
    if len(_directory(exif)) > MAX_EXIF_ENTRIES:  # Pillow reads each, all from the same bytes
        return 1
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    return orientation if orientation in TURNS else 1


def _turn(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    quarters, mirrored = TURNS[orientation]
    if quarters == 0 and not mirrored:
        return image
    turned = np.rot90(image, quarters)  # counter-clockwise
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode.startswith("I;16"):  # 16-bit grey; convert() would clip instead of scale
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):  # no agreed range of values
        raise InvalidImageError(UNKNOWN_MODE)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        canvas = Image.new("RGBA", rgba.size, (*BACKGROUND, 255))
        canvas.alpha_composite(rgba)
        return canvas.convert("RGB")
    return image.convert("RGB")


def _from_array(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    shape_known = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not shape_known or array.size == 0:
        raise InvalidImageError(f"{BAD_ARRAY}, not {array.shape} {array.dtype}.")
    _check_size(array.shape[1], array.shape[0])
    if array.ndim == 2:
        return np.repeat(array[..., np.newaxis], 3, axis=2)
    if array.shape[2] == 4:
        return np.array(_to_rgb(Image.fromarray(np.ascontiguousarray(array))), dtype=np.uint8)
    return np.ascontiguousarray(array)


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise InvalidImageError(UNREADABLE)
    if width * height > MAX_PIXELS:
        raise ImageTooLargeError(TOO_MANY_PIXELS)
    if max(width, height) > MAX_SIDE:
        raise ImageTooLargeError(TOO_LONG)

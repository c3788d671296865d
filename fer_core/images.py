"""Anything that a user hands in, as an upright RGB picture."""

import io
import os
from pathlib import Path

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from fer_core.errors import ImageTooLargeError, InvalidImageError

pillow_heif.register_heif_opener(thumbnails=False)

ImageSource = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]

MAX_PIXELS = 64_000_000  # 64 megapixels: 192 MB as RGB
MAX_SIDE = 65_500  # pixels; no longer picture can be written as JPEG again
MAX_BYTES = 20_000_000  # 20 MB, encoded
# MPO opens as JPEG; HEIF is what phones call HEIC.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
BACKGROUND = (255, 255, 255)  # behind transparent pixels, as on a web page

UNREADABLE = (
    "This file is not a picture that can be read; please use a JPEG, PNG, WebP, GIF, BMP, TIFF, "
    "AVIF or HEIC file."
)
TRUNCATED = "This picture is damaged or incomplete; please save or send it again."
TOO_MANY_PIXELS = "This picture has more than 64 megapixels; please make it smaller."
TOO_LONG = "This picture is longer than 65,500 pixels on one side; please make it smaller."
TOO_MANY_BYTES = "This file is larger than 20 MB; please make it smaller."
UNKNOWN_MODE = (
    "This picture stores its colours in a way that is not supported; please save it as an ordinary "
    "JPEG or PNG."
)
BAD_ARRAY = (
    "An array must be a uint8 picture of shape (height, width), (height, width, 3) in RGB or "
    "(height, width, 4) in RGBA"
)


def load_image(source: ImageSource) -> NDArray[np.uint8]:
    """Read a picture: first frame, EXIF orientation applied, transparency over white.

    Args:
        source: a path, the bytes of a picture file, a PIL image (at the frame where it stands), or
            an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) uint8, grey, RGB or RGBA.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous, not to be written to. An RGB array comes back as it is,
        not copied.

    Raises:
        ImageTooLargeError: more than `MAX_PIXELS` pixels, `MAX_SIDE` pixels on one side or
            `MAX_BYTES` bytes; found in the header, before the pixels are decoded.
        InvalidImageError: anything else that cannot be read as a picture.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _from_pillow(source)
    if isinstance(source, bytes):
        return _from_bytes(source)
    if isinstance(source, str | os.PathLike):
        return _from_bytes(_read(Path(source)))
    raise InvalidImageError("Please give a picture: a path, bytes, a PIL image or an array.")


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ImageTooLargeError(TOO_MANY_BYTES)
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise InvalidImageError("There is no readable file at this path.") from error


def _from_bytes(data: bytes) -> NDArray[np.uint8]:
    if len(data) > MAX_BYTES:
        raise ImageTooLargeError(TOO_MANY_BYTES)
    try:
        opened = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow warns from 89 megapixels on, above our own limit, and some turn warnings to errors.
        raise ImageTooLargeError(TOO_MANY_PIXELS) from error
    except Exception as error:  # a damaged header makes Pillow's parsers raise nearly anything
        raise InvalidImageError(UNREADABLE) from error
    with opened:
        return _from_pillow(opened)


def _from_pillow(image: Image.Image) -> NDArray[np.uint8]:
    width, height = image.size
    _check_size(width, height)
    try:
        image.load()
        # Every step copies, which a large picture notices: none that is not needed.
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
        if image.mode != "RGB" or image.has_transparency_data:
            image = _to_rgb(image)
        return np.asarray(image, dtype=np.uint8)
    except InvalidImageError:
        raise
    except Exception as error:  # as above: decoders raise OSError, SyntaxError, struct.error, ...
        raise InvalidImageError(TRUNCATED) from error


def _to_rgb(image: Image.Image) -> Image.Image:
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

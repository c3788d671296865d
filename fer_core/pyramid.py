"""Builds the image pyramid that the detector searches."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.blazeface import SIZE_MULTIPLE, WINDOW
from fer_core.results import BoundingBox

FINEST_WINDOW = 204  # pixels of the image that fill BlazeFace's window at the finest level
LEVEL_RATIO = 3.2  # at most, between one level and the next
FULL_DETAIL_SIDE = 1600  # pixels; of larger images the finest level is coarser, to bound its size
REGION_SCALE = 3  # side of the region around a face of the frame before, in sides of its box


class PyramidLevel(NamedTuple):
    """A resized image (H, W, 3) uint8 RGB, and how many original pixels one of its pixels spans."""

    image: NDArray[np.uint8]
    scale: float


def build_octaves(image: NDArray[np.uint8]) -> list[PyramidLevel]:
    """Halve an image repeatedly, down to about the detector's window.

    Exact halves are cheap to average. Any other size is then resampled bilinearly from the octave
    that is less than twice as large, without aliasing that changes detections; averaging by area
    for each size took a third of the detector's time.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        The image itself, then each octave, half as large as the one before.
    """
    views = [PyramidLevel(image, 1.0)]
    height, width = image.shape[:2]
    while max(height, width) >= 2 * WINDOW and min(height, width) >= 2:
        even = views[-1].image[: height // 2 * 2, : width // 2 * 2]
        height, width = height // 2, width // 2
        half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        views.append(PyramidLevel(np.asarray(half, np.uint8), 2 * views[-1].scale))
    return views


def resize_to_side(octaves: list[PyramidLevel], side: int) -> PyramidLevel:
    """Resample an image to a longer side of `side` pixels."""
    image, scale = next(
        (octave for octave in reversed(octaves) if max(octave.image.shape[:2]) >= side), octaves[0]
    )
    longest = max(image.shape[:2])
    height, width = (max(1, round(side * length / longest)) for length in image.shape[:2])
    level = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return PyramidLevel(np.asarray(level, np.uint8), scale * longest / side)


def crop_around(
    octaves: list[PyramidLevel], box: BoundingBox
) -> tuple[PyramidLevel, tuple[float, float]]:
    """Crop the region around a face of the frame before, resized to about the detector's window.

    Args:
        octaves: of the image, from `build_octaves`.
        box: in pixels of the image.

    Returns:
        The region, and x and y of its corner in the image, in pixels of the region.
    """
    side = REGION_SCALE * max(box.width, box.height)
    image, scale = next(
        (octave for octave in reversed(octaves) if side / octave.scale >= WINDOW), octaves[0]
    )
    middle = np.array([box.x_min + box.x_max, box.y_min + box.y_max]) / 2
    low, high = (np.rint((middle + edge * side / 2) / scale).astype(int) for edge in (-1, 1))
    size = np.array(image.shape[1::-1])
    low = np.clip(low, 0, size - 1)  # at least one pixel, even of a region outside
    high = np.clip(high, low + 1, size)
    part = image[low[1] : high[1], low[0] : high[0]]
    ratio = side / scale / WINDOW  # pixels of the octave to one of the view
    width, height = np.maximum(1, np.rint((high - low) / ratio).astype(int)).tolist()
    view = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
    x, y = (low / ratio).tolist()
    return PyramidLevel(np.asarray(view, np.uint8), scale * ratio), (x, y)


def level_sides(longest: int) -> list[int]:
    """Compute the longer sides of the levels that are larger than the window, finest last.

    Levels are evenly spaced, as few as `LEVEL_RATIO` allows; none for a small image.

    Args:
        longest: longer side of the image, in pixels.

    Returns:
        Multiples of `SIZE_MULTIPLE` pixels.
    """
    finest = FINEST_WINDOW * max(1.0, longest / FULL_DETAIL_SIDE)
    if (
        longest * WINDOW < (WINDOW + SIZE_MULTIPLE) * finest
    ):  # no larger than the window, in multiples
        return []
    ratio = longest / finest  # between the finest level and the window
    count = math.ceil(math.log(ratio) / math.log(LEVEL_RATIO))
    sides = [WINDOW * ratio ** (level / count) for level in range(1, count + 1)]
    return [int(side) // SIZE_MULTIPLE * SIZE_MULTIPLE for side in sides]

"""Scaled copies of an image that the detector searches: an image pyramid."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.blazeface import STEP, WINDOW
from fer_core.results import BoundingBox

FINEST = 204  # pixels of the picture that fill the window at the finest level
LEVEL_RATIO = 3.2  # at most, between one level and the next
MAX_FINE_SIDE = 1600  # pixels; of larger pictures the finest level is coarser, to keep its size
NEAR = 3  # widths of a face around where it was in the frame before


class PyramidLevel(NamedTuple):
    """A picture made smaller (or larger), and how many pixels of the original one of it covers."""

    image: NDArray[np.uint8]
    scale: float


def octaves_of(image: NDArray[np.uint8]) -> list[PyramidLevel]:
    """The picture, and octaves of it down to about the detector's window.

    Exact halves cost next to nothing, and from the one that is less than twice as large as needed
    anything can be drawn bilinearly without aliasing that these networks would mind. Averaging
    over areas of other sizes took a third of the detector's time.
    """
    views = [PyramidLevel(image, 1.0)]
    height, width = image.shape[:2]
    while max(height, width) >= 2 * WINDOW and min(height, width) >= 2:
        even = views[-1].image[: height // 2 * 2, : width // 2 * 2]
        height, width = height // 2, width // 2
        half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        views.append(PyramidLevel(np.asarray(half, np.uint8), 2 * views[-1].scale))
    return views


def level_of(octaves: list[PyramidLevel], side: int) -> PyramidLevel:
    """The picture with a longer side of so many pixels."""
    image, scale = next(
        (octave for octave in reversed(octaves) if max(octave.image.shape[:2]) >= side), octaves[0]
    )
    longest = max(image.shape[:2])
    height, width = (max(1, round(side * length / longest)) for length in image.shape[:2])
    level = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return PyramidLevel(np.asarray(level, np.uint8), scale * longest / side)


def surroundings_of(
    octaves: list[PyramidLevel], box: BoundingBox
) -> tuple[PyramidLevel, tuple[float, float]]:
    """What is around a face of the frame before, about as large as the detector's window.

    Returns:
        The view, and x and y of its corner in the picture, in pixels of the view.
    """
    side = NEAR * max(box.width, box.height)
    image, scale = next(
        (octave for octave in reversed(octaves) if side / octave.scale >= WINDOW), octaves[0]
    )
    middle = np.array([box.x_min + box.x_max, box.y_min + box.y_max]) / 2
    low, high = (np.rint((middle + edge * side / 2) / scale).astype(int) for edge in (-1, 1))
    size = np.array(image.shape[1::-1])
    low = np.clip(low, 0, size - 1)  # at least one pixel, even of what lies outside
    high = np.clip(high, low + 1, size)
    part = image[low[1] : high[1], low[0] : high[0]]
    ratio = side / scale / WINDOW  # pixels of the octave to one of the view
    width, height = np.maximum(1, np.rint((high - low) / ratio).astype(int)).tolist()
    view = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
    x, y = (low / ratio).tolist()
    return PyramidLevel(np.asarray(view, np.uint8), scale * ratio), (x, y)


def level_sides(longest: int) -> list[int]:
    """Longer sides of the finer levels, the finest last; none for a small picture.

    From the whole picture in one window to there in as few even steps as `LEVEL_RATIO` lets.
    """
    finest = FINEST * max(1.0, longest / MAX_FINE_SIDE)
    if longest * WINDOW < (WINDOW + STEP) * finest:  # no larger than the window, in whole steps
        return []
    ratio = longest / finest  # between the finest level and the window
    count = math.ceil(math.log(ratio) / math.log(LEVEL_RATIO))
    sides = [WINDOW * ratio ** (level / count) for level in range(1, count + 1)]
    return [int(side) // STEP * STEP for side in sides]

"""Validates boxes of faces that the caller gives instead of a search."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_core.results import BoundingBox

Boxes = Sequence[Sequence[float]] | NDArray[Any]
"""(N, 4) x_min, y_min, x_max, y_max in pixels of the upright image; fractions are allowed."""

# Median positions of the six keypoints in a face's box, as fractions of its width and height, made
# symmetric: by the face mesh, on 331 upright faces of photographs.
TYPICAL_KEYPOINTS = np.array(
    [[0.26, 0.33], [0.74, 0.33], [0.5, 0.56], [0.5, 0.76], [0.0, 0.42], [1.0, 0.42]]
)


class GivenBox(NamedTuple):
    """A box that was validated.

    Attributes:
        exact: (4,) float64 x_min, y_min, x_max, y_max as given; may reach beyond the image.
        box: the same in whole pixels, clipped to the image.
    """

    exact: NDArray[np.float64]
    box: BoundingBox

    @property
    def typical_keypoints(self) -> NDArray[np.float64]:
        """Compute the keypoints of a typical upright face: (6, 2) float64, as `KEYPOINT_NAMES`."""
        low, high = self.exact[:2], self.exact[2:]
        return low + TYPICAL_KEYPOINTS * (high - low)


def check_boxes(boxes: Boxes, width: int, height: int) -> list[GivenBox]:
    """Validate the boxes that a caller gives.

    Args:
        boxes: (N, 4) x_min, y_min, x_max, y_max in pixels of the upright image.
        width: of that image, in pixels.
        height: of that image, in pixels.

    Returns:
        One `GivenBox` a box, in the same order.

    Raises:
        ValueError: something is not four finite numbers, or a box is empty or lies outside the
            image; one sentence with the number of the box, counted from 1.
    """
    try:
        given = list(boxes)
    except TypeError as error:
        raise ValueError(
            f"boxes must be a list of (x_min, y_min, x_max, y_max) in pixels, not {boxes!r}."
        ) from error
    return [_check(number, box, width, height) for number, box in enumerate(given, 1)]


def _check(number: int, box: Any, width: int, height: int) -> GivenBox:
    try:
        edges = [float(edge) for edge in box] if not isinstance(box, str | bytes) else []
    except (TypeError, ValueError):
        edges = []
    if len(edges) != 4 or not all(map(math.isfinite, edges)):
        raise ValueError(
            f"Box {number} must be four numbers (x_min, y_min, x_max, y_max) in pixels, "
            f"not {box!r}."
        )
    x_min, y_min, x_max, y_max = edges
    shown = f"({x_min:g}, {y_min:g}, {x_max:g}, {y_max:g})"
    if x_max <= x_min or y_max <= y_min:
        raise ValueError(
            f"Box {number} is empty: x_max must be above x_min and y_max above y_min, not {shown}."
        )
    if x_max <= 0 or y_max <= 0 or x_min >= width or y_min >= height:
        raise ValueError(
            f"Box {number} lies outside the image of {width}x{height} pixels: {shown}."
        )
    left, right = (min(width, max(0, round(edge))) for edge in (x_min, x_max))
    top, bottom = (min(height, max(0, round(edge))) for edge in (y_min, y_max))
    if right <= left or bottom <= top:
        raise ValueError(
            f"Box {number} holds no whole pixel of the image; boxes are in pixels, not in "
            f"fractions of the image: {shown}."
        )
    return GivenBox(np.array(edges), BoundingBox(left, top, right, bottom))

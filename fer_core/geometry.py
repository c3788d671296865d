"""Computes similarity transforms, and crops a square from an image by one.

Coordinates are continuous: a pixel (x, y) covers [x, x + 1) x [y, y + 1), so its centre lies at
(x + .5, y + .5). OpenCV's origin is the centre of the first pixel; half pixels convert.

A transform is a (2, 3) float64 matrix that takes (x, y, 1) to (x', y').
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Transform = NDArray[np.float64]

MAX_WARPED = 2**15 - 2  # pixels: the longest side that OpenCV warps


def similarity(center: NDArray[np.float64], side: float, roll: float, size: int) -> Transform:
    """Compute the transform from a square of an image to an upright square at the origin.

    Args:
        center: (2,) of the square, in pixels of the image.
        side: of the square, in pixels of the image; above 0.
        roll: clockwise rotation of the square in the image, in radians.
        size: side of the result, in pixels.
    """
    cosine, sine = np.cos(roll) * size / side, np.sin(roll) * size / side
    linear = np.array([[cosine, sine], [-sine, cosine]])
    return np.column_stack([linear, size / 2 - linear @ center])


def fit_similarity(points: NDArray[np.float64], targets: NDArray[np.float64]) -> Transform:
    """Fit the similarity transform, without reflection, from points to targets by least squares.

    Closed form in the plane: with both sets centred, the linear part is the quotient of two complex
    numbers (Umeyama 1991 solves the general case).

    Args:
        points: (N, 2), not all equal.
        targets: (N, 2).
    """
    source, target = points - points.mean(axis=0), targets - targets.mean(axis=0)
    spread = max(float((source**2).sum()), 1e-12)
    cosine = float((source * target).sum()) / spread
    sine = float((source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum()) / spread
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([linear, targets.mean(axis=0) - linear @ points.mean(axis=0)])


def scale_of(transform: Transform) -> float:
    """Compute the factor by which a transform scales lengths."""
    return float(np.hypot(transform[0, 0], transform[1, 0]))


def apply(transform: Transform, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transform (N, 2) points."""
    moved: NDArray[np.float64] = points @ transform[:, :2].T + transform[:, 2]
    return moved


def invert(transform: Transform) -> Transform:
    """Invert a transform."""
    # In closed form: numpy.linalg takes longer than the rest of a crop's geometry.
    (a, b, x), (c, d, y) = transform.tolist()
    determinant: float = a * d - b * c
    inverse = [[d, -b, b * y - d * x], [-c, a, c * x - a * y]]
    return np.array(inverse, np.float64) / determinant


def shrink(image: NDArray[np.uint8], longest: int) -> tuple[NDArray[np.uint8], float]:
    """Downsample an image by area to a longer side of at most `longest` pixels.

    Args:
        image: (H, W, 3) or (H, W) uint8.
        longest: in pixels, at least 1.

    Returns:
        The image, unchanged where it is small enough, and how many original pixels one of its
        pixels spans.
    """
    height, width = image.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1:
        return image, 1.0
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return small, max(height, width) / max(size)


def cut_square(
    image: NDArray[np.uint8],
    transform: Transform,
    size: int,
    interpolation: int = cv2.INTER_LINEAR,
) -> NDArray[np.uint8]:
    """Crop a square from the full-resolution image in one geometric transform.

    OpenCV's warp does not average areas, so that the part of the image that the result shows is
    downsampled by area first, where it is larger than the result, and then warped.
    Pixels beyond the image's edge repeat the edge.

    Args:
        image: (H, W, 3) or (H, W) uint8.
        transform: a similarity from the image to the result.
        size: side of the result, in pixels.
        interpolation: an OpenCV flag.

    Returns:
        (size, size, 3) or (size, size) uint8.
    """
    source, to_image = _antialiased_source(image, transform, size)
    return warp_square(source, _compose(transform, to_image), size, interpolation)


def warp_square(
    image: NDArray[np.uint8],
    transform: Transform,
    size: int,
    interpolation: int = cv2.INTER_LINEAR,
) -> NDArray[np.uint8]:
    """Crop a square from an image whose scale is less than about twice that of the result.

    At a larger scale it would skip pixels, which `cut_square` averages. Arguments, result and
    border are those of `cut_square`.
    """
    if max(image.shape[:2]) > MAX_WARPED:
        return cut_square(image, transform, size, interpolation)
    half = np.array([0.5, 0.5])
    matrix = transform.copy()
    matrix[:, 2] += matrix[:, :2] @ half - half
    crop = cv2.warpAffine(
        image, matrix, (size, size), flags=interpolation, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, dtype=np.uint8)


def _antialiased_source(
    image: NDArray[np.uint8], transform: Transform, size: int
) -> tuple[NDArray[np.uint8], Transform]:
    """Crop the part of the image that the result shows, downsampled to about its scale.

    Returns:
        The part, and the transform from its coordinates to the image's.
    """
    height, width = image.shape[:2]
    shrink = max(1.0, 1.0 / scale_of(transform))
    corners = np.array([[0.0, 0.0], [size, 0.0], [0.0, size], [size, size]])
    shown = apply(invert(transform), corners)
    margin = 2 * shrink + 2  # for interpolation beyond the edge
    left, top = np.floor(shown.min(axis=0) - margin).astype(int)
    right, bottom = np.ceil(shown.max(axis=0) + margin).astype(int)
    left, right = _overlap(left, right, width)
    top, bottom = _overlap(top, bottom, height)
    part = image[top:bottom, left:right]
    columns = max(1, round((right - left) / shrink))
    rows = max(1, round((bottom - top) / shrink))
    if shrink > 1.0:
        shrunk = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
        part = np.asarray(shrunk, dtype=np.uint8)
    scale_x, scale_y = (right - left) / part.shape[1], (bottom - top) / part.shape[0]
    to_image = np.array([[scale_x, 0.0, left], [0.0, scale_y, top]])
    return np.ascontiguousarray(part), to_image


def _overlap(low: int, high: int, size: int) -> tuple[int, int]:
    """Clip [low, high) to [0, size), to at least one pixel."""
    low = min(max(0, low), size - 1)
    return low, max(low + 1, min(size, high))


def _compose(second: Transform, first: Transform) -> Transform:
    """Compose two transforms: `first`, then `second`."""
    linear = second[:, :2] @ first[:, :2]
    return np.column_stack([linear, second[:, :2] @ first[:, 2] + second[:, 2]])

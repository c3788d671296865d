"""Filters face crops: the filters of a predecessor, with its parameters, and equalizers.

`PreprocessingSpec.filters` applies them in training and serving; the shipped model has none. All
take and return (h, w) uint8 grey.
"""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]


def blur(face: Grey) -> Grey:
    """Apply a Gaussian, 5x5, sigma from the size (1.1 pixels)."""
    return np.asarray(cv2.GaussianBlur(face, (5, 5), 0), dtype=np.uint8)


def sharpen(face: Grey) -> Grey:
    """Apply unsharp masking: 1.5 times the image less 0.6 times its blur."""
    return np.asarray(cv2.addWeighted(face, 1.5, blur(face), -0.6, 0), dtype=np.uint8)


def denoise(face: Grey) -> Grey:
    """Apply non-local means (Buades et al. 2005): strength 15, patch 5, search window 21 pixels.

    The predecessor set 20 pixels, which OpenCV rounds up to the next odd number.
    """
    return np.asarray(cv2.fastNlMeansDenoising(face, None, 15, 5, 21), dtype=np.uint8)


def contours(face: Grey) -> Grey:
    """Detect Canny edges, both thresholds 30: 255 on an edge, 0 elsewhere."""
    return np.asarray(cv2.Canny(face, 30, 30), dtype=np.uint8)


def stretch(face: Grey) -> Grey:
    """Stretch the contrast linearly to 0..255; a constant image is returned unchanged."""
    if face.size == 0 or face.min() == face.max():
        return face.copy()
    stretched = cv2.normalize(face, np.empty_like(face), 0, 255, cv2.NORM_MINMAX)
    return np.asarray(stretched, dtype=np.uint8)


def equalize(face: Grey) -> Grey:
    """Equalize the histogram."""
    return np.asarray(cv2.equalizeHist(face), dtype=np.uint8)


def clahe(face: Grey) -> Grey:
    """Equalize the histogram of each of 4x4 tiles, clip limit 2 (Zuiderveld 1994)."""
    return np.asarray(cv2.createCLAHE(2.0, (4, 4)).apply(face), dtype=np.uint8)


FILTERS: dict[str, Callable[[Grey], Grey]] = {
    "blur": blur,
    "sharpen": sharpen,
    "denoise": denoise,
    "contours": contours,
    "stretch": stretch,
    "equalize": equalize,
    "clahe": clahe,
}
"""Filters by name, the predecessor's four in its order."""


def apply_filters(face: Grey, names: Iterable[str]) -> Grey:
    """Apply the named filters to a face, in order."""
    for name in names:
        face = FILTERS[name](face)
    return face

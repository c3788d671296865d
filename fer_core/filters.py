"""Filters of faces: those that a predecessor studied, with its strengths, and equalizers.

A model may be trained with some (`PreprocessingSpec.filters`); the shipped one does without.
Everywhere: (h, w) uint8 grey in, the same out.
"""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]


def blur(face: Grey) -> Grey:
    """Gaussian, 5x5, sigma from the size (1.1 pixels)."""
    return np.asarray(cv2.GaussianBlur(face, (5, 5), 0), dtype=np.uint8)


def sharpen(face: Grey) -> Grey:
    """Unsharp masking: 1.5 times the picture less 0.6 times its blur."""
    return np.asarray(cv2.addWeighted(face, 1.5, blur(face), -0.6, 0), dtype=np.uint8)


def denoise(face: Grey) -> Grey:
    """Non-local means (Buades et al. 2005): strength 15, patches of 5, search within 21 pixels.

    The predecessor wrote 20 pixels, which OpenCV takes for 21, as windows have a middle.
    """
    return np.asarray(cv2.fastNlMeansDenoising(face, None, 15, 5, 21), dtype=np.uint8)


def contours(face: Grey) -> Grey:
    """Canny edges, both thresholds 30: 255 on an edge, 0 elsewhere."""
    return np.asarray(cv2.Canny(face, 30, 30), dtype=np.uint8)


def stretch(face: Grey) -> Grey:
    """The darkest level to 0, the brightest to 255, evenly between; a flat picture stays."""
    if face.size == 0 or face.min() == face.max():
        return face.copy()
    stretched = cv2.normalize(face, np.empty_like(face), 0, 255, cv2.NORM_MINMAX)
    return np.asarray(stretched, dtype=np.uint8)


def equalize(face: Grey) -> Grey:
    """Histogram equalization: every level about as often."""
    return np.asarray(cv2.equalizeHist(face), dtype=np.uint8)


def clahe(face: Grey) -> Grey:
    """The same in 4x4 parts, contrast limited to 2 (Zuiderveld 1994)."""
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
"""By name, the predecessor's four in its order."""


def apply_filters(face: Grey, names: Iterable[str]) -> Grey:
    """The face after the named filters, one after the other."""
    for name in names:
        face = FILTERS[name](face)
    return face

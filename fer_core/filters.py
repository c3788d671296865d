"""Filters of face pictures that a predecessor studied, in its order and with its strengths.

None of them is part of the way to an answer. Everywhere: (h, w) uint8 grey in, the same out.
"""

import cv2
import numpy as np

from fer_core.preprocessing import UInt8Array


def blur(face: UInt8Array) -> UInt8Array:
    """Gaussian, 5x5, sigma from the size (1.1 pixels)."""
    return np.asarray(cv2.GaussianBlur(face, (5, 5), 0), dtype=np.uint8)


def sharpen(face: UInt8Array) -> UInt8Array:
    """Unsharp masking: 1.5 times the picture less 0.6 times its blur."""
    return np.asarray(cv2.addWeighted(face, 1.5, blur(face), -0.6, 0), dtype=np.uint8)


def denoise(face: UInt8Array) -> UInt8Array:
    """Non-local means (Buades et al. 2005): strength 15, patches of 5, search within 21 pixels.

    The predecessor wrote 20 pixels, which OpenCV takes for 21, as windows have a middle.
    """
    return np.asarray(cv2.fastNlMeansDenoising(face, None, 15, 5, 21), dtype=np.uint8)


def contours(face: UInt8Array) -> UInt8Array:
    """Canny edges, both thresholds 30: 255 on an edge, 0 elsewhere."""
    return np.asarray(cv2.Canny(face, 30, 30), dtype=np.uint8)

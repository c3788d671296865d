"""Computes areas and overlaps of boxes.

A box is four numbers, x_min, y_min, x_max, y_max, in pixels; one box is (4,) float64, several are
(N, 4).
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def area(boxes: FloatArray) -> FloatArray:
    """Compute the area of a box, or of each of several: () or (N,) square pixels."""
    return np.asarray((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1))


def intersection(box: FloatArray, others: FloatArray) -> FloatArray:
    """Compute the intersection of a box with another, or with several: () or (N,) square pixels."""
    low = np.maximum(box[:2], others[..., :2])
    high = np.minimum(box[2:], others[..., 2:])
    return np.asarray(np.maximum(0.0, high - low).prod(axis=-1))


def intersection_over_union(box: FloatArray, others: FloatArray) -> FloatArray:
    """Compute intersection over union, 0..1: () or (N,)."""
    common = intersection(box, others)
    return np.asarray(common / np.maximum(area(box) + area(others) - common, 1e-9))


def intersection_over_smaller(box: FloatArray, others: FloatArray) -> FloatArray:
    """Compute the intersection over the smaller box's area, 0..1: () or (N,)."""
    smaller = np.minimum(area(box), area(others))
    return np.asarray(intersection(box, others) / np.maximum(smaller, 1e-9))

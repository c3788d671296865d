"""Areas and overlaps of boxes, against counted pixels."""

import numpy as np
import pytest

from fer_core.boxes import area, intersection, intersection_over_smaller, intersection_over_union


def pixels(box):
    """The pixels that a box with whole edges covers, on a canvas of 20 by 20."""
    canvas = np.zeros((20, 20), bool)
    x_min, y_min, x_max, y_max = box.astype(int)
    canvas[y_min:y_max, x_min:x_max] = True
    return canvas


def boxes(seed, count=50):
    edges = np.random.default_rng(seed).integers(0, 21, (count, 2, 2)).astype(float)
    return np.concatenate([edges.min(axis=1), edges.max(axis=1)], axis=1)


@pytest.mark.parametrize("seed", range(3))
def test_areas_are_those_of_the_pixels(seed):
    one, *_ = others = boxes(seed)
    shared = [(pixels(one) & pixels(other)).sum() for other in others]
    covered = [(pixels(one) | pixels(other)).sum() for other in others]
    smaller = [min(pixels(one).sum(), pixels(other).sum()) for other in others]
    assert area(others).tolist() == [pixels(other).sum() for other in others]
    assert intersection(one, others).tolist() == shared
    union = np.maximum(covered, 1e-9)
    np.testing.assert_allclose(intersection_over_union(one, others), shared / union)
    least = np.maximum(smaller, 1e-9)
    np.testing.assert_allclose(intersection_over_smaller(one, others), shared / least)


def test_one_box_against_one_is_a_number():
    one, other = np.array([0.0, 0, 4, 4]), np.array([2.0, 0, 6, 4])
    assert float(intersection_over_union(one, other)) == pytest.approx(8 / 24)
    assert float(intersection_over_smaller(one, other)) == 0.5


def test_boxes_side_by_side_share_nothing():
    assert intersection_over_union(np.array([0.0, 0, 1, 1]), np.array([1.0, 0, 2, 1])) == 0

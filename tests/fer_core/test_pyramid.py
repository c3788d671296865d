"""The scaled copies of an image that the detector searches."""

import cv2
import numpy as np
import pytest

from fer_core.blazeface import SIZE_MULTIPLE, WINDOW
from fer_core.images import load_image
from fer_core.pyramid import FINEST_WINDOW, build_octaves, level_sides, resize_to_side
from tests.conftest import PORTRAITS


@pytest.mark.parametrize("shape", [(1, 1), (97, 130), (481, 641), (1, 900), (1201, 799)])
def test_halves_lie_exactly_over_the_picture(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    picture = np.stack([rows // 5, columns // 5, rows * 0], axis=-1).astype(np.uint8)
    octaves = build_octaves(picture)
    assert len(octaves) == (1 if min(shape) < 2 else 1 + max(0, int(np.log2(max(shape) / 128))))
    for image, scale in octaves[1:]:
        length = int(scale)
        assert image.shape[:2] == (shape[0] // length, shape[1] // length)
        # A pixel is the mean of the square that it covers, the last one, too.
        for y, x in ((0, 0), (image.shape[0] - 1, image.shape[1] - 1)):
            square = picture[y * length : (y + 1) * length, x * length : (x + 1) * length]
            mean = square.reshape(-1, 3).mean(axis=0)
            np.testing.assert_allclose(image[y, x], mean, atol=0.6 * np.log2(length))


@pytest.mark.parametrize("side", [128, 200, 384, 640, 900])
def test_a_level_has_the_side_that_is_asked_for(side):
    picture = cv2.resize(load_image(PORTRAITS[0]), (640, 480))
    image, scale = resize_to_side(build_octaves(picture), side)
    assert image.shape[:2] == (round(0.75 * side), side)
    assert scale == pytest.approx(640 / side)


def test_the_finest_level_comes_last_and_grows_with_the_picture_up_to_a_limit():
    for longest in (300, 640, 1280, 1600):
        sides = level_sides(longest)
        assert sides == sorted(sides)
        assert (
            WINDOW * longest / FINEST_WINDOW - SIZE_MULTIPLE
            < sides[-1]
            <= WINDOW * longest / FINEST_WINDOW
        )
    assert level_sides(4000) == level_sides(1600)
    assert not any(WINDOW in level_sides(longest) for longest in range(1, 400))
    assert level_sides(200) == []

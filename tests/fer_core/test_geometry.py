import cv2
import numpy as np
import pytest

from fer_core.geometry import (
    apply,
    cut_square,
    fit_similarity,
    invert,
    scale_of,
    similarity,
    warp_square,
)

ROLLS = [-170, -90, -35, 0, 12, 90, 180]
rolls = pytest.mark.parametrize("roll", ROLLS)
grey_and_rgb = pytest.mark.parametrize("channels", [(), (3,)], ids=["grey", "rgb"])


def turn(degrees):
    """The rotation matrix of a clockwise turn as one sees it, y pointing down."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def make_similarity(scale, roll, right, down):
    return np.column_stack([scale * turn(roll), (right, down)])


def scattered(count=6, seed=0):
    return np.random.default_rng(seed).normal(40, 25, (count, 2))


def noise(height, width, channels=()):
    return np.random.default_rng(3).integers(0, 256, (height, width, *channels), np.uint8)


def smooth(height, width, channels=()):
    """Noise without fine detail, so that half a pixel more or less makes little difference."""
    coarse = noise(height // 20 + 2, width // 20 + 2, channels)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def difference(image, other):
    return np.abs(image.astype(int) - other.astype(int))


def assert_similar_without_mirroring(transform):
    linear = transform[:, :2]
    np.testing.assert_allclose(linear @ linear.T, np.eye(2) * scale_of(transform) ** 2, atol=1e-9)
    assert np.linalg.det(linear) > 0


class TestSimilarity:
    @rolls
    def test_the_corners_of_the_square_become_those_of_the_result(self, roll):
        center, side = np.array([70.3, 41.9]), 33.0
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * side / 2
        landed = apply(
            similarity(center, side, np.deg2rad(roll), 48), corners @ turn(roll).T + center
        )
        np.testing.assert_allclose(landed, [(0, 0), (48, 0), (48, 48), (0, 48)], atol=1e-9)

    @rolls
    def test_it_does_not_mirror(self, roll):
        assert_similar_without_mirroring(similarity(np.array([5.0, 6.0]), 30, np.deg2rad(roll), 48))


class TestFit:
    @rolls
    @pytest.mark.parametrize("scale", [0.02, 1.0, 7.5])
    def test_a_known_similarity_is_recovered(self, scale, roll):
        known = make_similarity(scale, roll, 31.5, -200.25)
        points = scattered()
        np.testing.assert_allclose(fit_similarity(points, apply(known, points)), known, atol=1e-9)

    def test_two_points_are_enough(self):
        known = make_similarity(2.5, 77, 3, 4)
        points = scattered(2)
        np.testing.assert_allclose(fit_similarity(points, apply(known, points)), known, atol=1e-9)

    @pytest.mark.parametrize("seed", range(5))
    def test_no_other_similarity_comes_nearer(self, seed):
        points, targets = scattered(6, seed), 3 * scattered(6, seed + 100)
        x, y, one, none = *points.T, np.ones(6), np.zeros(6)
        rows = np.vstack([np.column_stack([x, -y, one, none]), np.column_stack([y, x, none, one])])
        cosine, sine, right, down = np.linalg.lstsq(rows, targets.T.ravel())[0]
        expected = [[cosine, -sine, right], [sine, cosine, down]]
        np.testing.assert_allclose(fit_similarity(points, targets), expected, atol=1e-9)

    @pytest.mark.parametrize("seed", range(5))
    def test_it_never_mirrors(self, seed):
        points = scattered(6, seed)
        assert_similar_without_mirroring(fit_similarity(points, points * (-1, 1)))


class TestWayBack:
    @rolls
    def test_the_inverse_brings_points_back(self, roll):
        transform, points = make_similarity(0.3, roll, 100, -7), scattered()
        np.testing.assert_allclose(apply(invert(transform), apply(transform, points)), points)

    def test_the_inverse_of_the_inverse_is_the_transform(self):
        transform = make_similarity(0.3, 20, 100, -7)
        np.testing.assert_allclose(invert(invert(transform)), transform)

    @rolls
    def test_the_scale_is_how_much_lengths_grow(self, roll):
        transform = make_similarity(0.3, roll, 100, -7)
        first, second = apply(transform, np.array([(10.0, 20.0), (13.0, 24.0)]))
        assert np.hypot(*(second - first)) / 5 == pytest.approx(scale_of(transform))


class TestCut:
    @grey_and_rgb
    def test_an_upright_square_at_its_own_scale_is_a_window(self, channels):
        picture = noise(50, 70, channels)
        crop = cut_square(picture, similarity(np.array([30.0, 20.0]), 16, 0, 16), 16)
        np.testing.assert_array_equal(crop, picture[12:28, 22:38])

    @grey_and_rgb
    @pytest.mark.parametrize("quarters", [1, 2, 3])
    def test_a_square_rolled_by_quarters_is_set_upright(self, channels, quarters):
        picture = noise(50, 70, channels)
        transform = similarity(np.array([30.0, 20.0]), 16, quarters * np.pi / 2, 16)
        crop = cut_square(picture, transform, 16)
        np.testing.assert_array_equal(crop, np.rot90(picture[12:28, 22:38], quarters))

    @pytest.mark.parametrize("side", [7.0, 48.0, 333.0])
    def test_a_grey_picture_is_cut_as_each_channel_of_an_rgb_one(self, side):
        picture = smooth(300, 400, (3,))
        transform = similarity(np.array([210.4, 133.3]), side, 0.7, 48)
        planes = [
            cut_square(np.ascontiguousarray(picture[..., channel]), transform, 48)
            for channel in range(3)
        ]
        crop = cut_square(picture, transform, 48)
        assert difference(np.stack(planes, axis=2), crop).max() <= 1

    @pytest.mark.parametrize("roll", [0, 30])
    def test_what_is_larger_than_the_result_is_averaged(self, roll):
        transform = similarity(np.array([500.0, 500.0]), 640, np.deg2rad(roll), 16)
        crop = cut_square(noise(1000, 1000), transform, 16)
        assert crop.std() < 4  # of single pixels: 74
        assert abs(crop.mean() - 127.5) < 1

    def test_what_is_smaller_than_the_result_is_interpolated(self):
        ramp = np.tile(np.arange(0, 200, 10, dtype=np.uint8), (20, 1))
        crop = cut_square(ramp, similarity(np.array([10.0, 10.0]), 8, 0, 32), 32)
        steps = np.diff(crop.astype(int), axis=1)
        assert set(steps.ravel()) <= {2, 3}

    def test_the_interpolation_can_be_chosen(self):
        picture = noise(20, 20) // 128 * 255
        transform = similarity(np.array([10.0, 10.0]), 8, 0.3, 32)
        assert set(cut_square(picture, transform, 32, cv2.INTER_NEAREST).ravel()) == {0, 255}
        assert len(set(cut_square(picture, transform, 32, cv2.INTER_LINEAR).ravel())) > 2

    @grey_and_rgb
    @pytest.mark.parametrize("side", [20.0, 48.0, 130.0])
    @pytest.mark.parametrize("roll", [0, 40])
    @pytest.mark.parametrize(
        "center", [(0, 90), (200, 90), (100, 0), (100, 180), (3, 178), (-60, 90)]
    )
    def test_beyond_the_edge_it_repeats(self, channels, center, roll, side):
        picture = smooth(180, 200, channels)
        beyond = np.pad(picture, ((200, 200), (200, 200), (0, 0))[: picture.ndim], mode="edge")
        center = np.array(center, float)
        crop = cut_square(picture, similarity(center, side, np.deg2rad(roll), 48), 48)
        inside = similarity(center + 200, side, np.deg2rad(roll), 48)
        assert difference(crop, cut_square(beyond, inside, 48)).max() <= 8

    @grey_and_rgb
    def test_a_square_wholly_outside_shows_the_nearest_pixel(self, channels):
        picture = noise(30, 40, channels)
        crop = cut_square(picture, similarity(np.array([900.0, -700.0]), 50, 0.4, 8), 8)
        np.testing.assert_array_equal(crop, np.broadcast_to(picture[0, -1], (8, 8, *channels)))

    @grey_and_rgb
    @pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
    def test_a_picture_thinner_than_the_square_is_cut_too(self, channels, shape):
        picture = np.full((*shape, *channels), 70, np.uint8)
        crop = cut_square(picture, similarity(np.array([0.5, 0.5]), 100, 0.4, 8), 8)
        np.testing.assert_array_equal(crop, np.full((8, 8, *channels), 70))

    def test_the_picture_is_not_changed(self):
        picture = noise(50, 70, (3,))
        cut_square(picture, similarity(np.array([30.0, 20.0]), 60, 0.4, 16), 16)
        np.testing.assert_array_equal(picture, noise(50, 70, (3,)))


@pytest.mark.parametrize("shape", [(1, 40_000), (40_000, 3), (20, 65_000)])
def test_of_a_picture_that_opencv_does_not_warp_a_part_is_cut(shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for center in ((5.0, 5.0), (shape[1] - 5.0, shape[0] - 5.0)):
        transform = similarity(np.array(center), 48.0, 0.1, 48)
        crop = warp_square(picture, transform, 48)
        near = picture[:500, :500] if center == (5.0, 5.0) else picture[-500:, -500:]
        moved = np.array(center) - (np.array(shape[::-1]) - near.shape[1::-1]) * (center[0] != 5.0)
        expected = warp_square(near, similarity(moved, 48.0, 0.1, 48), 48)
        np.testing.assert_allclose(crop.astype(int), expected.astype(int), atol=12)

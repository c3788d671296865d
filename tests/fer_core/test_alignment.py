from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.alignment import align_face, face_transform
from fer_core.images import load_image
from fer_core.preprocessing import PreprocessingSpec
from fer_core.results import BoundingBox, FaceDetection

SPEC = PreprocessingSpec()
KEYPOINTS = np.array(SPEC.keypoints)  # fractions of the crop
EYE_CENTER, EYE_DISTANCE = KEYPOINTS[:2].mean(axis=0), KEYPOINTS[1, 0] - KEYPOINTS[0, 0]
GOLDEN = Path(__file__).parent / "golden" / "happy_f_asian_01.npz"
GOLDEN_PICTURE = Path(__file__).resolve().parents[2] / "examples" / "happy_f_asian_01.jpg"


def turn(degrees):
    """The rotation matrix of a clockwise turn as one sees it, y pointing down."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def make_face(center, interocular, roll=0.0, template=KEYPOINTS):
    """A face by the midpoint of its eyes, their distance and its clockwise roll in degrees.

    It is a face of the template, which is one of the spec's own unless given.
    """
    side = interocular / EYE_DISTANCE
    points = np.asarray(center, float) + side * (template - EYE_CENTER) @ turn(roll).T
    return face_with(points)


def face_with(keypoints):
    return FaceDetection(BoundingBox(0, 0, 1, 1), keypoints, 0.9)


@cache
def smooth_picture(height, width):
    """Long waves in three directions, one a channel: no two places look alike. Read-only."""
    y, x = np.mgrid[:height, :width] + 0.5
    waves = [np.sin(x / 37 + y / 90) + np.cos(y / 41), np.sin(y / 33) + np.cos(x / 60 - y / 50)]
    waves.append(np.cos(x / 45) + np.sin(x / 80 + y / 35))
    picture = np.round(128 + 60 * np.dstack(waves)).astype(np.uint8)
    picture.flags.writeable = False
    return picture


def difference(crop, other):
    return np.abs(crop.astype(int) - other.astype(int))


def apply(transform, points):
    return np.column_stack([points, np.ones(len(points))]) @ transform.T


def scale(transform):
    return np.sqrt(np.linalg.det(transform[:, :2]))


sizes = pytest.mark.parametrize("interocular", [9.0, 17.5, 40.0, 170.0])


class TestTransform:
    @sizes
    @pytest.mark.parametrize("roll", [-170, -90, -35, 0, 12, 90, 180])
    def test_the_keypoints_land_where_the_spec_says(self, interocular, roll):
        face = make_face((211.3, 187.9), interocular, roll)
        landed = apply(face_transform(face, SPEC), face.keypoints)
        np.testing.assert_allclose(landed, KEYPOINTS * 48, atol=1e-6)

    def test_another_spec_moves_the_keypoints(self):
        wider = KEYPOINTS * 0.5 + (0.2, 0.3)
        spec = PreprocessingSpec(crop_size=100, keypoints=tuple(map(tuple, wider.tolist())))
        face = make_face((50, 60), 10)
        landed = apply(face_transform(face, spec), face.keypoints)
        np.testing.assert_allclose(landed, wider * 100, atol=1e-6)

    @pytest.mark.parametrize("roll", [-120, 0, 33])
    def test_it_is_a_similarity_that_keeps_the_handedness(self, roll):
        linear = face_transform(make_face((50, 60), 21, roll), SPEC)[:, :2]
        expected = 48 * EYE_DISTANCE / 21
        np.testing.assert_allclose(linear @ linear.T, np.eye(2) * expected**2, atol=1e-9)
        assert np.linalg.det(linear) > 0

    def test_it_is_two_by_three_float64(self):
        transform = face_transform(make_face((50, 60), 21), SPEC)
        assert (transform.shape, transform.dtype) == ((2, 3), np.float64)

    @pytest.mark.parametrize("seed", range(4))
    def test_no_similarity_brings_all_six_nearer(self, seed):
        noise = np.random.default_rng(seed).normal(0, 12, (6, 2))
        points = make_face((211, 188), 60, 25).keypoints + noise
        x, y, one, none = *points.T, np.ones(6), np.zeros(6)
        rows = np.vstack([np.column_stack([x, -y, one, none]), np.column_stack([y, x, none, one])])
        cosine, sine, right, down = np.linalg.lstsq(rows, 48 * KEYPOINTS.T.ravel())[0]
        expected = [[cosine, -sine, right], [sine, cosine, down]]
        np.testing.assert_allclose(face_transform(face_with(points), SPEC), expected, atol=1e-9)

    @pytest.mark.parametrize("sideways", [-0.15, 0.0, 0.15])
    @pytest.mark.parametrize("distance", [0.0, 0.3, 0.6, 0.8])
    def test_eyes_close_together_do_not_zoom_in(self, distance, sideways):
        """As on a turned head: eyes, nose and mouth aside, the ears as they are."""
        turned = KEYPOINTS.copy()
        turned[:2, 0] = 0.5 + distance * (turned[:2, 0] - 0.5)
        turned[:4, 0] += sideways
        face, straight = make_face((100, 80), 40, 30, turned), make_face((100, 80), 40, 30)
        zoom = scale(face_transform(face, SPEC)) / scale(face_transform(straight, SPEC))
        assert 0.8 < zoom < 1.05

    @pytest.mark.parametrize("width", [0.2, 0.35, 0.5, 0.7])
    def test_a_face_that_is_narrow_all_over_is_enlarged_by_half_at_most(self, width):
        narrow = (KEYPOINTS - 0.5) * (width, 1) + 0.5
        face, straight = make_face((100, 80), 40, 0, narrow), make_face((100, 80), 40)
        zoom = scale(face_transform(face, SPEC)) / scale(face_transform(straight, SPEC))
        assert 1 < zoom < min(1.55, 1 / width)  # by its eyes alone: 1 / width

    def test_eyes_close_together_keep_the_roll_of_the_face(self):
        together = KEYPOINTS.copy()
        together[:2] = EYE_CENTER
        linear = face_transform(make_face((100, 80), 40, 30, together), SPEC)[:, :2]
        direction = linear @ turn(30) @ (1, 0)
        assert direction[1] == pytest.approx(0, abs=1e-9)
        assert direction[0] > 0


class TestCrop:
    @pytest.mark.parametrize("size", [24, 48, 96])
    @pytest.mark.parametrize("interpolation", ["linear", "cubic"])
    def test_a_crop_is_square_uint8_rgb_of_the_size_in_the_spec(self, size, interpolation):
        spec = PreprocessingSpec(crop_size=size, interpolation=interpolation)
        crop, _ = align_face(smooth_picture(200, 200), make_face((100, 100), 30), spec)
        assert (crop.shape, crop.dtype) == ((size, size, 3), np.uint8)

    def test_the_interpolation_of_the_spec_is_used(self):
        picture, face = smooth_picture(200, 200), make_face((100, 100), 4)
        linear, cubic = (
            align_face(picture, face, PreprocessingSpec(interpolation=name))[0]
            for name in ("linear", "cubic")
        )
        assert (linear != cubic).any()

    def test_the_transform_of_the_crop_is_that_of_the_face(self):
        face = make_face((100, 100), 30, 15)
        _, transform = align_face(smooth_picture(200, 200), face, SPEC)
        np.testing.assert_array_equal(transform, face_transform(face, SPEC))

    def test_the_picture_is_not_changed(self):
        picture = smooth_picture(200, 200).copy()
        align_face(picture, make_face((100, 100), 90), SPEC)
        np.testing.assert_array_equal(picture, smooth_picture(200, 200))

    @sizes
    @pytest.mark.parametrize("eye", [0, 1])
    @pytest.mark.parametrize("roll", [0, 25, -90])
    def test_what_is_seen_at_an_eye_lands_where_the_spec_says(self, interocular, eye, roll):
        face = make_face((310.3, 290.6), interocular, roll)
        y, x = np.mgrid[:600, :600] + 0.5
        distance = np.hypot(x - face.keypoints[eye, 0], y - face.keypoints[eye, 1])
        spot = 250 * np.exp(-0.5 * (distance / (0.12 * interocular)) ** 2)
        crop, _ = align_face(np.repeat(spot[..., np.newaxis], 3, 2).astype(np.uint8), face, SPEC)
        weight = crop[..., 0].astype(float)
        rows, columns = np.mgrid[:48, :48] + 0.5
        center = (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()
        np.testing.assert_allclose(center, KEYPOINTS[eye] * 48, atol=0.1)

    def test_channels_keep_their_order(self):
        picture = np.full((100, 100, 3), (200, 100, 50), np.uint8)
        crop, _ = align_face(picture, make_face((50, 50), 20, 10), SPEC)
        np.testing.assert_array_equal(crop, np.full((48, 48, 3), (200, 100, 50)))

    @pytest.mark.parametrize("layout", ["flipped twice", "fortran"])
    def test_the_memory_layout_does_not_matter(self, layout):
        picture, face = smooth_picture(200, 200), make_face((100, 100), 40, 20)
        expected, _ = align_face(picture, face, SPEC)
        flipped = np.ascontiguousarray(picture[:, ::-1])[:, ::-1]
        other = flipped if layout == "flipped twice" else np.asfortranarray(picture)
        np.testing.assert_array_equal(align_face(other, face, SPEC)[0], expected)


class TestInvariance:
    @pytest.mark.parametrize("quarters", [1, 2, 3])
    @sizes
    def test_a_quarter_turn_of_the_picture_leaves_the_crop(self, interocular, quarters):
        picture = smooth_picture(700, 800)
        face = make_face((420.3, 330.8), interocular, 17)
        expected, _ = align_face(picture, face, SPEC)
        points = face.keypoints
        for _ in range(quarters):
            points = np.column_stack([points[:, 1], picture.shape[1] - points[:, 0]])
            picture = np.rot90(picture)
        crop, _ = align_face(picture, face_with(points), SPEC)
        assert difference(crop, expected).max() <= 3

    @pytest.mark.parametrize("degrees", [-60, -20, 7, 45, 130])
    @sizes
    def test_a_turn_of_the_picture_leaves_the_crop(self, interocular, degrees):
        picture = smooth_picture(800, 800)
        middle, center = np.array([400.0, 400.0]), np.array([420.3, 390.8])
        expected, _ = align_face(picture, make_face(center, interocular, 10), SPEC)
        half = np.array([0.5, 0.5])
        # cv2 counts from pixel centers.
        shift = middle - half - turn(degrees) @ (middle - half)
        turned = cv2.warpAffine(
            picture, np.column_stack([turn(degrees), shift]), (800, 800), flags=cv2.INTER_LINEAR
        )
        moved = make_face(middle + turn(degrees) @ (center - middle), interocular, 10 + degrees)
        crop, _ = align_face(turned, moved, SPEC)
        assert difference(crop, expected).max() <= 6
        assert difference(crop, expected).mean() < 1.5

    @pytest.mark.parametrize("roll", [0, 24])
    @sizes
    def test_a_picture_of_twice_the_size_gives_the_crop(self, interocular, roll):
        picture, face = smooth_picture(600, 600), make_face((310.2, 280.7), interocular, roll)
        expected, _ = align_face(picture, face, SPEC)
        larger = picture.repeat(2, axis=0).repeat(2, axis=1)
        crop, _ = align_face(larger, make_face((620.4, 561.4), 2 * interocular, roll), SPEC)
        assert difference(crop, expected).max() <= 4

    @pytest.mark.parametrize("roll", [0, 24])
    @pytest.mark.parametrize("interocular", [40.0, 170.0])
    def test_a_picture_of_half_the_size_gives_the_crop(self, interocular, roll):
        picture, face = smooth_picture(600, 600), make_face((310.2, 280.7), interocular, roll)
        expected, _ = align_face(picture, face, SPEC)
        smaller = cv2.resize(picture, (300, 300), interpolation=cv2.INTER_AREA)
        crop, _ = align_face(smaller, make_face((155.1, 140.35), interocular / 2, roll), SPEC)
        assert difference(crop, expected).max() <= 4

    @pytest.mark.parametrize(("right", "down"), [(1, 0), (0, 1), (13, 7), (90, 64)])
    @sizes
    def test_a_shift_by_whole_pixels_leaves_the_crop(self, interocular, right, down):
        picture = smooth_picture(900, 900)
        center = np.array([490.2, 440.7])
        expected, _ = align_face(picture, make_face(center, interocular, 24), SPEC)
        face = make_face(center - (right, down), interocular, 24)
        crop, _ = align_face(picture[down:, right:], face, SPEC)
        assert difference(crop, expected).max() <= 1


class TestAntialiasing:
    @pytest.mark.parametrize("shrink", [15.7, 20.0])
    @pytest.mark.parametrize("roll", [0, 30, 45])
    def test_a_fine_checkerboard_becomes_flat_grey(self, roll, shrink):
        board = np.indices((1800, 1800)).sum(axis=0) % 2 * np.uint8(255)
        face = make_face((900.4, 900.9), shrink * 48 * EYE_DISTANCE, roll)
        crop, _ = align_face(np.repeat(board[..., np.newaxis], 3, 2).astype(np.uint8), face, SPEC)
        assert difference(crop, np.full_like(crop, 127)).max() <= 4

    @pytest.mark.parametrize("axis", [0, 1])
    def test_fine_stripes_become_flat_grey(self, axis):
        stripes = np.indices((1800, 1800))[axis] % 3 * np.uint8(100)
        face = make_face((900.4, 900.9), 20 * 48 * EYE_DISTANCE)
        crop, _ = align_face(np.repeat(stripes[..., np.newaxis], 3, 2).astype(np.uint8), face, SPEC)
        assert difference(crop, np.full_like(crop, 100)).max() <= 12


def waves_along(axis, size=600):
    """A picture that changes along one axis only: its edge repeated is more of the same."""
    wave = np.round(128 + 100 * np.sin((np.arange(size) + 0.5) / 40)).astype(np.uint8)
    plane = np.tile(wave, (size, 1))
    return np.repeat((plane.T if axis == "y" else plane)[..., np.newaxis], 3, axis=2)


class TestBorder:
    @pytest.mark.parametrize("roll", [0, 40])
    @pytest.mark.parametrize("interocular", [17.5, 90.0])
    @pytest.mark.parametrize("x", [0.0, 20.2, 580.4, 600.0, -40.0, 640.0])
    def test_columns_beyond_the_picture_repeat_its_edge(self, x, interocular, roll):
        picture = waves_along("y")
        expected, _ = align_face(picture, make_face((300, 300), interocular, roll), SPEC)
        crop, _ = align_face(picture, make_face((x, 300), interocular, roll), SPEC)
        assert difference(crop, expected).max() <= 2

    @pytest.mark.parametrize("roll", [0, 40])
    @pytest.mark.parametrize("interocular", [17.5, 90.0])
    @pytest.mark.parametrize("y", [0.0, 20.2, 580.4, 600.0, -40.0, 640.0])
    def test_rows_beyond_the_picture_repeat_its_edge(self, y, interocular, roll):
        picture = waves_along("x")
        expected, _ = align_face(picture, make_face((300, 300), interocular, roll), SPEC)
        crop, _ = align_face(picture, make_face((300, y), interocular, roll), SPEC)
        assert difference(crop, expected).max() <= 2

    @pytest.mark.parametrize("center", [(0, 0), (60, 0), (0, 60), (60, 60), (-500, 30), (30, 900)])
    def test_no_black_comes_in(self, center):
        picture = np.full((60, 60, 3), 200, np.uint8)
        crop, _ = align_face(picture, make_face(center, 20, 33), SPEC)
        np.testing.assert_array_equal(crop, np.full((48, 48, 3), 200))

    @pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2)])
    def test_a_picture_thinner_than_any_face_is_cut_too(self, shape):
        picture = np.full((*shape, 3), 70, np.uint8)
        crop, _ = align_face(picture, make_face((0.5, 0.5), 40, 10), SPEC)
        np.testing.assert_array_equal(crop, np.full((48, 48, 3), 70))


def test_the_golden_crop_is_met():
    # Written anew by: np.savez_compressed(GOLDEN, crop=crop,
    # tensor=fer_core.preprocessing.preprocess(crop[np.newaxis], SPEC))
    keypoints = [(183, 228), (291, 232), (228, 290), (230, 346), (137, 254), (358, 261)]
    face = face_with(np.array(keypoints, float))
    crop, _ = align_face(load_image(GOLDEN_PICTURE), face, SPEC)
    with np.load(GOLDEN) as golden:
        expected = golden["crop"]
    assert difference(crop, expected).max() <= 6
    assert difference(crop, expected).mean() <= 0.5

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from fer_core.assets import MODELS_DIR
from fer_core.errors import ChecksumMismatchError, ModelLoadError
from fer_core.geometry import apply, cut_square, similarity
from fer_core.images import load_image
from fer_core.landmarks import (
    CROP_SCALE,
    LANDMARKER_FILE,
    OUTLINE,
    POINTS,
    FaceLandmarker,
    FaceMesh,
    _shape,
)
from tests.conftest import EXAMPLES, PORTRAITS

each_portrait = pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)
IN_THE_MIDDLE = (np.array([250.0, 270.0]), 400.0, 0.0)  # where the portraits have their face
FACE = 270  # pixels, height of the faces of the portraits
# Right and left eye, nose tip and middle of the mouth, marked by hand.
MARKED = {
    "happy_f_asian_01": [(182, 226), (294, 225), (233, 284), (238, 339)],
    "happy_f_african_roll30_01": [(130, 267), (215, 217), (188, 288), (218, 324)],
    "neutral_m_european_01": [(193, 219), (299, 217), (243, 282), (245, 331)],
}
each_marked = pytest.mark.parametrize("name", MARKED)


@pytest.fixture(scope="module")
def landmarker():
    return FaceLandmarker.load(MODELS_DIR)


def portrait(name):
    return load_image(EXAMPLES / f"{name}.jpg")


def marked_square(name):
    """Center, side and roll of the square around a marked face, by its nose and eyes."""
    right_eye, left_eye, nose, _ = np.array(MARKED[name], float)
    across = left_eye - right_eye
    return nose, 3.9 * np.hypot(*across), np.arctan2(across[1], across[0])


def farthest(points, others):
    return np.abs(points - others).max()


def noise(size):
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)


NO_FACES = {
    "fine noise": noise(300),
    "coarse noise": np.kron(noise(20), np.ones((15, 15, 1), np.uint8)),
    "black": np.zeros((300, 300, 3), np.uint8),
    "grey": np.full((300, 300, 3), 128, np.uint8),
    "white": np.full((300, 300, 3), 255, np.uint8),
    "skin": np.full((300, 300, 3), (224, 172, 105), np.uint8),
    "gradient": np.indices((300, 300, 3))[0].astype(np.uint8),
}


class TestPresence:
    @each_portrait
    def test_it_is_high_on_a_face(self, landmarker, path):
        assert landmarker.predict(load_image(path), *IN_THE_MIDDLE).presence > 0.99

    @pytest.mark.parametrize("side", [100, 250, 400])
    @pytest.mark.parametrize("picture", NO_FACES.values(), ids=NO_FACES)
    def test_it_is_low_without_a_face(self, landmarker, picture, side):
        mesh = landmarker.predict(picture, np.array([150.0, 150.0]), side, 0.3)
        assert mesh.presence < 0.01

    @each_portrait
    @pytest.mark.parametrize("center", [(60, 60), (250, 480)], ids=["corner", "chest"])
    def test_it_is_low_beside_a_face(self, landmarker, path, center):
        mesh = landmarker.predict(load_image(path), np.array(center, float), 120, 0.0)
        assert mesh.presence < 0.01

    def test_red_and_blue_are_not_exchanged(self, landmarker):
        """Skin in warm light is skin; in blue light the network knows it less."""
        picture = portrait("fear_m_asian_01")
        warm = landmarker.predict(picture // np.array([1, 1, 3], np.uint8), *IN_THE_MIDDLE)
        blue = landmarker.predict(picture // np.array([3, 1, 1], np.uint8), *IN_THE_MIDDLE)
        assert warm.presence > blue.presence + 0.3


class TestPoints:
    def test_there_are_468_of_two_coordinates(self, landmarker):
        points = landmarker.predict(portrait("happy_f_asian_01"), *IN_THE_MIDDLE).points
        assert (points.shape, points.dtype) == ((468, 2), np.float64)

    @each_marked
    def test_eyes_nose_and_mouth_lie_where_they_were_marked(self, landmarker, name):
        mesh = landmarker.predict(portrait(name), *marked_square(name))
        assert farthest(mesh.keypoints[:4], MARKED[name]) < 0.04 * FACE

    @each_portrait
    def test_the_ears_lie_outside_of_all_and_between_eyes_and_mouth(self, landmarker, path):
        keypoints = landmarker.predict(load_image(path), *IN_THE_MIDDLE).keypoints
        right_eye, left_eye, _, mouth, right_ear, left_ear = keypoints
        across = (left_eye - right_eye) / np.hypot(*(left_eye - right_eye))
        assert (keypoints @ across).argmin() == 4
        assert (keypoints @ across).argmax() == 5
        down = (-across[1], across[0])
        assert right_eye @ down < (right_ear + left_ear) @ down / 2 < mouth @ down

    @each_marked
    def test_a_look_aside_finds_them_too(self, landmarker, name):
        center, side, roll = marked_square(name)
        for aside in [(-30, 20), (25, -25)]:
            mesh = landmarker.predict(portrait(name), center + aside, 1.1 * side, roll + 0.15)
            assert farthest(mesh.keypoints[:4], MARKED[name]) < 0.07 * FACE

    @pytest.mark.parametrize("degrees", [-120, -90, -30, 30, 90, 180])
    @each_marked
    def test_a_turned_picture_gives_the_turned_points(self, landmarker, name, degrees):
        picture, (center, side, roll) = portrait(name), marked_square(name)
        turn = similarity(np.array([256.0, 256.0]), 768, -np.deg2rad(degrees), 768)
        (moved,) = apply(turn, center[np.newaxis])
        mesh = landmarker.predict(
            cut_square(picture, turn, 768), moved, side, roll + np.deg2rad(degrees)
        )
        expected = apply(turn, landmarker.predict(picture, center, side, roll).points)
        assert farthest(mesh.points, expected) < 1

    @pytest.mark.parametrize("factor", [0.3, 3.0])
    def test_a_picture_of_another_size_gives_the_points_of_that_size(self, landmarker, factor):
        picture = portrait("neutral_m_european_01")
        center, side, roll = marked_square("neutral_m_european_01")
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        other = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=method)
        scale = other.shape[0] / picture.shape[0]
        points = landmarker.predict(other, center * scale, side * scale, roll).points / scale
        assert (
            farthest(points, landmarker.predict(picture, center, side, roll).points) < 0.03 * FACE
        )

    def test_a_face_cut_by_the_edge_keeps_its_points_beyond_it(self, landmarker):
        picture = portrait("neutral_m_european_01")
        center, side, roll = marked_square("neutral_m_european_01")
        mesh = landmarker.predict(picture[:, 160:], center - (160, 0), side, roll)
        whole = landmarker.predict(picture, center, side, roll)
        assert mesh.presence > 0.9
        assert mesh.points[:, 0].min() < -5
        assert farthest(mesh.keypoints[:4], whole.keypoints[:4] - np.array([160, 0])) < 0.05 * FACE


class TestSquare:
    @each_marked
    def test_it_is_centred_on_the_face_and_holds_it(self, landmarker, name):
        mesh = landmarker.predict(portrait(name), *marked_square(name))
        center, side, roll = mesh.crop_square
        upright = apply(similarity(center, side, roll, 1), mesh.points)
        low, high = upright.min(axis=0), upright.max(axis=0)
        np.testing.assert_allclose((low + high) / 2, (0.5, 0.5), atol=1e-9)
        assert (high - low).max() == pytest.approx(1 / CROP_SCALE)

    @pytest.mark.parametrize("degrees", [-150, -90, -30, 0, 30, 90, 150])
    @pytest.mark.parametrize("error", [-12, 12])
    def test_its_roll_is_that_of_the_face_and_not_of_the_look(self, landmarker, degrees, error):
        picture = portrait("neutral_m_european_01")  # upright within a degree
        center, side, _ = marked_square("neutral_m_european_01")
        turn = similarity(np.array([256.0, 256.0]), 768, -np.deg2rad(degrees), 768)
        (moved,) = apply(turn, center[np.newaxis])
        turned = cut_square(picture, turn, 768)
        _, _, roll = landmarker.predict(
            turned, moved, side, np.deg2rad(degrees + error)
        ).crop_square
        assert np.rad2deg(roll) == pytest.approx(degrees, abs=4)

    @each_marked
    @pytest.mark.parametrize("aside", [(30, 0), (0, -30), (-30, 25)])
    def test_a_second_look_forgets_that_the_first_went_aside(self, landmarker, name, aside):
        picture, (center, side, roll) = portrait(name), marked_square(name)
        straight = landmarker.predict(picture, center, side, roll)
        settled = landmarker.predict(picture, *straight.crop_square).keypoints
        first = landmarker.predict(picture, center + aside, side, roll + 0.2)
        second = landmarker.predict(picture, *first.crop_square)
        assert farthest(second.keypoints, settled) < 0.015 * FACE


def outline(width=1.0, height=1.2):
    """(468, 3) points of which only ears, forehead and chin lie away from the middle."""
    points = np.zeros((POINTS, 3))
    right_ear, left_ear, forehead, chin = OUTLINE
    points[right_ear, 0], points[left_ear, 0] = -width / 2, width / 2
    points[forehead, 1], points[chin, 1] = -height / 2, height / 2
    return points


def rotated(points, axis, degrees):
    """Around x (a nod), y (as when one looks aside) or z (a roll)."""
    angle, (one, other) = np.deg2rad(degrees), {"x": (1, 2), "y": (0, 2), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[[one, other], [one, other]] = np.cos(angle)
    matrix[one, other], matrix[other, one] = -np.sin(angle), np.sin(angle)
    return points @ matrix.T


class TestShape:
    @pytest.mark.parametrize("degrees", [0, 5, 20, 40, 75, 90])
    @pytest.mark.parametrize("sign", [-1, 1])
    @pytest.mark.parametrize("axis", ["x", "y"])
    def test_turn_is_the_angle_of_a_head_that_looks_aside_or_nods(self, axis, sign, degrees):
        turn, _ = _shape(rotated(outline(), axis, sign * degrees))
        assert turn == pytest.approx(degrees, abs=1e-6)

    @pytest.mark.parametrize("degrees", [-120, 30, 180])
    def test_a_roll_is_no_turn(self, degrees):
        turn, _ = _shape(rotated(rotated(outline(), "y", 25), "z", degrees))
        assert turn == pytest.approx(25, abs=1e-6)

    def test_turns_about_two_axes_add_up_as_directions_do(self):
        turn, _ = _shape(rotated(rotated(outline(), "y", 30), "x", 40))
        expected = np.rad2deg(np.arccos(np.cos(np.deg2rad(30)) * np.cos(np.deg2rad(40))))
        assert turn == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize(("axis", "degrees"), [("x", 0), ("y", 50), ("x", 35), ("z", 20)])
    def test_aspect_is_that_of_the_face_however_it_is_turned(self, axis, degrees):
        _, aspect = _shape(rotated(outline(width=0.8, height=1.0), axis, degrees))
        assert aspect == pytest.approx(1.25)

    def test_size_and_place_do_not_matter(self):
        one = rotated(outline(), "y", 33)
        assert _shape(70 * one + (90, 100, 5)) == pytest.approx(_shape(one))

    def test_points_in_one_place_have_a_shape_too(self):
        assert np.isfinite(_shape(np.zeros((POINTS, 3)))).all()

    @each_portrait
    def test_the_portraits_look_ahead_in_their_own_proportions(self, landmarker, path):
        mesh = landmarker.predict(load_image(path), *IN_THE_MIDDLE)
        assert mesh.turn < 25
        assert 1.05 < mesh.aspect < 1.4

    def test_a_squeezed_picture_has_a_larger_aspect(self, landmarker):
        picture = portrait("neutral_m_european_01")
        center, side, roll = marked_square("neutral_m_european_01")
        squeezed = cv2.resize(picture, (384, 512), interpolation=cv2.INTER_AREA)
        whole = landmarker.predict(picture, center, side, roll)
        narrow = landmarker.predict(squeezed, center * (0.75, 1), side, roll)
        assert narrow.aspect > 1.15 * whole.aspect

    def test_a_mesh_of_a_larger_picture_keeps_turn_aspect_and_presence(self):
        mesh = FaceMesh(0.9, np.ones((POINTS, 2)), 12.0, 1.3)
        moved = mesh.scaled(4.0)
        assert (moved.presence, moved.turn, moved.aspect) == (0.9, 12.0, 1.3)
        np.testing.assert_array_equal(moved.points, np.full((POINTS, 2), 4.0))


def test_the_picture_is_not_changed(landmarker):
    picture = portrait("happy_f_asian_01")
    before = picture.copy()
    landmarker.predict(picture, *IN_THE_MIDDLE)
    np.testing.assert_array_equal(picture, before)


def test_eight_threads_get_the_answers_of_one(landmarker):
    pictures = [load_image(path) for path in PORTRAITS] * 4

    def look(picture):
        mesh = landmarker.predict(picture, *IN_THE_MIDDLE)
        return mesh.presence, mesh.points.tolist()

    serially = [look(picture) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, pictures)) == serially


class TestLoad:
    def test_an_asset_with_one_byte_altered_is_refused(self, tmp_path):
        content = bytearray((MODELS_DIR / LANDMARKER_FILE).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / LANDMARKER_FILE).write_bytes(content)
        with pytest.raises(ChecksumMismatchError, match=LANDMARKER_FILE):
            FaceLandmarker.load(tmp_path)

    def test_an_empty_asset_is_refused(self, tmp_path):
        (tmp_path / LANDMARKER_FILE).touch()
        with pytest.raises(ChecksumMismatchError):
            FaceLandmarker.load(tmp_path)

    @pytest.mark.parametrize("folder", [".", "nowhere"])
    def test_a_missing_asset_is_refused_as_missing(self, tmp_path, folder):
        with pytest.raises(ModelLoadError, match="missing") as caught:
            FaceLandmarker.load(tmp_path / folder)
        assert caught.type is ModelLoadError
        assert str(tmp_path) not in str(caught.value)

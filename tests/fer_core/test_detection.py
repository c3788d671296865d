import shutil
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from fer_core import detection
from fer_core.assets import MODELS_DIR
from fer_core.blazeface import DETECTOR_FILE
from fer_core.detection import MAX_FACES, FaceDetector
from fer_core.errors import ChecksumMismatchError, ModelLoadError
from fer_core.geometry import apply, cut_square, similarity
from fer_core.given_boxes import check_boxes
from fer_core.images import load_image
from fer_core.landmarks import CROP_SCALE, LANDMARKER_FILE
from fer_core.results import BoundingBox
from tests.conftest import EXAMPLES, PORTRAITS
from train.robustness.backgrounds import background
from train.robustness.scenes import make_empty_scene

GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"
each_portrait = pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def detector():
    return FaceDetector.load(MODELS_DIR)


@pytest.fixture(scope="module")
def portrait():
    return load_image(EXAMPLES / "happy_f_asian_01.jpg")


def values(faces):
    """Boxes, keypoints and scores of faces as one array, a row for each."""
    return np.array(
        [
            [*face.box.to_dict().values(), *face.keypoints.ravel().tolist(), face.score]
            for face in faces
        ]
    ).reshape(len(faces), 17)


def test_there_are_portraits_to_look_at():
    assert len(PORTRAITS) >= 8


class TestFaces:
    @each_portrait
    def test_a_portrait_has_one_face(self, detector, path):
        assert len(detector.detect(load_image(path))) == 1

    def test_the_group_picture_has_three_faces(self, detector):
        assert len(detector.detect(load_image(GROUP))) == 3

    def test_the_largest_face_comes_first(self, detector):
        picture = load_image(EXAMPLES / "sad_f_african_01.jpg")
        large, small = picture, cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
        both = np.full((512, 768, 3), 128, np.uint8)
        both[:256, :256], both[:, 256:] = small, large
        areas = [face.box.area for face in detector.detect(both)]
        assert len(areas) == 2
        assert areas[0] > areas[1]

    @each_portrait
    def test_the_right_eye_lies_left_of_the_left_eye(self, detector, path):
        (face,) = detector.detect(load_image(path))
        right_eye, left_eye = face.keypoints[:2]
        assert right_eye[0] < left_eye[0]

    @each_portrait
    def test_eyes_nose_and_mouth_lie_within_the_box(self, detector, path):
        (face,) = detector.detect(load_image(path))
        inner = face.keypoints[:4]
        assert (inner > (face.box.x_min, face.box.y_min)).all()
        assert (inner < (face.box.x_max, face.box.y_max)).all()

    @each_portrait
    def test_the_mouth_lies_below_nose_and_eyes(self, detector, path):
        (face,) = detector.detect(load_image(path))
        right_eye, left_eye, nose, mouth = face.keypoints[:4]
        assert (right_eye + left_eye)[1] / 2 < nose[1] < mouth[1]

    @each_portrait
    def test_the_box_lies_within_the_picture(self, detector, path):
        picture = load_image(path)
        (face,) = detector.detect(picture)
        assert face.box.x_max <= picture.shape[1]
        assert face.box.y_max <= picture.shape[0]

    def test_a_cut_face_has_a_box_that_is_clipped_to_the_picture(self, detector, portrait):
        cut = portrait[:, 190:]
        (face,) = detector.detect(cut)
        assert face.box.x_min == 0
        assert face.box.x_max <= cut.shape[1]

    def test_red_and_blue_swapped_is_another_picture(self, detector, portrait):
        swapped = detector.detect(portrait[..., ::-1])
        assert values(swapped).tolist() != values(detector.detect(portrait)).tolist()

    @each_portrait
    def test_the_box_lies_closely_around_the_keypoints(self, detector, path):
        (face,) = detector.detect(load_image(path))
        box, low, high = face.box, face.keypoints.min(axis=0), face.keypoints.max(axis=0)
        assert (low >= (box.x_min - 0.5, box.y_min - 0.5)).all()
        assert (high <= (box.x_max + 0.5, box.y_max + 0.5)).all()
        assert (high - low)[0] > 0.75 * box.width
        assert (high - low)[1] > 0.35 * box.height


@pytest.fixture(scope="module")
def heads(detector):
    """Head and shoulders of every portrait: picture, keypoints in it, height of the face."""
    cut = []
    for path in PORTRAITS:
        picture = load_image(path)
        (face,) = detector.detect(picture)
        (left, top), margin = (face.box.x_min, face.box.y_min), face.box.height // 4
        left, top = max(0, left - margin), max(0, top - margin)
        head = picture[top : face.box.y_max + margin, left : face.box.x_max + margin]
        cut.append((head, face.keypoints - (left, top), face.box.height))
    return cut


def paste(canvas, head, x, y, height):
    """Set a head with its face at that height to (x, y); where its keypoints then lie."""
    picture, keypoints, face_height = head
    scale = height / face_height
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
    return keypoints * scale + (x, y)


def crowd(heads, columns, rows, height):
    """A picture full of faces in rows."""
    canvas = background(columns * 160, rows * 160, np.random.default_rng(1))
    points = [
        paste(canvas, heads[(3 * row + column) % 8], 160 * column + 16, 160 * row + 16, height)
        for row in range(rows)
        for column in range(columns)
    ]
    return canvas, points


def how_often(faces, points, tolerance):
    """How many of the faces have these keypoints, within so many pixels."""
    return sum(np.abs(face.keypoints - points).max() < tolerance for face in faces)


class TestSmallFaces:
    @pytest.mark.parametrize("index", range(len(PORTRAITS)))
    @pytest.mark.parametrize("height", [50, 60, 70])
    def test_a_small_face_in_a_large_picture_is_found_once(self, detector, heads, index, height):
        canvas = background(1280, 720, np.random.default_rng(index))
        points = paste(canvas, heads[index], 640 + 31 * index, 300 - 23 * index, height)
        (face,) = detector.detect(canvas)
        assert np.abs(face.keypoints - points).max() < 0.05 * height

    @pytest.mark.parametrize("step", range(8))
    def test_wherever_blocks_overlap_it_is_found_once(self, detector, heads, step):
        """On the way from one place to the next, edges of blocks go through the face."""
        canvas = background(1280, 720, np.random.default_rng(5))
        points = paste(canvas, heads[1], 400 + 19 * step, 200 + 21 * step, 60)
        (face,) = detector.detect(canvas)
        assert np.abs(face.keypoints - points).max() < 0.05 * 60

    def test_faces_of_several_sizes_are_each_found_once(self, detector, heads):
        canvas = background(1280, 720, np.random.default_rng(5))
        places = [
            (30, 40, 300),
            (520, 60, 120),
            (700, 400, 60),
            (900, 80, 180),
            (560, 480, 90),
            (1150, 500, 50),
        ]
        points = [paste(canvas, head, *place) for head, place in zip(heads, places, strict=False)]
        faces = detector.detect(canvas)
        found = [
            how_often(faces, wanted, 0.05 * height)
            for wanted, (_, _, height) in zip(points, places, strict=True)
        ]
        assert (len(faces), found) == (6, [1] * 6)

    def test_everybody_in_a_crowd_is_found(self, detector, heads):
        canvas, points = crowd(heads, columns=8, rows=6, height=80)
        faces = detector.detect(canvas)
        assert [how_often(faces, wanted, 0.05 * 80) for wanted in points] == [1] * 48

    def test_of_a_larger_crowd_no_more_than_the_limit(self, detector, heads):
        canvas, _ = crowd(heads, columns=9, rows=7, height=80)
        assert len(detector.detect(canvas)) == MAX_FACES == 50


@pytest.mark.parametrize("name", ["sad_f_african_01", "fear_m_asian_01"])
def test_turn_and_aspect_are_those_of_the_mesh_whether_the_box_is_found_or_given(detector, name):
    picture = load_image(EXAMPLES / f"{name}.jpg")
    (found,) = detector.detect(picture)
    edges = (found.box.x_min, found.box.y_min, found.box.x_max, found.box.y_max)
    (given,) = detector.locate(picture, check_boxes([edges], *picture.shape[1::-1]))
    mesh = detector._landmarker.predict(picture, *given_square(found))
    for face in (found, given):
        assert face.turn == pytest.approx(mesh.turn, abs=4)
        assert face.aspect == pytest.approx(mesh.aspect, abs=0.05)


def given_square(face):
    """Center, side and roll of the square around an upright face."""
    box = face.box
    center = np.array([box.x_min + box.x_max, box.y_min + box.y_max]) / 2
    return center, CROP_SCALE * max(box.width, box.height), 0.0


@pytest.fixture
def far(heads):
    """A camera's frame with a face as small as at two metres, and where its keypoints are."""
    canvas = np.full((480, 640, 3), (150, 140, 130), np.uint8)
    return canvas, paste(canvas, heads[1], 300, 200, 34)


def boxes_of(faces):
    return [face.box for face in faces]


class TestNear:
    """Faces of the frame before are followed without a search for small ones everywhere."""

    def test_a_small_face_is_found_where_it_was(self, detector, far):
        frame, points = far
        assert detector.detect(frame, small_faces=False) == []
        near = boxes_of(detector.detect(frame))
        (face,) = detector.detect(frame, small_faces=False, near=near)
        assert np.abs(face.keypoints - points).max() < 0.1 * 34

    @pytest.mark.parametrize("way", [(1, 0), (-1, 0), (0, 1), (0, -1)])
    def test_it_is_followed_when_it_moves_by_half_its_width(self, detector, far, way, monkeypatch):
        frame, points = far
        near = boxes_of(detector.detect(frame))
        step = np.array(way) * near[0].width // 2
        monkeypatch.setattr(detection, "level_sides", lambda longest: [])  # no other search
        for count in range(1, 5):
            moved = np.roll(frame, count * step, axis=(1, 0))
            (face,) = detector.detect(moved, small_faces=False, near=near)
            assert np.abs(face.keypoints - points - count * step).max() < 0.1 * 34
            near = [face.box]

    @pytest.mark.parametrize("place", [(0, 0), (600, 0), (0, 430), (600, 430)])
    def test_it_is_followed_at_the_edges(self, detector, heads, place):
        frame = np.full((520, 680, 3), (150, 140, 130), np.uint8)
        points = paste(frame, heads[1], *place, 34)
        frame = np.ascontiguousarray(frame[:480, :640])
        known = detector.detect(frame)
        assert how_often(known, points, 0.1 * 34) == 1
        (face,) = detector.detect(frame, small_faces=False, near=boxes_of(known))
        assert np.abs(face.keypoints - points).max() < 0.1 * 34

    @pytest.mark.parametrize("height", [34, 68, 180])
    def test_of_a_larger_picture_faces_of_any_size_are_followed(self, detector, heads, height):
        frame = np.full((1080, 1920, 3), (150, 140, 130), np.uint8)
        points = paste(frame, heads[1], 900, 500, height)
        edges = np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(int)
        (face,) = detector.detect(frame, small_faces=False, near=[BoundingBox(*edges)])
        assert np.abs(face.keypoints - points).max() < 0.1 * height

    def test_beside_it_a_large_face_that_is_new_is_found(self, detector, heads, far):
        frame, points = far
        near = boxes_of(detector.detect(frame))
        new = paste(frame, heads[2], 20, 20, 150)
        faces = detector.detect(frame, small_faces=False, near=near)
        assert how_often(faces, new, 0.05 * 150) == how_often(faces, points, 0.1 * 34) == 1
        assert len(faces) == 2

    def test_when_one_is_gone_small_faces_are_looked_for_everywhere(self, detector, heads, far):
        near = boxes_of(detector.detect(far[0]))
        other = np.full_like(far[0], 140)
        points = paste(other, heads[3], 40, 60, 40)
        (face,) = detector.detect(other, small_faces=False, near=near)
        assert np.abs(face.keypoints - points).max() < 0.1 * 40

    def test_a_face_that_is_gone_is_not_found(self, detector, far):
        near = boxes_of(detector.detect(far[0]))
        assert detector.detect(np.full_like(far[0], 140), small_faces=False, near=near) == []

    def test_a_face_that_is_named_twice_is_found_once(self, detector, far):
        near = 2 * boxes_of(detector.detect(far[0]))
        assert len(detector.detect(far[0], small_faces=False, near=near)) == 1

    def test_boxes_of_a_larger_frame_may_lie_outside(self, detector, far, portrait):
        near = boxes_of(detector.detect(far[0]))
        small = cv2.resize(portrait, (160, 160), interpolation=cv2.INTER_AREA)
        assert len(detector.detect(small, small_faces=False, near=near)) == 1


def turn_by_quarters(picture, points, quarters):
    """Counter-clockwise, as np.rot90 does."""
    for _ in range(quarters):
        points = np.column_stack([points[:, 1], picture.shape[1] - points[:, 0]])
        picture = np.rot90(picture)
    return picture, points


class TestTurned:
    @each_portrait
    @pytest.mark.parametrize("quarters", [1, 2, 3])
    def test_a_picture_turned_by_quarters_gives_the_turned_keypoints(
        self, detector, path, quarters
    ):
        picture = load_image(path)
        (upright,) = detector.detect(picture)
        picture, points = turn_by_quarters(picture, upright.keypoints, quarters)
        (face,) = detector.detect(picture)
        assert np.abs(face.keypoints - points).max() < 0.05 * upright.box.height

    @pytest.mark.parametrize(
        ("name", "quarters"),
        [*((path.stem, 0) for path in PORTRAITS), ("happy_f_asian_01", 1), ("happy_f_asian_01", 3)],
    )
    def test_a_face_that_fills_the_picture_is_found(self, detector, name, quarters):
        """Where the picture is turned, only the search after the first finds it."""
        picture = load_image(EXAMPLES / f"{name}.jpg")
        (upright,) = detector.detect(picture)
        box, inwards = upright.box, upright.box.height // 20
        left, top = box.x_min + inwards, box.y_min + inwards
        filled = picture[top : box.y_max - inwards, left : box.x_max - inwards]
        filled, points = turn_by_quarters(filled, upright.keypoints - (left, top), quarters)
        (face,) = detector.detect(filled)
        assert np.abs(face.keypoints - points).max() < 0.05 * box.height

    @each_portrait
    @pytest.mark.parametrize("degrees", [-45, 45])
    def test_a_rolled_picture_gives_the_rolled_keypoints(self, detector, path, degrees):
        picture = load_image(path)
        (upright,) = detector.detect(picture)
        turn = similarity(np.array([256.0, 256.0]), 768, -np.deg2rad(degrees), 768)
        (face,) = detector.detect(cut_square(picture, turn, 768))
        points = apply(turn, upright.keypoints)
        assert np.abs(face.keypoints - points).max() < 0.05 * upright.box.height


def gradient(axis):
    ramp = np.indices((480, 640))[axis] * 255 // (480, 640)[axis]
    return np.repeat(ramp[..., np.newaxis], 3, axis=2).astype(np.uint8)


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


NO_FACES = {
    "fine noise": noise(480, 640),
    "fine noise in a large picture": noise(1200, 1600),
    "fine noise in a small picture": noise(120, 160),
    "coarse noise": np.kron(noise(30, 40), np.ones((16, 16, 1), np.uint8)),
    "black": np.zeros((480, 640, 3), np.uint8),
    "grey": np.full((480, 640, 3), 128, np.uint8),
    "white": np.full((480, 640, 3), 255, np.uint8),
    "skin": np.full((480, 640, 3), (224, 172, 105), np.uint8),
    "downward gradient": gradient(0),
    "rightward gradient": gradient(1),
    "one pixel": np.full((1, 1, 3), 200, np.uint8),
    "two pixels": np.full((1, 2, 3), 200, np.uint8),
    "a line": np.full((1, 3000, 3), 200, np.uint8),
    "a column": np.full((3000, 1, 3), 200, np.uint8),
}


@pytest.mark.parametrize("picture", NO_FACES.values(), ids=NO_FACES)
def test_a_picture_without_a_face_gives_none(detector, picture):
    assert detector.detect(picture) == []


@pytest.mark.parametrize("index", range(12))
def test_a_generated_scene_without_a_face_gives_none(detector, index):
    assert detector.detect(make_empty_scene(np.random.default_rng((2013, 4, index)))) == []


class TestInvariance:
    @pytest.mark.parametrize(
        "layout",
        [
            lambda picture: np.ascontiguousarray(picture[:, ::-1])[:, ::-1],
            lambda picture: np.ascontiguousarray(picture[::-1])[::-1],
            lambda picture: np.ascontiguousarray(picture[..., ::-1])[..., ::-1],
            np.asfortranarray,
            lambda picture: np.pad(picture, ((3, 4), (5, 6), (0, 1)))[3:-4, 5:-6, :3],
        ],
        ids=["flipped twice", "upside down twice", "bgr reversed", "fortran", "part of a larger"],
    )
    def test_the_memory_layout_does_not_matter(self, detector, portrait, layout):
        other = layout(portrait)
        assert not other.flags.c_contiguous
        expected = values(detector.detect(portrait))
        np.testing.assert_array_equal(values(detector.detect(other)), expected)

    @pytest.mark.parametrize("name", ["happy_f_asian_01", "neutral_m_european_01", GROUP.stem])
    def test_a_picture_enlarged_to_3000_pixels_gives_nearly_the_same_boxes(self, detector, name):
        picture = load_image(EXAMPLES / f"{name}.jpg")
        factor = 3000 / max(picture.shape)
        larger = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        expected = {tuple(row): row for row in values(detector.detect(picture))[:, :4] * factor}
        found = values(detector.detect(larger))[:, :4]
        assert len(found) == len(expected)
        by_place = np.array(sorted(found.tolist()))
        side = by_place[:, 2] - by_place[:, 0]
        deviation = np.abs(by_place - np.array(sorted(expected))).max(axis=1)
        assert (deviation < 0.03 * side).all()

    def test_the_picture_is_not_changed(self, detector, portrait):
        before = portrait.copy()
        detector.detect(portrait)
        np.testing.assert_array_equal(portrait, before)

    def test_a_second_look_gives_the_same(self, detector, portrait):
        first = values(detector.detect(portrait))
        np.testing.assert_array_equal(values(detector.detect(portrait)), first)

    def test_eight_threads_on_one_detector_get_the_answers_of_one(self, detector):
        pictures = [load_image(path) for path in (*PORTRAITS, GROUP)] * 3
        serially = [values(detector.detect(picture)).tolist() for picture in pictures]
        with ThreadPoolExecutor(8) as pool:
            together = [values(faces).tolist() for faces in pool.map(detector.detect, pictures)]
        assert together == serially


WRONG_PICTURES = {
    "grey": np.zeros((90, 90), np.uint8),
    "one channel": np.zeros((90, 90, 1), np.uint8),
    "rgba": np.zeros((90, 90, 4), np.uint8),
    "channels first": np.zeros((3, 90, 90), np.uint8),
    "a batch": np.zeros((1, 90, 90, 3), np.uint8),
    "no rows": np.zeros((0, 90, 3), np.uint8),
    "no columns": np.zeros((90, 0, 3), np.uint8),
    "float": np.zeros((90, 90, 3), np.float32),
    "16 bits": np.zeros((90, 90, 3), np.uint16),
    "bool": np.zeros((90, 90, 3), bool),
}
each_wrong_picture = pytest.mark.parametrize("picture", WRONG_PICTURES.values(), ids=WRONG_PICTURES)


class TestWrongInput:
    @each_wrong_picture
    def test_another_shape_or_dtype_is_rejected(self, detector, picture):
        with pytest.raises(ValueError, match="uint8"):
            detector.detect(picture)

    @each_wrong_picture
    def test_the_detector_works_after_a_rejection(self, detector, portrait, picture):
        with pytest.raises(ValueError, match="uint8"):
            detector.detect(picture)
        assert len(detector.detect(portrait)) == 1


def assert_one_sentence_without_path(error, path):
    message = str(error)
    assert str(path) not in message
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize("asset", [DETECTOR_FILE, LANDMARKER_FILE])
class TestLoad:
    @pytest.fixture
    def directory(self, tmp_path):
        for name in (DETECTOR_FILE, LANDMARKER_FILE):
            shutil.copy(MODELS_DIR / name, tmp_path)
        return tmp_path

    def test_an_asset_with_one_byte_altered_is_refused(self, directory, asset):
        content = bytearray((directory / asset).read_bytes())
        content[len(content) // 2] ^= 1
        (directory / asset).write_bytes(content)
        with pytest.raises(ChecksumMismatchError, match=asset) as caught:
            FaceDetector.load(directory)
        assert_one_sentence_without_path(caught.value, directory)

    def test_an_empty_asset_is_refused(self, directory, asset):
        (directory / asset).write_bytes(b"")
        with pytest.raises(ChecksumMismatchError, match=asset):
            FaceDetector.load(directory)

    def test_a_missing_asset_is_refused_as_missing(self, directory, asset):
        (directory / asset).unlink()
        with pytest.raises(ModelLoadError, match=asset) as caught:
            FaceDetector.load(directory)
        assert caught.type is ModelLoadError
        assert_one_sentence_without_path(caught.value, directory)


def test_a_missing_directory_is_refused_as_missing(tmp_path):
    with pytest.raises(ModelLoadError) as caught:
        FaceDetector.load(tmp_path / "nowhere")
    assert caught.type is ModelLoadError

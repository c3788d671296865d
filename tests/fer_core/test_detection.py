import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_core.assets import MODELS_DIR
from fer_core.detection import DETECTOR_FILE, FaceDetector
from fer_core.errors import ChecksumMismatchError, ModelLoadError
from fer_core.images import load_image

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
PORTRAITS = sorted(path for path in EXAMPLES.glob("*.jpg") if not path.name.startswith("group_"))
GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"
each_portrait = pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def detector():
    with FaceDetector.load(MODELS_DIR) as loaded:
        yield loaded


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


class TestLoad:
    @pytest.fixture
    def altered(self, tmp_path):
        content = bytearray((MODELS_DIR / DETECTOR_FILE).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / DETECTOR_FILE).write_bytes(content)
        return tmp_path

    def test_an_asset_with_one_byte_altered_is_refused(self, altered):
        with pytest.raises(ChecksumMismatchError) as caught:
            FaceDetector.load(altered)
        assert_one_sentence_without_path(caught.value, altered)

    def test_an_empty_asset_is_refused(self, tmp_path):
        (tmp_path / DETECTOR_FILE).touch()
        with pytest.raises(ChecksumMismatchError):
            FaceDetector.load(tmp_path)

    def test_a_missing_asset_is_refused_as_missing(self, tmp_path):
        with pytest.raises(ModelLoadError) as caught:
            FaceDetector.load(tmp_path)
        assert caught.type is ModelLoadError
        assert_one_sentence_without_path(caught.value, tmp_path)

    def test_a_missing_directory_is_refused_as_missing(self, tmp_path):
        with pytest.raises(ModelLoadError) as caught:
            FaceDetector.load(tmp_path / "nowhere")
        assert caught.type is ModelLoadError


class TestClose:
    def test_closing_twice_is_harmless(self, portrait):
        detector = FaceDetector.load(MODELS_DIR)
        assert len(detector.detect(portrait)) == 1
        detector.close()
        detector.close()

    def test_closing_inside_a_with_block_is_harmless(self):
        with FaceDetector.load(MODELS_DIR) as detector:
            detector.close()

    def test_closing_one_leaves_another_at_work(self, detector, portrait):
        FaceDetector.load(MODELS_DIR).close()
        assert len(detector.detect(portrait)) == 1

    def test_a_program_may_end_without_closing(self):
        code = (
            "from fer_core.assets import MODELS_DIR\n"
            "from fer_core.detection import FaceDetector\n"
            "detector = FaceDetector.load(MODELS_DIR)\n"
        )
        finished = subprocess.run(
            [sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True, text=True
        )
        assert "Traceback" not in finished.stderr

"""How far a face can be read: the rules at their limits, and the real network on changed faces."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from fer_core import EmotionRecognizer, load_image
from fer_core.assets import MODELS_DIR
from fer_core.errors import ChecksumMismatchError, ModelLoadError
from fer_core.quality import (
    ASPECTS,
    CLASSES,
    MAX_TURN,
    MIN_CLEAR,
    MIN_SIDE,
    QUALITY_JSON,
    QualityInfo,
    QualityModel,
    assess,
)
from fer_core.results import BoundingBox, FaceDetection
from tests.conftest import EXAMPLES, PORTRAITS

HAPPY = EXAMPLES / "happy_f_asian_01.jpg"
CLEAR = np.eye(len(CLASSES))[0]


def face(side: int = 100, turn: float = 0.0, aspect: float = 1.2) -> FaceDetection:
    return FaceDetection(BoundingBox(0, 0, side - 1, side), np.zeros((6, 2)), 0.9, turn, aspect)


def seen(name: str, share: float) -> np.ndarray:
    """Probabilities of a class, and the rest for a clear face."""
    row = (1 - share) * CLEAR
    row[CLASSES.index(name)] += share
    return row


class TestAssess:
    def test_a_clear_face_has_no_reason(self) -> None:
        assert assess(face(), CLEAR).reliable

    @pytest.mark.parametrize(
        ("good", "bad", "reason"),
        [
            (face(turn=MAX_TURN), face(turn=MAX_TURN + 0.1), "turned away"),
            (face(side=MIN_SIDE), face(side=MIN_SIDE - 1), "too small"),
            (face(aspect=ASPECTS[0]), face(aspect=ASPECTS[0] - 0.01), "distorted"),
            (face(aspect=ASPECTS[1]), face(aspect=ASPECTS[1] + 0.01), "distorted"),
        ],
    )
    def test_each_limit_is_the_last_good_value(
        self, good: FaceDetection, bad: FaceDetection, reason: str
    ) -> None:
        assert assess(good, CLEAR).reasons == ()
        assert assess(bad, CLEAR).reasons == (reason,)

    @pytest.mark.parametrize("name", CLASSES[1:])
    def test_the_likeliest_fault_is_told_below_the_limit(self, name: str) -> None:
        assert assess(face(), seen(name, 1 - MIN_CLEAR - 0.01)).reliable
        assert assess(face(), seen(name, 1 - MIN_CLEAR + 0.01)).reasons == (name,)

    def test_reasons_stand_in_their_order(self) -> None:
        quality = assess(face(side=10, turn=80.0), seen("covered", 1.0))
        assert quality.reasons == ("turned away", "too small", "covered")


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in (QUALITY_JSON, "quality.tflite"):
            shutil.copy(MODELS_DIR / name, tmp_path)
        return tmp_path

    def test_the_description_survives_reading_and_writing(self) -> None:
        values = json.loads((MODELS_DIR / QUALITY_JSON).read_text())
        assert json.loads(json.dumps(QualityInfo.from_dict(values).to_dict())) == values

    def test_an_altered_network_is_not_loaded(self, folder: Path) -> None:
        content = bytearray((folder / "quality.tflite").read_bytes())
        content[1000] ^= 1
        (folder / "quality.tflite").write_bytes(content)
        with pytest.raises(ChecksumMismatchError, match="damaged or was changed"):
            QualityModel.load(folder)

    def test_a_missing_description_is_told(self, folder: Path) -> None:
        (folder / QUALITY_JSON).unlink()
        with pytest.raises(ModelLoadError, match=r"quality\.json is missing"):
            QualityModel.load(folder)

    @pytest.mark.parametrize("text", ["{", "{}", '{"format_version": 1, "classes": ["clear"]}'])
    def test_a_malformed_description_is_told(self, folder: Path, text: str) -> None:
        (folder / QUALITY_JSON).write_text(text)
        with pytest.raises(ModelLoadError, match="does not fit this version"):
            QualityModel.load(folder)

    def test_no_crop_gives_no_row(self) -> None:
        model = QualityModel.load(MODELS_DIR)
        assert model.probabilities(np.zeros((0, 48, 48), np.uint8)).shape == (0, len(CLASSES))


class TestFaces:
    @pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)
    def test_the_examples_are_reliable(self, recognizer: EmotionRecognizer, path: Path) -> None:
        (found,) = recognizer.recognize(path).faces
        assert found.quality.reasons == ()
        assert found.emotion.reliable

    @staticmethod
    def expect_doubt(recognizer: EmotionRecognizer, image: np.ndarray, reason: str) -> None:
        found = recognizer.recognize(image).faces[0]
        assert reason in found.quality.reasons
        assert found.emotion.is_uncertain
        assert found.to_dict()["quality"] == {
            "reliable": False,
            "reasons": list(found.quality.reasons),
        }

    def test_a_face_whose_lower_half_lies_outside_is_cut_off(
        self, recognizer: EmotionRecognizer
    ) -> None:
        image = load_image(HAPPY)
        box = recognizer.recognize(image).faces[0].detection.box
        self.expect_doubt(recognizer, image[: (box.y_min + box.y_max) // 2].copy(), "cut off")

    def test_a_mask_over_mouth_and_nose_covers_a_face(self, recognizer: EmotionRecognizer) -> None:
        image = load_image(HAPPY)
        box = recognizer.recognize(image).faces[0].detection.box
        x_min, x_max, width = box.x_min, box.x_max, box.width
        top, jaw, chin = (box.y_min + int(share * box.height) for share in (0.5, 0.85, 1.05))
        outline = [
            (x_min + width // 12, top), (x_max - width // 12, top), (x_max - width // 12, jaw),
            (x_max - width // 3, chin), (x_min + width // 3, chin), (x_min + width // 12, jaw),
        ]  # fmt: skip
        masked = np.asarray(cv2.fillPoly(image.copy(), [np.array(outline)], (20, 20, 22)), np.uint8)
        self.expect_doubt(recognizer, masked, "covered")

    def test_motion_blurs_a_face(self, recognizer: EmotionRecognizer) -> None:
        image = load_image(HAPPY)
        length = recognizer.recognize(image).faces[0].detection.box.width // 5
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        blurred = np.asarray(cv2.filter2D(image, -1, kernel), np.uint8)
        self.expect_doubt(recognizer, blurred, "blurred")

    def test_a_squeezed_face_is_distorted(self, recognizer: EmotionRecognizer) -> None:
        image = load_image(HAPPY)
        squeezed = cv2.resize(image, (image.shape[1] * 6 // 10, image.shape[0]))
        self.expect_doubt(recognizer, np.asarray(squeezed, np.uint8), "distorted")

    def test_a_far_face_is_too_small(self, recognizer: EmotionRecognizer) -> None:
        image = load_image(HAPPY)
        box = recognizer.recognize(image).faces[0].detection.box
        small = round(image.shape[0] * (MIN_SIDE - 4) / box.height)
        canvas = np.full((160, 160, 3), 128, np.uint8)
        shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        canvas[40 : 40 + small, 40 : 40 + small] = shrunk
        bounds = (40, 40, 40 + MIN_SIDE - 4, 40 + MIN_SIDE - 4)
        (found,) = recognizer.recognize(canvas, boxes=[bounds]).faces
        assert "too small" in found.quality.reasons


class TestDrawings:
    @pytest.fixture
    def drawing(self) -> np.ndarray:
        canvas = Image.new("RGB", (640, 480), "white")
        draw = ImageDraw.Draw(canvas)
        draw.ellipse((200, 120, 440, 360), fill="#fcc21b", outline="#c98a00", width=4)
        for left in (265, 345):
            draw.ellipse((left, 190, left + 30, 235), fill="#4a3a10")
        draw.arc((260, 220, 380, 320), 20, 160, fill="#4a3a10", width=12)
        return np.asarray(canvas)

    def test_a_drawn_face_gets_no_sure_answer(
        self, recognizer: EmotionRecognizer, drawing: np.ndarray
    ) -> None:
        assert all(found.emotion.is_uncertain for found in recognizer.recognize(drawing).faces)

    def test_a_box_around_it_is_answered_as_drawn(
        self, recognizer: EmotionRecognizer, drawing: np.ndarray
    ) -> None:
        (found,) = recognizer.recognize(drawing, boxes=[(200, 120, 440, 360)]).faces
        assert "drawn" in found.quality.reasons
        assert found.emotion.is_uncertain

    def test_the_detector_proposes_more_than_it_finds(self, recognizer: EmotionRecognizer) -> None:
        image = load_image(HAPPY)
        (real,) = recognizer.detector.detect(image)
        candidates = recognizer.detector.candidates(image, 3)
        assert 1 <= len(candidates) <= 3
        middle = real.keypoints.mean(axis=0)
        assert any(np.hypot(*(one.keypoints.mean(axis=0) - middle)) < 20 for one in candidates)

"""How far a face can be read: the rules at their limits, and the real network on changed faces."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

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
    MAX_DRAWN,
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
from train.robustness.hidden_faces import CHANGES

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

    @pytest.mark.parametrize(
        ("probabilities", "reasons"),
        [
            (CLEAR, ("covered",)),
            (np.eye(len(CLASSES))[CLASSES.index("covered")], ("covered",)),
            (np.eye(len(CLASSES))[CLASSES.index("drawn")], ("covered", "drawn")),
        ],
        ids=["clear", "covered", "drawn"],
    )
    def test_a_given_box_in_which_no_face_is_seen_is_covered(
        self, probabilities: np.ndarray, reasons: tuple[str, ...]
    ) -> None:
        unseen = replace(face(), score=0.0)
        assert assess(unseen, probabilities).reasons == reasons


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

    def test_a_missing_network_is_told(self, folder: Path) -> None:
        (folder / "quality.tflite").unlink()
        with pytest.raises(ModelLoadError, match=r"quality\.tflite is missing"):
            QualityModel.load(folder)

    def test_a_file_that_is_no_network_is_told(self, folder: Path) -> None:
        content = b"not a network"
        (folder / "quality.tflite").write_bytes(content)
        values = json.loads((folder / QUALITY_JSON).read_text())
        values["sha256"] = hashlib.sha256(content).hexdigest()
        (folder / QUALITY_JSON).write_text(json.dumps(values))
        with pytest.raises(ModelLoadError, match=r"quality\.tflite cannot be loaded"):
            QualityModel.load(folder)

    def test_the_network_of_another_model_is_told(self, folder: Path) -> None:
        """Its outputs have other names."""
        content = (MODELS_DIR / "emotion.tflite").read_bytes()
        (folder / "quality.tflite").write_bytes(content)
        values = json.loads((folder / QUALITY_JSON).read_text())
        values["sha256"] = hashlib.sha256(content).hexdigest()
        (folder / QUALITY_JSON).write_text(json.dumps(values))
        with pytest.raises(ModelLoadError, match=r"quality\.tflite cannot be loaded"):
            QualityModel.load(folder)

    def test_a_path_out_of_the_folder_is_not_followed(self, folder: Path, tmp_path: Path) -> None:
        values = json.loads((folder / QUALITY_JSON).read_text())
        (folder / QUALITY_JSON).write_text(json.dumps({**values, "file": "../../quality.tflite"}))
        assert QualityModel.load(folder).info.file == "quality.tflite"

    @pytest.mark.parametrize(
        "field",
        ["format_version", "classes", "file", "sha256", "preprocessing", "training"],
    )
    def test_a_missing_field_is_named(self, folder: Path, field: str) -> None:
        values = json.loads((folder / QUALITY_JSON).read_text())
        del values[field]
        (folder / QUALITY_JSON).write_text(json.dumps(values))
        with pytest.raises(ModelLoadError, match=f"does not fit this version.*'{field}'"):
            QualityModel.load(folder)

    @pytest.mark.parametrize(
        "values",
        [
            {"format_version": 2},
            {"classes": list(CLASSES[::-1])},
            {"preprocessing": {}},
            {"preprocessing": None},
            {"file": None},
        ],
        ids=str,
    )
    def test_values_of_other_code_are_told(self, folder: Path, values: dict[str, Any]) -> None:
        before = json.loads((folder / QUALITY_JSON).read_text())
        (folder / QUALITY_JSON).write_text(json.dumps({**before, **values}))
        with pytest.raises(ModelLoadError, match="does not fit this version"):
            QualityModel.load(folder)

    @pytest.mark.parametrize(
        "text", ["[]", "null", "{", "{}", '{"format_version": 1, "classes": ["clear"]}']
    )
    def test_a_malformed_description_is_told(self, folder: Path, text: str) -> None:
        (folder / QUALITY_JSON).write_text(text)
        with pytest.raises(ModelLoadError, match="does not fit this version"):
            QualityModel.load(folder)

    def test_rows_are_distributions_in_the_order_of_the_crops(self) -> None:
        model = QualityModel.load(MODELS_DIR)
        crops = np.random.default_rng(0).integers(0, 256, (4, 48, 48), dtype=np.uint8)
        together = model.probabilities(crops)
        alone = np.concatenate([model.probabilities(crop[np.newaxis]) for crop in crops])
        assert together.shape == (4, len(CLASSES))
        np.testing.assert_allclose(together.sum(axis=1), 1.0)
        np.testing.assert_allclose(together, alone, atol=1e-6)

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

    @pytest.mark.parametrize("name", ["happy_f_asian_01", "neutral_m_european_01"])
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ("lower half outside", "cut off"),
            ("upper half outside", "cut off"),
            ("right half outside", "cut off"),
            ("left half outside", "cut off"),
            ("mask over mouth and nose", "covered"),
            ("hand-sized patch", "covered"),
        ],
    )
    def test_what_hides_half_a_face_is_told(
        self, recognizer: EmotionRecognizer, name: str, change: str, reason: str
    ) -> None:
        image = load_image(EXAMPLES / f"{name}.jpg")
        (whole,) = recognizer.recognize(image).faces
        hidden = CHANGES[change](image, whole.detection, np.random.default_rng(0))
        self.expect_doubt(recognizer, hidden, reason)

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


def smile(skin: str, *, detailed: bool) -> np.ndarray:
    """A face as emoji draw it, on white."""
    canvas = Image.new("RGB", (1280, 960), "white")  # drawn at twice the size, for smooth edges
    draw = ImageDraw.Draw(canvas)
    draw.ellipse((400, 240, 880, 720), fill=skin, outline="#78461a", width=6)
    for x in (550, 730):
        if detailed:
            draw.ellipse((x - 54, 378, x + 54, 474), fill="white", outline="black", width=4)
            draw.arc((x - 72, 336, x + 72, 432), 200, 340, fill="#5a3214", width=15)
        draw.ellipse((x - 27, 402, x + 27, 456), fill="#28190f")
    if detailed:
        draw.arc((610, 480, 670, 552), 20, 160, fill="#78461a", width=9)
    draw.chord((538, 510, 742, 660), 10, 170, fill="#961e1e")
    return np.asarray(canvas.resize((640, 480), Image.Resampling.LANCZOS))


def clock(ground: str, ink: str) -> np.ndarray:
    """The digits 8:00, out of focus: to the detector often a face."""
    canvas = Image.new("RGB", (640, 360), ground)
    draw = ImageDraw.Draw(canvas)
    rings = ((102, 20, 168, 74), (100, 64, 172, 124), (292, 20, 366, 124), (390, 20, 464, 124))
    for ring in rings:
        draw.ellipse(ring, outline=ink, width=24)
    for y in (52, 102):
        draw.ellipse((220, y - 12, 246, y + 12), fill=ink)
    return np.asarray(cv2.GaussianBlur(np.asarray(canvas), (0, 0), 5), np.uint8)


DRAWINGS = {
    "simple": smile("#ffcd3c", detailed=False),
    "simple, dark": smile("#c88c64", detailed=False),
    "detailed": smile("#ffcd3c", detailed=True),
    "detailed, skin": smile("#f0be96", detailed=True),
    "pink digits": clock("#2d37f0", "#f082c8"),
    "red digits": clock("#463a5e", "#be1e3c"),
}
each_drawing = pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=DRAWINGS)


class Sure:
    """Stands for the quality network, and always says the same."""

    def __init__(self, probabilities: np.ndarray, info: QualityInfo) -> None:
        self.row, self.info = probabilities, info

    def probabilities(self, crops: np.ndarray) -> np.ndarray:
        return np.tile(self.row, (len(crops), 1))


class TestDrawings:
    @each_drawing
    def test_what_the_detector_takes_for_a_face_and_is_drawn_is_not_answered(
        self, recognizer: EmotionRecognizer, drawing: np.ndarray
    ) -> None:
        assert recognizer.detector.detect(drawing)
        assert recognizer.recognize(drawing).faces == ()

    @each_drawing
    def test_a_box_around_it_is_answered_as_drawn(
        self, recognizer: EmotionRecognizer, drawing: np.ndarray
    ) -> None:
        box = recognizer.detector.detect(drawing)[0].box
        edges = (box.x_min, box.y_min, box.x_max, box.y_max)
        (found,) = recognizer.recognize(drawing, boxes=[edges]).faces
        assert "drawn" in found.quality.reasons
        assert found.emotion.is_uncertain

    def test_a_person_beside_a_drawing_is_answered(self, recognizer: EmotionRecognizer) -> None:
        person = cv2.resize(load_image(HAPPY), (480, 480), interpolation=cv2.INTER_AREA)
        both = np.hstack([DRAWINGS["detailed"], np.asarray(person, np.uint8)])
        (found,) = recognizer.recognize(both).faces
        assert found.detection.box.x_min > 640
        assert found.quality.reliable

    @pytest.mark.parametrize(
        ("share", "answered"), [(MAX_DRAWN - 0.01, True), (MAX_DRAWN, False), (1.0, False)]
    )
    def test_a_face_is_answered_below_a_probability_of_being_drawn(
        self, recognizer: EmotionRecognizer, share: float, answered: bool
    ) -> None:
        sure = Sure(seen("drawn", share), recognizer.quality.info)
        other = EmotionRecognizer(recognizer.detector, sure, recognizer.model)  # type: ignore[arg-type]
        faces = other.recognize(HAPPY).faces
        assert bool(faces) is answered
        assert all(found.quality.reasons == ("drawn",) for found in faces)

    def test_a_given_box_is_answered_however_plain_the_drawing(
        self, recognizer: EmotionRecognizer
    ) -> None:
        sure = Sure(seen("drawn", 1.0), recognizer.quality.info)
        other = EmotionRecognizer(recognizer.detector, sure, recognizer.model)  # type: ignore[arg-type]
        (found,) = other.recognize(HAPPY, boxes=[(100, 100, 400, 400)]).faces
        assert found.quality.reasons == ("drawn",)

    def test_the_detector_proposes_more_than_it_finds(self, recognizer: EmotionRecognizer) -> None:
        image = load_image(HAPPY)
        (real,) = recognizer.detector.detect(image)
        candidates = recognizer.detector.candidates(image, 3)
        assert 1 <= len(candidates) <= 3
        middle = real.keypoints.mean(axis=0)
        assert any(np.hypot(*(one.keypoints.mean(axis=0) - middle)) < 20 for one in candidates)

"""The whole way with the real detector and the real model."""

import io
import json
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fer_core import EmotionRecognizer, InvalidImageError, ModelLoadError, load_image
from fer_core.alignment import align_face
from fer_core.assets import MODELS_DIR
from fer_core.blazeface import DETECTOR_FILE
from fer_core.emotions import FER2013_LABELS
from fer_core.landmarks import LANDMARKER_FILE
from tests.conftest import EXAMPLES

HAPPY = EXAMPLES / "happy_f_asian_01.jpg"
GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"
CLEAR = [
    "happy_f_asian_01",
    "surprise_m_african_01",
    "angry_f_african_02",
    "neutral_m_european_01",
]


@pytest.mark.parametrize("name", CLEAR)
def test_a_clear_expression_is_read_as_set(recognizer: EmotionRecognizer, name: str) -> None:
    (face,) = recognizer.recognize(EXAMPLES / f"{name}.jpg").faces
    assert face.emotion.label == name.split("_", maxsplit=1)[0]


def test_everybody_in_a_group_is_read(recognizer: EmotionRecognizer) -> None:
    faces = recognizer.recognize(GROUP).faces
    from_left = sorted(faces, key=lambda face: face.detection.box.x_min)
    happy, surprised, angry = (face.emotion for face in from_left)
    assert (happy.label, surprised.label) == ("happy", "surprise")
    assert not happy.is_uncertain
    assert not surprised.is_uncertain
    # A hard one: some would call it disgust.
    likeliest = sorted(angry.probabilities, key=lambda name: -angry.probabilities[name])
    assert "angry" in likeliest[:2]


def test_a_rolled_head_is_read_like_an_upright_one(recognizer: EmotionRecognizer) -> None:
    (face,) = recognizer.recognize(EXAMPLES / "happy_f_african_roll30_01.jpg").faces
    assert face.emotion.label == "happy"
    assert not face.emotion.is_uncertain


def test_rolling_a_picture_changes_less_than_a_twentieth_of_the_answers(
    recognizer: EmotionRecognizer,
) -> None:
    changed = []
    for name in CLEAR:
        label = name.split("_", maxsplit=1)[0]
        with Image.open(EXAMPLES / f"{name}.jpg") as picture:
            for angle in (-45, -30, -15, 15, 30, 45):
                rolled = picture.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(120, 120, 120))
                answers = [face.emotion.label for face in recognizer.recognize(rolled).faces]
                changed.append(answers != [label])
    assert sum(changed) < 0.05 * len(changed)


def test_every_kind_of_source_gives_the_same_answer(recognizer: EmotionRecognizer) -> None:
    with Image.open(HAPPY) as picture:
        sources: list[Any] = [
            str(HAPPY),
            HAPPY,
            HAPPY.read_bytes(),
            picture.copy(),
            np.asarray(picture),
            np.asarray(picture.convert("RGBA")),
        ]
    answers = {json.dumps(recognizer.recognize(source).to_dict()) for source in sources}
    assert len(answers) == 1


@pytest.mark.parametrize("source", ["array", "file"])
def test_red_and_blue_are_not_exchanged(recognizer: EmotionRecognizer, source: str) -> None:
    """In warm light the luma is another when the channels are exchanged."""
    pixels = load_image(HAPPY).copy()
    pixels[..., 2] //= 4
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    (face,) = recognizer.recognize(pixels if source == "array" else file.getvalue()).faces

    def difference(red: float, blue: float) -> float:
        """Between what the model saw and the luma with these weights, cut in the same way."""
        luma = np.rint(pixels @ (red, 0.587, blue)).astype(np.uint8)
        spec = recognizer.model.info.preprocessing
        crop, _ = align_face(np.stack([luma] * 3, axis=2), face.detection, spec)
        return float(np.abs(face.aligned.astype(int) - crop[..., 0]).mean())

    assert difference(red=0.299, blue=0.114) < 1
    assert difference(red=0.114, blue=0.299) > 5


def test_what_the_model_saw_comes_with_the_answer(recognizer: EmotionRecognizer) -> None:
    (face,) = recognizer.recognize(HAPPY).faces
    assert face.aligned.shape == recognizer.model.info.preprocessing.input_shape[:2]
    (again,) = recognizer.recognize_crops(face.aligned[np.newaxis])
    assert again.probabilities == pytest.approx(dict(face.emotion.probabilities), abs=1e-6)


def test_one_batch_for_all_faces_answers_as_one_face_at_a_time(
    recognizer: EmotionRecognizer,
) -> None:
    crops = np.stack([face.aligned for face in recognizer.recognize(GROUP).faces])
    together = recognizer.recognize_crops(crops)
    alone = [recognizer.recognize_crops(crop[np.newaxis])[0] for crop in crops]
    for one, other in zip(together, alone, strict=True):
        assert one.probabilities == pytest.approx(dict(other.probabilities), abs=1e-5)


def test_a_mirrored_face_gets_the_same_answer(recognizer: EmotionRecognizer) -> None:
    (face,) = recognizer.recognize(HAPPY).faces
    crop = face.aligned[np.newaxis]
    (answer,), (mirrored,) = (recognizer.recognize_crops(c) for c in (crop, crop[:, :, ::-1]))
    assert answer.probabilities == pytest.approx(dict(mirrored.probabilities), abs=1e-5)


def test_no_face_is_an_answer(recognizer: EmotionRecognizer) -> None:
    result = recognizer.recognize(np.full((300, 400, 3), 128, np.uint8))
    assert result.faces == ()
    assert result.image_size == (400, 300)


def test_no_crops_give_no_answers(recognizer: EmotionRecognizer) -> None:
    assert recognizer.recognize_crops(np.zeros((0, 48, 48), np.uint8)) == ()


@pytest.mark.parametrize("shape", [(48, 48), (2, 47, 48), (2, 48, 48, 3)])
def test_crops_of_another_shape_are_refused(
    recognizer: EmotionRecognizer, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="48, 48"):
        recognizer.recognize_crops(np.zeros(shape, np.uint8))


def test_a_bad_picture_does_not_spoil_the_next(recognizer: EmotionRecognizer) -> None:
    with pytest.raises(InvalidImageError):
        recognizer.recognize(b"nonsense")
    assert len(recognizer.recognize(HAPPY).faces) == 1


def test_threads_share_one_recognizer(recognizer: EmotionRecognizer) -> None:
    paths = [*sorted(EXAMPLES.glob("*.jpg"))] * 4
    expected = [recognizer.recognize(path).to_dict() for path in paths]
    with ThreadPoolExecutor(8) as pool:
        answers = [result.to_dict() for result in pool.map(recognizer.recognize, paths)]
    for answer, wanted in zip(answers, expected, strict=True):
        assert [f["box"] for f in answer["faces"]] == [f["box"] for f in wanted["faces"]]
        assert [f["emotion"]["probabilities"] for f in answer["faces"]] == [
            pytest.approx(f["emotion"]["probabilities"], abs=1e-3) for f in wanted["faces"]
        ]


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the recognizer tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert len(EmotionRecognizer.load().recognize(HAPPY).faces) == 1


def test_labels_are_the_seven_in_fer2013_order(recognizer: EmotionRecognizer) -> None:
    (face,) = recognizer.recognize(HAPPY).faces
    assert tuple(face.emotion.probabilities) == FER2013_LABELS


def test_a_run_folder_needs_no_detector_of_its_own(tmp_path: Path) -> None:
    for path in MODELS_DIR.iterdir():
        if path.name not in (DETECTOR_FILE, LANDMARKER_FILE):
            shutil.copy(path, tmp_path)
    assert len(EmotionRecognizer.load(tmp_path).recognize(HAPPY).faces) == 1


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"There is no model\.json"):
        EmotionRecognizer.load(tmp_path)

"""The parts of train.gap on photographs, with portraits of examples/."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_core import EmotionRecognizer, load_image
from fer_core.alignment import face_transform
from fer_core.emotions import HAPPY, SAD
from fer_core.geometry import similarity
from tests.conftest import EXAMPLES
from tests.train.robustness.faces import half_bright, model_that_sees_sides, strict
from train.data.photographs import Photograph
from train.robustness import on_photographs
from train.robustness.on_photographs import PORTRAIT_CHANGES, known_face, rotate
from train.robustness.pipelines import FaceCrop

PORTRAIT = EXAMPLES / "happy_f_asian_01.jpg"
ROLLED = EXAMPLES / "happy_f_african_roll30_01.jpg"


def test_a_positive_turn_is_clockwise() -> None:
    picture = np.zeros((101, 141), np.uint8)
    picture[46:55, 116:125] = 255  # 50 pixels right of the middle
    turned = rotate(picture, 30).astype(float)
    y, x = (np.indices(turned.shape) * turned).sum(axis=(1, 2)) / turned.sum()
    right, down = x - (turned.shape[1] - 1) / 2, y - (turned.shape[0] - 1) / 2
    assert (right, down) == pytest.approx((50 * np.sqrt(3) / 2, 25), abs=0.2)


@pytest.mark.parametrize("degrees", [-45, -30, 15, 45, 100, 200])
def test_a_turned_picture_is_whole(degrees: int) -> None:
    picture = np.zeros((90, 140), np.uint8)
    for row, column in np.ndindex(2, 2):  # a dot near each corner
        y, x = (4, 83)[row], (4, 133)[column]
        picture[y : y + 3, x : x + 3] = 255
    count, _ = cv2.connectedComponents((rotate(picture, degrees) > 100).astype(np.uint8))
    assert count - 1 == 4


@pytest.mark.parametrize("quarters", [-1, 0, 1, 2, 3])
def test_quarter_turns_are_exact(quarters: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 50, 3)).astype(np.uint8)
    assert np.array_equal(rotate(picture, 90 * quarters), np.rot90(picture, -quarters))


def test_of_a_photograph_the_largest_cut_is_read() -> None:
    small, large = (
        FaceCrop((0, 0, s, s), half_bright(label)) for s, label in ((9, SAD), (30, HAPPY))
    )
    pipelines = {"first": lambda _: [small, large], "none": lambda _: []}
    photographs = [Photograph(PORTRAIT, label) for label in ("happy", "sad")]
    looker: Any = SimpleNamespace(model=model_that_sees_sides())
    result = strict(on_photographs.measure_photographs(looker, pipelines, photographs))
    assert result == {
        "n": 2,
        "pipelines": {
            "first": {"found": 1.0, "mean_recall": 0.5, "recall": {"happy": 1.0, "sad": 0.0}},
            "none": {"found": 0.0, "mean_recall": 0.0, "recall": {"happy": 0.0, "sad": 0.0}},
        },
    }


def test_turns_that_change_a_right_answer_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to an upright picture is right, that to a turned one by its width."""

    def read(_: object, image: np.ndarray) -> str | None:
        wide, upright = image.shape[1] > image.shape[0], image.shape == picture.shape
        return "happy" if upright else "sad" if wide else None

    picture = load_image(PORTRAIT)[:200, :100]
    monkeypatch.setattr(on_photographs, "load_photograph", lambda _: picture)
    monkeypatch.setattr(on_photographs, "read_largest", read)
    right, wrong = (Photograph(PORTRAIT, label) for label in ("happy", "sad"))
    result = strict(on_photographs.measure_rolls(None, [right, wrong]))  # type: ignore[arg-type]
    assert (result["right_upright"], result["changed_up_to_45"]) == (1, 1.0)
    assert list(result["changed"]) == ["-45", "-30", "-15", "15", "30", "45", "90", "180", "270"]
    assert (result["changed"]["90"], result["changed"]["180"]) == (1.0, 0.0)
    nothing = strict(on_photographs.measure_rolls(None, [wrong]))  # type: ignore[arg-type]
    assert (nothing["right_upright"], nothing["changed_up_to_45"]) == (0, None)


def test_a_photograph_is_set_in_by_the_square_and_the_roll_of_our_crop(
    recognizer: EmotionRecognizer,
) -> None:
    image, spec = load_image(ROLLED), recognizer.model.info.preprocessing
    (face,) = recognizer.recognize(image).faces
    known = known_face(image, face.detection, spec, HAPPY)
    assert abs(known.roll) > 20
    square = similarity(np.array(known.center), known.side, np.deg2rad(known.roll), spec.crop_size)
    assert np.allclose(square, face_transform(face.detection, spec))
    photographs = [Photograph(ROLLED, "happy")]
    result = strict(on_photographs.measure_photographs_in_scenes(recognizer, photographs))
    assert result["alone"]["mean_recall"] == result["set in"]["found"] == 1.0
    assert result["set in"]["without_misses"] == {"alone": 1.0, "in_scene": 1.0}


def test_portraits_are_changed_as_their_names_say(recognizer: EmotionRecognizer) -> None:
    picture = load_image(PORTRAIT)
    before = picture.copy()
    face = recognizer.recognize(picture).faces[0].detection
    changed = {name: change(picture, face) for name, change in PORTRAIT_CHANGES.items()}
    assert np.array_equal(picture, before)
    assert np.array_equal(changed["as it is"], before)
    assert np.array_equal(changed["upside down"], before[::-1, ::-1])
    assert np.array_equal(changed["rolled 30° left"], rotate(before, -30))
    assert np.array_equal(changed["rolled 30° right"], rotate(before, 30))
    right_eye, left_eye, nose, mouth = face.keypoints[:4].round().astype(int)
    for name, hidden, shown in (
        ("eyes hidden", (right_eye, left_eye), (nose, mouth)),
        ("mouth hidden", (mouth,), (nose, right_eye, left_eye)),
    ):
        assert all((changed[name][y, x] == 96).all() for x, y in hidden)
        assert all(np.array_equal(changed[name][y, x], before[y, x]) for x, y in shown)


def test_where_nobody_is_found_every_part_still_comes_out(
    recognizer: EmotionRecognizer, tmp_path: Path
) -> None:
    path = tmp_path / "happy_nobody_01.jpg"
    Image.new("RGB", (160, 120), (128, 128, 128)).save(path)
    nobody = [Photograph(path, "happy", "nobody")]
    scenes = strict(on_photographs.measure_photographs_in_scenes(recognizer, nobody))
    assert scenes["set in"]["found"] == 0
    assert scenes["set in"]["without_misses"] == {"alone": None, "in_scene": None}
    portraits = strict(on_photographs.measure_portraits(recognizer, nobody))
    assert set(portraits["accuracy"].values()) == {0.0}

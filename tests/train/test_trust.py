"""What train.trust counts, on recognizers whose answers are written by hand."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fer_core import EmotionRecognizer
from fer_core.results import BoundingBox, FaceDetection
from tests.conftest import EXAMPLES
from train.data.photographs import Photograph
from train.robustness.hidden_faces import CHANGES
from train.robustness.uncertainty import measure_changes, measure_false_faces, measure_turns
from train.trust import main

PHOTOGRAPHS = [
    Photograph(EXAMPLES / "happy_f_asian_01.jpg", "happy"),
    Photograph(EXAMPLES / "sad_f_african_01.jpg", "sad"),
]
POINTS = np.array([(200, 200), (300, 200), (250, 250), (250, 300), (150, 220), (350, 220)], float)


def found(label: str, *, sure: bool, turn: float = 0.0) -> SimpleNamespace:
    detection = FaceDetection(BoundingBox(150, 120, 350, 380), POINTS, 0.9, turn)
    emotion = SimpleNamespace(label=label, is_uncertain=not sure)
    return SimpleNamespace(faces=(SimpleNamespace(detection=detection, emotion=emotion),))


class Fake:
    """Answers in turn."""

    def __init__(self, *answers: SimpleNamespace) -> None:
        self.answers = list(answers)

    def recognize(self, image: np.ndarray) -> SimpleNamespace:
        return self.answers.pop(0)


NOBODY = SimpleNamespace(faces=())


def test_changes_are_counted_for_faces_that_are_read_rightly() -> None:
    after = [found("sad", sure=True), found("sad", sure=False), found("happy", sure=True), NOBODY]
    rest = [found("happy", sure=True)] * (len(CHANGES) - len(after))
    fake = Fake(found("happy", sure=True), *after, *rest)
    told = measure_changes(fake, PHOTOGRAPHS[:1], 10)  # type: ignore[arg-type]
    assert told["n"] == 1
    counts = [tuple(told[name].values()) for name in list(CHANGES)[:4]]
    assert counts == [(1, 1, 1, 1), (1, 0, 1, 0), (1, 1, 0, 0), (0, 0, 0, 0)]


def test_a_face_that_is_read_wrongly_is_not_taken() -> None:
    fake = Fake(found("angry", sure=True), NOBODY)
    assert measure_changes(fake, PHOTOGRAPHS, 10)["n"] == 0  # type: ignore[arg-type]


def test_turns_are_counted_by_their_range() -> None:
    fake = Fake(found("happy", sure=True, turn=15.0), found("happy", sure=True, turn=60.0))
    told = measure_turns(fake, PHOTOGRAPHS)  # type: ignore[arg-type]
    assert told["15 to 30°"] == {"n": 1, "right": 1, "sure": 1, "surely_wrong": 0}
    assert told["45 to 90°"] == {"n": 1, "right": 0, "sure": 1, "surely_wrong": 1}
    assert told["0 to 15°"]["n"] == told["30 to 45°"]["n"] == 0


def test_invented_faces_are_counted_by_image() -> None:
    fake = Fake(NOBODY, found("happy", sure=False), found("happy", sure=True))
    images = [np.zeros((9, 9, 3), np.uint8)] * 3
    told = measure_false_faces(fake, images, "nothing")  # type: ignore[arg-type]
    assert told == {"n": 3, "answered": 2, "sure": 1}


def test_the_command_measures_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("train.trust.SCENES", 2)
    out = tmp_path / "new" / "trust.json"
    main(["--portraits", str(EXAMPLES), "--faces", "1", "--json", str(out)])
    told = json.loads(out.read_text())
    assert told["changes"]["n"] == 1
    assert told["invented"]["scenes"]["n"] == 2
    assert "mask over mouth and nose" in capsys.readouterr().out


def test_a_font_that_is_none_is_told(tmp_path: Path, recognizer: EmotionRecognizer) -> None:
    (tmp_path / "font.ttf").write_text("no font")
    with pytest.raises(SystemExit, match=r"error: .* is not a color font"):
        main(["--emoji", str(tmp_path / "font.ttf")])

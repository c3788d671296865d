import base64

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fer_core import EmotionRecognizer
from fer_core.explanation import filter_views
from fer_core.results import FaceResult
from page.explained import explain
from tests.conftest import EXAMPLES


@pytest.fixture(scope="module")
def face(recognizer: EmotionRecognizer) -> FaceResult:
    return recognizer.recognize(EXAMPLES / "happy_f_asian_01.jpg").faces[0]


def decoded(url: str) -> NDArray[np.uint8]:
    data = base64.b64decode(url.partition(",")[2])
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def test_it_shows_the_face_the_map_and_the_filters(
    recognizer: EmotionRecognizer, face: FaceResult
) -> None:
    views = explain(recognizer.model, face)
    assert set(views) == {"seen", "evidence"} | (set(filter_views(face.aligned)) - {"original"})
    small = cv2.resize(decoded(views["seen"]), (48, 48), interpolation=cv2.INTER_AREA)[..., 0]
    assert np.abs(small.astype(int) - face.aligned).mean() < 3
    assert np.ptp(decoded(views["evidence"]).astype(int), axis=2).max() > 60  # it has colours


def test_it_does_without_the_map_where_the_network_has_none(
    recognizer: EmotionRecognizer, face: FaceResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fer_core.model.MAPS", "_of_another_network")
    views = explain(recognizer.model, face)
    assert "evidence" not in views
    assert "seen" in views

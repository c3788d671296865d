from dataclasses import replace

import numpy as np
import pytest

from fer_core import BoundingBox, FaceDetection, FaceResult, RecognitionResult
from page.live import NEW_SHARE, overlap, smooth
from tests.page.test_texts import prediction


def face(x: int, y: int, side: int = 100, **shares: float) -> FaceResult:
    box = BoundingBox(x, y, x + side, y + side)
    detection = FaceDetection(box, np.zeros((6, 2)), 0.9)
    return FaceResult(detection, np.zeros((48, 48), np.uint8), prediction(**shares))


def frame(*faces: FaceResult) -> RecognitionResult:
    return RecognitionResult((640, 480), faces, "model", "1")


def test_overlap_is_intersection_over_union() -> None:
    one = BoundingBox(0, 0, 10, 10)
    assert overlap(one, one) == 1
    assert overlap(one, BoundingBox(10, 0, 20, 10)) == 0
    assert overlap(one, BoundingBox(5, 0, 15, 10)) == pytest.approx(50 / 150)


def test_the_first_frame_is_answered_as_it_is() -> None:
    first = frame(face(10, 10, happy=0.9))
    assert smooth(first, None) is first


def test_a_single_odd_frame_does_not_change_the_answer_and_a_lasting_one_does() -> None:
    shown = smooth(frame(face(10, 10, happy=0.95)), None)
    shown = smooth(frame(face(12, 11, angry=0.9)), shown)
    (seen,) = shown.faces
    assert seen.emotion.label == "happy"
    assert seen.emotion.probabilities["angry"] == pytest.approx(
        NEW_SHARE * 0.9 + (1 - NEW_SHARE) * 0.05 / 6
    )
    for _ in range(3):
        shown = smooth(frame(face(12, 11, angry=0.9)), shown)
    assert shown.faces[0].emotion.label == "angry"
    assert sum(shown.faces[0].emotion.probabilities.values()) == pytest.approx(1)


def test_each_face_is_averaged_with_itself() -> None:
    before = frame(face(10, 10, happy=0.95), face(300, 200, sad=0.95))
    after = smooth(frame(face(305, 205, sad=0.9), face(14, 8, happy=0.9)), before)
    by_side = sorted(after.faces, key=lambda one: one.detection.box.x_min)
    assert [one.emotion.label for one in by_side] == ["happy", "sad"]
    assert min(one.emotion.confidence for one in after.faces) > 0.9


def test_a_new_face_is_answered_as_it_is_and_one_that_left_is_gone() -> None:
    before = frame(face(10, 10, happy=0.95))
    new = face(400, 300, fear=0.8)
    assert smooth(frame(new), before).faces == (new,)
    assert smooth(frame(), before).faces == ()


def test_boxes_glide_and_stay_largest_first() -> None:
    before = frame(face(0, 0, 200, happy=0.9), face(300, 100, 190, happy=0.9))
    after = smooth(frame(face(300, 100, 230, happy=0.9), face(0, 0, 202, happy=0.9)), before)
    boxes = [one.detection.box for one in after.faces]
    assert boxes[0].x_min == 300
    assert 190 < boxes[0].width < 230
    assert [box.area for box in boxes] == sorted((box.area for box in boxes), reverse=True)


def test_a_camera_of_another_size_starts_anew() -> None:
    other = replace(frame(face(10, 10, sad=0.9)), image_size=(320, 240))
    assert smooth(other, frame(face(10, 10, happy=0.9))) is other

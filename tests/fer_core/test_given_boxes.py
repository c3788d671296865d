"""Boxes of faces that the caller knows: what is refused, and what comes back for each."""

import math
from typing import Any

import numpy as np
import pytest

from fer_core import BoundingBox, EmotionRecognizer, load_image
from fer_core.given_boxes import check_boxes
from tests.conftest import EXAMPLES, PORTRAITS

GROUP = EXAMPLES / "group_happy-surprise-angry_01.jpg"
LAKE = EXAMPLES / "lake_01.jpg"
WIDTH, HEIGHT = 640, 480


@pytest.mark.parametrize(
    ("boxes", "sentence"),
    [
        ([(10, 10, 20)], r"Box 1 must be four numbers .* in pixels, not \(10, 10, 20\)\."),
        ([(1, 2, 3, 4), "1234"], r"Box 2 must be four numbers .* not '1234'\."),
        ([(1, 2, 3, "x")], r"Box 1 must be four numbers"),
        ([(1, 2, 3, math.nan)], r"Box 1 must be four numbers"),
        ([(1, 2, math.inf, 4)], r"Box 1 must be four numbers"),
        ([(1, 2, None, 4)], r"Box 1 must be four numbers"),
        ([5, 6], r"Box 1 must be four numbers .* not 5\."),
        ([(20, 10, 20, 30)], r"Box 1 is empty: .* not \(20, 10, 20, 30\)\."),
        ([(10, 30, 20, 10)], r"Box 1 is empty"),
        ([(640, 0, 700, 50)], r"Box 1 lies outside the image of 640x480 pixels"),
        ([(-50, 0, 0, 50)], r"Box 1 lies outside"),
        ([(0.1, 0.2, 0.4, 0.45)], r"Box 1 holds no whole pixel .* not in fractions of the image"),
        (7, r"boxes must be a list of \(x_min, y_min, x_max, y_max\) in pixels, not 7\."),
    ],
)
def test_what_is_no_box_is_refused_with_a_sentence(boxes: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_boxes(boxes, WIDTH, HEIGHT)


def test_a_box_is_rounded_to_whole_pixels_and_clipped_to_the_image() -> None:
    (given,) = check_boxes([(-3.4, 10.6, 700.0, 99.5)], WIDTH, HEIGHT)
    assert given.box == BoundingBox(0, 11, 640, 100)
    assert given.exact.tolist() == [-3.4, 10.6, 700.0, 99.5]


def test_rows_of_an_array_are_boxes() -> None:
    (given,) = check_boxes(np.array([[1, 2, 30, 40]], np.float32), WIDTH, HEIGHT)
    assert given.box == BoundingBox(1, 2, 30, 40)


def test_typical_keypoints_fill_the_box_that_was_given() -> None:
    (given,) = check_boxes([(-100, 0, 100, 200)], WIDTH, HEIGHT)
    points = given.typical_keypoints
    assert points[:, 0].min() == -100
    assert points[:, 0].max() == 100
    right_eye, left_eye, nose, mouth = points[:4]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] == left_eye[1] < nose[1] < mouth[1] < 200


@pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)
def test_a_box_around_a_face_gives_its_keypoints_and_its_label(
    recognizer: EmotionRecognizer, path: Any
) -> None:
    picture = load_image(path)
    (found,) = recognizer.recognize(picture).faces
    box, margin = found.detection.box, 0.15 * found.detection.box.height
    loose = (box.x_min - margin, box.y_min - margin, box.x_max + margin, box.y_max + margin)
    (face,) = recognizer.recognize(picture, boxes=[loose]).faces
    difference = np.abs(face.detection.keypoints - found.detection.keypoints).max()
    assert difference < 0.05 * box.height
    assert face.emotion.label == found.emotion.label
    assert face.detection.score > 0.97


def test_each_box_comes_back_as_one_face_largest_first(recognizer: EmotionRecognizer) -> None:
    picture = load_image(GROUP)
    found = recognizer.recognize(picture).faces
    boxes = [tuple(face.detection.box.to_dict().values()) for face in reversed(found)]
    faces = recognizer.recognize(picture, boxes=boxes).faces
    areas = [face.detection.box.area for face in faces]
    assert areas == sorted(areas, reverse=True)
    by_box = {face.detection.box: face for face in faces}
    for box, before in zip(boxes, reversed(found), strict=True):
        assert by_box[BoundingBox(*box)].emotion.label == before.emotion.label


def test_boxes_of_equal_area_keep_their_order(recognizer: EmotionRecognizer) -> None:
    boxes = [(300, 10, 340, 50), (10, 10, 50, 50), (100, 10, 140, 50)]
    faces = recognizer.recognize(LAKE, boxes=boxes).faces
    assert [tuple(face.detection.box.to_dict().values()) for face in faces] == boxes


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_face_that_lies_on_its_side_is_placed(
    recognizer: EmotionRecognizer, quarters: int
) -> None:
    picture = load_image(EXAMPLES / "happy_f_asian_01.jpg")
    (found,) = recognizer.recognize(picture).faces
    box = found.detection.box
    mask = np.zeros(picture.shape[:2], bool)
    mask[box.y_min : box.y_max, box.x_min : box.x_max] = True
    rows, columns = np.nonzero(np.rot90(mask, quarters))
    turned = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    upright = np.ascontiguousarray(np.rot90(picture, quarters))
    (face,) = recognizer.recognize(upright, boxes=[turned]).faces
    assert face.emotion.label == "happy"
    assert face.detection.score > 0.97


def test_a_box_without_a_face_is_answered_with_score_0_and_not_reliable(
    recognizer: EmotionRecognizer,
) -> None:
    (face,) = recognizer.recognize(LAKE, boxes=[(40, 60, 140, 190)]).faces
    assert face.detection.score == 0.0
    assert "covered" in face.quality.reasons
    assert face.emotion.is_uncertain
    assert face.detection.box == BoundingBox(40, 60, 140, 190)
    assert face.detection.keypoints[0].tolist() == pytest.approx([66.0, 102.9])


def test_a_neighbour_is_not_taken_for_the_face_of_a_box(recognizer: EmotionRecognizer) -> None:
    """The mesh follows faces, and would answer for the one beside an empty box."""
    picture = load_image(EXAMPLES / "happy_f_asian_01.jpg")
    box = recognizer.recognize(picture).faces[0].detection.box
    wide = np.pad(picture, ((0, 0), (0, box.width), (0, 0)), constant_values=128)
    for share in (0.2, 0.3, 0.4):
        left = box.x_max - round(share * box.width)
        beside = (left, box.y_min, left + box.width, box.y_max)
        (face,) = recognizer.recognize(wide, boxes=[beside]).faces
        assert face.detection.score == 0.0, share


def test_no_boxes_give_no_faces(recognizer: EmotionRecognizer) -> None:
    assert recognizer.recognize(GROUP, boxes=[]).faces == ()


def test_a_wrong_box_is_told_by_recognize(recognizer: EmotionRecognizer) -> None:
    with pytest.raises(ValueError, match="Box 1 is empty"):
        recognizer.recognize(GROUP, boxes=[(5, 5, 5, 9)])

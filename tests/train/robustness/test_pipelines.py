from dataclasses import replace

import cv2
import numpy as np
import pytest

from fer_core import EmotionRecognizer, load_image
from fer_core.calibration import Calibration
from fer_core.model import EmotionModel
from fer_core.preprocessing import to_grey
from tests.conftest import EXAMPLES
from train.robustness.pipelines import (
    BOX,
    HAAR,
    OUR_BOX,
    OURS,
    WHOLE,
    FaceCrop,
    Pipeline,
    _crop,
    build_pipelines,
)


@pytest.fixture(scope="module")
def pipelines(recognizer: EmotionRecognizer) -> dict[str, Pipeline]:
    return build_pipelines(recognizer)


@pytest.fixture(scope="module")
def group() -> np.ndarray:
    picture = load_image(EXAMPLES / "group_happy-surprise-angry_01.jpg").copy()
    picture.flags.writeable = False  # who touches the picture is told
    return picture


def grey(picture: np.ndarray) -> np.ndarray:
    return to_grey(picture[np.newaxis])[0]


def colors(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.dstack([x * 255 // width, y * 255 // height, (x + y) % 256]).astype(np.uint8)


def no_opinion(inputs: np.ndarray) -> dict[str, np.ndarray]:
    shape = (len(inputs),)
    return {
        "ferplus": np.zeros((*shape, 8), np.float32),
        "fer2013": np.zeros((*shape, 7), np.float32),
    }


def test_cuts_are_grey_crops_of_the_size_that_the_network_wants(
    recognizer: EmotionRecognizer, group: np.ndarray
) -> None:
    info = recognizer.model.info
    larger = replace(
        info,
        preprocessing=replace(info.preprocessing, crop_size=64),
        calibration=Calibration.temperature(1.0),
    )
    other = EmotionRecognizer(
        recognizer.detector, recognizer.quality, EmotionModel(no_opinion, larger)
    )
    pipelines = build_pipelines(other)
    assert tuple(pipelines) == (WHOLE, HAAR, BOX, OUR_BOX, OURS)
    for name, pipeline in pipelines.items():
        cuts = {(cut.pixels.shape, cut.pixels.dtype) for cut in pipeline(group)}
        assert cuts == {((64, 64), np.dtype(np.uint8))}, name


@pytest.mark.parametrize("name", [HAAR, BOX, OUR_BOX, OURS])
def test_the_faces_of_a_group_are_found_where_they_are(
    name: str, pipelines: dict[str, Pipeline], recognizer: EmotionRecognizer, group: np.ndarray
) -> None:
    middles = [face.detection.keypoints[2] for face in recognizer.recognize(group).faces]
    assert len(middles) == 3
    for cut in pipelines[name](group):
        distances = np.hypot(*(np.array(middles) - cut.center).T) / cut.height
        assert distances.min() < 0.35
    assert len(pipelines[name](group)) == 3


def test_the_whole_picture_is_resized_and_nothing_else(pipelines: dict[str, Pipeline]) -> None:
    picture = colors(300, 500)
    (cut,) = pipelines[WHOLE](picture)
    assert cut.box == (0, 0, 500, 300)
    shrunk = cv2.resize(picture, (48, 48), interpolation=cv2.INTER_AREA)
    assert np.array_equal(cut.pixels, grey(np.asarray(shrunk, np.uint8)))


def test_ours_is_what_the_recognizer_shows_as_aligned(
    pipelines: dict[str, Pipeline], recognizer: EmotionRecognizer, group: np.ndarray
) -> None:
    faces = recognizer.recognize(group).faces
    cuts = pipelines[OURS](group)
    assert len(faces) == len(cuts) == 3
    for face, cut in zip(faces, cuts, strict=True):
        box = face.detection.box
        assert cut.box == (box.x_min, box.y_min, box.x_max, box.y_max)
        assert np.array_equal(cut.pixels, face.aligned)


def test_our_boxes_are_cut_without_alignment(
    pipelines: dict[str, Pipeline], group: np.ndarray
) -> None:
    for ours, box in zip(pipelines[OURS](group), pipelines[OUR_BOX](group), strict=True):
        assert ours.box == box.box
        assert np.array_equal(box.pixels, _crop(group, ours.box, 48).pixels)
        assert not np.array_equal(box.pixels, ours.pixels)


@pytest.mark.parametrize("name", [HAAR, BOX, OUR_BOX, OURS])
def test_no_face_is_no_cut(name: str, pipelines: dict[str, Pipeline]) -> None:
    assert pipelines[name](np.full((200, 300, 3), 128, np.uint8)) == []


def test_a_box_of_the_crop_size_is_cut_pixel_by_pixel() -> None:
    picture = colors(200, 200)
    cut = _crop(picture, (30.4, 49.6, 78.4, 97.6), 48)
    assert np.array_equal(cut.pixels, grey(picture[50:98, 30:78]))


def test_a_small_box_is_enlarged() -> None:
    picture = colors(200, 200)
    part = cv2.resize(picture[50:80, 30:60], (48, 48), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(_crop(picture, (30, 50, 60, 80), 48).pixels, grey(np.asarray(part)))


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((-20, -10, 76, 86), slice(0, 86), slice(0, 76)),
        ((150, 120, 260, 230), slice(120, 160), slice(150, 200)),
    ],
)
def test_a_box_beyond_the_edge_is_clipped(
    box: tuple[float, float, float, float], rows: slice, columns: slice
) -> None:
    picture = colors(160, 200)
    cut = _crop(picture, box, 48)
    inside = _crop(picture[rows, columns], (0, 0, 10_000, 10_000), 48)
    assert cut.box == box
    assert np.array_equal(cut.pixels, inside.pixels)


def test_center_and_height_are_those_of_the_box() -> None:
    cut = FaceCrop((10, 20, 30, 60), np.zeros((48, 48), np.uint8))
    assert cut.center == (20, 40)
    assert cut.height == 40

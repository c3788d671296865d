"""BlazeFace's answers, read as MediaPipe reads them, in pictures of any size."""

from collections.abc import Callable
from itertools import pairwise

import cv2
import mediapipe as mp
import numpy as np
import pytest
from mediapipe.tasks.python.core.base_options import BaseOptions
from mediapipe.tasks.python.vision import FaceDetector, FaceDetectorOptions

from fer_core.assets import MODELS_DIR
from fer_core.blazeface import (
    DETECTOR_FILE,
    MAX_TILE,
    SCORE_THRESHOLD,
    TILE_OVERLAP,
    WINDOW,
    BlazeFace,
    _anchor_centers,
    _tiles,
)
from fer_core.geometry import shrink
from fer_core.images import load_image
from tests.conftest import EXAMPLES, PORTRAITS

Found = list[tuple[np.ndarray, float]]


@pytest.fixture(scope="module")
def blazeface() -> BlazeFace:
    return BlazeFace.load(MODELS_DIR)


@pytest.fixture(scope="module")
def reference() -> Callable[[np.ndarray], Found]:
    """MediaPipe's own detector: center and score of each box."""
    content = (MODELS_DIR / DETECTOR_FILE).read_bytes()
    options = FaceDetectorOptions(
        base_options=BaseOptions(model_asset_buffer=content),
        min_detection_confidence=SCORE_THRESHOLD,
    )

    def find(picture: np.ndarray) -> Found:
        with FaceDetector.create_from_options(options) as graph:
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=picture)
            found = graph.detect(image).detections
        boxes = [(item.bounding_box, item.categories[0].score) for item in found]
        return [
            (np.array([box.origin_x + box.width / 2, box.origin_y + box.height / 2]), score)
            for box, score in boxes
        ]

    return find


@pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)
def test_one_window_is_read_as_mediapipe_reads_it(
    blazeface: BlazeFace, reference: Callable[[np.ndarray], Found], path: object
) -> None:
    picture, _ = shrink(load_image(path), WINDOW)  # type: ignore[arg-type]
    assert picture.shape == (WINDOW, WINDOW, 3)
    ours, theirs = blazeface.propose(picture), reference(picture)
    assert len(ours) == len(theirs) == 1
    center, score = theirs[0]
    np.testing.assert_allclose(ours[0].center, center, atol=1.5)  # its boxes are whole pixels
    assert ours[0].score == pytest.approx(score, abs=0.02)


def test_it_is_rolled_as_the_eyes_are(blazeface: BlazeFace) -> None:
    picture, _ = shrink(load_image(EXAMPLES / "happy_f_african_roll30_01.jpg"), WINDOW)
    (seen,) = blazeface.propose(picture)
    assert np.rad2deg(seen.roll) == pytest.approx(-30, abs=8)


@pytest.mark.parametrize("size", [(300, 200), (416, 416), (700, 500), (1300, 433)])
def test_wherever_in_a_larger_picture_a_face_is_it_is_found_once(
    blazeface: BlazeFace, size: tuple[int, int]
) -> None:
    """A face of 40 pixels, at many places, so that seams of blocks run through it, too."""
    head, _ = shrink(load_image(EXAMPLES / "happy_f_asian_01.jpg"), 80)
    width, height = size
    for x, y in [(0, 0), (width // 2 - 40, height // 2 - 40), (width - 80, height - 80), (171, 97)]:
        picture = np.full((height, width, 3), 128, np.uint8)
        picture[y : y + 80, x : x + 80] = head
        sure = [seen for seen in blazeface.propose(picture) if seen.score > 0.7]
        assert len(sure) == 1
        np.testing.assert_allclose(sure[0].center, (x + 39, y + 44), atol=5)


def test_a_picture_without_a_face_proposes_nothing_sure(blazeface: BlazeFace) -> None:
    picture, _ = shrink(load_image(EXAMPLES / "lake_01.jpg"), 640)
    assert all(seen.score < 0.7 for seen in blazeface.propose(picture))


@pytest.mark.parametrize("side", [(1, 1), (1, 500), (500, 1), (20, 30), (129, 127)])
def test_any_size_can_be_looked_at(blazeface: BlazeFace, side: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*side, 3), dtype=np.uint8)
    assert isinstance(blazeface.propose(noise), list)


@pytest.mark.parametrize("length", [1, 100, MAX_TILE, MAX_TILE + 1, 500, 831, 1182, 1920, 5000])
def test_blocks_cover_a_side_and_overlap(length: int) -> None:
    blocks = _tiles(length)
    assert blocks[0][0] == 0
    assert blocks[-1][1] == length
    for (start, end), (next_start, _) in pairwise(blocks):
        assert next_start <= end - TILE_OVERLAP
        assert start < next_start
    assert max(end - start for start, end in blocks) <= MAX_TILE


def test_the_mirrored_picture_has_the_mirrored_face(blazeface: BlazeFace) -> None:
    picture, _ = shrink(load_image(EXAMPLES / "surprise_m_african_01.jpg"), WINDOW)
    (seen,), (mirrored,) = blazeface.propose(picture), blazeface.propose(cv2.flip(picture, 1))
    np.testing.assert_allclose(mirrored.center, (WINDOW - seen.center[0], seen.center[1]), atol=3)


@pytest.mark.parametrize(("places", "promised"), [(2, 0), (40, 1)])
def test_a_large_face_is_answered_for_from_many_places(
    blazeface: BlazeFace, monkeypatch: pytest.MonkeyPatch, places: int, promised: int
) -> None:
    """The network's answers replaced: boxes of 80 pixels around (64, 64), all of them sure."""
    anchors = _anchor_centers(WINDOW, WINDOW)
    chosen = np.argsort(np.abs(anchors - 64).max(axis=1), kind="stable")[:places]
    logits, coordinates = np.full((1, 896, 1), -9.0), np.zeros((1, 896, 16))
    logits[0, chosen] = 3
    coordinates[0, chosen, :2] = 64 - anchors[chosen]
    coordinates[0, chosen, 2:4] = 80
    answers = {"classificators": logits, "regressors": coordinates}
    monkeypatch.setattr(blazeface._network, "run", lambda _: answers)
    seen = blazeface.propose(np.zeros((WINDOW, WINDOW, 3), np.uint8))
    assert [round(proposal.side) for proposal in seen] == [80] * promised

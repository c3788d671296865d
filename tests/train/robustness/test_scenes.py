from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from fer_core.emotions import FER2013_LABELS
from fer_core.geometry import cut_square, similarity
from train.data.synthetic import draw_face
from train.robustness import scenes
from train.robustness.backgrounds import BACKGROUNDS
from train.robustness.scenes import (
    FACE_HEIGHT,
    LARGEST_SHARE,
    MAX_ROLL,
    SIZES,
    KnownFace,
    PlacedFace,
    Scene,
    add_faults,
    dataset_face,
    make_empty_scene,
    make_scene,
)

SMALL: dict[str, Any] = {"sizes": ((640, 480),), "heights": (60.0, 120.0)}  # quick to make
CUT = 96  # pixels, side of what is cut back out


@pytest.fixture(scope="module")
def faces() -> list[KnownFace]:
    rng = np.random.default_rng(0)
    return [dataset_face(draw_face(name, rng), row) for row, name in enumerate(FER2013_LABELS)]


def scene_of(faces: list[KnownFace], seed: int, **options: Any) -> Scene:
    chosen = [faces[3], faces[5], faces[0]]
    return make_scene(chosen, np.random.default_rng(seed), **(SMALL | options))


@pytest.fixture(scope="module")
def places(faces: list[KnownFace]) -> list[tuple[tuple[int, int], tuple[PlacedFace, ...]]]:
    """(width, height) and faces of 300 scenes that nobody paints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "_paste", lambda *_: None)
        patch.setattr(scenes, "add_faults", lambda picture, *_: picture)
        patch.setattr(
            scenes, "background", lambda width, height, _: np.zeros((height, width, 3), np.uint8)
        )
        made = [make_scene(faces[:5], np.random.default_rng(seed)) for seed in range(300)]
    return [((s.image.shape[1], s.image.shape[0]), s.faces) for s in made]


def test_the_seed_decides_all_and_the_strength_moves_no_face(faces: list[KnownFace]) -> None:
    before = [face.image.copy() for face in faces]
    first, again, other = (scene_of(faces, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    assert first.faces == again.faces != other.faces
    perfect, bad = (scene_of(faces, 1, strength=strength) for strength in (0.0, 2.0))
    assert perfect.faces == bad.faces == first.faces
    assert not np.array_equal(perfect.image, bad.image)
    assert [face.label for face in first.faces] == [3, 5, 0]
    assert all(np.array_equal(face.image, old) for face, old in zip(faces, before, strict=True))


def test_a_scene_has_one_of_the_sizes(places: list) -> None:
    assert {size for size, _ in places} == set(SIZES)


def test_faces_lie_wholly_within_the_picture(places: list) -> None:
    for size, placed in places:
        for face in placed:
            for middle, length in zip(face.center, size, strict=True):
                assert face.height / 2 <= middle <= length - face.height / 2


def test_faces_do_not_touch(places: list) -> None:
    """However both are rolled: the circles around their squares stay apart."""
    assert sum(len(placed) > 1 for _, placed in places) > 200
    for _, placed in places:
        for row, face in enumerate(placed):
            for other in placed[:row]:
                distance = np.hypot(*np.subtract(face.center, other.center))
                assert distance > (face.height + other.height) / np.sqrt(2)


def test_heights_stay_within_their_range(places: list) -> None:
    heights = [face.height for _, placed in places for face in placed]
    assert FACE_HEIGHT[0] <= min(heights) < 1.05 * FACE_HEIGHT[0]
    assert 0.9 * FACE_HEIGHT[1] < max(heights) <= FACE_HEIGHT[1]
    shares = [face.height / min(size) for size, placed in places for face in placed]
    assert 0.9 * LARGEST_SHARE < max(shares) <= LARGEST_SHARE


def test_heights_are_drawn_evenly_in_the_logarithm(places: list) -> None:
    """Of the first face, which finds room always, where the picture is no limit."""
    heights = [placed[0].height for size, placed in places if min(size) * LARGEST_SHARE > 480]
    below = np.mean(np.array(heights) < np.sqrt(FACE_HEIGHT[0] * FACE_HEIGHT[1]))
    assert 0.35 < below < 0.65


def test_a_third_stands_upright_and_the_others_roll_either_way(places: list) -> None:
    rolls = np.array([face.roll for _, placed in places for face in placed])
    assert 0.27 < np.mean(rolls == 0) < 0.40
    assert -MAX_ROLL <= rolls.min() < 0.9 * -MAX_ROLL
    assert 0.9 * MAX_ROLL < rolls.max() <= MAX_ROLL


def test_a_face_that_finds_no_room_is_left_out(faces: list[KnownFace]) -> None:
    crowd = make_scene(
        faces[:1] * 12, np.random.default_rng(0), sizes=((640, 480),), heights=(200.0, 300.0)
    )
    assert 1 <= len(crowd.faces) < 12


def test_own_sizes_and_heights_are_kept_to(faces: list[KnownFace]) -> None:
    scene = scene_of(faces, 0, sizes=((700, 500),), heights=(60.0, 62.0))
    assert scene.image.shape == (500, 700, 3)
    assert all(60 <= face.height <= 62 for face in scene.faces)


def texture(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A grey picture in which no two places look alike, in waves of about an eighth of a face."""
    cells = rng.normal(0, 1, (max(4, height // 20), max(4, width // 20)))
    waves = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 45 * waves, 0, 255).astype(np.uint8)


def small_texture(rng: np.random.Generator) -> KnownFace:
    picture = cv2.resize(texture(160, 160, rng), (48, 48), interpolation=cv2.INTER_AREA)
    return dataset_face(np.asarray(picture, np.uint8), 3)


def drawn(rng: np.random.Generator) -> KnownFace:
    return dataset_face(draw_face("happy", rng), 3)


def photo(height: int, width: int) -> Callable[[np.random.Generator], KnownFace]:
    """A face somewhere in a photograph, with a roll of its own."""

    def known(rng: np.random.Generator) -> KnownFace:
        center = width * rng.uniform(0.4, 0.6), height * rng.uniform(0.4, 0.7)
        side, roll = rng.uniform(120, 200), rng.uniform(-40, 40)
        return KnownFace(texture(height, width, rng), center, side, roll, 3)

    return known


def cut(picture: np.ndarray, center: Any, side: float, roll: float) -> np.ndarray:
    square = similarity(np.array(center), side, np.deg2rad(roll), CUT)
    return cut_square(picture, square, CUT)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(small_texture, id="dataset face"),
        pytest.param(drawn, id="drawn face"),
        pytest.param(photo(520, 520), id="square photograph"),
        pytest.param(photo(901, 420), id="oblong photograph"),
    ],
)
def test_the_pixels_at_a_placed_face_are_that_face(
    known: Callable[[np.random.Generator], KnownFace],
) -> None:
    """Cut back out upright and laid over the source: hardly any turn, no shift of half a pixel.

    A corner of a rolled square may lie outside of the picture, hence the half degree.
    """
    rolls = []
    for seed in range(4):
        face = known(np.random.default_rng(seed))
        scene = make_scene(
            [face],
            np.random.default_rng(seed),
            strength=0.0,
            sizes=((640, 480),),
            heights=(60.0, 240.0),
        )
        (place,) = scene.faces
        rolls.append(place.roll)
        grey = cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY)
        found = cut(np.asarray(grey), place.center, place.height, place.roll)
        source = cut(face.image, face.center, face.side, face.roll)
        assert np.corrcoef(found.ravel(), source.ravel())[0, 1] > 0.97
        turn, shift = offset(source, found)
        assert abs(turn) < 0.5
        assert np.hypot(*shift) * place.height / CUT < 0.2  # pixels of the scene
    assert min(rolls) < -5
    assert max(rolls) > 5


def offset(first: np.ndarray, second: np.ndarray) -> tuple[float, np.ndarray]:
    """Turn in degrees and shift of the middle in pixels that lay one crop over the other (ECC)."""
    start = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-6)
    _, warp = cv2.findTransformECC(first, second, start, cv2.MOTION_EUCLIDEAN, stop)
    middle = np.full(2, (CUT - 1) / 2)
    angle = float(np.rad2deg(np.arctan2(warp[1, 0], warp[0, 0])))
    return angle, warp[:, :2] @ middle + warp[:, 2] - middle


def test_a_perfect_photograph_has_hardly_any_fault() -> None:
    for seed, picture in enumerate(some_pictures()):
        taken = add_faults(picture, 100.0, np.random.default_rng(seed), strength=0.0)
        assert departure(picture, taken) < 1.0


def test_a_stronger_photograph_departs_further() -> None:
    def mean_departure(strength: float) -> float:
        taken = (
            (picture, add_faults(picture, 100.0, np.random.default_rng(seed), strength))
            for seed, picture in enumerate(some_pictures())
        )
        return float(np.mean([departure(*pair) for pair in taken]))

    departures = [mean_departure(strength) for strength in (0.0, 0.5, 1.0, 2.0)]
    assert departures[1] > 3 * departures[0]
    assert departures[2] > 1.3 * departures[1]
    assert departures[3] > 1.3 * departures[2]


def test_a_photograph_leaves_its_subject_alone() -> None:
    picture = some_pictures()[0]
    before = picture.copy()
    taken = add_faults(picture, 100.0, np.random.default_rng(0), 2.0)
    assert (taken.shape, taken.dtype) == (picture.shape, np.uint8)
    assert np.array_equal(picture, before)


def some_pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.dstack([texture(160, 200, rng)] * 3) for _ in range(12)]


def departure(picture: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in grey levels."""
    levels = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(float) for p in (picture, other))
    first, second = levels
    return float(np.abs(first - second).mean())


@pytest.mark.parametrize("background", BACKGROUNDS, ids=lambda drawn: drawn.__name__)
def test_a_background_fills_its_size_and_differs_by_seed(background: Callable) -> None:
    first, other = (background(203, 154, np.random.default_rng(seed)) for seed in (0, 1))
    for picture in (first, other):
        assert (picture.shape, picture.dtype) == ((154, 203, 3), np.uint8)
    assert not np.array_equal(first, other)


def test_empty_scenes_are_pictures_of_many_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = ((160, 120), (200, 160), (240, 120))
    monkeypatch.setattr(scenes, "SIZES", sizes)
    pictures = [make_empty_scene(np.random.default_rng(seed)) for seed in range(8)]
    for picture in pictures:
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        assert (picture.shape[1], picture.shape[0]) in sizes
    assert len({picture.shape for picture in pictures}) > 1
    assert np.std([picture.mean() for picture in pictures]) > 10
    assert all((picture[..., 0] != picture[..., 2]).any() for picture in pictures)

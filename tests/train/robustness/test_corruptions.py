import cv2
import numpy as np
import pytest

from fer_core.emotions import FER2013_LABELS
from train.data.synthetic import draw_face
from train.robustness.corruptions import (
    CORRUPTIONS,
    EYE_BAND,
    MOUTH_BAND,
    OCCLUDER,
    STRENGTHS,
    corrupt,
)

every_fault = pytest.mark.parametrize("name", sorted(CORRUPTIONS))
BANDS = {"eyes hidden": EYE_BAND, "mouth hidden": MOUTH_BAND}
CHANCY = ("gaussian noise", "shot noise", "motion blur", "brightness")


@pytest.fixture(scope="module")
def faces() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    drawn = [draw_face(FER2013_LABELS[row % 7], rng) for row in range(28)]
    for face in drawn:
        face.flags.writeable = False  # who touches the input is told
    return drawn


def corrupted(face: np.ndarray, name: str, strength: int, seed: int = 0) -> np.ndarray:
    return corrupt(face, name, strength, np.random.default_rng(seed))


@every_fault
def test_chance_comes_from_the_generator_alone(name: str, faces: list[np.ndarray]) -> None:
    first, again = (corrupted(faces[0], name, 3) for _ in range(2))
    others = [corrupted(faces[0], name, 3, seed) for seed in range(1, 9)]
    assert np.array_equal(first, again)
    assert any(not np.array_equal(first, other) for other in others) == (name in CHANCY)


@every_fault
def test_each_strength_departs_further_than_the_one_before(
    name: str, faces: list[np.ndarray]
) -> None:
    departures = []
    for strength in STRENGTHS:
        worse = [corrupted(face, name, strength, seed) for seed, face in enumerate(faces)]
        assert {(face.shape, face.dtype) for face in worse} == {((48, 48), np.dtype(np.uint8))}
        departures.append(np.abs(np.array(worse, float) - faces).mean())
    assert departures[0] > 0.5  # grey levels
    assert all(np.diff(departures) > 0.1), departures


@pytest.mark.parametrize("name", sorted(BANDS))
def test_a_bar_hides_its_band_and_nothing_else(name: str, faces: list[np.ndarray]) -> None:
    top, bottom = (round(48 * edge) for edge in BANDS[name])
    widths = []
    for strength in STRENGTHS:
        changed = (corrupted(faces[0], name, strength) != faces[0]).any(axis=0)
        hidden = corrupted(faces[0], name, strength)
        assert np.array_equal(hidden[:top], faces[0][:top])
        assert np.array_equal(hidden[bottom:], faces[0][bottom:])
        bar = np.flatnonzero(changed)
        assert (hidden[top:bottom, bar.min() : bar.max() + 1] == OCCLUDER).all()
        assert abs((bar.min() + bar.max()) / 2 - 23.5) < 1.5
        widths.append(bar.max() - bar.min() + 1)
    assert widths == sorted(set(widths))


def test_the_bands_hold_the_features_that_they_are_named_after() -> None:
    """Where drawn faces of several expressions differ: eyes above, mouths below."""
    rng = np.random.default_rng(0)
    angry, surprise = (
        np.mean([draw_face(name, rng).astype(float) for _ in range(40)], axis=0)
        for name in ("angry", "surprise")
    )
    rows = np.abs(angry - surprise)[:, 10:38].mean(axis=1)
    eyes, mouth = (rows[round(48 * a) : round(48 * b)] for a, b in (EYE_BAND, MOUTH_BAND))
    between = rows[round(48 * EYE_BAND[1]) : round(48 * MOUTH_BAND[0])]
    assert eyes.max() > 2 * between.mean()
    assert mouth.max() > 2 * between.mean()


@pytest.mark.parametrize("name", ["contrast", "brightness"])
def test_light_keeps_the_order_of_the_grey_levels(name: str) -> None:
    ramp = np.tile(np.arange(104, 152, dtype=np.uint8), (48, 1))
    for strength in STRENGTHS:
        worse = corrupted(ramp, name, strength).astype(int)
        assert (np.diff(worse, axis=1) >= 0).all()
    assert corrupted(ramp, "contrast", 5).std() < 0.2 * ramp.std()


@pytest.mark.parametrize("name", ["defocus blur", "motion blur"])
def test_blur_spreads_a_dot_around_its_place(name: str) -> None:
    dot = np.zeros((49, 49), np.uint8)
    dot[22:27, 22:27] = 255
    for strength in STRENGTHS:
        blurred = corrupted(dot, name, strength, seed=strength).astype(float)
        middle = (np.indices(dot.shape) * blurred).sum(axis=(1, 2)) / blurred.sum()
        assert middle == pytest.approx((24, 24), abs=0.1)
        assert blurred.sum() == pytest.approx(dot.sum(), rel=0.02)


def test_blur_is_measured_by_the_face(faces: list[np.ndarray]) -> None:
    """Of a face twice as large it takes as much as of the face itself."""
    large = np.asarray(cv2.resize(faces[0], (96, 96), interpolation=cv2.INTER_CUBIC), np.uint8)
    shrunk = cv2.resize(corrupted(large, "defocus blur", 4), (48, 48), interpolation=cv2.INTER_AREA)
    expected = corrupted(faces[0], "defocus blur", 4)
    assert np.abs(np.asarray(shrunk, float) - expected).mean() < 3


def test_downscaling_takes_what_is_finer_than_the_pixels_left() -> None:
    stripes = np.tile((np.arange(48) % 2 * 200).astype(np.uint8), (48, 1))
    assert corrupted(stripes, "downscaling", 2).std() < 2  # 24 pixels are left

import numpy as np
import pytest

from fer_core.quality import CLASSES
from train.data.synthetic import draw_face
from train.inputs.imitated_faults import FAULTS, cover, cut_off, vary


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    drawn = draw_face("happy", np.random.default_rng(0))
    drawn.flags.writeable = False  # who touches the input is told
    return drawn


def test_faults_are_classes_of_the_quality_network() -> None:
    assert set(FAULTS) == set(CLASSES) - {"clear", "drawn"}


@pytest.mark.parametrize("name", [*FAULTS, "vary"])
@pytest.mark.parametrize("seed", range(12))
def test_a_face_stays_a_face_of_the_same_form(name: str, seed: int, face: np.ndarray) -> None:
    change = FAULTS.get(name, vary)
    first, again = (change(face, np.random.default_rng(seed)) for _ in range(2))
    assert (first.shape, first.dtype) == ((48, 48), np.uint8)
    assert np.array_equal(first, again)


@pytest.mark.parametrize("seed", range(8))
def test_a_cut_repeats_the_last_pixels(seed: int, face: np.ndarray) -> None:
    cut = cut_off(face, np.random.default_rng(seed)).astype(int)
    constant = [(np.diff(np.rot90(cut, turns)[-15:], axis=0) == 0).all() for turns in range(4)]
    assert any(constant)


def test_a_cover_hides_a_tenth_of_a_face_at_least_mostly(face: np.ndarray) -> None:
    shares = [(cover(face, np.random.default_rng(seed)) != face).mean() for seed in range(40)]
    assert np.median(shares) > 0.1


def test_varying_hides_less_than_covering(face: np.ndarray) -> None:
    flat = np.full((48, 48), 128, np.uint8)
    covered = [(cover(flat, np.random.default_rng(s)) != 128).mean() for s in range(40)]
    varied = [(np.abs(vary(flat, np.random.default_rng(s)).astype(int) - 128) > 60).mean()
              for s in range(40)]  # fmt: skip
    assert np.mean(varied) < 0.2 * np.mean(covered)

import numpy as np
import pytest

from fer_core.results import BoundingBox, FaceDetection
from train.robustness.hidden_faces import CHANGES, HAND_HEIGHT, HAND_WIDTH, MASK_COLOR, SQUEEZE

BOX = BoundingBox(60, 50, 140, 150)
KEYPOINTS = [
    (80.0, 85.0),
    (120.0, 85.0),
    (100.0, 105.0),
    (100.0, 125.0),
    (62.0, 95.0),
    (138.0, 95.0),
]
FACE = FaceDetection(BOX, np.array(KEYPOINTS, float), 0.9)


@pytest.fixture
def image() -> np.ndarray:
    noise = np.random.default_rng(0).integers(60, 200, (200, 240, 3)).astype(np.uint8)
    noise.flags.writeable = False  # who touches the input is told
    return noise


def changed(name: str, image: np.ndarray, seed: int = 0) -> np.ndarray:
    return CHANGES[name](image, FACE, np.random.default_rng(seed))


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_gives_another_image(name: str, image: np.ndarray) -> None:
    result = changed(name, image)
    assert result.dtype == np.uint8
    assert result.ndim == 3
    assert result.shape != image.shape or not np.array_equal(result, image)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("lower half outside", np.s_[:100]),
        ("upper half outside", np.s_[100:]),
        ("right half outside", np.s_[:, :100]),
        ("left half outside", np.s_[:, 100:]),
    ],
)
def test_cuts_end_at_the_middle_of_the_box(name: str, part: object, image: np.ndarray) -> None:
    assert np.array_equal(changed(name, image), image[part])


def test_the_mask_hides_mouth_and_nose_and_no_eye(image: np.ndarray) -> None:
    masked = changed("mask over mouth and nose", image)
    for x, y in KEYPOINTS[2:4]:
        assert tuple(masked[int(y), int(x)]) == MASK_COLOR
    for x, y in KEYPOINTS[:2]:
        assert np.array_equal(masked[int(y), int(x)], image[int(y), int(x)])


@pytest.mark.parametrize("seed", range(5))
def test_the_hand_covers_as_much_as_a_hand(seed: int, image: np.ndarray) -> None:
    hidden = (changed("hand-sized patch", image, seed) != image).any(axis=2).sum()
    expected = np.pi / 4 * HAND_WIDTH * BOX.width * HAND_HEIGHT * BOX.height
    assert hidden == pytest.approx(expected, rel=0.2)


def test_squeezing_keeps_the_height(image: np.ndarray) -> None:
    assert changed("squeezed to 3:4", image).shape == (200, round(SQUEEZE * 240), 3)


def test_motion_smooths(image: np.ndarray) -> None:
    blurred = changed("motion blur", image)
    assert blurred.shape == image.shape
    assert blurred.std() < 0.7 * image.std()

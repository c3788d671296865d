from dataclasses import replace

import numpy as np
import pytest

from train.augmentation import AugmentationConfig, augment
from train.synthetic import draw_face

NOTHING = AugmentationConfig(
    rotation=0, scale=0, shift=0, gamma_share=0, erase_share=0, soften_share=0
)


@pytest.fixture
def faces() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([draw_face("happy", rng) for _ in range(40)])


def test_the_same_seed_gives_the_same_faces(faces: np.ndarray) -> None:
    first, second = (
        augment(faces, AugmentationConfig(), np.random.default_rng(3)) for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_another_seed_gives_other_faces(faces: np.ndarray) -> None:
    first, second = (
        augment(faces, AugmentationConfig(), np.random.default_rng(seed)) for seed in (3, 4)
    )
    assert not np.array_equal(first, second)


def test_the_input_is_not_touched(faces: np.ndarray) -> None:
    before = faces.copy()
    augment(faces, AugmentationConfig(), np.random.default_rng(0))
    assert np.array_equal(faces, before)


def test_shape_and_dtype_stay(faces: np.ndarray) -> None:
    changed = augment(faces, AugmentationConfig(), np.random.default_rng(0))
    assert (changed.shape, changed.dtype) == (faces.shape, faces.dtype)


def test_with_everything_off_a_face_is_itself_or_its_mirror_image(faces: np.ndarray) -> None:
    changed = augment(faces, NOTHING, np.random.default_rng(0))
    same = (changed == faces).all(axis=(1, 2))
    mirrored = (changed == faces[:, :, ::-1]).all(axis=(1, 2))
    assert (same | mirrored).all()
    assert same.any()
    assert mirrored.any()


def test_rotation_stays_within_its_limit() -> None:
    dot = np.zeros((1, 48, 48), np.uint8)
    dot[0, 22:26, 42:46] = 255  # right of the centre, at (20.5, .5) from it
    config = replace(NOTHING, rotation=15.0)
    angles = []
    for seed in range(200):
        face = augment(dot, config, np.random.default_rng(seed))[0].astype(float)
        y, x = (np.indices(face.shape) * face).sum(axis=(1, 2)) / face.sum() - 23.5
        angles.append(np.degrees(np.arctan2(y, abs(x))))
    assert 10 < np.abs(angles).max() < 17.5


def test_gamma_keeps_black_and_white() -> None:
    steps = np.zeros((1, 48, 48), np.uint8)
    steps[0, :, 24:] = 255
    config = replace(NOTHING, gamma_share=1.0)
    changed = augment(steps, config, np.random.default_rng(0))
    assert set(np.unique(changed)) == {0, 255}


def test_erasing_takes_no_more_than_its_area() -> None:
    flat = np.full((200, 48, 48), 77, np.uint8)
    changed = augment(flat, replace(NOTHING, erase_share=1.0), np.random.default_rng(1))
    lost = (changed != 77).mean(axis=(1, 2))
    assert 0 < lost.max() <= 0.23  # .20, and rounding to whole pixels

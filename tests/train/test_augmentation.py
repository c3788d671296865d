from dataclasses import replace

import numpy as np
import pytest

from train.augmentation import AugmentationConfig, augment, jpeg
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


def test_what_is_off_by_default_leaves_older_runs_as_they_were() -> None:
    """Pinned from train/augmentation.py of commit aca631c, which knew none of the newer options.

    The next number tells that as much chance was drawn as then; the means, in place of a digest of
    the pixels, allow another machine's OpenCV a grey level here and there.
    """
    slopes = (3 * np.arange(48)[:, np.newaxis] + 2 * np.arange(48)) % 256
    faces = np.stack([np.roll(slopes, 5 * row, axis=1) for row in range(12)]).astype(np.uint8)
    rng = np.random.default_rng(2013)
    changed = augment(faces, AugmentationConfig(), rng)
    assert rng.integers(2**62) == 4413268318516225991
    assert changed.mean(axis=(1, 2)) == pytest.approx(
        [114.74, 119.58, 149.53, 118.08, 165.42, 117.74,
         108.06, 116.57, 117.86, 115.83, 144.49, 121.62],
        abs=0.05,
    )  # fmt: skip


NEWER = pytest.mark.parametrize("option", ["light_share", "noise_share", "jpeg_share"])


@NEWER
def test_a_newer_option_changes_its_share_of_the_faces(faces: np.ndarray, option: str) -> None:
    many = np.tile(faces, (10, 1, 1))
    for share in (0.3, 1.0):
        changed = augment(many, replace(NOTHING, **{option: share}), np.random.default_rng(0))
        other = (changed != many).any(axis=(1, 2)) & (changed != many[:, :, ::-1]).any(axis=(1, 2))
        assert other.mean() == pytest.approx(share, abs=0.07)


@NEWER
def test_a_newer_option_keeps_shape_dtype_and_input(faces: np.ndarray, option: str) -> None:
    before = faces.copy()
    changed = augment(faces, replace(NOTHING, **{option: 1.0}), np.random.default_rng(0))
    assert (changed.shape, changed.dtype) == (faces.shape, np.uint8)
    assert np.array_equal(faces, before)


def test_light_falls_off_across_the_face_from_any_side() -> None:
    flat = np.full((200, 48, 48), 200, np.uint8)
    lit = augment(
        flat, replace(NOTHING, light_share=1.0, light=0.6), np.random.default_rng(0)
    ).astype(float)
    assert lit.max() == 200
    assert 200 * (1 - 0.6) <= lit.min() < 200 * (1 - 0.5)
    towards = [
        (face[24:].mean() > face[:24].mean(), face[:, 24:].mean() > face[:, :24].mean())
        for face in lit
    ]
    assert len(set(towards)) == 4
    y, x = np.indices((48, 48)).reshape(2, -1)
    plane = np.column_stack([x, y, np.ones_like(x)])
    for face in lit[:40]:  # evenly: a plane, but for the rounding
        levels = face.ravel()
        assert np.abs(plane @ np.linalg.lstsq(plane, levels)[0] - levels).max() < 1


def test_noise_is_even_handed_and_within_its_limit() -> None:
    flat = np.full((200, 48, 48), 128, np.uint8)
    noisy = augment(
        flat, replace(NOTHING, noise_share=1.0, noise=12.0), np.random.default_rng(0)
    ).astype(float)
    deviations = noisy.std(axis=(1, 2))
    assert 11 < deviations.max() < 13
    assert deviations.min() < 2
    assert abs(noisy.mean() - 128) < 0.1


def test_noise_does_not_wrap_around() -> None:
    black_and_white = np.zeros((1, 48, 48), np.uint8)
    black_and_white[0, :, 24:] = 255
    config = replace(NOTHING, noise_share=1.0, noise=12.0)
    noisy = augment(black_and_white, config, np.random.default_rng(0))
    assert set(np.unique(np.where(noisy > 127, 255, 0))) == {0, 255}
    assert ((noisy < 80) | (noisy > 175)).all()


def test_a_lower_jpeg_quality_departs_further(faces: np.ndarray) -> None:
    departures = [
        np.abs(
            np.minimum(abs(changed - faces), abs(changed - faces[:, :, ::-1].astype(float)))
        ).mean()
        for quality in (90, 50, 25)
        for changed in [
            augment(
                faces,
                replace(NOTHING, jpeg_share=1.0, jpeg_quality=(quality, quality)),
                np.random.default_rng(0),
            ).astype(float)
        ]
    ]
    assert departures == sorted(departures)
    assert departures[2] > 2 * departures[0] > 0


@pytest.mark.parametrize("shape", [(48, 48), (31, 57), (20, 30, 3)])
def test_jpeg_keeps_the_shape_and_nearly_the_picture(shape: tuple[int, ...]) -> None:
    waves = np.sin(np.mgrid[: shape[0], : shape[1]].sum(axis=0) / 9)
    picture = np.rint(128 + 100 * waves).astype(np.uint8)
    if len(shape) == 3:
        picture = np.dstack([picture, picture, np.full_like(picture, 40)])  # yellow and blue
    packed = jpeg(picture, 95)
    assert (packed.shape, packed.dtype) == (shape, np.uint8)
    assert np.abs(packed.astype(float) - picture).mean() < 4
    assert not np.array_equal(jpeg(picture, 5), packed)


def test_contrast_moves_levels_away_from_the_middle_or_towards_it() -> None:
    ramp = np.tile(np.linspace(96, 160, 48).astype(np.uint8), (1, 48, 1))
    for factor in (0.5, 1.5):
        config = replace(NOTHING, contrast_share=1.0, contrast=(factor, factor))
        changed = augment(ramp, config, np.random.default_rng(1))[0]
        spread = np.ptp(changed.astype(int))
        assert abs(spread - factor * np.ptp(ramp.astype(int))) <= 2
        assert abs(changed.mean() - 128) < 2

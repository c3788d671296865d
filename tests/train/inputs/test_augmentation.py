from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest

from tests.train.inputs.tables import STILL
from train.data.synthetic import draw_face
from train.inputs.augmentation import DRAWS, augment, draw_uniform
from train.inputs.jpeg import jpeg
from train.recipes.config import AugmentationConfig

HIDING = ("cover_share", "cut_share", "motion_share")
OPTIONS = (
    "light_share", "noise_share", "jpeg_share", "contrast_share", "soften_share", *HIDING,
)  # fmt: skip


def changed_by(
    faces: np.ndarray, config: AugmentationConfig, seed: int = 0, **draws: float
) -> np.ndarray:
    """Augmented faces; draws by name are set for all of them."""
    return both_by(faces, config, seed, **draws)[0]


def both_by(
    faces: np.ndarray, config: AugmentationConfig, seed: int = 0, **draws: float
) -> tuple[np.ndarray, np.ndarray | None]:
    drawn = draw_uniform(np.random.default_rng(seed), len(faces))
    for name, value in draws.items():
        drawn[:, DRAWS.index(name)] = value
    changed, hidden = augment(faces.astype(np.float32), drawn, config)
    values = keras.ops.convert_to_numpy(changed)
    return values, None if hidden is None else keras.ops.convert_to_numpy(hidden)


@pytest.fixture
def faces() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([draw_face("happy", rng) for _ in range(40)])


def test_draws_are_seeded_and_uniform() -> None:
    first, again, other = (draw_uniform(np.random.default_rng(seed), 500) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first >= 0).all()
    assert (first < 1).all()
    np.testing.assert_allclose(first.mean(axis=0), 0.5, atol=0.06)


def test_the_input_is_not_touched(faces: np.ndarray) -> None:
    levels = faces.astype(np.float32)
    augment(levels, draw_uniform(np.random.default_rng(0), len(faces)), AugmentationConfig())
    assert np.array_equal(levels, faces)


@pytest.mark.parametrize("option", OPTIONS)
def test_faces_stay_whole_grey_levels(faces: np.ndarray, option: str) -> None:
    changed = changed_by(faces, replace(AugmentationConfig(), **{option: 1.0}))
    assert changed.shape == faces.shape
    assert np.array_equal(changed, np.rint(changed))
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_with_everything_off_a_face_is_itself_or_its_mirror_image(faces: np.ndarray) -> None:
    changed = changed_by(faces, STILL)
    same = (changed == faces).all(axis=(1, 2))
    mirrored = (changed == faces[:, :, ::-1]).all(axis=(1, 2))
    assert (same | mirrored).all()
    assert same.any()
    assert mirrored.any()


def test_the_warp_is_opencv_s(faces: np.ndarray) -> None:
    """Rotation, scale and shift at their limits, against OpenCV's bilinear sampling."""
    config = replace(STILL, rotation=15.0, scale=0.15, shift=0.08)
    limits = {"rotation": 1.0, "scale": 1.0, "shift_x": 1.0, "shift_y": 0.0}
    for flip, mirror in ((0.9, 1), (0.1, -1)):
        changed = changed_by(faces, config, flip=flip, **limits)
        angle, center = np.radians(15), 23.5
        linear = 1.15 * np.array(
            [[mirror * np.cos(angle), -np.sin(angle)], [mirror * np.sin(angle), np.cos(angle)]]
        )
        offset = center + np.array([0.08, -0.08]) * 48 - linear @ [center, center]
        for face, seen in zip(faces, changed, strict=True):
            expected = cv2.warpAffine(
                face.astype(np.float32), np.column_stack([linear, offset]), (48, 48),
                flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
            # OpenCV samples at multiples of 1/32 pixel.
            assert np.abs(seen - expected).mean() < 1
            assert np.abs(seen - expected).max() < 12


def test_gamma_keeps_black_and_white() -> None:
    steps = np.zeros((20, 48, 48), np.uint8)
    steps[:, :, 24:] = 255
    assert set(np.unique(changed_by(steps, replace(STILL, gamma_share=1.0)))) == {0, 255}


def test_gamma_reaches_the_ends_of_its_range() -> None:
    grey = np.full((1, 48, 48), 128, np.uint8)
    config = replace(STILL, gamma_share=1.0, gamma=(0.5, 2.0))
    light, dark = (changed_by(grey, config, gamma_value=value)[0, 0, 0] for value in (0.0, 1.0))
    assert light == pytest.approx(255 * (128 / 255) ** 0.5, abs=1)
    assert dark == pytest.approx(255 * (128 / 255) ** 2, abs=1)


def test_erasing_takes_no_more_than_its_area() -> None:
    flat = np.full((200, 48, 48), 77, np.uint8)
    changed = changed_by(flat, replace(STILL, erase_share=1.0), seed=1)
    lost = (changed != 77).mean(axis=(1, 2))
    assert 0.15 < lost.max() <= 0.23  # .20, and rounding to whole pixels
    for face in changed[:20]:
        rows, columns = np.nonzero(face != 77)
        assert (face[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] != 77).all()


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_changes_its_share_of_the_faces(faces: np.ndarray, option: str) -> None:
    many = np.tile(faces, (10, 1, 1))
    for share in (0.3, 1.0):
        changed = changed_by(many, replace(STILL, **{option: share}))
        other = (changed != many).any(axis=(1, 2)) & (changed != many[:, :, ::-1]).any(axis=(1, 2))
        assert other.mean() == pytest.approx(share, abs=0.1)


def test_light_falls_off_across_the_face_from_any_side() -> None:
    flat = np.full((200, 48, 48), 200, np.uint8)
    lit = changed_by(flat, replace(STILL, light_share=1.0, light=0.6))
    assert 198 <= lit.max() <= 200
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
    noisy = changed_by(flat, replace(STILL, noise_share=1.0, noise=12.0))
    deviations = noisy.std(axis=(1, 2))
    assert 11 < deviations.max() < 13
    assert deviations.min() < 2
    assert abs(noisy.mean() - 128) < 0.1
    loud = noisy[deviations > 6] - 128
    loud = loud / loud.std(axis=(1, 2), keepdims=True)
    alike = np.abs(np.einsum("ahw,bhw->ab", loud, loud) / 48**2 - np.eye(len(loud)))
    assert (alike > 0.2).mean() < 0.001  # hardly any two faces have the same noise


def test_noise_does_not_wrap_around() -> None:
    black_and_white = np.zeros((20, 48, 48), np.uint8)
    black_and_white[:, :, 24:] = 255
    noisy = changed_by(black_and_white, replace(STILL, noise_share=1.0, noise=12.0))
    assert ((noisy < 80) | (noisy > 175)).all()


@pytest.mark.parametrize("side", [48, 44])
def test_jpeg_does_about_what_opencv_s_does(faces: np.ndarray, side: int) -> None:
    departures = {}
    faces = faces[:, :side, :side]
    for quality in (90, 50, 25):
        config = replace(STILL, jpeg_share=1.0, jpeg_quality=(quality, quality))
        changed = changed_by(faces, config, flip=0.9)
        packed = np.stack([jpeg(face, quality) for face in faces]).astype(float)
        departures[quality] = np.abs(changed - faces).mean()
        assert departures[quality] == pytest.approx(np.abs(packed - faces).mean(), rel=0.15)
        # Of whole blocks nearly the same pixels are left, but for the decoder's rounding.
        assert np.abs(changed - packed)[:, :40, :40].mean() < 0.25 * departures[quality] + 0.3
    assert departures[25] > 2 * departures[90] > 0


def test_contrast_moves_levels_away_from_the_middle_or_towards_it() -> None:
    ramp = np.tile(np.linspace(96, 160, 48).astype(np.uint8), (1, 48, 1))
    for factor in (0.5, 1.5):
        config = replace(STILL, contrast_share=1.0, contrast=(factor, factor))
        changed = changed_by(ramp, config)[0]
        assert abs(np.ptp(changed) - factor * np.ptp(ramp.astype(int))) <= 2
        assert abs(changed.mean() - 128) < 2


def test_softening_is_opencv_s_shrinking_and_enlarging(faces: np.ndarray) -> None:
    config = replace(STILL, soften_share=1.0)
    changed = changed_by(faces, config, flip=0.9, soften_size=0.0)
    for face, seen in zip(faces, changed, strict=True):
        small = cv2.resize(face, (19, 19), interpolation=cv2.INTER_AREA)
        assert np.abs(seen - cv2.resize(small, (48, 48))).max() <= 2


def test_motion_blurs_along_its_path_alone() -> None:
    stripes = np.zeros((1, 48, 48), np.uint8)
    stripes[0, :, ::2] = 200
    config = replace(STILL, motion_share=1.0, motion=0.25)
    along, across = (
        changed_by(stripes, config, motion_length=1.0, motion_angle=angle)[0]
        for angle in (0.5, 0.0)  # half a turn is 1: down the stripes, and across them
    )
    assert np.array_equal(np.unique(along), [0, 200])
    assert np.ptp(across[:, 8:-8]) < 40


@pytest.mark.parametrize("option", HIDING)
def test_what_is_hidden_is_told(faces: np.ndarray, option: str) -> None:
    many = np.tile(faces, (5, 1, 1))
    _, hidden = both_by(many, replace(STILL, **{option: 0.5}))
    assert hidden is not None
    assert (hidden >= -1e-6).all()
    assert (hidden <= 1 + 1e-6).all()
    assert 0.3 < (hidden > 0.01).mean() < 0.6
    _, nothing = both_by(faces, STILL)
    assert nothing is None


def test_a_mask_hides_the_mouth_and_glasses_the_eyes() -> None:
    flat = np.full((50, 48, 48), 128, np.uint8)
    config = replace(STILL, cover_share=1.0)
    masked, hidden = both_by(flat, config, cover_kind=0.0, cover_level=1.0)
    assert (masked[:, 38, 24] != 128).all()
    assert (masked[:, :20] == 128).all()
    assert hidden is not None
    assert (hidden > 0.35).all()
    worn, hidden = both_by(flat, config, cover_kind=0.9)
    assert (worn[:, 18, [15, 32]] != 128).all()
    assert (worn[:, 30:] == 128).all()
    assert hidden is not None
    assert ((hidden > 0.1) & (hidden < 0.6)).all()


def test_a_cut_repeats_the_edge_outwards(faces: np.ndarray) -> None:
    config = replace(STILL, cut_share=1.0, cut=(0.25, 0.25))
    deep = {"flip": 0.9, "cut_depth": 0.0}
    left, right, top, bottom = (
        changed_by(faces, config, cut_side=side, **deep) for side in (0.1, 0.3, 0.6, 0.9)
    )
    assert np.array_equal(left, np.concatenate([faces[:, :, [12] * 12], faces[:, :, 12:]], axis=2))
    assert np.array_equal(right, np.concatenate([faces[:, :, :36], faces[:, :, [35] * 12]], axis=2))
    assert np.array_equal(top, np.concatenate([faces[:, [12] * 12], faces[:, 12:]], axis=1))
    assert np.array_equal(bottom, np.concatenate([faces[:, :36], faces[:, [35] * 12]], axis=1))


def test_cutting_the_mouth_off_hides_more_than_the_forehead(faces: np.ndarray) -> None:
    config = replace(STILL, cut_share=1.0, cut=(0.3, 0.3))
    _, forehead = both_by(faces, config, cut_side=0.6)
    _, mouth = both_by(faces, config, cut_side=0.9)
    assert forehead is not None
    assert mouth is not None
    assert (mouth > 2 * forehead).all()

from dataclasses import replace

import keras
import numpy as np
import pytest

from fer_core.preprocessing import PreprocessingSpec, prepare_dataset_faces, preprocess
from train.data.synthetic import draw_face
from train.inputs.standardization import prepare_training_faces, standardize


@pytest.fixture
def faces() -> np.ndarray:
    rng = np.random.default_rng(0)
    drawn = [draw_face(emotion, rng) for emotion in ("happy", "fear", "neutral") * 5]
    noise = rng.integers(0, 256, (4, 48, 48), dtype=np.uint8)
    return np.concatenate([np.stack(drawn), noise, np.full((1, 48, 48), 77, np.uint8)])


def standardized(faces: np.ndarray, spec: PreprocessingSpec) -> np.ndarray:
    levels = prepare_training_faces(faces, spec).astype(np.float32)
    return np.asarray(keras.ops.convert_to_numpy(standardize(levels, spec)))


@pytest.mark.parametrize("changes", [{}, {"std_offset": 20.0}, {"filters": ("blur", "sharpen")}])
def test_it_is_what_a_visitor_s_face_gets(faces: np.ndarray, changes: dict[str, object]) -> None:
    spec = replace(PreprocessingSpec(), **changes)
    expected = preprocess(prepare_dataset_faces(faces, spec), spec)
    np.testing.assert_allclose(standardized(faces, spec), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("crop_size", "input_size", "interpolation"),
    [
        (48, 40, "linear"),
        (64, 64, "linear"),
        (48, 56, "linear"),
        (48, 56, "cubic"),
        (64, 48, "linear"),
    ],
)
def test_resampled_faces_are_a_grey_level_away_at_most(
    faces: np.ndarray, crop_size: int, input_size: int, interpolation: str
) -> None:
    spec = replace(
        PreprocessingSpec(),
        crop_size=crop_size,
        input_size=input_size,
        interpolation=interpolation,
    )
    expected = preprocess(prepare_dataset_faces(faces, spec), spec)
    assert expected.shape[1] == input_size
    actual = standardized(faces, spec)
    for one, other in zip(actual, expected, strict=True):
        # The flat face has deviation 0, the others more than 20 grey levels.
        assert np.abs(one - other).max() < 1.1 / 8
        assert np.abs(one - other).mean() < 0.01

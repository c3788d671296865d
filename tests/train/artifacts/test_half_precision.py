from pathlib import Path

import keras
import numpy as np
import pytest

from fer_core.preprocessing import PreprocessingSpec
from train.artifacts.half_precision import halve_kernels
from train.networks.build import build_network
from train.recipes.config import NetworkShape


@pytest.fixture
def network() -> keras.Model:
    shape = NetworkShape(width=32, stages=2, depth=1, residual=True, squeeze=2)
    built = build_network("plain", PreprocessingSpec(), shape=shape)
    rng = np.random.default_rng(0)
    built.set_weights([rng.normal(size=weight.shape) for weight in built.get_weights()])
    # Beyond float16 at both ends, as statistics may be.
    variance = next(one for one in built.weights if one.path.endswith("moving_variance"))
    variance.assign(np.geomspace(1e-9, 1e6, variance.shape[0]))
    return built


def test_kernels_are_halved_and_all_else_stays(network: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "network.keras"
    network.save(path)
    before = path.stat().st_size
    halve_kernels(path)
    loaded = keras.saving.load_model(path, compile=False)
    assert path.stat().st_size < 0.65 * before
    for one, other in zip(network.weights, loaded.weights, strict=True):
        assert other.dtype == "float32"
        expected = np.array(one)
        if expected.ndim > 1:
            expected = expected.astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(np.array(other), expected)
    once = path.stat().st_size
    halve_kernels(path)
    assert path.stat().st_size == once

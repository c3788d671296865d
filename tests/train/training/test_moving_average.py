from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer_core.preprocessing import PreprocessingSpec
from train.artifacts.run_folder import averaged, checkpoint, load_best, read_history
from train.data.synthetic import write_synthetic_dataset
from train.networks.build import build_network
from train.recipes.presets import PRESETS
from train.training.fitting import fit
from train.training.moving_average import MovingAverage


def test_it_follows_slowly_and_changes_places_with_the_weights() -> None:
    network = build_network("tiny", PreprocessingSpec())
    kernel = network.trainable_variables[0]
    kernel.assign(np.zeros(kernel.shape))
    average = MovingAverage(network, decay=0.75)
    average.restart(100)
    kernel.assign(np.ones(kernel.shape))
    average.update()
    average.swap()
    np.testing.assert_allclose(np.array(kernel), 0.25, atol=1e-6)
    average.swap()
    np.testing.assert_allclose(np.array(kernel), 1.0)
    average.update()
    average.swap()
    np.testing.assert_allclose(np.array(kernel), 0.4375, atol=1e-6)


def test_at_the_beginning_it_follows_faster() -> None:
    network = build_network("tiny", PreprocessingSpec())
    kernel = network.trainable_variables[0]
    kernel.assign(np.zeros(kernel.shape))
    average = MovingAverage(network, decay=0.999)
    kernel.assign(np.ones(kernel.shape))
    average.update()
    average.swap()
    np.testing.assert_allclose(np.array(kernel), 1 - 2 / 11, atol=1e-6)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_run_with_it_is_judged_and_loaded_by_it_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_synthetic_dataset(tmp_path, (8, 35, 7))
    config = replace(PRESETS["smoke"], averaging=0.9, epochs=2, schedule="constant")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(config, tmp_path, whole, export=False)
    best = max(read_history(whole), key=lambda row: (row["score"], -row["epoch"]))["epoch"]
    network = build_network(config.network, config.preprocessing)
    network.load_weights(averaged(whole, best))
    expected = network.get_weights()
    for one, other in zip(load_best(whole, config).get_weights(), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    network.load_weights(checkpoint(whole, best))
    assert not np.allclose(network.get_weights()[0], expected[0], atol=1e-3)

    # A run that stopped after its first epoch goes on as if it had not.
    with monkeypatch.context() as patched:
        patched.setattr("train.training.fitting._would_end", len)  # a clock that counts epochs
        assert not fit(config, tmp_path, parts, until=0.5, export=False)
    fit(config, tmp_path, parts, export=False)
    for one, other in zip(read_history(whole), read_history(parts), strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)
        assert other["score"] == pytest.approx(one["score"], abs=0.03)

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer_core.preprocessing import PreprocessingSpec
from train.artifacts.model_folder import load_network
from train.artifacts.run_folder import averaged, checkpoint, read_history
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


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_synthetic_dataset(folder, (140, 35, 35))
    return folder


def test_a_run_with_it_is_judged_and_published_by_it_and_goes_on(
    data: Path, tmp_path: Path
) -> None:
    config = replace(PRESETS["smoke"], averaging=0.9, epochs=3, schedule="constant")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(config, data, whole)
    best = max(read_history(whole), key=lambda row: (row["score"], -row["epoch"]))["epoch"]
    network = build_network(config.network, config.preprocessing)
    network.load_weights(averaged(whole, best))
    inputs = np.random.default_rng(0).normal(size=(4, 48, 48, 1)).astype(np.float32)
    expected = network.predict_on_batch(inputs)["ferplus"]
    network.load_weights(checkpoint(whole, best))
    assert not np.allclose(expected, network.predict_on_batch(inputs)["ferplus"], atol=1e-3)
    published = load_network(whole).predict_on_batch(inputs)["ferplus"]
    np.testing.assert_allclose(published, expected, atol=5e-3)  # kernels are float16

    # A run that ended after its first epoch goes on as if it had not.
    fit(replace(config, epochs=1), data, parts)
    text = (parts / "config.json").read_text()
    (parts / "config.json").write_text(text.replace('"epochs": 1', '"epochs": 3'))
    fit(config, data, parts)
    for one, other in zip(read_history(whole), read_history(parts), strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)
        assert other["score"] == pytest.approx(one["score"], abs=0.03)

"""Averaging the weights of kindred runs, and the logits of any."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from fer_core.model import EmotionModel
from fer_core.preprocessing import PreprocessingSpec, preprocess
from train.artifacts.averaging import average
from train.artifacts.model_folder import load_network, network_files, save_network
from train.average import main
from train.errors import RunError
from train.networks.build import build_network
from train.recipes.config import NetworkShape


@pytest.fixture
def moved(small_model: Path, tmp_path: Path) -> Path:
    """The small model with all its weights a little larger."""
    folder = tmp_path / "moved"
    shutil.copytree(small_model, folder)
    network = load_network(small_model)
    network.set_weights([1.5 * weights for weights in network.get_weights()])
    save_network(network, folder)
    return folder


def test_every_weight_is_the_mean_and_the_folder_loads(
    small_model: Path, moved: Path, small_data: Path, tmp_path: Path
) -> None:
    info = average([small_model, moved], small_data, tmp_path / "mean", "the command")
    first = load_network(small_model).get_weights()
    mean = load_network(tmp_path / "mean").get_weights()
    for one, both in zip(first, mean, strict=True):
        np.testing.assert_allclose(both, 1.25 * one, rtol=2e-3, atol=1e-6)  # kernels are float16
    model = EmotionModel.load(tmp_path / "mean")
    assert model.info.training["command"] == "the command"
    assert model.info.training["mean"] == "weights"
    assert len(model.info.training["mean_of"]) == 2
    assert model.info.calibration.to_dict() == info.calibration.to_dict()
    assert info.calibration.fitted_on.keys() == {"PublicTest"}


def test_answers_have_a_mean_in_which_each_network_counts_once(
    small_model: Path, moved: Path, small_data: Path, tmp_path: Path
) -> None:
    pair, mean = tmp_path / "pair", tmp_path / "mean"
    average([small_model, moved], small_data, pair, answers=True)
    info = average([small_model, pair], small_data, mean, answers=True)
    assert [path.name for path in network_files(mean)] == [
        f"emotion-{number}.keras" for number in (1, 2, 3)
    ]
    faces = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    inputs = preprocess(faces, info.preprocessing)
    parts = [EmotionModel.load(folder).logits(inputs) for folder in (small_model, pair)]
    for head, values in EmotionModel.load(mean).logits(inputs).items():
        expected = np.average([part[head] for part in parts], axis=0, weights=[1, 2])
        limit = 0.02 * np.ptp(expected, axis=1).max()  # three roundings to int8
        np.testing.assert_allclose(values, expected, atol=limit)
    parameters = EmotionModel.load(small_model).info.training["parameters"]
    assert info.training["parameters"] == 3 * parameters
    assert info.training["mean"] == "answers"


def test_the_result_may_not_replace_one_of_its_parts(
    small_model: Path, moved: Path, small_data: Path
) -> None:
    with pytest.raises(RunError, match="is one of the models"):
        average([small_model, moved], small_data, moved)


def test_a_training_run_is_not_written_over(
    small_model: Path, moved: Path, small_data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    with pytest.raises(RunError, match="holds a training run"):
        average([small_model, moved], small_data, run)
    assert [path.name for path in run.iterdir()] == ["config.json"]


def test_models_of_another_network_have_no_mean(
    small_model: Path, moved: Path, small_data: Path, tmp_path: Path
) -> None:
    shape = NetworkShape(width=4, stages=2, depth=1)
    save_network(build_network("plain", PreprocessingSpec(), shape=shape), moved)
    with pytest.raises(RunError, match="equal networks"):
        average([small_model, moved], small_data, tmp_path / "mean")


def test_one_model_is_refused_in_one_sentence(
    small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--models", str(small_model), "--data", "x", "--out", str(tmp_path / "mean")])
    assert "two or more models" in capsys.readouterr().err

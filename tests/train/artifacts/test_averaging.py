"""Averaging the weights of kindred runs."""

from pathlib import Path

import keras
import numpy as np
import pytest

from fer_core.assets import MODELS_DIR
from fer_core.model import EmotionModel
from fer_core.preprocessing import preprocess
from train.artifacts.averaging import average
from train.artifacts.model_folder import load_network, network_files
from train.average import main
from train.data.synthetic import write_synthetic_dataset
from train.errors import RunError
from train.networks.ensemble import members_of


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, faces_per_split=(16, 40, 8))
    return folder


@pytest.fixture(scope="module")
def moved(smoke_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke run with all its weights a little larger."""
    from dataclasses import replace
    from hashlib import sha256

    from train.artifacts.model_folder import write_info
    from train.artifacts.tflite import to_tflite

    folder = tmp_path_factory.mktemp("moved")
    network = keras.models.load_model(smoke_run / "emotion.keras", compile=False)
    network.set_weights([1.5 * weights for weights in network.get_weights()])
    network.save(folder / "emotion.keras")
    content = to_tflite(network)
    (folder / "emotion.tflite").write_bytes(content)
    digest = sha256(content).hexdigest()
    write_info(folder, replace(EmotionModel.load(smoke_run).info, sha256=digest))
    return folder


def test_every_weight_is_the_mean_and_the_folder_loads(
    smoke_run: Path, moved: Path, data: Path, tmp_path: Path
) -> None:
    info = average([smoke_run, moved], data, tmp_path / "mean", "the command")
    first = keras.models.load_model(smoke_run / "emotion.keras", compile=False).get_weights()
    mean = keras.models.load_model(tmp_path / "mean" / "emotion.keras", compile=False).get_weights()
    for one, both in zip(first, mean, strict=True):
        np.testing.assert_allclose(both, 1.25 * one, rtol=2e-3, atol=1e-6)  # kernels are float16
    model = EmotionModel.load(tmp_path / "mean")
    assert model.info.training["command"] == "the command"
    assert len(model.info.training["mean_of"]) == 2
    assert model.info.calibration.to_dict() == info.calibration.to_dict()
    assert info.calibration.fitted_on.keys() == {"PublicTest"}
    crop = np.zeros((1, 48, 48), np.uint8)
    assert model.logits(preprocess(crop, info.preprocessing))["ferplus"].shape == (1, 8)


def test_answers_of_any_networks_have_a_mean_that_the_app_loads(
    smoke_run: Path, data: Path, tmp_path: Path
) -> None:
    info = average([smoke_run, MODELS_DIR], data, tmp_path / "mean", answers=True)
    parts = [EmotionModel.load(folder) for folder in (smoke_run, MODELS_DIR)]
    shares = [len(members_of(load_network(folder))) for folder in (smoke_run, MODELS_DIR)]
    names = [path.name for path in network_files(tmp_path / "mean")]
    assert names == [f"emotion-{number + 1}.keras" for number in range(sum(shares))]
    mean = EmotionModel.load(tmp_path / "mean")
    faces = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    inputs = preprocess(faces, info.preprocessing)
    for head, values in mean.logits(inputs).items():
        answers = [part.logits(inputs)[head] for part in parts]
        expected = np.average(answers, axis=0, weights=shares)  # each network counts once
        limit = 0.02 * np.ptp(expected, axis=1).max()  # three roundings to int8
        np.testing.assert_allclose(values, expected, atol=limit)
    parameters = [part.info.training["parameters"] for part in parts]
    assert info.training["parameters"] == sum(parameters)
    assert info.training["mean"] == "answers"


def test_the_result_may_not_replace_one_of_its_parts(
    smoke_run: Path, moved: Path, data: Path
) -> None:
    with pytest.raises(RunError, match="is one of the models"):
        average([smoke_run, moved], data, moved)


def test_a_training_run_is_not_written_over(
    smoke_run: Path, moved: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RunError, match="holds a training run"):
        average([smoke_run, moved], data, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_models_of_another_network_have_no_mean(
    smoke_run: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="equal networks"):
        average([smoke_run, MODELS_DIR], data, tmp_path / "mean")


def test_one_model_is_refused_in_one_sentence(
    smoke_run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--models", str(smoke_run), "--data", str(data), "--out", str(tmp_path / "mean")])
    assert "two or more models" in capsys.readouterr().err

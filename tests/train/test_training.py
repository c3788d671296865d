from dataclasses import replace
from pathlib import Path

import keras
import pytest

from train.batches import make_batches
from train.config import PRESETS, TrainConfig
from train.dataset import load_splits
from train.synthetic import write_synthetic_dataset
from train.training import Training


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    """A run on ResNet50 with weights from a file."""
    weights = tmp_path_factory.mktemp("weights") / "resnet50.weights.h5"
    shape = (224, 224, 3)
    keras.applications.ResNet50(include_top=False, weights=None, input_shape=shape).save_weights(
        weights
    )
    return replace(PRESETS["resnet50"], pretrained=str(weights), precision="float32", epochs=4)


def trained_parts(training: Training) -> set[str]:
    return {variable.path.split("_")[0] for variable in training.network.trainable_variables}


@pytest.mark.parametrize(
    ("frozen_epochs", "epoch", "thawed"), [(2, 0, False), (2, 1, False), (2, 2, True), (0, 0, True)]
)
def test_a_pretrained_trunk_stays_frozen_for_its_epochs(
    pretrained: TrainConfig, frozen_epochs: int, epoch: int, thawed: bool
) -> None:
    training = Training(replace(pretrained, frozen_epochs=frozen_epochs), steps=5)
    training.begin(epoch, [{"score": 0.1}] * epoch)
    assert ("conv5" in trained_parts(training)) == thawed
    assert "conv4" not in trained_parts(training)


def test_random_weights_are_all_trained(pretrained: TrainConfig) -> None:
    training = Training(replace(pretrained, pretrained=""), steps=5)
    training.begin(0, [])
    assert {"conv1", "conv4", "conv5"} <= trained_parts(training)


def test_an_epoch_leaves_no_progress_bar_in_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_synthetic_dataset(tmp_path, faces_per_split=(64, 14, 14))
    batches = make_batches(load_splits(tmp_path)["Training"], PRESETS["smoke"], 0)
    training = Training(PRESETS["smoke"], steps=len(batches))
    training.begin(0, [])
    assert training.run(batches) > 0
    assert capsys.readouterr().out == ""

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.train.inputs.tables import few_faces
from train.recipes.config import TrainConfig
from train.recipes.presets import PRESETS
from train.training.trainer import Training


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
    training = Training(replace(pretrained, frozen_epochs=frozen_epochs), few_faces())
    training.begin(epoch, [{"score": 0.1}] * epoch)
    assert ("conv5" in trained_parts(training)) == thawed
    assert "conv4" not in trained_parts(training)


def test_the_heads_learn_first_and_then_all_of_it() -> None:
    config = replace(PRESETS["smoke"], frozen_epochs=1, schedule="constant")
    training = Training(config, few_faces())

    def changed_in(epoch: int) -> set[str]:
        before = {one.path: np.array(one) for one in training.network.weights}
        training.begin(epoch, [])
        training.run(epoch)
        return {
            one.path.split("_")[0].split("/")[0]
            for one in training.network.weights
            if "seed" not in one.path and not np.array_equal(one, before[one.path])
        }

    assert changed_in(0) == {"ferplus", "fer2013"}
    assert changed_in(1) == {"ferplus", "fer2013", "conv2d", "batch"}


def test_frozen_stages_stay_as_they_are_when_the_rest_thaws() -> None:
    config = replace(PRESETS["smoke"], frozen_epochs=1, frozen_stages=1, schedule="constant")
    training = Training(config, few_faces())
    training.begin(1, [])
    ends = [isinstance(one, keras.layers.MaxPooling2D) for one in training.network.layers]
    stages = (
        training.network.layers[: ends.index(True)],
        training.network.layers[ends.index(True) :],
    )
    before = [[np.array(one) for layer in stage for one in layer.weights] for stage in stages]
    training.run(1)
    after = [[np.array(one) for layer in stage for one in layer.weights] for stage in stages]
    assert all(map(np.array_equal, before[0], after[0]))
    assert not any(map(np.array_equal, before[1], after[1]))


def test_random_weights_are_all_trained(pretrained: TrainConfig) -> None:
    training = Training(replace(pretrained, pretrained=""), few_faces())
    training.begin(0, [])
    assert {"conv1", "conv4", "conv5"} <= trained_parts(training)


def test_an_epoch_leaves_no_progress_bar_in_a_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    training = Training(PRESETS["smoke"], few_faces())
    training.begin(0, [])
    assert training.run(0) > 0
    assert capsys.readouterr().out == ""

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.train.inputs.tables import few_faces
from train.recipes.presets import PRESETS
from train.training.trainer import Training


@pytest.mark.usefixtures("eagerly")
def test_the_heads_learn_first_and_then_all_of_it() -> None:
    config = replace(PRESETS["smoke"], frozen_epochs=1, schedule="constant")
    training = Training(config, few_faces(8))

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


@pytest.mark.usefixtures("eagerly")
def test_frozen_stages_stay_as_they_are_when_the_rest_thaws() -> None:
    config = replace(PRESETS["smoke"], frozen_epochs=1, frozen_stages=1, schedule="constant")
    training = Training(config, few_faces(8))
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


@pytest.mark.usefixtures("eagerly")
def test_an_epoch_leaves_no_progress_bar_in_a_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    training = Training(PRESETS["smoke"], few_faces(8))
    training.begin(0, [])
    assert training.run(0) > 0
    assert capsys.readouterr().out == ""

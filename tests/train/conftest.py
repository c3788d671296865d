"""What tests of training and evaluation share: generated data, and a network without training."""

from dataclasses import replace
from pathlib import Path

import pytest

from train.artifacts.export import export_network
from train.artifacts.run_folder import HISTORY_FIELDS
from train.data.fer2013 import load_splits
from train.data.synthetic import write_synthetic_dataset
from train.networks.build import build_network
from train.recipes.config import NetworkShape
from train.recipes.presets import PRESETS

SMALL = NetworkShape(width=8, stages=2, depth=1)


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_synthetic_dataset(folder, (35, 140, 70))
    return folder


@pytest.fixture(scope="session")
def small_model(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a run of one epoch leaves it, with a network that has learned nothing."""
    import keras

    folder = tmp_path_factory.mktemp("runs") / "small"
    folder.mkdir()
    keras.utils.set_random_seed(1)
    config = replace(PRESETS["smoke"], network="plain", shape=SMALL)
    export_network(
        build_network("plain", config.preprocessing, shape=SMALL),
        folder,
        load_splits(small_data)["PublicTest"],
        name="fer-plain",
        spec=config.preprocessing,
        training={"command": "none", "config": config.to_dict()},
    )
    rows = [",".join(HISTORY_FIELDS), "1,2.0,0.3,0.3,0.3,0.001,4.2"]
    (folder / "history.csv").write_text("\n".join(rows) + "\n")
    return folder

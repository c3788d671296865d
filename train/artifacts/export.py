"""Export a network, of a training run or any other, to the files that the app loads."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_core.calibration import Calibration
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import PreprocessingSpec
from train.artifacts.model_folder import SERVED_FILE, save_network, write_info
from train.artifacts.run_folder import best, load_best, read_history
from train.artifacts.temperature import calibrate_on_dataset
from train.data.dataset import Dataset
from train.recipes.config import TrainConfig

if TYPE_CHECKING:
    import keras


def export_run(config: TrainConfig, run: Path, public: Dataset) -> ModelInfo:
    """Write the model of a run's best epoch.

    The network is stored in float32 whatever precision it was trained in, without optimizer and
    without the training-only penalties.

    Args:
        config: of the run.
        run: its folder, with origin.json, history.csv and what `load_best` reads.
        public: PublicTest, for temperature and threshold.
    """
    origin = json.loads((run / "origin.json").read_text(encoding="utf-8"))
    epoch = best(read_history(run))["epoch"]
    training = {**origin, "epoch": epoch, "config": config.to_dict()}
    return export_network(
        load_best(run, config),
        run,
        public,
        name=f"fer-{config.network}",
        spec=config.preprocessing,
        training=training,
    )


def export_network(
    network: "keras.Model",
    to: Path,
    public: Dataset,
    *,
    name: str,
    spec: PreprocessingSpec,
    training: dict[str, Any],
) -> ModelInfo:
    """Write emotion.keras, emotion.tflite and model.json, with flip averaging.

    Args:
        network: on Keras's TensorFlow backend.
        to: the folder, which exists.
        public: PublicTest, for temperature and threshold.
        name: of the model.
        spec: that the network was trained with.
        training: provenance, for model.json.
    """
    from train.artifacts.tflite import to_tflite

    save_network(network, to)
    content = to_tflite(network)
    (to / SERVED_FILE).write_bytes(content)
    info = ModelInfo(
        name=name,
        version="",  # set by the calibration
        file=SERVED_FILE,
        sha256=hashlib.sha256(content).hexdigest(),
        preprocessing=spec,
        flip_averaging=True,
        calibration=Calibration.temperature(1.0),
        abstention_threshold=0.0,
        figures={},
        training={**training, "parameters": network.count_params()},
    )
    write_info(to, info)
    info = calibrate_on_dataset(EmotionModel.load(to), public)
    write_info(to, info)
    return info

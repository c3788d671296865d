"""From a training run to files that the app loads, and from there to models/.

    python -m train.export --run runs/base --to models

A run's folder holds two forms of its network: emotion.keras, to look into or to train on, and
emotion.tflite, which the app runs, described by model.json with temperature and threshold fitted on
PublicTest. `train.fit` writes them by itself; this command publishes them: it loads the run once
more, with its checksum, and copies the files. `train.calibrate` fits the answer on photographs.
"""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_core.calibration import Calibration
from fer_core.errors import ModelLoadError
from fer_core.model import MODEL_JSON, EmotionModel, ModelInfo
from fer_core.preprocessing import PreprocessingSpec
from train.calibration import calibrate_on_dataset
from train.cli import command_parser, explained
from train.data.dataset import Dataset
from train.recipes.config import TrainConfig
from train.runs import (
    SERVED_FILE,
    drop_networks,
    load_best,
    network_files,
    replace_file,
    save_network,
)

if TYPE_CHECKING:
    import keras


def export_run(config: TrainConfig, run: Path, public: Dataset, best: dict[str, Any]) -> ModelInfo:
    """Write the model of a run's best epoch.

    The network is stored in float32 whatever precision it was trained in, without optimizer and
    without the training-only penalties.

    Args:
        config: of the run.
        run: its folder, with origin.json and what `load_best` reads.
        public: PublicTest, for temperature and threshold.
        best: the best epoch's row of the history.

    Returns:
        What model.json says.
    """
    network = load_best(run, config, best["epoch"])
    origin = json.loads((run / "origin.json").read_text(encoding="utf-8"))
    training = {**origin, "epoch": best["epoch"], "config": config.to_dict()}
    return export_network(
        network,
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
        training: where it comes from.
    """
    from train.conversion import to_tflite

    save_network(network, to)
    content = to_tflite(network)
    (to / SERVED_FILE).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    info = ModelInfo(
        name=name,
        version="",  # until it is calibrated
        file=SERVED_FILE,
        sha256=sha256,
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


def write_info(directory: Path, info: ModelInfo) -> None:
    """Write model.json in one step."""
    text = json.dumps(info.to_dict(), indent=2, ensure_ascii=False) + "\n"
    replace_file(directory / MODEL_JSON, text)


def publish(run: Path, to: Path, name: str | None = None) -> ModelInfo:
    """Copy a run's model to another folder, after it loaded.

    Raises:
        ModelLoadError: the run's model cannot be loaded, or both folders are the same.
    """
    info = EmotionModel.load(run).info
    to.mkdir(parents=True, exist_ok=True)
    if run.samefile(to):
        raise ModelLoadError(
            f"{run} cannot be published into itself; name another folder with --to."
        )
    files = [run / info.file, *network_files(run)]
    for file in files:
        temporary = to / f"{file.name}.tmp"
        shutil.copyfile(file, temporary)
        temporary.replace(to / file.name)
    drop_networks(to, but=[file.name for file in files])
    info = replace(info, name=name or info.name)
    write_info(to, info)
    return info


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = command_parser("export", __doc__)
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="a training run")
    parser.add_argument(
        "--to", type=Path, default=Path("models"), metavar="DIR", help="default: models"
    )
    parser.add_argument("--name", help="the model's name (default: as the run says)")
    options = parser.parse_args(arguments)
    with explained():
        info = publish(options.run, options.to, options.name)
    print(f"{options.to} now holds {info.name} {info.version}, SHA-256 {info.sha256}")


if __name__ == "__main__":
    main()

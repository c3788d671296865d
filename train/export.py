"""From a training run to files that the app loads, and from there to models/.

    python -m train.export --run runs/base --to models

`train.fit` writes emotion.keras and model.json into the run's folder by itself, with temperature
and threshold fitted on PublicTest; this command publishes them: it loads the run once more, with
its checksum, and copies both files.
"""

import argparse
import hashlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fer_core.errors import ModelLoadError
from fer_core.model import MODEL_JSON, EmotionModel, ModelInfo
from train.config import TrainConfig
from train.dataset import Dataset
from train.runs import MODEL_FILE, judged_weights, replace_file


def export_run(config: TrainConfig, run: Path, public: Dataset, best: dict[str, Any]) -> ModelInfo:
    """Write emotion.keras and model.json of a run's best epoch.

    The network is stored in float32 whatever precision it was trained in, without optimizer and
    without the training-only penalties.

    Args:
        config: of the run.
        run: its folder, with the best epoch's checkpoint and origin.json.
        public: PublicTest, for temperature and threshold.
        best: the best epoch's row of the history.

    Returns:
        What model.json says.
    """
    from train.calibrate import calibrate
    from train.networks import build_network

    network = build_network(config.network, config.preprocessing)
    network.load_weights(judged_weights(run, best["epoch"]))
    path = run / MODEL_FILE
    network.save(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    origin = json.loads((run / "origin.json").read_text(encoding="utf-8"))
    info = ModelInfo(
        name=f"fer-{config.network}",
        # The day, and the file: two runs of one day are two versions.
        version=f"{datetime.now(UTC):%Y.%m.%d}+{sha256[:8]}",
        file=MODEL_FILE,
        sha256=sha256,
        preprocessing=config.preprocessing,
        flip_averaging=True,
        temperature=1.0,
        abstention_threshold=0.0,
        figures={},
        training={
            **origin,
            "epoch": best["epoch"],
            "parameters": network.count_params(),
            "config": config.to_dict(),
        },
    )

    # Keras's own predict, so that a run on another backend than TensorFlow ends the same way.
    model = EmotionModel(network.predict_on_batch, info)
    info = calibrate(model, public)
    write_info(run, info)
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
    temporary = to / f"{info.file}.tmp"
    shutil.copyfile(run / info.file, temporary)
    temporary.replace(to / info.file)
    info = replace(info, name=name or info.name)
    write_info(to, info)
    return info


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m train.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="a training run")
    parser.add_argument("--to", type=Path, default=Path("models"), metavar="DIR")
    parser.add_argument("--name", help="the model's name (default: as the run says)")
    options = parser.parse_args(arguments)
    try:
        info = publish(options.run, options.to, options.name)
    except ModelLoadError as error:
        raise SystemExit(f"error: {error}") from error
    print(f"{options.to} now holds {info.name} {info.version}, SHA-256 {info.sha256}")


if __name__ == "__main__":
    main()

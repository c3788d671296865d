"""Average the weights of models that began with the same weights.

    python -m train.average --models models runs/photo --data DIR --out runs/average

Runs that went on from one another usually lie in one basin, where the mean of their weights does as
well as the better of them or better, and serves at the cost of one (Wortsman et al. 2022, "Model
soups"). The result is a folder like a run's: temperature and threshold are fitted on PublicTest.
"""

import argparse
import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fer_core.errors import ModelLoadError
from fer_core.model import EmotionModel, ModelInfo
from train.arguments import add_data_argument, data_dir
from train.errors import DataError
from train.runs import MODEL_FILE, RunError, git_commit


def average(folders: Sequence[Path], data: Path, out: Path, command: str = "") -> ModelInfo:
    """Write emotion.keras and model.json of the averaged model.

    Args:
        folders: two or more runs or published models of one network and one preprocessing.
        data: a folder as `train.dataset` describes it.
        out: where to.
        command: what to type to do this again, for model.json.

    Raises:
        DataError: the data cannot be read.
        ModelLoadError: a model cannot be loaded.
        RunError: the models do not belong together, or `out` is one of them.
    """
    import keras
    import numpy as np

    from train.calibrate import calibrate
    from train.dataset import load_splits
    from train.export import write_info

    infos = [EmotionModel.load(folder).info for folder in folders]
    networks = [
        keras.models.load_model(folder / info.file, compile=False)
        for folder, info in zip(folders, infos, strict=True)
    ]
    shapes = [[weight.shape for weight in network.get_weights()] for network in networks]
    if any(
        shape != shapes[0] or info.preprocessing != infos[0].preprocessing
        for shape, info in zip(shapes, infos, strict=True)
    ):
        raise RunError("only models of the same network and preprocessing have a mean.")
    if any(out.resolve() == folder.resolve() for folder in folders):
        raise RunError(f"{out} is one of the models; name another folder with --out.")
    public = load_splits(data)["PublicTest"]
    together = zip(*(network.get_weights() for network in networks), strict=True)
    networks[0].set_weights([np.mean(weights, axis=0) for weights in together])
    out.mkdir(parents=True, exist_ok=True)
    networks[0].save(out / MODEL_FILE)
    sha256 = hashlib.sha256((out / MODEL_FILE).read_bytes()).hexdigest()
    info = replace(
        infos[0],
        version=f"{datetime.now(UTC):%Y.%m.%d}+{sha256[:8]}",
        file=MODEL_FILE,
        sha256=sha256,
        figures={},
        training={
            "command": command,
            "commit": git_commit(),
            "parameters": networks[0].count_params(),
            "mean_of": [{"version": info.version, **info.training} for info in infos],
        },
    )
    info = calibrate(EmotionModel(networks[0].predict_on_batch, info), public)
    write_info(out, info)
    return info


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m train.average",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", type=Path, nargs="+", required=True, metavar="DIR")
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    options = parser.parse_args(arguments)
    data = data_dir(parser, options)
    if len(options.models) < 2:
        parser.error("name two or more models")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    words = " ".join(str(folder) for folder in options.models)
    command = f"python -m train.average --models {words} --data DIR --out {options.out}"
    try:
        info = average(options.models, data, options.out, command)
    except (DataError, ModelLoadError, RunError) as error:
        raise SystemExit(f"error: {error}") from error
    print(f"{options.out} holds {info.name} {info.version}, temperature {info.temperature}")


if __name__ == "__main__":
    main()

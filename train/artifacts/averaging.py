"""Combine several models: average their weights, or build an ensemble of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_core.model import EmotionModel, ModelInfo
from train.artifacts.export import export_network
from train.artifacts.model_folder import check_not_a_run, load_network
from train.artifacts.provenance import git_commit
from train.data.fer2013 import load_splits
from train.errors import RunError
from train.networks.ensemble import build_ensemble


def average(
    folders: Sequence[Path], data: Path, out: Path, command: str = "", *, answers: bool = False
) -> ModelInfo:
    """Write the combined model into a folder like a run's, calibrated on PublicTest.

    Args:
        folders: two or more runs or published models of one preprocessing and, unless `answers`,
            of one network.
        data: a folder as `train.data.fer2013` describes it.
        out: where to.
        command: that repeats this, for model.json.
        answers: build an ensemble, which averages logits, instead of averaging weights.

    Raises:
        DataError: the data cannot be read.
        ModelLoadError: a model cannot be loaded.
        RunError: the models have different networks or preprocessing, or `out` is one of them.
    """
    infos = [EmotionModel.load(folder).info for folder in folders]
    networks = [load_network(folder) for folder in folders]
    shapes = [[weight.shape for weight in network.get_weights()] for network in networks]
    if any(info.preprocessing != infos[0].preprocessing for info in infos):
        raise RunError("only models of the same preprocessing can be averaged.")
    if not answers and any(shape != shapes[0] for shape in shapes):
        raise RunError("only the weights of equal networks can be averaged; see --answers.")
    if any(out.resolve() == folder.resolve() for folder in folders):
        raise RunError(f"{out} is one of the models; name another folder with --out.")
    check_not_a_run(out)
    public = load_splits(data)["PublicTest"]
    if answers:
        mean = build_ensemble(networks)
    else:
        mean = networks[0]
        together = zip(*(network.get_weights() for network in networks), strict=True)
        mean.set_weights([np.mean(weights, axis=0) for weights in together])
    out.mkdir(parents=True, exist_ok=True)
    training = {
        "command": command,
        "commit": git_commit(),
        "mean": "answers" if answers else "weights",
        "mean_of": [{"version": info.version, **info.training} for info in infos],
    }
    return export_network(
        mean,
        out,
        public,
        name=infos[0].name,
        spec=infos[0].preprocessing,
        training=training,
    )

"""Make one model of several: the mean of their weights, or of their answers.

    python -m train.average --models models runs/photo --data DIR --out runs/average
    python -m train.average --models models runs/long --answers --data DIR --out runs/both

Runs that went on from one another usually lie in one basin, where the mean of their weights does as
well as the better of them or better, and serves at the cost of one (Wortsman et al. 2022, "Model
soups"). Runs that began with different weights have no such mean; with --answers the result holds
all of them and gives the mean of their logits (a deep ensemble, Lakshminarayanan et al. 2017), at
the cost of all. A model that is such a mean already is taken apart: each network counts once. The
result is a folder like a run's, with temperature and threshold fitted on PublicTest;
`train.calibrate --photos DIR` fits them on photographs.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from fer_core.model import EmotionModel, ModelInfo
from train.cli import add_data_argument, command_parser, data_dir, explained, need
from train.errors import RunError
from train.networks.ensemble import mean_of_answers
from train.runs import git_commit, load_network, refuse_run


def average(
    folders: Sequence[Path], data: Path, out: Path, command: str = "", *, answers: bool = False
) -> ModelInfo:
    """Write the averaged model, in a folder like a run's.

    Args:
        folders: two or more runs or published models of one preprocessing and, unless `answers`,
            of one network.
        data: a folder as `train.data.fer2013` describes it.
        out: where to.
        command: what to type to do this again, for model.json.
        answers: average the logits instead of the weights.

    Raises:
        DataError: the data cannot be read.
        ModelLoadError: a model cannot be loaded.
        RunError: the models do not belong together, or `out` is one of them.
    """
    import numpy as np

    from train.data.fer2013 import load_splits
    from train.export import export_network

    infos = [EmotionModel.load(folder).info for folder in folders]
    networks = [load_network(folder) for folder in folders]
    shapes = [[weight.shape for weight in network.get_weights()] for network in networks]
    if any(info.preprocessing != infos[0].preprocessing for info in infos):
        raise RunError("only models of the same preprocessing have a mean.")
    if not answers and any(shape != shapes[0] for shape in shapes):
        raise RunError("only models of the same network have a mean of weights; see --answers.")
    if any(out.resolve() == folder.resolve() for folder in folders):
        raise RunError(f"{out} is one of the models; name another folder with --out.")
    refuse_run(out)
    public = load_splits(data)["PublicTest"]
    if answers:
        mean = mean_of_answers(networks)
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


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = command_parser("average", __doc__)
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, metavar="DIR", help="two or more"
    )
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the model")
    parser.add_argument(
        "--answers", action="store_true", help="the mean of the answers, not of the weights"
    )
    options = parser.parse_args(arguments)
    need("averaging")
    data = data_dir(parser, options)
    if len(options.models) < 2:
        parser.error("name two or more models")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    words = " ".join(str(folder) for folder in options.models)
    command = f"python -m train.average --models {words} --data DIR --out {options.out}"
    command += " --answers" if options.answers else ""
    with explained():
        info = average(options.models, data, options.out, command, answers=options.answers)
    print(
        f"{options.out} holds {info.name} {info.version}, calibrated on PublicTest; for the answer "
        "on photographs: python -m train.calibrate --photos DIR"
    )


if __name__ == "__main__":
    main()

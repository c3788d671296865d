"""Does the input pipeline keep up? Pictures a second of `fit`, and of the bare training step.

    python -m train.speed --data DIR                 the base preset
    python -m train.speed --data DIR --preset photo --set batch_size=32 --steps 100

The bare step trains on one batch that is ready, again and again; `fit` reads, changes and prepares
its faces beside it; the pipeline alone prepares them without training. Run it on an idle machine.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from train.arguments import add_data_argument, data_dir, need
from train.config import PRESETS, TrainConfig, override
from train.errors import DataError

WARM_UP = 5  # steps that do not count: the first traces the graph
ENOUGH = 0.9  # of the bare step's speed


def measure(config: TrainConfig, data: Path, steps: int, repeats: int = 3) -> dict[str, float]:
    """Pictures a second, the best of some repeats: `bare`, `fit` and `pipeline`.

    Raises:
        DataError: the data cannot be read, or are too few for the steps.
        RunError: the network cannot be built.
    """
    from train.batches import make_batches, select_faces, select_training_faces, training_targets
    from train.dataset import load_splits
    from train.training import Training

    config = replace(config, teacher_share=0.0)
    splits = select_faces(load_splits(data), config.emotions)
    faces, weights = select_training_faces(splits, replace(config, cleaning="none"))
    count = steps * config.batch_size
    if count > len(faces):
        raise DataError(f"{steps} steps need {count:,} training faces; there are {len(faces):,}.")
    faces, weights = faces.subset(np.arange(count)), weights[:count]
    targets = training_targets(faces, config)
    batches = make_batches(faces, config, 0, weights, targets)
    training = Training(config, steps)
    training.begin(0, [])
    network, ready = training.network, batches[0]

    def bare() -> None:
        for _ in range(steps):
            network.train_on_batch(*ready)

    def fit() -> None:
        network.fit(batches, epochs=1, shuffle=False, verbose=0)

    def pipeline() -> None:
        for index in range(steps):
            batches[index]

    for _ in range(WARM_UP):
        network.train_on_batch(*ready)
    fit()
    rates = {"bare": 0.0, "fit": 0.0, "pipeline": 0.0}
    for _ in range(repeats):  # in turns, so that a slow moment does not hit one alone
        for name, what in (("bare", bare), ("fit", fit), ("pipeline", pipeline)):
            rates[name] = max(rates[name], count / _seconds(what))
    return rates


def report(rates: dict[str, float]) -> str:
    """The figures as a Markdown table, and whether they are enough."""
    share = rates["fit"] / rates["bare"]
    verdict = "keeps up" if share >= ENOUGH else "starves the network"
    return f"""\
| what | pictures a second |
|---|---:|
| the bare training step | {rates["bare"]:.0f} |
| fit, preparing its faces beside | {rates["fit"]:.0f} |
| the pipeline alone | {rates["pipeline"]:.0f} |

fit reaches {share:.0%} of the bare step: the pipeline {verdict} ({ENOUGH:.0%} is asked for)."""


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m train.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_argument(parser)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="base", help="default: base")
    parser.add_argument(
        "--steps", type=int, default=60, metavar="N", help="of each measurement (default: 60)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="as for train.fit"
    )
    options = parser.parse_args(arguments)
    need("measuring training")
    data = data_dir(parser, options)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from train.runs import RunError

    try:
        config = PRESETS[options.preset]
        for setting in options.set:
            config = override(config, setting)
        print(report(measure(config, data, options.steps)))
    except (DataError, RunError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error


def _seconds(what: Callable[[], None]) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

"""How fast training is, and what bounds it: faces a second with and without the network.

    python -m benchmarks.input_pipeline --data DIR                 the base preset
    python -m benchmarks.input_pipeline --data DIR --preset photo --set batch_size=32 --steps 100
    KERAS_BACKEND=jax python -m benchmarks.input_pipeline --data DIR         on another backend

`training` is what `train.fit` does; `network` trains on faces that are prepared already;
`augmentation` prepares faces without training. Run it on an idle machine.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from train.cli import (
    add_data_argument,
    add_set_argument,
    command_parser,
    data_dir,
    explained,
    need,
)
from train.data.fer2013 import load_splits
from train.errors import DataError
from train.inputs.batches import make_batches, make_table
from train.inputs.targets import select_faces, select_training_faces
from train.networks.blocks import HEAD_COLUMNS
from train.recipes.config import TrainConfig, override
from train.recipes.presets import PRESETS
from train.reporting.markdown import table
from train.training.trainer import Training


def measure(config: TrainConfig, data: Path, steps: int, repeats: int = 3) -> dict[str, float]:
    """Faces a second, the best of some repeats: `training`, `network` and `augmentation`.

    Raises:
        DataError: the data cannot be read, or are too few for the steps.
        RunError: the network cannot be built.
    """
    import keras

    config = replace(config, teacher_share=0.0, unlabelled_share=0.0, cleaning="none")
    splits = select_faces(load_splits(data), config.emotions)
    faces, weights = select_training_faces(splits, config)
    count = steps * config.batch_size
    if count > len(faces):
        raise DataError(f"{steps} steps need {count:,} training faces; there are {len(faces):,}.")
    table = make_table(faces.subset(np.arange(count)), config, weights[:count])
    training = Training(config, table)
    training.begin(0, [])
    batches = make_batches(table, config, 0)

    class Augmentation(keras.Model):  # type: ignore[misc]
        """Prepares faces, and answers with their means so that hardly anything is copied."""

        def call(self, batch: dict[str, Any]) -> Any:
            return keras.ops.mean(training.model.prepare(batch)["inputs"], axis=(1, 2, 3))

    augmentation = Augmentation(dtype="float32")
    network = keras.models.clone_model(training.network)
    network.compile(
        optimizer=keras.optimizers.SGD(1e-4, momentum=0.9, nesterov=True),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    inputs = np.concatenate(
        [
            keras.ops.convert_to_numpy(training.model.prepare(batches[index][0])["inputs"])
            for index in range(steps)
        ]
    )
    targets = {head: table.labels[:, columns] for head, columns in HEAD_COLUMNS.items()}

    parts: dict[str, Callable[[], object]] = {
        "training": lambda: training.run(0),
        "network": lambda: network.fit(
            inputs, targets, batch_size=config.batch_size, epochs=1, shuffle=False, verbose=0
        ),
        "augmentation": lambda: augmentation.predict(batches, verbose=0),
    }
    for part in parts.values():  # a first time traces or compiles
        part()
    rates = dict.fromkeys(parts, 0.0)
    for _ in range(repeats):  # in turns, so that a slow moment does not hit one alone
        for name, part in parts.items():
            rates[name] = max(rates[name], count / _seconds(part))
    return rates


def report(rates: dict[str, float], backend: str) -> str:
    """The figures as a Markdown table, and what share of the network's speed training reaches."""
    titles = {
        "training": "training, as train.fit does it",
        "network": "the network alone, on prepared faces",
        "augmentation": "the augmentation alone",
    }
    rows = [(title, f"{rates[part]:.0f}") for part, title in titles.items()]
    share = rates["training"] / rates["network"]
    return f"""{table((f"on {backend}", "faces a second"), rows)}

Training reaches {share:.0%} of the network's own speed."""


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = command_parser("benchmarks.input_pipeline", __doc__)
    add_data_argument(parser)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="base", help="default: base")
    parser.add_argument(
        "--steps", type=int, default=60, metavar="N", help="of each measurement (default: 60)"
    )
    add_set_argument(parser, "batch_size=32")
    options = parser.parse_args(arguments)
    need("measuring training")
    data = data_dir(parser, options)
    import keras

    with explained():
        config = PRESETS[options.preset]
        for setting in options.set:
            config = override(config, setting)
        rates = measure(config, data, options.steps)
        print(report(rates, keras.backend.backend()))


def _seconds(what: Callable[[], object]) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

"""Train a network on FER2013 and the FER+ votes, and leave a folder that the app can load.

    python -m train.fit --data DIR                 the shipped recipe, about an hour on two cores
    python -m train.fit --data DIR --out runs/x    the same command again goes on where it stopped
    python -m train.fit --data DIR --init runs/x --preset continued      from another run's weights
    python -m train.fit --data DIR --set augmentation.rotation=30 --out runs/y      one thing else
    python -m train.fit --data DIR --set teacher_share=0.5 --teachers runs/x runs/y --out runs/z
    python -m train.fit --smoke                    the whole way on generated faces, in a minute

At the end the run's folder holds emotion.keras and model.json of the best epoch by PublicTest:
`EmotionRecognizer.load("runs/x")` serves it. PrivateTest is not looked at.
"""

import argparse
import math
import os
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.arguments import add_data_argument, data_dir
from train.config import PRESETS, TrainConfig, override
from train.networks import NETWORKS
from train.runs import RunError, best, best_weights, claim, resume, save_epoch

if TYPE_CHECKING:
    import keras
    import numpy as np

    from train.dataset import Dataset


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options = _parse(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from fer_core.errors import ModelLoadError
    from train.dataset import DataError

    config = PRESETS["smoke" if options.smoke else options.preset]
    try:
        if options.epochs is not None:
            config = replace(config, epochs=options.epochs)
        if options.seed is not None:
            config = replace(config, seed=options.seed)
        for setting in options.set:
            config = override(config, setting)
    except ValueError as error:
        raise SystemExit(f"error: {error}") from error
    out = options.out or Path("runs") / ("smoke" if options.smoke else options.preset)
    command = describe_command(options)
    try:
        if options.smoke:
            from train.synthetic import write_synthetic_dataset

            with tempfile.TemporaryDirectory() as folder:
                write_synthetic_dataset(Path(folder), faces_per_split=(640, 140, 140))
                fit(config, Path(folder), out, command, init=options.init)
        else:
            fit(
                config,
                options.data,
                out,
                command,
                init=options.init,
                faults=options.faults,
                teachers=options.teachers,
            )
    except (DataError, ModelLoadError, RunError) as error:
        raise SystemExit(f"error: {error}") from error


def fit(
    config: TrainConfig,
    data_dir: Path,
    out: Path,
    command: str = "",
    *,
    init: Path | None = None,
    faults: Path | None = None,
    teachers: Sequence[Path] = (),
) -> None:
    """Train, or go on training, and export the best epoch.

    Args:
        config: the run.
        data_dir: a folder as `train.dataset` describes it.
        out: the run's folder, made when missing.
        command: what to type to do this again, for model.json.
        init: another run or a published model, whose weights a new run begins with.
        faults: folder that `python -m train.clean` wrote, for a config that asks for cleaning.
        teachers: runs or published models to learn from, for a config with a teacher_share.

    Raises:
        DataError: the data cannot be read.
        ModelLoadError: a teacher cannot be loaded.
        RunError: `out` belongs to another config or is in use, or `init` has no weights.
    """
    if config.network not in NETWORKS:  # before a folder is claimed for it
        raise RunError(f"there is no network {config.network!r}; known: {', '.join(NETWORKS)}.")
    if bool(teachers) != (config.teacher_share > 0):
        raise RunError("teachers and a teacher_share above 0 belong together: name both or none.")
    with claim(out, config, command):
        _train(config, data_dir, out, init=init, faults=faults, teachers=teachers)


def _train(
    config: TrainConfig,
    data_dir: Path,
    out: Path,
    *,
    init: Path | None,
    faults: Path | None,
    teachers: Sequence[Path],
) -> None:
    import keras

    from train.dataset import load_splits
    from train.export import export_run
    from train.networks import build_network

    print(f"reading {data_dir}", flush=True)
    splits = load_splits(data_dir)
    faces, weights = select_training_faces(splits, config.cleaning, faults)
    votes = "with FER+ votes" if faces.has_votes else "without FER+ votes: labels stand in for them"
    print(
        f"{len(faces)} training faces {votes}; {len(splits['PublicTest'])} in PublicTest",
        flush=True,
    )

    targets = training_targets(faces, config, teachers)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    try:
        network = build_network(
            config.network, config.preprocessing, l2=config.l2, dropout=config.dropout
        )
    finally:
        keras.config.set_dtype_policy("float32")
    if init is not None:
        network.load_weights(best_weights(init))
    _compile(network, config, steps_per_epoch=len(faces) // config.batch_size)

    history = resume(network, out)
    public = _public_inputs(splits["PublicTest"], config)
    for epoch in range(len(history), config.epochs):
        print(f"epoch {epoch + 1}/{config.epochs}", flush=True)
        batches = make_batches(faces, config, epoch, weights, targets)
        _seed_dropout(network, config.seed, epoch)
        logs = network.fit(batches, epochs=1, verbose="auto").history
        row = {"epoch": epoch + 1, "loss": logs["loss"][0], **_score(network, public)}
        print("  ".join(f"{key} {value:.4f}" for key, value in row.items()), flush=True)
        if not math.isfinite(row["loss"]):
            raise RunError(f"the loss is {row['loss']}; try a lower learning rate in a new folder.")
        history = [*history, row]
        save_epoch(network, out, history)
    export_run(config, out, splits["PublicTest"], best(history))
    print(f"done: {out} holds emotion.keras and model.json", flush=True)


def select_training_faces(
    splits: "dict[str, Dataset]", cleaning: str = "none", faults: Path | None = None
) -> "tuple[Dataset, np.ndarray[Any, Any]]":
    """The training pictures that count, and (N,) float32 how much each of them does.

    Raises:
        DataError: `faults` cannot be read or belongs to other data.
        RunError: the mode is unknown, or asks for faults and none were given.
    """
    import numpy as np

    from train.clean import MODES, load_faults, training_weights

    training = splits["Training"]
    weights = training.is_face.astype(np.float32)
    if cleaning not in MODES:
        raise RunError(f"cleaning must be one of {', '.join(MODES)}, got {cleaning!r}.")
    if cleaning != "none":
        if faults is None:
            raise RunError(
                f"cleaning {cleaning!r} needs what python -m train.clean found: --faults DIR."
            )
        weights *= training_weights(load_faults(faults, splits), cleaning)
    return training.subset(weights > 0), weights[weights > 0]


def training_targets(
    faces: "Dataset", config: TrainConfig, teachers: Sequence[Path] = ()
) -> "dict[str, np.ndarray[Any, Any]]":
    """What each head is to answer: (N, 8) vote shares and (N, 7) labels, float32, rows of sum 1.

    With teachers, their answers to the plain face take part: the softmax of their mean logits,
    without temperature, for they learned from shares themselves. A face without a vote has zeros.

    Raises:
        ModelLoadError: a teacher cannot be loaded.
    """
    import numpy as np

    from fer_core.calibration import softmax
    from fer_core.emotions import FER2013_LABELS
    from fer_core.model import EmotionModel
    from train.calibrate import dataset_logits

    targets = {
        "ferplus": faces.targets,
        "fer2013": np.eye(len(FER2013_LABELS), dtype=np.float32)[faces.labels],
    }
    if not teachers:
        return targets
    lessons = []
    for teacher in teachers:
        print(f"asking {teacher} about {len(faces)} faces", flush=True)
        lessons.append(dataset_logits(EmotionModel.load(teacher), faces))
    share = config.teacher_share
    for head, plain in targets.items():
        taught = softmax(np.mean([lesson[head] for lesson in lessons], axis=0))
        mixed = (1 - share) * plain + share * taught
        targets[head] = np.where(plain.any(axis=1, keepdims=True), mixed, 0).astype(np.float32)
    return targets


def make_batches(
    faces: "Dataset",
    config: TrainConfig,
    epoch: int,
    weights: "np.ndarray[Any, Any] | None" = None,
    targets: "dict[str, np.ndarray[Any, Any]] | None" = None,
) -> "keras.utils.PyDataset":
    """One epoch's batches: shuffled, augmented, prepared; decided by seed and epoch alone.

    A batch is ((b, h, w, 1) float32 faces, targets by head, sample weights by head); a face whose
    annotators left no vote weighs 0 in the FER+ loss.
    """
    import keras
    import numpy as np

    from fer_core.preprocessing import prepare_dataset_face, preprocess
    from train.augmentation import augment

    wanted = training_targets(faces, config) if targets is None else targets
    order = np.random.default_rng((config.seed, epoch)).permutation(len(faces))
    counts = np.ones(len(faces), np.float32) if weights is None else weights
    has_votes = np.asarray(wanted["ferplus"].any(axis=1), dtype=np.float32)

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(order) // config.batch_size

        def __getitem__(self, index: int) -> Any:
            rows = order[index * config.batch_size : (index + 1) * config.batch_size]
            spec = config.preprocessing
            crops = np.stack([prepare_dataset_face(face, spec) for face in faces.faces[rows]])
            rng = np.random.default_rng((config.seed, epoch, index))
            inputs = preprocess(augment(crops, config.augmentation, rng), spec)
            of_rows = {head: values[rows] for head, values in wanted.items()}
            by_head = {"ferplus": has_votes[rows] * counts[rows], "fer2013": counts[rows]}
            return inputs, of_rows, by_head

    return Batches(workers=1, use_multiprocessing=False, max_queue_size=16)


def _compile(network: "keras.Model", config: TrainConfig, steps_per_epoch: int) -> None:
    import keras

    if steps_per_epoch < 1:
        raise RunError(f"fewer training faces than one batch of {config.batch_size}.")
    warmup = max(1, round(config.warmup_epochs * steps_per_epoch))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, config.epochs * steps_per_epoch - warmup),
    )
    cross_entropy = keras.losses.CategoricalCrossentropy
    network.compile(
        optimizer=keras.optimizers.SGD(schedule, momentum=config.momentum, nesterov=True),
        loss={
            "ferplus": cross_entropy(from_logits=True),
            "fer2013": cross_entropy(from_logits=True, label_smoothing=config.label_smoothing),
        },
        loss_weights={"ferplus": config.ferplus_weight, "fer2013": config.fer2013_weight},
    )


def _seed_dropout(network: "keras.Model", seed: int, epoch: int) -> None:
    """Masks that depend on seed and epoch alone; checkpoints do not hold the generators' state."""
    generators = [
        layer.seed_generator for layer in network.layers if hasattr(layer, "seed_generator")
    ]
    for index, generator in enumerate(generators):
        generator.state.assign([seed * len(generators) + index, epoch << 20])


def _public_inputs(
    public: "Dataset", config: TrainConfig
) -> "tuple[np.ndarray[Any, Any], Dataset]":
    import numpy as np

    from fer_core.preprocessing import prepare_dataset_face, preprocess

    spec = config.preprocessing
    crops = np.stack([prepare_dataset_face(face, spec) for face in public.faces])
    return preprocess(crops, spec), public


def _score(
    network: "keras.Model", public: "tuple[np.ndarray[Any, Any], Dataset]"
) -> dict[str, float]:
    """PublicTest accuracy of both heads without flip averaging, and their mean."""
    inputs, dataset = public
    logits = network.predict(inputs, batch_size=256, verbose=0)
    reference = dataset.reference
    judged = reference >= 0
    ferplus = float((logits["ferplus"].argmax(axis=1) == reference)[judged].mean())
    fer2013 = float((logits["fer2013"].argmax(axis=1) == dataset.labels).mean())
    return {
        "public_ferplus": ferplus,
        "public_fer2013": fer2013,
        "score": (ferplus + fer2013) / 2,
    }


def describe_command(options: argparse.Namespace) -> str:
    """The command as another person would type it: without this machine's folders."""
    words = ["python -m train.fit", "--smoke" if options.smoke else "--data DIR"]
    if options.preset != "base" and not options.smoke:
        words.append(f"--preset {options.preset}")
    words += [f"--set {shlex.quote(setting)}" for setting in options.set]
    words += [
        f"--{name} {value}"
        for name in ("init", "faults", "epochs", "seed")
        if (value := getattr(options, name)) is not None
    ]
    if options.teachers:
        words += ["--teachers", *(str(teacher) for teacher in options.teachers)]
    return " ".join(words)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m train.fit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run (default: runs/PRESET)")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="base", help="default: base")
    parser.add_argument(
        "--init", type=Path, metavar="DIR", help="begin with the weights of this run or model"
    )
    parser.add_argument(
        "--faults",
        type=Path,
        metavar="DIR",
        help="what train.clean wrote, for --set cleaning=drop, weigh or strict",
    )
    parser.add_argument(
        "--teachers",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="runs or models to learn from, with --set teacher_share=SHARE",
    )
    parser.add_argument("--epochs", type=int, help="instead of the preset's")
    parser.add_argument("--seed", type=int, help="instead of the preset's")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another field of the config, as JSON: batch_size=32, augmentation.rotation=30",
    )
    parser.add_argument(
        "--smoke", action="store_true", help="generated faces and a miniature network"
    )
    options = parser.parse_args(arguments)
    if not options.smoke:
        data_dir(parser, options)
    return options


if __name__ == "__main__":
    main()

"""Read and write the folder of a training run, from which a killed run resumes.

- config.json: the TrainConfig, which never changes
- origin.json: the command and commit that started the run, its teachers, a digest of its data
- samples.png: original and augmented faces
- history.csv: a row for each finished epoch
- checkpoint-NNNN.weights.h5: weights and optimizer state after an epoch; the last and the best one
- averaged-NNNN.weights.h5: the moving average of the weights, in runs that have one
- lock: held by the process that trains
- emotion.keras, at the end: the network of the best epoch; of an ensemble emotion-1.keras and so
  on, one for each member
- emotion.tflite and model.json: what the app loads
"""

import csv
import errno
import json
import math
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from train.artifacts.model_folder import load_network, network_files
from train.artifacts.provenance import git_commit
from train.errors import RunError
from train.files import replace_file
from train.networks.ensemble import members_of
from train.recipes.config import TrainConfig

if TYPE_CHECKING:
    import keras

HISTORY_FIELDS = (
    "epoch", "loss", "public_ferplus", "public_fer2013", "score", "learning_rate", "seconds",
)  # fmt: skip


@contextmanager
def claim(
    out: Path,
    config: TrainConfig,
    command: str,
    teachers: list[str] | None,
    data: str,
) -> Iterator[None]:
    """Lock a run's folder, and create it or check that it belongs to the same run.

    The lock lasts as long as the block, and ends with the process in any case.

    Args:
        out: the folder.
        config: of the run.
        command: that starts it.
        teachers: name and version of each, since a folder may later hold another model; None to
            skip the check.
        data: digest of the dataset.

    Raises:
        RunError: the folder belongs to another config, to other teachers or other data, or another
            process trains in it now.
    """
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / "lock")
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RunError(f"another process is training in {out}; wait for it or stop it.") from error
    try:
        _begin_or_check(out, config, command, teachers, data)
        yield
    finally:
        lock.release()


def _begin_or_check(
    out: Path, config: TrainConfig, command: str, teachers: list[str] | None, data: str
) -> None:
    path, wanted = out / "config.json", json.dumps(config.to_dict(), indent=2) + "\n"
    if not path.exists():
        origin = {"command": command, "teachers": teachers, "data": data, "commit": git_commit()}
        noted = {name: value for name, value in origin.items() if value}
        replace_file(out / "origin.json", json.dumps(noted, indent=2) + "\n")
        replace_file(path, wanted)
        return
    if path.read_text(encoding="utf-8") != wanted:
        raise RunError(f"{out} holds a run with another config; choose another --out or remove it.")
    began = json.loads((out / "origin.json").read_text(encoding="utf-8"))
    taught_by = began.get("teachers", [])
    if teachers is not None and taught_by != teachers:
        raise RunError(
            f"{out} learns from {', '.join(taught_by)}, not from {', '.join(teachers)}; "
            "name those teachers or choose another --out."
        )
    if began["data"] != data:
        raise RunError(f"{out} holds a run on other data; name that or choose another --out.")


def load_best(run: Path, config: TrainConfig) -> "keras.Model":
    """Load the network of a run's best epoch in float32, on any backend.

    It is read from the epoch's checkpoint or, where a run was copied without its checkpoints, from
    emotion.keras.

    Raises:
        RunError: there is neither.
    """
    from train.networks.build import build_network

    path = judged_weights(run, best(read_history(run))["epoch"])
    if not path.exists():
        return load_network(run)
    network = build_network(config.network, config.preprocessing, shape=config.shape)
    read_weights(network, path)
    return network


def read_weights(network: "keras.Model", path: Path) -> None:
    """Load a checkpoint into a network of the same architecture.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        network.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise RunError(
            f"{path} is missing or damaged, so the run cannot be resumed; choose another --out."
        ) from error


def load_weights(network: "keras.Model", folder: Path) -> None:
    """Load the weights of a run's best epoch, or of the last member of a model that fits.

    Raises:
        RunError: the folder has no weights, or those of another network.
    """
    history = read_history(folder)
    if history:
        weights_file = judged_weights(folder, best(history)["epoch"])
        if not weights_file.exists():
            raise RunError(f"{weights_file} is missing, which holds the run's best epoch.")
        with warnings.catch_warnings(), suppress(ValueError, UserWarning):
            warnings.simplefilter("error", UserWarning)  # raised for layers that were not loaded
            network.load_weights(weights_file)
            return
    elif network_files(folder):
        shapes = [weight.shape for weight in network.get_weights()]
        for member in reversed(members_of(load_network(folder))):
            weights = member.get_weights()
            if [weight.shape for weight in weights] == shapes:
                network.set_weights(weights)
                return
    else:
        raise RunError(f"{folder} holds neither a finished epoch nor a model.")
    raise RunError(
        f"{folder} holds the weights of another network than {network.name}; name the one it has."
    )


def read_history(run: Path) -> list[dict[str, Any]]:
    """Read the finished epochs; none for a new folder.

    history.csv is the commit point: an epoch counts once its row is there, which is written after
    the epoch's checkpoint.
    """
    path = run / "history.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return [
            {"epoch": int(row["epoch"])} | {key: float(row[key]) for key in HISTORY_FIELDS[1:]}
            for row in csv.DictReader(stream)
        ]


def save_epoch(
    network: "keras.Model",
    out: Path,
    history: list[dict[str, Any]],
    swap_average: Callable[[], None] | None = None,
) -> None:
    """Write the checkpoint and then the history, and delete old checkpoints.

    Args:
        network: after the epoch.
        out: the run's folder.
        history: all finished epochs, this one last.
        swap_average: exchanges the moving average and the network's weights, in runs that have
            one.

    Raises:
        OSError: the disk is full; the epochs before stay as they are.
    """
    _need_space(network, out, files=1 if swap_average is None else 2)
    network.save_weights(checkpoint(out, len(history)))
    if swap_average is not None:
        swap_average()
        network.save_weights(averaged(out, len(history)))
        swap_average()
    lines = [",".join(HISTORY_FIELDS)]
    lines += [",".join(repr(row[key]) for key in HISTORY_FIELDS) for row in history]
    replace_file(out / "history.csv", "\n".join(lines) + "\n")
    epochs = (len(history), best(history)["epoch"])
    needed = {path(out, epoch) for epoch in epochs for path in (checkpoint, averaged)}
    for path in set(out.glob("*-[0-9]*.weights.h5")) - needed:
        path.unlink()


def _need_space(network: "keras.Model", out: Path, files: int) -> None:
    """See that weights and optimizer state fit; on a full disk, h5py ends in other errors."""
    state = [*network.variables, *network.optimizer.variables]
    needed = files * sum(4 * math.prod(variable.shape) for variable in state)
    if shutil.disk_usage(out).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(out))


def best(history: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of the best epoch by PublicTest; the earliest of equal ones."""
    return max(history, key=lambda row: (row["score"], -row["epoch"]))


def checkpoint(out: Path, epoch: int) -> Path:
    """Return the path of weights and optimizer state after an epoch (from 1)."""
    return out / f"checkpoint-{epoch:04d}.weights.h5"


def averaged(out: Path, epoch: int) -> Path:
    """Return the path of the moving average of the weights after an epoch (from 1)."""
    return out / f"averaged-{epoch:04d}.weights.h5"


def judged_weights(out: Path, epoch: int) -> Path:
    """Return the path of the weights that were evaluated after an epoch."""
    average = averaged(out, epoch)
    return average if average.exists() else checkpoint(out, epoch)

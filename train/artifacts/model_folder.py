"""Read and write a model's folder: its networks for Keras, and model.json for the app."""

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from fer_core.errors import ModelLoadError
from fer_core.model import MODEL_JSON, EmotionModel, ModelInfo
from train.artifacts.half_precision import halve_kernels
from train.errors import RunError
from train.files import replace_file, replacing
from train.networks.ensemble import build_ensemble, members_of

if TYPE_CHECKING:
    import keras

NETWORK_FILE = "emotion.keras"
MEMBER_FILE = "emotion-{}.keras"
SERVED_FILE = "emotion.tflite"


def network_files(folder: Path) -> list[Path]:
    """List the files of a model's networks: one, or those of an ensemble's members."""
    if (folder / NETWORK_FILE).exists():
        return [folder / NETWORK_FILE]
    numbered = (folder / MEMBER_FILE.format(number) for number in count(1))
    return list(takewhile(Path.exists, numbered))


def save_network(network: "keras.Model", folder: Path) -> None:
    """Write a model's networks in place of those in the folder.

    Kernels are stored as float16 and load as float32. Each file is replaced atomically.
    """
    parts = members_of(network)
    names = [MEMBER_FILE.format(number) for number in range(1, len(parts) + 1)]
    names = names if len(parts) > 1 else [NETWORK_FILE]
    for name, part in zip(names, parts, strict=True):
        temporary = folder / f"new-{name}"
        part.save(temporary)
        halve_kernels(temporary)
        temporary.replace(folder / name)
    drop_networks(folder, but=names)


def drop_networks(folder: Path, but: Iterable[str]) -> None:
    """Delete the networks of a folder except those with these file names."""
    for path in folder.glob("emotion*.keras"):
        if path.name not in but:
            path.unlink()


def check_not_a_run(folder: Path) -> None:
    """Check that a folder may be written to by other commands than `train.fit`.

    Raises:
        RunError: it holds a training run, whose model would be replaced.
    """
    if (folder / "config.json").exists():
        raise RunError(f"{folder} holds a training run; name another folder with --out.")


def load_network(folder: Path) -> "keras.Model":
    """Load the network of a finished run or a published model.

    Raises:
        RunError: the folder holds none that this Keras can load.
    """
    import keras

    try:
        parts = [
            keras.saving.load_model(path := file, compile=False)
            for file in network_files(folder) or [folder / NETWORK_FILE]
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{folder} holds no {path.name} that can be loaded.") from error
    return parts[0] if len(parts) == 1 else build_ensemble(parts)


def write_info(directory: Path, info: ModelInfo) -> None:
    """Write model.json atomically, with a row of numbers on a line."""
    text = json.dumps(info.to_dict(), indent=2, ensure_ascii=False) + "\n"
    text = re.sub(
        r"\[\s+([-+.\deE]+(?:,\s+[-+.\deE]+)*)\s+\]",
        lambda row: f"[{', '.join(row[1].replace(',', ' ').split())}]",
        text,
    )
    replace_file(directory / MODEL_JSON, text)


def publish(run: Path, to: Path, name: str | None = None) -> ModelInfo:
    """Copy a run's model to another folder, after checking that it loads.

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
        with file.open("rb") as source, replacing(to / file.name) as target:
            shutil.copyfileobj(source, target)
    drop_networks(to, but=[file.name for file in files])
    info = replace(info, name=name or info.name)
    write_info(to, info)
    return info

"""Share arguments and error messages among commands."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from fer_core.errors import FerError
from train.errors import RunError, TrainError

T = TypeVar("T")


def command_parser(module: str, doc: str | None) -> argparse.ArgumentParser:
    """Create the parser of `python -m MODULE`, whose docstring `--help` shows verbatim."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--data DIR`, for which `data_dir` falls back on the FER_DATA variable."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with FER2013 and the FER+ votes (default: the FER_DATA variable)",
    )


def add_photos_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--photos DIR`, which may be repeated; an empty list by default."""
    parser.add_argument(
        "--photos",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="photographs with labels.csv: file, label and, where known, person; may be repeated",
    )


def add_set_argument(parser: argparse.ArgumentParser, example: str) -> None:
    """Add `--set`, which changes a field of a config and may be repeated."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"another field of a config, as JSON: {example}",
    )


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--model DIR`, a run or a published model; the shipped one by default."""
    parser.add_argument(
        "--model", type=Path, default=Path("models"), metavar="DIR", help="default: models"
    )


def data_dir(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Path:
    """Return the dataset's folder, or exit with a message if none was named."""
    data = options.data or os.environ.get("FER_DATA")
    if not data:
        parser.error("name the data with --data DIR or the FER_DATA variable")
    return Path(data)


def check_folder(folder: Path) -> None:
    """Check, before long work, that a folder can be written to or created.

    Raises:
        RunError: it is a file, or may not be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; name a folder.")
    _check_place(folder, folder)


def check_file(path: Path) -> None:
    """Check, before long work, that a file can be written.

    Raises:
        RunError: it is a folder, or its folder may not be written to.
    """
    if path.is_dir():
        raise RunError(f"{path} is a folder; name a file.")
    _check_place(path.parent, path)


def _check_place(folder: Path, named: Path) -> None:
    there = next(part for part in (folder, *folder.parents) if part.exists())
    if not there.is_dir():
        raise RunError(f"{named} cannot be written to: {there} is a file.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RunError(f"{named} cannot be written to: {there} is read-only.")


@contextmanager
def explained() -> Iterator[None]:
    """Exit with `error: SENTENCE` for errors that the user can fix.

    They are those of `train.errors` and `fer_core.errors`, and of reading and writing files.
    """
    try:
        yield
    except (FerError, TrainError) as error:
        raise SystemExit(f"error: {error}") from error
    except OSError as error:
        what, why = error.filename or "a file", error.strerror or str(error)
        raise SystemExit(f"error: {what} cannot be read or written ({why}).") from error


def progress(items: Sequence[T], what: str) -> Iterator[T]:
    """Iterate with a progress bar, or with a line each minute in a log."""
    from tqdm import tqdm

    pause = 0.5 if sys.stderr.isatty() else 60
    yield from tqdm(items, desc=what, mininterval=pause, dynamic_ncols=True)


def need(what: str, *packages: str) -> None:
    """Exit with a message, before long work, if a package is missing.

    Args:
        what: the task, for the message.
        packages: import names, from train/requirements.txt; by default Keras and its backend.
    """
    if not packages:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        packages = ("keras", backend)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow: warnings and errors only
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"error: {what} needs {' and '.join(missing)}: pip install -r train/requirements.txt"
        )

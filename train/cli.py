"""Arguments that several commands share, and their errors as one sentence."""

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
    """Make the parser of `python -m MODULE`.

    Args:
        module: its dotted name.
        doc: its docstring, which `--help` shows as it is written.
    """
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """`--data DIR`; `data_dir` takes the FER_DATA variable where it is not given."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with FER2013 and the FER+ votes (default: the FER_DATA variable)",
    )


def add_photos_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--photos DIR`, which may be given several times; an empty list by default."""
    parser.add_argument(
        "--photos",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="photographs with labels.csv: file, label and, where known, person; may be repeated",
    )


def add_set_argument(parser: argparse.ArgumentParser, example: str) -> None:
    """Add `--set`, which changes a field of a config and may be given several times.

    Args:
        parser: of the command.
        example: of such settings, for the help.
    """
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"another field of a config, as JSON: {example}",
    )


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """`--model DIR`, a run or a published model; the shipped one by default."""
    parser.add_argument(
        "--model", type=Path, default=Path("models"), metavar="DIR", help="default: models"
    )


def data_dir(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Path:
    """The folder that was named; ends the program with a sentence when none was."""
    data = options.data or os.environ.get("FER_DATA")
    if not data:
        parser.error("name the data with --data DIR or the FER_DATA variable")
    return Path(data)


def check_folder(folder: Path) -> None:
    """See, before the work that ends with it, that a folder can be written to or made.

    Raises:
        RunError: it is a file, or may not be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; name a folder.")
    _check_place(folder, folder)


def check_file(path: Path) -> None:
    """See, before the work that ends with it, that a file can be written.

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
    """End the program with `error: SENTENCE` for what a person can cause and put right.

    That is every error of `train.errors` and of `fer_core.errors`, and a file that cannot be read
    or written, such as on a full disk.
    """
    try:
        yield
    except (FerError, TrainError) as error:
        raise SystemExit(f"error: {error}") from error
    except OSError as error:
        what = error.filename or "a file"
        reason = error.strerror or str(error)
        raise SystemExit(f"error: {what} cannot be read or written ({reason}).") from error


def progress(items: Sequence[T], what: str) -> Iterator[T]:
    """Pass items on, with a bar on the terminal, or a line each minute in a log."""
    from tqdm import tqdm

    pause = 0.5 if sys.stderr.isatty() else 60
    yield from tqdm(items, desc=what, mininterval=pause, dynamic_ncols=True)


def need(what: str, *packages: str) -> None:
    """End the program with a sentence, before minutes of work, where a package is missing.

    Args:
        what: needs them, for the sentence.
        packages: names to import, of train/requirements.txt; none for those that training takes.
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

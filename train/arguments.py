"""What several commands share: the argument that says where the data lies, and needed packages."""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """`--data DIR`; `data_dir` takes the FER_DATA variable where it is not given."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with FER2013 and the FER+ votes (default: the FER_DATA variable)",
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


def need(what: str, *packages: str) -> None:
    """End the program with a sentence, before minutes of work, where a package is missing.

    Args:
        what: needs them, for the sentence.
        packages: names to import, of train/requirements.txt; none for those that training takes.
    """
    if not packages:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        packages = ("keras", backend)
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise SystemExit(
            f"error: {what} needs {' and '.join(missing)}: pip install -r train/requirements.txt"
        )

"""The one command-line argument that several commands share: where the data lies."""

import argparse
import os
from pathlib import Path


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """`--data DIR`, with the FER_DATA variable as its default."""
    default = os.environ.get("FER_DATA")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(default) if default else None,
        metavar="DIR",
        help="folder with FER2013 and the FER+ votes (default: the FER_DATA variable)",
    )


def data_dir(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Path:
    """The folder that was named; ends the program with a sentence when none was."""
    if options.data is None:
        parser.error("name the data with --data DIR or the FER_DATA variable")
    data: Path = options.data
    return data

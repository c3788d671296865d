"""Find training pictures that teach twice, teach wrongly or give the test away.

    python -m train.clean --data DIR --out DIR     report, tables and contact sheets

Looked for are copies of one photograph, equal or near (see `train.data.duplicates`), within the
training set and across to PublicTest and PrivateTest; copies with different labels; pictures
without a face by the FER+ votes; and pictures in which the app's detector finds none. The test
splits are only looked at, never changed.

In the folder lie report.md, faults.json (the numbers), faults.csv (a line for each flagged training
picture, its row from 0), faults.npz (what `load_faults` reads, so that training need not search
again) and PNGs. The PNGs show pictures of the data set, which may not be passed on.
"""

import argparse
from pathlib import Path

from fer_core.assets import MODELS_DIR
from fer_core.detection import FaceDetector
from train.cli import add_data_argument, check_folder, command_parser, data_dir, explained
from train.data.fer2013 import load_splits
from train.data.label_faults import find_faults


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    from train.eda.faults_report import write_report

    options, data = _parse(arguments)
    with explained():
        print(f"reading {data}", flush=True)
        splits = load_splits(data)
        check_folder(options.out)
        faults = find_faults(splits, detector=FaceDetector.load(MODELS_DIR))
        for path in write_report(faults, splits, options.out):
            print(f"wrote {path}")


def _parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Path]:
    parser = command_parser("train.clean", __doc__)
    add_data_argument(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/clean"),
        metavar="DIR",
        help="where to write (default: runs/clean)",
    )
    options = parser.parse_args(arguments)
    return options, data_dir(parser, options)


if __name__ == "__main__":
    main()

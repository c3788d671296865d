"""Find duplicates, leakage into the test splits, and wrong labels.

    python -m train.clean --data DIR --out DIR     report, tables and contact sheets

Finds equal and near duplicates (see `train.data.duplicates`) within the training split and across
to PublicTest and PrivateTest, duplicates with different labels, images that are not a face by the
FER+ votes, and training images in which the app's detector finds no face. The data is only read.

The folder gets report.md, faults.json (counts), faults.csv (a row for each training image with a
fault, its number from 0), faults.npz (for `load_faults`, so that training need not search again)
and contact sheets, which show images of the dataset and may not be passed on.
"""

import argparse
from pathlib import Path

from fer_core.assets import MODELS_DIR
from fer_core.detection import FaceDetector
from train.cli import add_data_argument, check_folder, command_parser, data_dir, explained
from train.data.fer2013 import load_splits
from train.data.label_faults import find_faults


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
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
        help="output folder (default: runs/clean)",
    )
    options = parser.parse_args(arguments)
    return options, data_dir(parser, options)


if __name__ == "__main__":
    main()

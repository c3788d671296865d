"""Fit the calibration of both heads to seven probabilities, and write it to model.json.

    python -m train.calibrate --model models --photos PHOTOS --photos PORTRAITS --data DIR
    python -m train.calibrate --model runs/x --data DIR                  without photographs

The heads predict how FER2013's annotators label a face, including how often they say "neutral" or
"disgust". With `--photos DIR`, folders with labels.csv (file, label and, where known, person), the
calibration is fitted on photographs instead: temperature, biases, a vector, a matrix, and a matrix
with weights of the network's features are compared with several strengths of regularization.
Cross-validation, with people kept together, chooses the simplest form within one standard error of
the least loss, and of its strengths the strongest within two.

With `--data DIR`, too, the faces of PublicTest on whose emotion the annotators of FER+ agree are
one more set, so that the calibration does not fit the few photographs alone; without, the
photographs are all.

Each cell, the faces of one label in one set, weighs the same, and those of PublicTest half of that.
`--weight neutral=3` gives neutral faces of every set of photographs three times that, `--weight
SET/happy=0.5` the happy ones of one set half; a set is named by its folder, that of the dataset
PublicTest. `--trade-off PNG` prints and draws the effect of the weight of neutral
faces: with a higher one, neutral is predicted more often and rare emotions less. Photographs never
train the network.

The threshold for "not sure" leaves three of four faces with an emotion, by the cross-validated
probabilities on the sets with at least five emotions.

The metrics that model.json keeps with the calibration are cross-validated. Without photographs,
temperature and threshold are fitted on PublicTest. Requires train/requirements.txt.
"""

import argparse
from pathlib import Path

from train.calibration.photographs import NEUTRAL_WEIGHT
from train.calibration.recalibration import recalibrate
from train.cli import (
    add_data_argument,
    add_model_argument,
    add_photos_argument,
    command_parser,
    data_dir,
    explained,
    need,
)
from train.data.fer2013 import load_splits


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser, options = _parse(arguments)
    with explained():
        if options.photos:
            need("calibration on photographs", "scipy", "sklearn", "matplotlib")
        data = options.data if options.photos else data_dir(parser, options)
        public = load_splits(data)["PublicTest"] if data else None
        weights = dict(options.weight or ())
        recalibrate(options.model, public, options.photos, weights, options.trade_off)


def _parse(
    arguments: list[str] | None,
) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = command_parser("train.calibrate", __doc__)
    add_model_argument(parser)
    add_data_argument(parser)
    add_photos_argument(parser)
    parser.add_argument(
        "--weight",
        type=_weight,
        action="append",
        metavar="CELL=NUMBER",
        help="weight of the photographs LABEL, or SET/LABEL, instead of 1 "
        f"(neutral: {NEUTRAL_WEIGHT:g}); may be repeated",
    )
    parser.add_argument(
        "--trade-off",
        type=Path,
        metavar="PNG",
        help="print and draw the effect of the weight of neutral faces",
    )
    options = parser.parse_args(arguments)
    if not options.photos and (options.weight or options.trade_off):
        parser.error("--weight and --trade-off need --photos")
    return parser, options


def _weight(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = -1.0
    if not name or not 0 <= weight < float("inf"):
        raise argparse.ArgumentTypeError("must be LABEL=NUMBER or SET/LABEL=NUMBER, at least 0")
    return name, weight


if __name__ == "__main__":
    main()

"""Fit what turns both heads into the seven probabilities of the answer, and write it to model.json.

    python -m train.calibrate --model models --photos PHOTOS --photos PORTRAITS --data DIR
    python -m train.calibrate --model runs/x --data DIR                  without photographs
    python -m train.calibrate --model DIR --convert                     from model.json's format 2

The heads say how FER2013's crowds would label a face; how often these say "neutral" or "disgust"
is a habit of theirs and of FER2013. With `--photos DIR`, folders with labels.csv (file, label and,
where known, person), the calibration is fitted on photographs instead: temperature, biases, a
vector and a matrix compete with several strengths of regularization. Cross-validation, with people
kept together, chooses the simplest form within one standard error of the least loss.

Each cell, the faces of one label in one set, weighs the same. `--weight neutral=3` gives neutral
faces of every set three times that, `--weight SET/happy=0.5` the happy ones of one set half; a
set's name is its folder's. `--trade-off PNG` prints and draws what the weight of neutral faces
does: calm faces are then called neutral more often, and rare emotions less. Photographs never train
the network.

The threshold below which the answer is "not sure" leaves three of four faces answered, judged on
the sets with at least five emotions, by the cross-validated probabilities.

With `--data DIR` the new answer is also judged on PublicTest, by the FER+ majority. The figures
that model.json keeps with the calibration are cross-validated. Without photographs, temperature
and threshold are fitted on PublicTest. The arithmetic needs train/requirements.txt.
"""

import argparse
from pathlib import Path

from fer_core.emotions import FER2013_LABELS
from fer_core.model import (
    FORMAT_VERSION,
    MODEL_JSON,
    EmotionModel,
    ModelInfo,
)
from fer_core.recognizer import EmotionRecognizer
from train.artifacts.model_folder import convert
from train.artifacts.temperature import calibrate_on_dataset, dataset_logits
from train.cli import (
    add_data_argument,
    add_model_argument,
    command_parser,
    data_dir,
    explained,
    need,
)
from train.data.fer2013 import load_splits
from train.data.photographs import read_photograph_sets
from train.errors import DataError
from train.evaluation.predictions import answer_photographs
from train.photo_calibration import (
    NEUTRAL_WEIGHT,
    calibrate_on_photographs,
    judge_on_dataset,
    trade_off,
)

SHOWN = {
    "mean_recall": "mean recall",
    "ece": "calibration error",
    "answered": "answered",
    "accuracy_answered": "accuracy of these",
}
"""Figures that are printed, with their words."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    from train.artifacts.model_folder import write_info

    parser, options = _parse(arguments)
    with explained():
        if options.convert:
            write_info(options.model, convert(options.model))
            print(f"{options.model} now has {MODEL_JSON} of format {FORMAT_VERSION}")
            return
        if options.photos:
            info = _with_photographs(options)
        else:
            public = load_splits(data_dir(parser, options))["PublicTest"]
            info = calibrate_on_dataset(EmotionModel.load(options.model), public)
        write_info(options.model, info)
    print(
        f"wrote the calibration, {info.calibration.form}, and the abstention threshold, "
        f"{info.abstention_threshold}, into {MODEL_JSON} of {options.model}; figures of other "
        "answers are gone: python -m train.evaluate --record"
    )


def _with_photographs(options: argparse.Namespace) -> ModelInfo:
    from train.reporting.markdown import table

    need("calibration on photographs", "scipy", "sklearn", "matplotlib")
    folders = read_photograph_sets(options.photos)
    public_split = load_splits(options.data)["PublicTest"] if options.data else None
    recognizer = EmotionRecognizer.load(options.model)
    sets = {name: answer_photographs(recognizer, photos) for name, photos in folders.items()}
    special = dict(options.weight or ())
    neutral = FER2013_LABELS.index("neutral")
    if any((said.labels[said.found] == neutral).any() for said in sets.values()):
        special = {"neutral": NEUTRAL_WEIGHT, **special}
    elif options.trade_off:
        raise DataError("--trade-off needs photographs of neutral faces.")
    info, candidates = calibrate_on_photographs(recognizer.model.info, sets, special)
    rows = [
        (one.form, f"{one.strength:g}", f"{one.loss:.4f}", f"{one.behind:.4f}", f"{one.error:.4f}")
        for one in candidates
    ]
    print("Cross-validated loss by form and strength; the last columns: behind the best, ± error")
    print(table(("form", "strength", "loss", "behind", "±"), rows))
    for name, told in info.calibration.figures["cross_validated"].items():
        recalls = "  ".join(f"{label} {value:.3f}" for label, value in told["recall"].items())
        # What has no value, such as the accuracy where nothing is answered, is not there.
        shown = {key: f"{told[key]:.3f}" if key in told else "-" for key in SHOWN}
        words = ", ".join(f"{SHOWN[key]} {value}" for key, value in shown.items())
        print(f"{name}, cross-validated: {words}\n  {recalls}")
    public = None
    if public_split is not None:
        heads = dataset_logits(recognizer.model, public_split)
        public = public_split, heads
        told = judge_on_dataset(info.calibration, public_split, heads)
        print(", ".join(f"{key} {value:.3f}" for key, value in told.items()))
    if options.trade_off:
        lines = trade_off(info, sets, special, public)
        print(table(list(lines[0]), [[f"{value:.3f}" for value in row.values()] for row in lines]))
        from train.reporting import plots

        title = "What the weight of calm faces does, cross-validated"
        plots.trade_off(lines, special["neutral"], options.trade_off, title)
    return info


def _parse(
    arguments: list[str] | None,
) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = command_parser("calibrate", __doc__)
    add_model_argument(parser)
    add_data_argument(parser)
    parser.add_argument(
        "--photos",
        type=Path,
        action="append",
        metavar="DIR",
        help="photographs with labels.csv; may be given several times",
    )
    parser.add_argument(
        "--weight",
        type=_weight,
        action="append",
        metavar="CELL=NUMBER",
        help="of the photographs LABEL, or SET/LABEL, instead of 1 "
        f"(neutral: {NEUTRAL_WEIGHT:g}); may be given several times",
    )
    parser.add_argument(
        "--trade-off",
        type=Path,
        metavar="PNG",
        help="print and draw what the weight of neutral faces does",
    )
    parser.add_argument(
        "--convert", action="store_true", help="convert model.json from format 2, and do no more"
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

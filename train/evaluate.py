"""Evaluate a model as the app uses it: on photographs, and on FER2013 and FER+.

    python -m train.evaluate --model models --photos DIR --photos DIR      photographs only
    python -m train.evaluate --model models --data DIR --photos DIR --json OUT
    python -m train.evaluate --model models --data DIR --report OUTDIR
    python -m train.evaluate --model runs/x --data DIR --public-only       for choosing

`--photos DIR` names a folder of photographs with labels.csv, which has the columns file and label,
and any others; the option may be repeated, and each set is named by its folder. The largest face is
predicted by the app's own code (`EmotionRecognizer.recognize`), "not sure" included. Metrics are
the faces found, recall of each emotion and their mean, where a face that is not found counts as
wrong, confusion, calibration, coverage, and 95 % bootstrap intervals, over people if there is a
column person. With columns age, gender or ethnicity, groups are compared by their recall of neutral
and happy faces, and by how often a neutral face is predicted as angry or sad. Sets that the
calibration was fitted on are recognized by their digest: if all of them are named, their
predictions are cross-validated.

`--data DIR` names FER2013 and the FER+ votes. With `--photos` it may be left out: the dataset is
then not read, even where FER_DATA is set. Its faces go through fer_core's preprocessing, flip
averaging and calibration. PrivateTest is for reporting: `--public-only` leaves it unread, and each
evaluation on it is to be logged in experiments/private-test.toml (the entry is printed). Without
FER+ votes there are no ferplus metrics, and the reference labels are FER2013's.

`--json OUT` writes every metric, those of photographs under `photos` by set; of the dataset
accuracy, precision, recall, F1 and AUC by class and averaged, confusion matrices, calibration,
coverage, the scores without images that are also in Training, and intervals. `--report OUTDIR`
writes them as report.md with plots beside it: confusion, ROC curves, reliability, risk and
coverage, the most confident mistakes, and the learning curves if the model's folder has a
history.csv. It shows images of the data, which must not be redistributed. Requires
train/requirements.txt.

A copy has equal pixels. With `--faults DIR`, the output of `python -m train.clean`, there are also
scores without near copies: images of a photograph that also occurs in Training, with another crop
or lighting.

`--fer-python` names the Python of another environment with the `fer` package (how to make one:
train/evaluation/peer_fer.py) and compares its predictions for the same images.

A warning is printed if a model is no better than chance, or if its predictions fit other rows or
class names far better: labels and images then do not match. Others tell on which images the
calibration was fitted, whose metrics are therefore too good.
"""

import argparse
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fer_core.model import EmotionModel, ModelInfo
from fer_core.recognizer import EmotionRecognizer
from train.artifacts.model_folder import write_info
from train.artifacts.provenance import git_commit
from train.artifacts.run_folder import read_history
from train.calibration.photographs import (
    DATASET,
    dataset_faces,
    held_out_predictions,
    sets_fitted_on,
)
from train.cli import (
    add_data_argument,
    add_model_argument,
    add_photos_argument,
    check_file,
    check_folder,
    command_parser,
    data_dir,
    explained,
    need,
)
from train.data.dataset import Dataset
from train.data.fer2013 import load_splits
from train.data.label_faults import load_faults
from train.data.photographs import read_photograph_sets
from train.evaluation.figures import all_figures, compact
from train.evaluation.predictions import (
    PhotographPredictions,
    SplitPredictions,
    predict_photographs,
    predict_splits,
    predict_with_fer,
)
from train.evaluation.tables import log_entry, summary
from train.files import replace_file


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = _parse(arguments)
    need("evaluation", "sklearn", "scipy", *(["matplotlib"] if options.report else []))
    by_split: dict[str, SplitPredictions] = {}
    with explained():
        if options.json is not None:
            check_file(options.json)
        if options.report is not None:
            check_folder(options.report)
        sets = read_photograph_sets(options.photos)
        if options.data is not None:
            print(f"reading {options.data}", flush=True)
            splits = load_splits(options.data)
        print(f"loading the model of {options.model}", flush=True)
        recognizer = EmotionRecognizer.load(options.model)
        model = recognizer.model
        if options.data is not None:
            faults = load_faults(options.faults, splits) if options.faults else None
            by_split = predict_splits(model, splits, public_only=options.public_only, faults=faults)
        photographs = {
            name: predict_photographs(recognizer, of_set) for name, of_set in sets.items()
        }
        public = splits["PublicTest"] if options.data is not None else None
        photographs, too_good = _held_out(model, photographs, public)
        figures = all_figures(by_split, model.info.abstention_threshold, photographs)
        figures["warnings"] += too_good
        if options.fer_python is not None:
            print("predicting the same images with fer", flush=True)
            version, of_faces, of_photographs = predict_with_fer(options.fer_python, by_split, sets)
            figures["peers"] = {f"fer {version}": all_figures(of_faces, 0.0, of_photographs)}
        figures["file_bytes"] = (options.model / model.info.file).stat().st_size
        print(summary(figures))
        _write(options, model.info, figures, by_split, photographs)


def _held_out(
    model: EmotionModel, photographs: dict[str, PhotographPredictions], public: Dataset | None
) -> tuple[dict[str, PhotographPredictions], list[str]]:
    """Cross-validate the sets that the calibration was fitted on, if all of them are there.

    Returns:
        The predictions of photographs; a sentence on each part whose metrics are too good.
    """
    fitted, fitted_on = sets_fitted_on(model.info, photographs), model.info.calibration.fitted_on
    needed, warnings = [name for name in fitted_on if name != DATASET], []
    if DATASET not in fitted_on:
        public = None
    elif public is not None:
        warnings.append(
            "PublicTest took part in the fit of the calibration, so that metrics of the calibrated "
            "prediction on it are too good; those of the two heads are not affected."
        )
    is_complete = len(fitted) == len(needed) and (DATASET in fitted_on) == (public is not None)
    if fitted and is_complete:
        dataset = None if public is None else dataset_faces(model, public)
        print(f"cross-validating the calibration on {', '.join(fitted)}", flush=True)
        photographs = photographs | held_out_predictions(model.info, photographs, dataset)
    elif fitted:
        also = " with --data" if DATASET in fitted_on else ""
        warnings.append(
            f"The calibration was fitted on {', '.join(fitted)}, whose metrics are too good here; "
            f"name all of {', '.join(needed)}{also} to have them cross-validated."
        )
    return photographs, warnings


def _write(
    options: argparse.Namespace,
    info: ModelInfo,
    figures: dict[str, Any],
    by_split: dict[str, SplitPredictions],
    photographs: dict[str, PhotographPredictions],
) -> None:
    origin = _origin(options, info)
    if "PrivateTest" in by_split:
        print("PrivateTest was read; the entry for experiments/private-test.toml:")
        print(log_entry(figures, origin))
    if options.json is not None:
        text = json.dumps({**figures, "origin": origin}, indent=2, allow_nan=False) + "\n"
        replace_file(options.json, text)
        print(f"wrote {options.json}")
    if options.report is not None:
        from train.evaluation.report import write_report

        for path in write_report(
            options.report,
            figures,
            by_split,
            photographs=photographs,
            origin=origin,
            history=read_history(options.model),
        ):
            print(f"wrote {path}")
    if options.record:
        # Keep metrics that were not computed this time: they are of the same version.
        new = {
            name: {**info.figures.get(name, {}), **row} for name, row in compact(figures).items()
        }
        write_info(options.model, replace(info, figures={**info.figures, **new}))
        print(f"wrote the figures into model.json of {options.model}")


def _origin(options: argparse.Namespace, info: ModelInfo) -> dict[str, str]:
    """Describe the model, date, code and command, without this machine's data folders."""
    words = [f"python -m train.evaluate --model {options.model}"]
    words += ["--data DIR"] if options.data else []
    words += [f"--photos {folder.resolve().name}" for folder in options.photos]
    named = ("faults", "json", "report")
    words += [f"--{name} {value}" for name in named if (value := vars(options)[name])]
    words += ["--fer-python PYTHON"] if options.fer_python else []
    words += ["--public-only"] if options.public_only else []
    return {
        "model": info.name,
        "version": info.version,
        "commit": git_commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join(words),
    }


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser("train.evaluate", __doc__)
    add_model_argument(parser)
    add_photos_argument(parser)
    add_data_argument(parser)
    parser.add_argument("--faults", type=Path, metavar="DIR", help="output of train.clean")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all metrics to this file")
    parser.add_argument(
        "--report", type=Path, metavar="OUTDIR", help="write report.md and its plots here"
    )
    parser.add_argument(
        "--fer-python", type=Path, metavar="PYTHON", help="of an environment with the fer package"
    )
    parser.add_argument("--public-only", action="store_true", help="leave PrivateTest unread")
    parser.add_argument(
        "--record", action="store_true", help="also write the main metrics into model.json"
    )
    options = parser.parse_args(arguments)
    if not options.photos:
        options.data = data_dir(parser, options)
    if options.faults and options.data is None:
        parser.error("--faults needs the dataset: name it with --data DIR")
    return options


if __name__ == "__main__":
    main()

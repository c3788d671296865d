"""Measure a model on FER2013 and FER+, the way that the app would answer.

    python -m train.evaluate --model models --data DIR --json OUT
    python -m train.evaluate --model runs/x --data DIR --public-only     for choosing

Faces go through fer_core's preparation, flip averaging and temperature included. PrivateTest is
for reporting: `--public-only` leaves it unread, and each reading of it belongs into the log in
RUNS.md (the row to add is printed). With train/requirements.txt installed, a confusion matrix and
a reliability diagram are drawn beside OUT.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import (
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
    risk_coverage,
    softmax,
)
from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS, HAPPY, SAD
from fer_core.errors import ModelLoadError
from fer_core.model import EmotionModel
from train.arguments import add_data_argument, data_dir
from train.calibrate import dataset_logits
from train.dataset import DataError, Dataset, load_splits

BIG_FIVE = ("angry", "happy", "sad", "surprise", "neutral")
COVERAGES = (0.7, 0.8, 0.9, 1.0)


def evaluate(
    model: EmotionModel, splits: dict[str, Dataset], *, public_only: bool = False
) -> dict[str, Any]:
    """All figures of a model.

    Args:
        model: as the app would load it.
        splits: from `load_splits`; Training is read for its duplicates only.
        public_only: leave PrivateTest unread.

    Returns:
        Figures by name: `fer2013_*` and `ferplus_*` as `classification_figures` gives them, and
        `happy_sad`, `calibration`, `coverage`. These three are PrivateTest's; those of PublicTest
        end in `_public`.
    """
    known = set(splits["Training"].fingerprints())
    figures: dict[str, Any] = {}
    for split, suffix in (("PublicTest", "public"), ("PrivateTest", "private")):
        if public_only and suffix == "private":
            continue
        dataset = splits[split]
        print(f"measuring {split}, {len(dataset)} faces", flush=True)
        copies = np.array([mark in known for mark in dataset.fingerprints()])
        logits = dataset_logits(model, dataset)
        ending = "" if suffix == "private" else "_public"
        figures |= {
            f"fer2013_{suffix}": classification_figures(
                logits["fer2013"], dataset.labels, copies, FER2013_LABELS
            ),
            f"ferplus_{suffix}": classification_figures(
                logits["ferplus"], dataset.majority, copies, FERPLUS_LABELS
            ),
        }
        seven = logits["ferplus"][:, : len(FER2013_LABELS)]
        probabilities = softmax(seven, model.info.temperature)
        answers = answer_figures(probabilities, dataset.majority)
        figures |= {f"{name}{ending}": values for name, values in answers.items()}
    return figures


def classification_figures(
    logits: NDArray[np.floating],
    labels: NDArray[np.int64],
    copies: NDArray[np.bool_],
    classes: Sequence[str],
) -> dict[str, Any]:
    """How often the highest logit is the label.

    Args:
        logits: (N, C).
        labels: (N,) 0..C-1, or -1 for a picture that is not judged.
        copies: (N,) whether the picture also is a training picture.
        classes: C names.

    Returns:
        accuracy, macro_f1 (over the classes that occur), accuracy_deduplicated (without copies),
        n, n_deduplicated, recall and f1 by class, and confusion (rows: label).
    """
    judged = labels >= 0
    labels, predictions, fresh = labels[judged], logits.argmax(axis=1)[judged], ~copies[judged]
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (labels, predictions), 1)
    hits, of_label, of_answer = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    occurs = of_label > 0
    f1 = 2 * hits / np.maximum(of_label + of_answer, 1)
    recall = hits / np.maximum(of_label, 1)
    right = predictions == labels
    named = [name for name, is_there in zip(classes, occurs, strict=True) if is_there]
    return {
        "accuracy": float(right.mean()),
        "macro_f1": float(f1[occurs].mean()),
        "accuracy_deduplicated": float(right[fresh].mean()),
        "n": len(labels),
        "n_deduplicated": int(fresh.sum()),
        "recall": dict(zip(named, recall[occurs].tolist(), strict=True)),
        "f1": dict(zip(named, f1[occurs].tolist(), strict=True)),
        "confusion": confusion.tolist(),
    }


def answer_figures(
    probabilities: NDArray[np.float64], majority: NDArray[np.int64]
) -> dict[str, dict[str, Any]]:
    """Of the calibrated seven-emotion answer, against the FER+ majority among the seven."""
    binary = (majority == HAPPY) | (majority == SAD)
    reads_happy = probabilities[binary, HAPPY] > probabilities[binary, SAD]
    judged = (majority >= 0) & (majority < len(FER2013_LABELS))
    chosen, labels = probabilities[judged], majority[judged]
    right = chosen.argmax(axis=1) == labels
    curve = risk_coverage(chosen.max(axis=1), right)
    return {
        "happy_sad": {
            "accuracy": float((reads_happy == (majority[binary] == HAPPY)).mean()),
            "n": int(binary.sum()),
        },
        "calibration": {
            "ece": expected_calibration_error(chosen, labels),
            "nll": negative_log_likelihood(chosen, labels),
            "brier": brier_score(chosen, labels),
            "n": int(judged.sum()),
            "reliability": [asdict(row) for row in reliability(chosen, labels)],
        },
        "coverage": {
            f"accuracy_at_{coverage:.0%}": curve.accuracy_at(coverage) for coverage in COVERAGES
        },
    }


def summary(figures: dict[str, Any]) -> str:
    """The figures as a table for the terminal."""
    lines = [f"{'':18}{'accuracy':>10}{'macro F1':>10}{'no copies':>11}{'n':>7}"]
    for name in ("fer2013_public", "fer2013_private", "ferplus_public", "ferplus_private"):
        if name in figures:
            row = figures[name]
            lines.append(
                f"{name:18}{row['accuracy']:>10.4f}{row['macro_f1']:>10.4f}"
                f"{row['accuracy_deduplicated']:>11.4f}{row['n']:>7}"
            )
            lines.append(f"{'  recall':18}" + _pairs(row["recall"]))
    for ending in ("_public", ""):
        if f"happy_sad{ending}" in figures:
            split = "PublicTest" if ending else "PrivateTest"
            happy_sad, calibration = figures[f"happy_sad{ending}"], figures[f"calibration{ending}"]
            measured = {key: calibration[key] for key in ("ece", "nll", "brier")}
            lines += [
                f"{split}, by FER+ majority",
                f"  happy or sad      {happy_sad['accuracy']:.4f} of {happy_sad['n']}",
                f"  calibration       {_pairs(measured)}",
                f"  coverage          {_pairs(figures[f'coverage{ending}'])}",
            ]
    return "\n".join(lines)


def compact(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures that model.json keeps: numbers by name, rounded, no matrices."""
    return {
        name: {
            key: round(value, 4) for key, value in values.items() if isinstance(value, int | float)
        }
        for name, values in figures.items()
    }


def draw(figures: dict[str, Any], folder: Path) -> list[Path]:
    """Confusion matrix and reliability diagram as PNG; nothing without matplotlib."""
    try:
        from train import plots
    except ImportError:
        return []
    ending, split = ("", "private") if "calibration" in figures else ("_public", "public")
    return [
        plots.confusion_matrix(
            figures[f"ferplus_{split}"]["confusion"],
            FERPLUS_LABELS,
            folder / f"confusion_{split}.png",
        ),
        plots.reliability_diagram(
            figures[f"calibration{ending}"]["reliability"], folder / f"reliability_{split}.png"
        ),
    ]


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    from train.export import write_info
    from train.runs import git_commit

    options, data = _parse(arguments)
    try:
        print(f"reading {data}", flush=True)
        splits = load_splits(data)
        print(f"loading the model of {options.model}", flush=True)
        model = EmotionModel.load(options.model)
        figures = evaluate(model, splits, public_only=options.public_only)
    except (DataError, ModelLoadError) as error:
        raise SystemExit(f"error: {error}") from error
    print(summary(figures))
    commit, today = git_commit(), datetime.now(UTC).date().isoformat()
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        origin = {"model": model.info.name, "version": model.info.version, "commit": commit}
        text = json.dumps({**figures, "origin": origin}, indent=2) + "\n"
        options.json.write_text(text, encoding="utf-8")
        for path in [options.json, *draw(figures, options.json.parent)]:
            print(f"wrote {path}")
    if options.record:
        write_info(options.model, replace(model.info, figures=compact(figures)))
        print(f"wrote the figures into model.json of {options.model}")
    if not options.public_only:
        print(
            "PrivateTest was read; the row for the log in train/RUNS.md:\n"
            f"| {today} | {commit[:12]} | {model.info.name} {model.info.version} "
            f"| {figures['fer2013_private']['accuracy']:.4f} "
            f"| {figures['ferplus_private']['accuracy']:.4f} "
            f"| {figures['happy_sad']['accuracy']:.4f} | why |"
        )


def _pairs(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in values.items())


def _parse(arguments: list[str] | None) -> tuple[argparse.Namespace, Path]:
    parser = argparse.ArgumentParser(
        prog="python -m train.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model", type=Path, default=Path("models"), metavar="DIR", help="default: models"
    )
    add_data_argument(parser)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures to this file")
    parser.add_argument("--public-only", action="store_true", help="leave PrivateTest unread")
    parser.add_argument(
        "--record", action="store_true", help="also write the main figures into model.json"
    )
    options = parser.parse_args(arguments)
    return options, data_dir(parser, options)


if __name__ == "__main__":
    main()

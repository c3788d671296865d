"""Measure a model on FER2013 and FER+, the way that the app would answer.

    python -m train.evaluate --model models --data DIR --json OUT
    python -m train.evaluate --model models --data DIR --report OUTDIR
    python -m train.evaluate --model runs/x --data DIR --public-only     for choosing

Faces go through fer_core's preparation, flip averaging and temperature included. PrivateTest is
for reporting: `--public-only` leaves it unread, and each reading of it belongs into the log in
RUNS.md (the row to add is printed).

`--json OUT` writes every figure: accuracy, precision, recall, F1 and AUC by class and averaged,
confusion matrices, calibration, coverage, the scores without pictures that are also in Training,
and 95 % bootstrap intervals. `--report OUTDIR` writes them as report.md with plots beside it:
confusion, ROC curves, reliability, risk and coverage, the most confident mistakes, and the learning
curves when the model's folder has a history.csv. It shows pictures of the dataset, which may not be
passed on. The arithmetic and the drawing need train/requirements.txt.

A model that answers no better than chance, or whose answers fit other rows or other class names
far better, gives a warning: labels and pictures are then out of step.

Without FER+ votes there are no ferplus figures, and the answer is judged by FER2013's labels.
"""

import argparse
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import softmax
from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.errors import ModelLoadError
from fer_core.model import EmotionModel, ModelInfo
from train.arguments import add_data_argument, data_dir
from train.calibrate import dataset_logits
from train.dataset import DataError, Dataset, load_splits

REQUIREMENTS = "train/requirements.txt"


@dataclass(frozen=True)
class Answers:
    """What a model says to one split, row by row.

    Attributes:
        dataset: (N) faces and labels.
        copies: (N,) bool, whether the picture also is in Training.
        fer2013: (N, 7) float64 probabilities of the fer2013 head.
        ferplus: (N, 8) float64 probabilities of the ferplus head, after the temperature.
        seven: (N, 7) float64, the probabilities that the app shows: ferplus without contempt.
    """

    dataset: Dataset
    copies: NDArray[np.bool_]
    fer2013: NDArray[np.float64]
    ferplus: NDArray[np.float64]
    seven: NDArray[np.float64]


def evaluate(
    model: EmotionModel, splits: dict[str, Dataset], *, public_only: bool = False
) -> dict[str, Any]:
    """All figures of a model; the arguments are `answer_splits`', the result `all_figures`'."""
    return all_figures(answer_splits(model, splits, public_only=public_only), model.info)


def answer_splits(
    model: EmotionModel, splits: dict[str, Dataset], *, public_only: bool = False
) -> dict[str, Answers]:
    """Ask the model.

    Args:
        model: as the app would load it.
        splits: from `load_splits`; Training is read for its duplicates only.
        public_only: leave PrivateTest unread.

    Returns:
        The answers by split, PublicTest first.
    """
    known = set(splits["Training"].fingerprints())
    answers = {}
    for split in ("PublicTest",) if public_only else ("PublicTest", "PrivateTest"):
        dataset = splits[split]
        print(f"measuring {split}, {len(dataset)} faces", flush=True)
        logits = dataset_logits(model, dataset)
        temperature = model.info.temperature
        answers[split] = Answers(
            dataset,
            np.array([mark in known for mark in dataset.fingerprints()]),
            softmax(logits["fer2013"]),
            softmax(logits["ferplus"], temperature),
            softmax(logits["ferplus"][:, : len(FER2013_LABELS)], temperature),
        )
    return answers


def all_figures(answers: dict[str, Answers], info: ModelInfo) -> dict[str, Any]:
    """What the answers are worth.

    Args:
        answers: from `answer_splits`.
        info: of the model; its abstention threshold is judged.

    Returns:
        Figures by name: `fer2013_*` and, where there are votes, `ferplus_*` as
        `metrics.classification_figures` gives them; `happy_sad`, `calibration` and `coverage` as
        `metrics.answer_figures` does, and `reference`, what these three are judged by. These four
        are PrivateTest's; those of PublicTest end in `_public`. And `warnings`, sentences.

    Raises:
        DataError: the annotators of a split agree on none of its pictures.
    """
    from train import metrics
    from train.report import warnings

    figures: dict[str, Any] = {}
    for split, said in answers.items():
        suffix, ending = ("public", "_public") if split == "PublicTest" else ("private", "")
        dataset, reference = said.dataset, said.dataset.reference
        if not metrics.is_judged(reference).any():
            raise DataError(f"no picture of {split} has a majority among its FER+ votes.")
        figures[f"fer2013_{suffix}"] = metrics.classification_figures(
            said.fer2013, dataset.labels, said.copies, FER2013_LABELS
        )
        if dataset.has_votes:
            figures[f"ferplus_{suffix}"] = metrics.classification_figures(
                said.ferplus, dataset.majority, said.copies, FERPLUS_LABELS
            )
        served = metrics.answer_figures(said.seven, reference, info.abstention_threshold)
        figures |= {f"{name}{ending}": values for name, values in served.items()}
        figures[f"reference{ending}"] = "FER+ majority" if dataset.has_votes else "FER2013 label"
    figures["warnings"] = warnings(figures)
    return figures


def summary(figures: dict[str, Any]) -> str:
    """The figures as a table for the terminal, warnings last."""
    header = ("accuracy", "macro F1", "macro AUC", "no copies")
    lines = [f"{'':16}{''.join(f'{name:>11}' for name in header)}{'n':>7}"]
    for name in ("fer2013_public", "fer2013_private", "ferplus_public", "ferplus_private"):
        if name in figures:
            row = figures[name]
            keys = ("accuracy", "macro_f1", "macro_auc", "accuracy_deduplicated")
            cells = [f"{_number(row[key], 4):>11}" for key in keys]
            lines.append(f"{name:16}{''.join(cells)}{row['n']:>7}")
            lines.append(f"{'  recall':18}{_pairs(row['recall'])}")
    for split, ending in (("PublicTest", "_public"), ("PrivateTest", "")):
        if f"happy_sad{ending}" in figures:
            happy_sad, calibration, coverage = (
                figures[f"{name}{ending}"] for name in ("happy_sad", "calibration", "coverage")
            )
            shares = {k: v for k, v in coverage.items() if k.startswith("accuracy_at")}
            measured = {key: calibration[key] for key in ("ece", "nll", "brier")}
            lines += [
                f"{split}, by {figures[f'reference{ending}']}",
                f"  happy or sad      {_number(happy_sad['accuracy'], 4)} of {happy_sad['n']}",
                f"  calibration       {_pairs(measured)}",
                f"  coverage          {_pairs(shares)}",
            ]
    return "\n".join([*lines, *(f"WARNING: {sentence}" for sentence in figures["warnings"])])


def compact(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures that model.json keeps: numbers by name, rounded, no matrices."""
    return {
        name: {
            key: round(value, 4) for key, value in values.items() if isinstance(value, int | float)
        }
        for name, values in figures.items()
        if isinstance(values, dict)
    }


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    from train.export import write_info

    options, data = _parse(arguments)
    _require_packages(drawing=options.report is not None)
    try:
        print(f"reading {data}", flush=True)
        splits = load_splits(data)
        print(f"loading the model of {options.model}", flush=True)
        model = EmotionModel.load(options.model)
        answers = answer_splits(model, splits, public_only=options.public_only)
        figures = all_figures(answers, model.info)
    except (DataError, ModelLoadError) as error:
        raise SystemExit(f"error: {error}") from error
    print(summary(figures))
    origin = _origin(options, model.info)
    for path in _write(options, figures, answers, origin):
        print(f"wrote {path}")
    if options.record:
        write_info(options.model, replace(model.info, figures=compact(figures)))
        print(f"wrote the figures into model.json of {options.model}")
    if not options.public_only:
        private = (figures.get(f"{name}_private") for name in ("fer2013", "ferplus"))
        scores = [*private, figures["happy_sad"]]
        cells = [_number(values and values["accuracy"], 4) for values in scores]
        print(
            "PrivateTest was read; the row for the log in train/RUNS.md:\n"
            f"| {origin['date']} | {origin['commit'][:12]} | {model.info.name} "
            f"{model.info.version} | {' | '.join(cells)} | why |"
        )


def _write(
    options: argparse.Namespace,
    figures: dict[str, Any],
    answers: dict[str, Answers],
    origin: dict[str, str],
) -> list[Path]:
    written = []
    if options.json is not None:
        text = json.dumps({**figures, "origin": origin}, indent=2, allow_nan=False) + "\n"
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text, encoding="utf-8")
        written.append(options.json)
    if options.report is not None:
        from train.report import write_report
        from train.runs import read_history

        history = read_history(options.model)
        written += write_report(options.report, figures, answers, origin, history)
    return written


def _origin(options: argparse.Namespace, info: ModelInfo) -> dict[str, str]:
    """Which model was measured, when, by which code; without this machine's data folder."""
    from train.runs import git_commit

    words = [f"python -m train.evaluate --model {options.model} --data DIR"]
    words += [f"--{name} {value}" for name in ("json", "report") if (value := vars(options)[name])]
    words += ["--public-only"] if options.public_only else []
    return {
        "model": info.name,
        "version": info.version,
        "commit": git_commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join(words),
    }


def _require_packages(*, drawing: bool) -> None:
    """End with a sentence, before minutes of measuring, where a package is missing."""
    try:
        for name in ("sklearn", "matplotlib") if drawing else ("sklearn",):
            import_module(name)
    except ImportError as error:
        raise SystemExit(
            f"error: evaluation needs {error.name}, which is in {REQUIREMENTS}: "
            f"pip install -r {REQUIREMENTS}"
        ) from error


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _pairs(values: dict[str, float | None]) -> str:
    return "  ".join(f"{name} {_number(value, 3)}" for name, value in values.items())


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
    parser.add_argument(
        "--report", type=Path, metavar="OUTDIR", help="write report.md and its plots here"
    )
    parser.add_argument("--public-only", action="store_true", help="leave PrivateTest unread")
    parser.add_argument(
        "--record", action="store_true", help="also write the main figures into model.json"
    )
    options = parser.parse_args(arguments)
    return options, data_dir(parser, options)


if __name__ == "__main__":
    main()

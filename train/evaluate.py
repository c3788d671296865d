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

A copy has equal pixels. With `--faults DIR`, what `python -m train.clean` wrote, there also are the
scores without near copies: pictures of a photograph that Training shows too, cut or lit otherwise.

`--press DIR`, photographs with labels.csv as `train.gap` takes them, adds how many faces the app
finds there and reads right. `--fer-python` names the Python of another environment with the `fer`
package (how to make one: train/peer_fer.py) and sets its answers to the same pictures beside ours.

A model that answers no better than chance, or whose answers fit other rows or other class names
far better, gives a warning: labels and pictures are then out of step.

Without FER+ votes there are no ferplus figures, and the answer is judged by FER2013's labels.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.assets import MODELS_DIR
from fer_core.calibration import answer_logits, softmax
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.errors import FerError
from fer_core.model import EmotionModel, ModelInfo
from fer_core.preprocessing import preprocess
from train.arguments import add_data_argument, data_dir, need
from train.calibrate import dataset_logits
from train.clean import Faults, load_faults
from train.dataset import DataError, Dataset, is_judged, load_splits
from train.peer_fer import PeerError
from train.photographs import Photograph, cut_photographs, read_photographs


@dataclass(frozen=True)
class Answers:
    """What a model says to one split, row by row.

    Attributes:
        dataset: (N) faces and labels.
        copies: (N,) bool, whether the picture also is in Training.
        near_copies: (N,) bool, whether Training shows the same photograph; None when not known.
        fer2013: (N, 7) float64 probabilities of the fer2013 head.
        ferplus: (N, 8) float64 probabilities of the ferplus head, after the temperature.
        seven: (N, 7) float64, the probabilities that the app shows.
    """

    dataset: Dataset
    copies: NDArray[np.bool_]
    near_copies: NDArray[np.bool_] | None
    fer2013: NDArray[np.float64]
    ferplus: NDArray[np.float64]
    seven: NDArray[np.float64]


def evaluate(
    model: EmotionModel, splits: dict[str, Dataset], *, public_only: bool = False
) -> dict[str, Any]:
    """All figures of a model; the arguments are `answer_splits`', the result `all_figures`'."""
    return all_figures(
        answer_splits(model, splits, public_only=public_only), model.info.abstention_threshold
    )


def answer_splits(
    model: EmotionModel,
    splits: dict[str, Dataset],
    *,
    public_only: bool = False,
    faults: Faults | None = None,
) -> dict[str, Answers]:
    """Ask the model.

    Args:
        model: as the app would load it.
        splits: from `load_splits`; Training is read for its duplicates only.
        public_only: leave PrivateTest unread.
        faults: of these splits, for the near copies.

    Returns:
        The answers by split, PublicTest first.
    """
    known = set(splits["Training"].fingerprints())
    answers = {}
    for split in ("PublicTest",) if public_only else ("PublicTest", "PrivateTest"):
        dataset = splits[split]
        print(f"measuring {split}, {len(dataset)} faces", flush=True)
        logits = dataset_logits(model, dataset)
        info = model.info
        near = None
        if faults is not None:
            near = faults.public_leaked if split == "PublicTest" else faults.private_leaked
        answers[split] = Answers(
            dataset,
            np.array([mark in known for mark in dataset.fingerprints()]),
            near,
            softmax(logits["fer2013"]),
            softmax(logits["ferplus"], info.temperature),
            softmax(answer_logits(logits, info.fer2013_share), info.temperature),
        )
    return answers


def answer_of_peer(
    answers: dict[str, Answers], probabilities: dict[str, NDArray[np.float64]]
) -> dict[str, Answers]:
    """The same pictures with the (N, 7) answers of another program, which knows no contempt."""
    return {
        split: replace(
            answers[split],
            fer2013=seven,
            ferplus=np.pad(seven, ((0, 0), (0, len(FERPLUS_LABELS) - len(FER2013_LABELS)))),
            seven=seven,
        )
        for split, seven in probabilities.items()
    }


def all_figures(answers: dict[str, Answers], threshold: float) -> dict[str, Any]:
    """What the answers are worth.

    Args:
        answers: from `answer_splits`.
        threshold: the confidence below which the answer is "not sure".

    Returns:
        Figures by name: `fer2013_*` and, where there are votes, `ferplus_*` as
        `metrics.classification_figures` gives them; `answer`, `happy_sad`, `calibration` and
        `coverage` as `metrics.answer_figures` does, and `reference`, what these four are judged by.
        These five are PrivateTest's; those of PublicTest end in `_public`. And `warnings`,
        sentences.

    Raises:
        DataError: the annotators of a split agree on none of its pictures.
    """
    from train import metrics
    from train.report import warnings

    figures: dict[str, Any] = {}
    for split, said in answers.items():
        suffix, ending = ("public", "_public") if split == "PublicTest" else ("private", "")
        dataset, reference = said.dataset, said.dataset.reference
        if not is_judged(reference).any():
            raise DataError(f"no picture of {split} has a majority among its FER+ votes.")
        figures[f"fer2013_{suffix}"] = metrics.classification_figures(
            said.fer2013, dataset.labels, said.copies, FER2013_LABELS, said.near_copies
        )
        if dataset.has_votes:
            figures[f"ferplus_{suffix}"] = metrics.classification_figures(
                said.ferplus, dataset.majority, said.copies, FERPLUS_LABELS, said.near_copies
            )
        served = metrics.answer_figures(
            said.seven, reference, threshold, said.copies, said.near_copies
        )
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
            answer, happy_sad, calibration, coverage = (
                figures[f"{name}{ending}"]
                for name in ("answer", "happy_sad", "calibration", "coverage")
            )
            of_answer = {key: answer[key] for key in ("accuracy", "macro_f1", "main_five_f1")}
            shares = {k: v for k, v in coverage.items() if k.startswith("accuracy_at")}
            measured = {key: calibration[key] for key in ("ece", "nll", "brier")}
            lines += [
                f"{split}, by {figures[f'reference{ending}']}",
                f"  answer            {_pairs(of_answer)}",
                f"  happy or sad      {_number(happy_sad['accuracy'], 4)} of {happy_sad['n']}",
                f"  calibration       {_pairs(measured)}",
                f"  coverage          {_pairs(shares)}",
            ]
    return "\n".join([*lines, *(f"WARNING: {sentence}" for sentence in figures["warnings"])])


def compact(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures that model.json keeps: numbers by name, rounded, no matrices."""
    numbers = {
        name: {
            key: round(value, 4) for key, value in values.items() if isinstance(value, int | float)
        }
        for name, values in figures.items()
        if isinstance(values, dict)
    }
    return {name: values for name, values in numbers.items() if values}


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    from train.export import write_info

    options, data = _parse(arguments)
    need("evaluation", "sklearn", *(["matplotlib"] if options.report else []))
    try:
        photographs = read_photographs(options.press) if options.press else []
        print(f"reading {data}", flush=True)
        splits = load_splits(data)
        print(f"loading the model of {options.model}", flush=True)
        model = EmotionModel.load(options.model)
        faults = load_faults(options.faults, splits) if options.faults else None
        answers = answer_splits(model, splits, public_only=options.public_only, faults=faults)
        peers = _ask_peers(options, answers, photographs)
        figures = all_figures(answers, model.info.abstention_threshold)
        if photographs:
            figures["photographs"] = _read_photographs(model, photographs)
    except (DataError, FerError, PeerError) as error:
        raise SystemExit(f"error: {error}") from error
    figures["file_bytes"] = (options.model / model.info.file).stat().st_size
    print(summary(figures))
    if peers:
        figures["peers"] = peers
        print(side_by_side(figures))
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


def side_by_side(figures: dict[str, Any]) -> str:
    """Ours and each peer, figure by figure with 95 % intervals, for the terminal or Markdown."""
    names = list(figures["peers"])
    columns = [figures, *figures["peers"].values()]
    ending = "" if "answer" in figures else "_public"
    suffix = "private" if ending == "" else "public"
    rows = [
        ("FER2013, accuracy", f"fer2013_{suffix}", "accuracy"),
        ("without copies of training pictures", f"fer2013_{suffix}", "accuracy_deduplicated"),
        ("without near copies", f"fer2013_{suffix}", "accuracy_without_near_copies"),
        ("FER+, eight classes, accuracy", f"ferplus_{suffix}", "accuracy"),
        ("without copies of training pictures", f"ferplus_{suffix}", "accuracy_deduplicated"),
        ("answer by FER+, accuracy", f"answer{ending}", "accuracy"),
        ("macro F1", f"answer{ending}", "macro_f1"),
        ("mean F1 without disgust and fear", f"answer{ending}", "main_five_f1"),
        ("happy or sad, accuracy", f"happy_sad{ending}", "accuracy"),
        ("expected calibration error", f"calibration{ending}", "ece"),
        ("accuracy of the surest 70 %", f"coverage{ending}", "accuracy_at_70%"),
        ("photographs, mean recall", "photographs", "mean_recall"),
        ("photographs, face found", "photographs", "found"),
    ]
    split = suffix.capitalize() + "Test"
    lines = [f"| {split} | {' | '.join(('ours', *names))} |", f"|---|{'---:|' * len(columns)}"]
    for title, group, key in rows:
        if key in figures.get(group, {}):
            cells = [_with_interval(column.get(group, {}), key) for column in columns]
            lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _with_interval(values: dict[str, Any], key: str) -> str:
    text, interval = _number(values.get(key), 3), values.get(f"{key}_interval")
    return text if interval is None else f"{text} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _ask_peers(
    options: argparse.Namespace, answers: dict[str, Answers], photographs: Sequence[Photograph]
) -> dict[str, Any]:
    """The figures of the `fer` package on the same pictures, where its Python was named."""
    from train import metrics, peer_fer

    if options.fer_python is None:
        return {}
    print("asking fer for its answers", flush=True)
    faces = np.concatenate([said.dataset.faces for said in answers.values()])
    paths = [photograph.path for photograph in photographs]
    given, of_photographs, version = peer_fer.ask(options.fer_python, faces, paths)
    ends = np.cumsum([len(said.dataset) for said in answers.values()])[:-1]
    split = dict(zip(answers, np.split(given, ends), strict=True))
    figures = all_figures(answer_of_peer(answers, split), 0.0)
    if photographs:
        figures["photographs"] = metrics.photograph_figures(
            [photograph.label for photograph in photographs],
            [
                None if np.isnan(row).any() else FER2013_LABELS[row.argmax()]
                for row in of_photographs
            ],
        )
    return {f"fer {version}": figures}


def _read_photographs(model: EmotionModel, photographs: Sequence[Photograph]) -> dict[str, Any]:
    from train import metrics

    spec = model.info.preprocessing
    crops, found = cut_photographs(FaceDetector.load(MODELS_DIR), photographs, spec)
    seven, _ = model.answer(preprocess(crops, spec))
    chosen = zip(seven.argmax(axis=1), found, strict=True)
    return metrics.photograph_figures(
        [photograph.label for photograph in photographs],
        [FER2013_LABELS[answer] if is_found else None for answer, is_found in chosen],
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
    named = ("faults", "json", "report")
    words += [f"--{name} {value}" for name in named if (value := vars(options)[name])]
    words += ["--press DIR"] if options.press else []
    words += ["--fer-python PYTHON"] if options.fer_python else []
    words += ["--public-only"] if options.public_only else []
    return {
        "model": info.name,
        "version": info.version,
        "commit": git_commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join(words),
    }


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
    parser.add_argument("--faults", type=Path, metavar="DIR", help="what train.clean wrote")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures to this file")
    parser.add_argument(
        "--report", type=Path, metavar="OUTDIR", help="write report.md and its plots here"
    )
    parser.add_argument("--press", type=Path, metavar="DIR", help="photographs with labels.csv")
    parser.add_argument(
        "--fer-python", type=Path, metavar="PYTHON", help="of an environment with the fer package"
    )
    parser.add_argument("--public-only", action="store_true", help="leave PrivateTest unread")
    parser.add_argument(
        "--record", action="store_true", help="also write the main figures into model.json"
    )
    options = parser.parse_args(arguments)
    return options, data_dir(parser, options)


if __name__ == "__main__":
    main()

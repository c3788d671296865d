"""What `train.clean` found: report, numbers, table and contact sheets."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS
from train.data.dataset import SPLITS, Dataset
from train.data.duplicates import equal_groups
from train.data.label_faults import FAULTS_FILE, FLAGS, MODES, Faults, save_faults, training_weights
from train.reporting.contact_sheet import Tile, draw_contact_sheet
from train.reporting.markdown import table

TILES, SIDE = 60, 96  # of a contact sheet; pixels of a face there
COPIES_EXPLAINED = (
    "Pictures of the row's split of which the column's split has a copy (their own: another copy): "
    "an equal one, and in brackets any of the same photograph."
)
SHEETS_EXPLAINED = (
    "They show pictures of the data set, which may not be passed on. Numbers are rows within the "
    "split, from 0."
)

IntArray = NDArray[np.int64]


def write_report(faults: Faults, splits: Mapping[str, Dataset], out: Path) -> list[Path]:
    """Write all files into a folder, made when missing; the files, report.md first."""
    out.mkdir(parents=True, exist_ok=True)
    save_faults(faults, out / FAULTS_FILE)
    _write_table(faults, splits["Training"], out / "faults.csv")
    numbers = {**faults.summary, "weights": _weight_sums(faults)}
    (out / "faults.json").write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
    sheets = _draw_sheets(faults, splits, out)
    (out / "report.md").write_text(_report(numbers, sheets), "utf-8")
    names = ("report.md", "faults.json", "faults.csv", FAULTS_FILE)
    return [out / name for name in (*names, *sheets)]


def _weight_sums(faults: Faults) -> dict[str, dict[str, float]]:
    weights = {mode: training_weights(faults, mode) for mode in MODES}
    return {
        mode: {"pictures": int((values > 0).sum()), "weight": round(float(values.sum()), 1)}
        for mode, values in weights.items()
    }


def _write_table(faults: Faults, training: Dataset, path: Path) -> None:
    flags = {name: getattr(faults, name) for name in FLAGS}
    flagged = faults.duplicate_of >= 0
    for name in ("leaks", "conflicting", "not_a_face", "undetected"):
        flagged |= flags[name]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["row", "emotion", *flags])
        for row in np.flatnonzero(flagged):
            values = (flags[name][row] for name in flags)
            written = (f"{v:.2f}" if isinstance(v, np.floating) else int(v) for v in values)
            writer.writerow([row, FER2013_LABELS[training.labels[row]], *written])


def _draw_sheets(faults: Faults, splits: Mapping[str, Dataset], out: Path) -> dict[str, str]:
    """Draw contact sheets of what there is; titles by file name."""
    everything = [splits[name] for name in SPLITS]
    faces = np.concatenate([dataset.faces for dataset in everything])
    names = [
        f"{split} {row} {FER2013_LABELS[label]}"
        for split in SPLITS
        for row, label in enumerate(splits[split].labels)
    ]
    equal = equal_groups([mark for dataset in everything for mark in dataset.fingerprints()])
    copies = np.flatnonzero(equal != np.arange(len(equal)))
    near = np.stack([faults.near.first, faults.near.second], axis=1)
    weakest = near[np.argsort(faults.near.correlation)[:TILES]]
    misses = np.flatnonzero(faults.undetected & ~faults.not_a_face)
    rejected = np.flatnonzero(faults.not_a_face)
    kinds = {
        "equal.png": ("Equal pictures", np.stack([equal[copies], copies], axis=1)),
        "near.png": ("The same photograph", near),
        "near_weakest.png": ("The same photograph, the least alike", weakest),
        "not_a_face.png": ("Not a face by votes", rejected[:, np.newaxis]),
        "undetected.png": ("A face by votes, not found", misses[:, np.newaxis]),
    }
    titles = {}
    for file, (title, rows) in kinds.items():
        tiles = [
            Tile(np.concatenate(faces[some], axis=1), "\n".join(names[row] for row in some))
            for some in rows
        ]
        if tiles:
            size = (SIDE * rows.shape[1], SIDE)
            (titles[file],) = draw_contact_sheet({title: tiles}, out / file, size=size, most=TILES)
    return titles


def _report(numbers: dict[str, Any], sheets: Mapping[str, str]) -> str:
    splits, training = numbers["splits"], numbers["training"]
    looked = training["undetected"] is not None
    kinds = {
        "pictures": "pictures",
        "equal_copies": "equal to an earlier one of the split",
        "copies": "of the same photograph as an earlier one",
        "not_a_face": "not a face by votes",
        "doubtful": "half or more of the votes for unknown or not-a-face",
    }
    by_kind = [
        [label, *(f"{splits[split][kind]:,}" for split in SPLITS)] for kind, label in kinds.items()
    ]
    found = f"{training['undetected']:,}" if looked else "not looked for"
    by_kind.append(["no face found by the detector", found, "-", "-"])
    parts = [
        "# Faults of the pictures",
        table(["", *SPLITS], by_kind),
        "## Copies across splits",
        COPIES_EXPLAINED,
        _split_table(numbers["pictures_with_copy"]),
        "Pairs of pictures, each once:",
        _split_table(numbers["pairs"]),
        f"{training['leaks']:,} training pictures show a photograph of PublicTest or PrivateTest.",
        "## Copies in the training split",
        (
            f"{training['photographs_with_copies']:,} photographs occur more than once, the most "
            f"frequent {training['largest_group']} times. The FER2013 labels of "
            f"{training['conflicting_pictures']:,} pictures of "
            f"{training['conflicting_photographs']:,} photographs disagree:"
        ),
        table(
            ["labels", "photographs"],
            [[pair, f"{count:,}"] for pair, count in training["conflicting_labels"].items()],
        ),
        "## What each mode leaves to train on",
        table(
            ["mode", "pictures", "sum of weights"],
            [
                [mode, f"{sums['pictures']:,}", f"{sums['weight']:,.0f}"]
                for mode, sums in numbers["weights"].items()
            ],
        ),
        "## Contact sheets",
        SHEETS_EXPLAINED,
        *(f"{title}:\n\n![{title}]({file})" for file, title in sheets.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _split_table(counts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> str:
    equal, same = counts["equal"], counts["same_photograph"]
    rows = [
        [one, *(f"{equal[one][other]:,} ({same[one][other]:,})" for other in SPLITS)]
        for one in SPLITS
    ]
    return table(["", *SPLITS], rows)

"""Writes the faults of a dataset: report, counts, table and contact sheets."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.emotions import FER2013_LABELS
from train.data.dataset import SPLITS, Dataset
from train.data.label_faults import (
    FAULTS_FILE,
    FLAGS,
    MODES,
    Faults,
    equal_images,
    save_faults,
    training_weights,
)
from train.reporting.contact_sheet import Tile, draw_contact_sheet
from train.reporting.markdown import table

TILES, SIDE = 60, 96  # most tiles of a contact sheet; side of a face there, in pixels
KINDS = {
    "pictures": "all images",
    "equal_copies": "equal to an earlier image of the split",
    "copies": "equal to or near duplicate of an earlier image of the split",
    "not_a_face": "not a face by votes",
    "doubtful": "half or more of the votes for unknown or not-a-face",
}


def write_report(faults: Faults, splits: Mapping[str, Dataset], out: Path) -> list[Path]:
    """Write all files into a folder, which is made if missing; return them, report.md first."""
    out.mkdir(parents=True, exist_ok=True)
    save_faults(faults, out / FAULTS_FILE)
    _write_table(faults, splits["Training"], out / "faults.csv")
    weights = {mode: training_weights(faults, mode) for mode in MODES}
    sums = {
        mode: {"pictures": int((values > 0).sum()), "weight": round(float(values.sum()), 1)}
        for mode, values in weights.items()
    }
    numbers = {**faults.summary, "weights": sums}
    (out / "faults.json").write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
    sheets = _draw_sheets(faults, splits, out)
    (out / "report.md").write_text(_report(numbers, sheets), "utf-8")
    names = ("report.md", "faults.json", "faults.csv", FAULTS_FILE)
    return [out / name for name in (*names, *sheets)]


def _write_table(faults: Faults, training: Dataset, path: Path) -> None:
    flags = {name: getattr(faults, name) for name in FLAGS}
    flagged = (faults.duplicate_of >= 0) | faults.leaks | faults.conflicting
    flagged |= faults.not_a_face | faults.undetected
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["row", "emotion", *flags])
        for row in np.flatnonzero(flagged):
            values = (flags[name][row] for name in flags)
            written = (f"{v:.2f}" if isinstance(v, np.floating) else int(v) for v in values)
            writer.writerow([row, FER2013_LABELS[training.labels[row]], *written])


def _draw_sheets(faults: Faults, splits: Mapping[str, Dataset], out: Path) -> dict[str, str]:
    """Draw a contact sheet of each fault that occurs, and return titles by file name."""
    faces = np.concatenate([splits[name].faces for name in SPLITS])
    names = [
        f"{split} {row} {FER2013_LABELS[label]}"
        for split in SPLITS
        for row, label in enumerate(splits[split].labels)
    ]
    equal = equal_images(splits)
    copies = np.flatnonzero(equal != np.arange(len(equal)))
    near = np.stack([faults.near.first, faults.near.second], axis=1)
    weakest = near[np.argsort(faults.near.correlation)[:TILES]]
    rejected = np.flatnonzero(faults.not_a_face)[:, np.newaxis]
    missed = np.flatnonzero(faults.undetected & ~faults.not_a_face)[:, np.newaxis]
    kinds = (
        ("equal.png", "Equal images", np.stack([equal[copies], copies], axis=1)),
        ("near.png", "Near duplicates", near),
        ("near_weakest.png", "Near duplicates of the lowest correlation", weakest),
        ("not_a_face.png", "Not a face by votes", rejected),
        ("undetected.png", "A face by votes, not detected", missed),
    )
    titles = {}
    for file, title, rows in kinds:
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
    missed = training["undetected"]
    by_kind = [
        *([title, *(f"{splits[s][kind]:,}" for s in SPLITS)] for kind, title in KINDS.items()),
        ["no face detected", "not searched" if missed is None else f"{missed:,}", "-", "-"],
    ]
    conflicting = [[pair, f"{n:,}"] for pair, n in training["conflicting_labels"].items()]
    weights = [
        [mode, f"{sums['pictures']:,}", f"{sums['weight']:,.0f}"]
        for mode, sums in numbers["weights"].items()
    ]
    parts = [
        "# Faults of the dataset",
        table(["images", *SPLITS], by_kind),
        "## Copies across splits",
        (
            "Images of the row's split with a copy in the column's split: equal, in parentheses "
            "equal or near."
        ),
        _split_table(numbers["pictures_with_copy"]),
        "Pairs of copies:",
        _split_table(numbers["pairs"]),
        f"{training['leaks']:,} training images show a photograph of PublicTest or PrivateTest.",
        "## Copies in the training split",
        (
            f"{training['photographs_with_copies']:,} photographs occur more than once, the most "
            f"frequent {training['largest_group']} times. {training['conflicting_photographs']:,} "
            f"photographs ({training['conflicting_pictures']:,} images) have different FER2013 "
            "labels:"
        ),
        table(["labels", "photographs"], conflicting),
        "## Training images by cleaning mode",
        table(["mode", "images", "sum of weights"], weights),
        "## Contact sheets",
        (
            "They show images of the dataset, which may not be passed on. Numbers are rows within "
            "the split, from 0."
        ),
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

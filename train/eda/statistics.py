"""Counts classes, grey levels, copies and votes of a dataset."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.preprocessing import UInt8Array
from train.data.dataset import SPLITS, Dataset
from train.data.duplicates import cross_table
from train.data.label_faults import (
    DOUBTFUL,
    Faults,
    copies_by_split,
    equal_images,
    same_photographs,
)

NONE = "none"  # key of the images without a FER+ majority
VOTE_KINDS = {
    "judged": "with votes",
    "majority": "with a majority for one emotion",
    "not_a_face": "not a face: no emotion has as many votes as not-a-face",
    "unknown": "unknown: no emotion has as many votes as unknown",
    "doubtful": "with half or more of the votes for unknown or not-a-face",
    "some_not_a_face": "with a vote for not-a-face",
    "some_unknown": "with a vote for unknown",
}

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def explore(splits: Mapping[str, Dataset], faults: Faults | None = None) -> dict[str, Any]:
    """Compute the content of explore.json.

    Args:
        splits: from `load_splits`; not changed.
        faults: of the same data, for near duplicates; their counts are None without it.

    Returns:
        Counts by name; `votes`, `agreement` and the FER+ classes are None where no split has votes.
    """
    voted = any(dataset.has_votes for dataset in splits.values())
    majorities = (*FERPLUS_LABELS, NONE)
    ferplus = {split: _class_counts(splits[split].majority, majorities) for split in SPLITS}
    equal = equal_images(splits)
    same = None if faults is None else same_photographs(equal, faults.near)
    return {
        "classes": {
            "fer2013": {s: _class_counts(splits[s].labels, FER2013_LABELS) for s in SPLITS},
            "ferplus": ferplus if voted else None,
        },
        "grey_levels": {split: _grey_levels(splits[split]) for split in SPLITS},
        "copies": {
            "equal": _copy_counts(equal, splits),
            "same_photograph": None if same is None else _copy_counts(same, splits),
        },
        "votes": {split: _votes(splits[split]) for split in SPLITS} if voted else None,
        "agreement": _agreement(splits) if voted else None,
    }


def brightness_and_contrast(faces: UInt8Array) -> tuple[FloatArray, FloatArray]:
    """Compute the (N,) mean and (N,) standard deviation of each of (N, h, w) uint8 images."""
    levels = [(face.mean(), face.std()) for face in faces]  # all at once would take gigabytes
    brightness, contrast = np.array(levels, np.float64).reshape(-1, 2).T
    return brightness, contrast


def _class_counts(labels: IntArray, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    counts = np.bincount(labels % len(classes), minlength=len(classes))  # -1 means the last
    return {
        name: {"pictures": count, "share": round(count / len(labels), 4)}
        for name, count in zip(classes, counts.tolist(), strict=True)
    }


def _grey_levels(dataset: Dataset) -> dict[str, Any]:
    """Compute statistics of all images and of each class; None for a class without images."""
    brightness, contrast = brightness_and_contrast(dataset.faces)
    chosen = {"all": dataset.labels >= 0}
    chosen |= {name: dataset.labels == label for label, name in enumerate(FER2013_LABELS)}
    by_class = {
        name: _grey_statistics(brightness[rows], contrast[rows]) if rows.any() else None
        for name, rows in chosen.items()
    }
    return {"classes": by_class, "single_level": int((contrast == 0).sum())}


def _grey_statistics(brightness: FloatArray, contrast: FloatArray) -> dict[str, float]:
    """Summarize images of one size: the variance of all pixels is that within plus that between."""
    values = {
        "mean": brightness.mean(),
        "deviation": np.sqrt((contrast**2).mean() + brightness.var()),
        "brightness_deviation": brightness.std(),
        "contrast": contrast.mean(),
        "contrast_deviation": contrast.std(),
    }
    return {name: round(float(value), 2) for name, value in values.items()}


def _copy_counts(groups: IntArray, splits: Mapping[str, Dataset]) -> dict[str, Any]:
    labels = np.concatenate([splits[split].labels for split in SPLITS])
    by_label = cross_table(groups, labels, len(FER2013_LABELS))
    by_split = copies_by_split(groups, splits)
    return {
        "pictures": len(groups),
        "distinct": len(by_label),
        "repeated": by_split["repeated"],
        "largest_group": int(by_label.sum(axis=1).max()),
        "conflicting": int(((by_label > 0).sum(axis=1) > 1).sum()),
        **by_split,
    }


def _votes(dataset: Dataset) -> dict[str, int]:
    most = dataset.votes.max(axis=1)
    unknown, not_a_face = dataset.rejections.T
    kinds = {
        "judged": (dataset.votes.sum(axis=1) + dataset.rejections.sum(axis=1)) > 0,
        "majority": dataset.majority >= 0,
        "not_a_face": ~dataset.is_face,
        "unknown": dataset.is_face & (unknown > most),
        "doubtful": dataset.rejected_share >= DOUBTFUL,
        "some_not_a_face": not_a_face > 0,
        "some_unknown": unknown > 0,
    }
    return {"pictures": len(dataset), **{name: int(rows.sum()) for name, rows in kinds.items()}}


def _agreement(splits: Mapping[str, Dataset]) -> dict[str, Any]:
    """Compare labels and majorities; counts are by FER2013 label, then by FER+ majority."""
    counts = {}
    for split in SPLITS:
        chosen = splits[split].subset(splits[split].majority >= 0)
        counts[split] = np.zeros((len(FER2013_LABELS), len(FERPLUS_LABELS)), np.int64)
        np.add.at(counts[split], (chosen.labels, chosen.majority), 1)
    counts["all"] = np.sum(list(counts.values()), axis=0)
    return {
        "splits": {name: _agreed(table) for name, table in counts.items()},
        "counts": {
            label: dict(zip(FERPLUS_LABELS, row, strict=True))
            for label, row in zip(FER2013_LABELS, counts["all"].tolist(), strict=True)
        },
    }


def _agreed(counts: IntArray) -> dict[str, Any]:
    agreeing, judged = int(np.trace(counts)), int(counts.sum())
    share = round(agreeing / judged, 4) if judged else None
    return {"judged": judged, "agreeing": agreeing, "share": share}

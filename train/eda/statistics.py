"""What `train.explore` counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.preprocessing import UInt8Array
from train.data.dataset import SPLITS, Dataset
from train.data.duplicates import connected_groups, copies_between, equal_groups, pairs_between
from train.data.label_faults import DOUBTFUL, Faults

NONE = "none"  # the key of pictures whose annotators have no majority
VOTE_KINDS = {
    "judged": "judged by annotators",
    "majority": "with a majority for one emotion",
    "not_a_face": "not a face: no emotion has as many votes",
    "unknown": "hidden or unreadable: no emotion has as many votes as unknown",
    "doubtful": "half or more of the votes for unknown or not-a-face",
    "some_not_a_face": "with some vote for not-a-face",
    "some_unknown": "with some vote for unknown",
}

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def explore(splits: Mapping[str, Dataset], faults: Faults | None = None) -> dict[str, Any]:
    """All numbers, as explore.json has them.

    Args:
        splits: from `load_splits`; nothing in it is changed.
        faults: of the same data, for copies of the same photograph; without it None stands there.

    Returns:
        By name; `votes`, `agreement` and the FER+ classes are None where no split has votes.
    """
    voted = any(dataset.has_votes for dataset in splits.values())
    return {
        "classes": {
            "fer2013": {s: _class_counts(splits[s].labels, FER2013_LABELS) for s in SPLITS},
            "ferplus": {s: _majority_counts(splits[s]) for s in SPLITS} if voted else None,
        },
        "grey_levels": {split: _grey_levels(splits[split]) for split in SPLITS},
        "copies": _copies(splits, faults),
        "votes": {split: _votes(splits[split]) for split in SPLITS} if voted else None,
        "agreement": _agreement(splits) if voted else None,
    }


def brightness_and_contrast(faces: UInt8Array) -> tuple[FloatArray, FloatArray]:
    """(N,) mean and (N,) standard deviation of the grey levels of each of (N, h, w) pictures."""
    levels = [(face.mean(), face.std()) for face in faces]  # at once they would take gigabytes
    brightness, contrast = np.array(levels, np.float64).reshape(-1, 2).T
    return brightness, contrast


def _class_counts(labels: IntArray, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    counts = np.bincount(labels, minlength=len(classes))
    return {
        name: {"pictures": count, "share": round(count / len(labels), 4)}
        for name, count in zip(classes, counts.tolist(), strict=True)
    }


def _majority_counts(dataset: Dataset) -> dict[str, dict[str, Any]]:
    majority = dataset.majority
    labels = np.where(majority < 0, len(FERPLUS_LABELS), majority)
    return _class_counts(labels, (*FERPLUS_LABELS, NONE))


def _grey_levels(dataset: Dataset) -> dict[str, Any]:
    """Statistics of all pictures and of each class that occurs, None for one that does not."""
    brightness, contrast = brightness_and_contrast(dataset.faces)
    chosen = {"all": np.ones(len(dataset), bool)}
    chosen |= {name: dataset.labels == label for label, name in enumerate(FER2013_LABELS)}
    by_class = {
        name: _grey_statistics(brightness[rows], contrast[rows]) if rows.any() else None
        for name, rows in chosen.items()
    }
    return {"classes": by_class, "single_level": int((contrast == 0).sum())}


def _grey_statistics(brightness: FloatArray, contrast: FloatArray) -> dict[str, float]:
    """Of pictures of one size, so that the variance of all their pixels follows from theirs."""
    values = {
        "mean": brightness.mean(),
        "deviation": np.sqrt((contrast**2).mean() + brightness.var()),
        "brightness_deviation": brightness.std(),
        "contrast": contrast.mean(),
        "contrast_deviation": contrast.std(),
    }
    return {name: round(float(value), 2) for name, value in values.items()}


def _copies(splits: Mapping[str, Dataset], faults: Faults | None) -> dict[str, Any]:
    everything = [splits[split] for split in SPLITS]
    labels = np.concatenate([dataset.labels for dataset in everything])
    split = np.repeat(np.arange(len(SPLITS)), [len(dataset) for dataset in everything])
    equal = equal_groups([mark for dataset in everything for mark in dataset.fingerprints()])
    same = None
    if faults is not None:
        near = zip(faults.near.first.tolist(), faults.near.second.tolist(), strict=True)
        same = connected_groups(len(equal), [*enumerate(equal.tolist()), *near])
    return {
        "equal": _copy_counts(equal, split, labels),
        "same_photograph": None if same is None else _copy_counts(same, split, labels),
    }


def _copy_counts(groups: IntArray, split: IntArray, labels: IntArray) -> dict[str, Any]:
    _, compact = np.unique(groups, return_inverse=True)
    has = np.zeros((int(compact.max()) + 1, len(FER2013_LABELS)), bool)
    has[compact, labels] = True
    return {
        "pictures": len(groups),
        "distinct": len(has),
        "repeated": {
            name: int((split == index).sum()) - len(np.unique(groups[split == index]))
            for index, name in enumerate(SPLITS)
        },
        "largest_group": int(np.bincount(compact).max()),
        "conflicting": int((has.sum(axis=1) > 1).sum()),
        "pictures_with_copy": _by_split(copies_between(groups, split, len(SPLITS))),
        "pairs": _by_split(pairs_between(groups, split, len(SPLITS))),
    }


def _by_split(table: IntArray) -> dict[str, dict[str, int]]:
    return {
        one: dict(zip(SPLITS, row, strict=True))
        for one, row in zip(SPLITS, table.tolist(), strict=True)
    }


def _votes(dataset: Dataset) -> dict[str, int]:
    most = dataset.votes.max(axis=1)
    unknown, not_a_face = dataset.rejections.T
    rejected = dataset.rejections.sum(axis=1)
    total = rejected + dataset.votes.sum(axis=1)
    kinds: dict[str, BoolArray] = {
        "judged": total > 0,
        "majority": dataset.majority >= 0,
        "not_a_face": ~dataset.is_face,
        "unknown": dataset.is_face & (unknown > most),
        "doubtful": (total > 0) & (rejected >= DOUBTFUL * total),
        "some_not_a_face": not_a_face > 0,
        "some_unknown": unknown > 0,
    }
    return {"pictures": len(dataset), **{name: int(kinds[name].sum()) for name in VOTE_KINDS}}


def _agreement(splits: Mapping[str, Dataset]) -> dict[str, Any]:
    """Over pictures with a majority; counts by FER2013's label, then by the majority."""
    counts = {split: _confusion(splits[split]) for split in SPLITS}
    together = np.sum(list(counts.values()), axis=0)
    return {
        "splits": {name: _agreed(table) for name, table in {**counts, "all": together}.items()},
        "counts": {
            label: dict(zip(FERPLUS_LABELS, row, strict=True))
            for label, row in zip(FER2013_LABELS, together.tolist(), strict=True)
        },
    }


def _confusion(dataset: Dataset) -> IntArray:
    counts = np.zeros((len(FER2013_LABELS), len(FERPLUS_LABELS)), np.int64)
    judged = dataset.majority >= 0
    np.add.at(counts, (dataset.labels[judged], dataset.majority[judged]), 1)
    return counts


def _agreed(counts: IntArray) -> dict[str, Any]:
    agreeing, judged = int(np.trace(counts)), int(counts.sum())
    share = round(agreeing / judged, 4) if judged else None
    return {"judged": judged, "agreeing": agreeing, "share": share}

"""Training faces that teach twice, teach wrongly or give the test away: found and weighed."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS
from fer_core.preprocessing import Float32Array
from train.cli import progress
from train.data.dataset import SPLITS, Dataset, data_digest
from train.data.duplicates import (
    NearPairs,
    connected_groups,
    copies_between,
    equal_groups,
    near_pairs,
    pairs_between,
)
from train.errors import DataError

MODES = ("none", "drop", "weigh", "strict")
UNDETECTED_WEIGHT = 0.5
DOUBTFUL = 0.5  # share of the votes
DETECTION_SIDE = 96  # pixels, to which a picture is enlarged for the detector; 192 finds no more
FLAGS = ("duplicate_of", "leaks", "conflicting", "not_a_face", "undetected", "doubt")
ARRAYS = (*FLAGS, "public_leaked", "private_leaked")
FAULTS_FILE = "faults.npz"
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Faults:
    """What is wrong with which of N training pictures, and with all splits in numbers.

    Attributes:
        digest: of the pictures, labels and votes of all splits.
        duplicate_of: (N,) int64, the first training row with the same photograph; -1 where that is
            the row itself.
        leaks: (N,) bool, PublicTest or PrivateTest has the same photograph.
        conflicting: (N,) bool, another training row has the same photograph and another FER2013
            label.
        not_a_face: (N,) bool, by the FER+ votes; False where there are none.
        undetected: (N,) bool, the detector finds no face; False where it was not asked. Of 60 such
            pictures of FER2013 that are faces by votes, some 44 show one that a person can read,
            mostly profiles; the others look down, turn away or are behind their hands.
        doubt: (N,) float32, share of the FER+ votes for unknown or not-a-face, 0..1.
        public_leaked: (P,) bool over PublicTest, the training split has the same photograph.
        private_leaked: (Q,) bool over PrivateTest, the same.
        near: near duplicates among the rows of all splits, in the order of `SPLITS` one after the
            other, so that training rows keep their number. Equal pictures stand for one another:
            pairs are of the first ones.
        summary: numbers by name, as faults.json has them.
    """

    digest: str
    duplicate_of: IntArray
    leaks: BoolArray
    conflicting: BoolArray
    not_a_face: BoolArray
    undetected: BoolArray
    doubt: Float32Array
    public_leaked: BoolArray
    private_leaked: BoolArray
    near: NearPairs
    summary: dict[str, Any]

    def __len__(self) -> int:
        return len(self.duplicate_of)


def find_faults(splits: Mapping[str, Dataset], *, detector: FaceDetector | None = None) -> Faults:
    """Look through all pictures: about a minute for FER2013 on two cores, two for the detector.

    Args:
        splits: from `load_splits`; nothing in it is changed.
        detector: also looks at the training pictures, when given.
    """
    everything = [splits[split] for split in SPLITS]
    training, faces = everything[0], np.concatenate([dataset.faces for dataset in everything])
    equal = equal_groups([mark for dataset in everything for mark in dataset.fingerprints()])
    distinct = np.unique(equal)
    print(f"comparing {len(distinct):,} distinct pictures", flush=True)
    near = near_pairs(faces[distinct])
    near = NearPairs(distinct[near.first], distinct[near.second], near.mirrored, near.correlation)
    same = connected_groups(
        len(faces), [*enumerate(equal.tolist()), *zip(near.first, near.second, strict=True)]
    )

    own = same[: len(training)]  # smallest rows stand for groups, and training rows come first
    first = own == np.arange(len(own))
    missed = np.zeros(len(own), bool) if detector is None else _undetected(training, detector)
    conflicting = _conflicting(own, training.labels)
    public, private = np.split(same[len(own) :], [len(splits["PublicTest"])])
    leaks = np.isin(own, same[len(own) :])
    summary = _summary(splits, equal, same) | {
        "training": {
            "undetected": None if detector is None else int(missed.sum()),
            "leaks": int(leaks.sum()),
            "photographs_with_copies": int((np.bincount(own) > 1).sum()),
            "largest_group": int(np.bincount(own).max(initial=0)),
            "conflicting_pictures": int(conflicting.sum()),
            "conflicting_photographs": len(np.unique(own[conflicting])),
            "conflicting_labels": _label_pairs(own, training.labels),
        }
    }
    return Faults(
        digest=data_digest(splits),
        duplicate_of=np.where(first, -1, own),
        leaks=leaks,
        conflicting=conflicting,
        not_a_face=~training.is_face,
        undetected=missed,
        doubt=_doubt(training),
        public_leaked=np.isin(public, own),
        private_leaked=np.isin(private, own),
        near=near,
        summary=summary,
    )


def training_weights(faults: Faults, mode: str) -> Float32Array:
    """How much each training picture should count.

    * `none`: 1 for all.
    * `drop`: 0 for what is not a face by votes, and for copies but the first that is a face.
    * `weigh`: 0 for what is not a face; a photograph counts as one picture, shared out among its
      copies, so that the annotators of every copy are heard and conflicting labels average; and
      half for what the detector does not find. The app never shows such a face to the network, but
      most can be read, and more of them are angry, sad or afraid than in the rest.
    * `strict`: as `drop`, and 0 for every copy of a photograph in PublicTest or PrivateTest: for a
      run that has seen no test picture. The other modes keep these, as published figures do;
      `train.evaluate` reports an accuracy without equal copies.

    Args:
        faults: of the data that is trained on.
        mode: one of `MODES`.

    Returns:
        (N,) float32, 0..1, row by row of the training split.

    Raises:
        ValueError: another mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    rows = np.arange(len(faults))
    if mode == "none":
        return np.ones(len(rows), np.float32)
    group = np.where(faults.duplicate_of < 0, rows, faults.duplicate_of)
    is_face = ~faults.not_a_face
    if mode == "weigh":
        copies = np.bincount(group[is_face], minlength=len(rows))
        shared = is_face / np.maximum(copies[group], 1)
        seen = np.where(faults.undetected, UNDETECTED_WEIGHT, 1.0)
        return np.asarray(shared * seen, dtype=np.float32)
    first = np.full(len(rows), len(rows))
    np.minimum.at(first, group[is_face], rows[is_face])
    kept = first[group] == rows
    if mode == "strict":
        kept &= ~faults.leaks
    return np.asarray(kept, dtype=np.float32)


def save_faults(faults: Faults, path: Path) -> None:
    """Write what `load_faults` reads."""
    columns = {name: getattr(faults, name) for name in ARRAYS}
    near = {f"near_{field.name}": getattr(faults.near, field.name) for field in fields(NearPairs)}
    with path.open("wb") as stream:
        np.savez_compressed(
            stream,
            digest=np.array(faults.digest),
            summary=np.array(json.dumps(faults.summary)),
            **columns,
            **near,
        )


def load_faults(path: Path, splits: Mapping[str, Dataset]) -> Faults:
    """Read what `python -m train.clean` found in the same data.

    Args:
        path: the folder that it wrote, or the faults.npz in it.
        splits: the data to be cleaned.

    Raises:
        DataError: there is no such file, it is malformed, or it was made from other data.
    """
    path = path / FAULTS_FILE if path.is_dir() else path
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            faults = Faults(
                digest=str(stored["digest"]),
                summary=json.loads(str(stored["summary"])),
                near=NearPairs(*(stored[f"near_{field.name}"] for field in fields(NearPairs))),
                **{name: stored[name] for name in ARRAYS},
            )
    except (OSError, EOFError, LookupError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read as what python -m train.clean writes ({error})."
        ) from error
    if faults.digest != data_digest(splits):
        raise DataError(
            f"{path} was made from other pictures, labels or votes; run python -m train.clean on "
            "this data again."
        )
    return faults


def _undetected(training: Dataset, detector: FaceDetector) -> BoolArray:
    missed = np.zeros(len(training), bool)
    side = (DETECTION_SIDE, DETECTION_SIDE)
    for row in progress(range(len(training)), "looking for faces"):
        large = cv2.resize(training.faces[row], side, interpolation=cv2.INTER_LINEAR)
        missed[row] = not detector.detect(np.repeat(large[..., np.newaxis], 3, axis=2))
    return missed


def _conflicting(group: IntArray, labels: IntArray) -> BoolArray:
    lowest, highest = np.full(len(group), len(FER2013_LABELS)), np.full(len(group), -1)
    np.minimum.at(lowest, group, labels)
    np.maximum.at(highest, group, labels)
    return np.asarray((lowest != highest)[group])


def _doubt(dataset: Dataset) -> Float32Array:
    rejected = dataset.rejections.sum(axis=1)
    total = rejected + dataset.votes.sum(axis=1)
    return np.asarray(rejected / np.maximum(total, 1), dtype=np.float32)


def _summary(splits: Mapping[str, Dataset], equal: IntArray, same: IntArray) -> dict[str, Any]:
    """Counts over all splits, from groups of equal pictures and of the same photograph."""
    split = np.repeat(np.arange(len(SPLITS)), [len(splits[name]) for name in SPLITS])
    groups = {"equal": equal, "same_photograph": same}
    return {
        "splits": {
            name: {
                "pictures": len(splits[name]),
                "equal_copies": _copies(equal[split == index]),
                "copies": _copies(same[split == index]),
                "not_a_face": int((~splits[name].is_face).sum()),
                "doubtful": int((_doubt(splits[name]) >= DOUBTFUL).sum()),
            }
            for index, name in enumerate(SPLITS)
        },
        "pairs": {
            kind: _by_split(pairs_between(group, split, len(SPLITS)))
            for kind, group in groups.items()
        },
        "pictures_with_copy": {
            kind: _by_split(copies_between(group, split, len(SPLITS)))
            for kind, group in groups.items()
        },
    }


def _copies(group: IntArray) -> int:
    """Pictures that another one of the same group stands before."""
    return len(group) - len(np.unique(group))


def _by_split(table: IntArray) -> dict[str, dict[str, int]]:
    return {
        one: dict(zip(SPLITS, row, strict=True))
        for one, row in zip(SPLITS, table.tolist(), strict=True)
    }


def _label_pairs(group: IntArray, labels: IntArray) -> dict[str, int]:
    """Photographs that have both of two FER2013 labels, most frequent pair first."""
    has = np.zeros((len(group), len(FER2013_LABELS)), bool)
    has[group, labels] = True
    both = has.T.astype(int) @ has.astype(int)
    pairs = {
        f"{one}, {other}": int(both[i, j])
        for i, one in enumerate(FER2013_LABELS)
        for j, other in enumerate(FER2013_LABELS)
        if i < j and both[i, j]
    }
    return dict(sorted(pairs.items(), key=lambda item: -item[1]))

"""Finds duplicates, test leakage and wrong labels among training images, and weights the images."""

import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
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
from train.data.duplicates import NearPairs, connected_groups, cross_table, equal_groups, near_pairs
from train.errors import DataError

MODES = ("none", "drop", "weigh", "strict")
UNDETECTED_WEIGHT = 0.5
DOUBTFUL = 0.5  # share of the votes for unknown or not-a-face
DETECTION_SIDE = 96  # pixels that an image is enlarged to for the detector; 192 finds no more
FLAGS = ("duplicate_of", "leaks", "conflicting", "not_a_face", "undetected", "doubt")
ARRAYS = (*FLAGS, "public_leaked", "private_leaked")
FAULTS_FILE = "faults.npz"
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Faults:
    """Faults of N training images, and counts over all splits.

    Attributes:
        digest: of the images, labels and votes of all splits.
        duplicate_of: (N,) int64, the first training row with the same photograph; -1 where that is
            the row itself.
        leaks: (N,) bool, PublicTest or PrivateTest has the same photograph.
        conflicting: (N,) bool, another training row has the same photograph and another FER2013
            label.
        not_a_face: (N,) bool, by the FER+ votes; False without votes.
        undetected: (N,) bool, the detector finds no face; False where it was not run. Of 60 such
            images of FER2013 that are faces by votes, about 44 show a recognizable face, mostly in
            profile; in the others the head is lowered, turned away or hidden by hands.
        doubt: (N,) float32, share of the FER+ votes for unknown or not-a-face, 0..1.
        public_leaked: (P,) bool over PublicTest, the training split has the same photograph.
        private_leaked: (Q,) bool over PrivateTest, the same.
        near: near duplicates among the rows of all splits, concatenated in the order of `SPLITS`.
            Of equal images only the first is in a pair.
        summary: counts by name, the content of faults.json.
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


def find_faults(splits: Mapping[str, Dataset], *, detector: FaceDetector | None = None) -> Faults:
    """Compare all images; on two cores FER2013 takes a minute, and the detector two more.

    Args:
        splits: from `load_splits`; not changed.
        detector: finds the training images without a face; None to skip that.
    """
    training, faces = splits["Training"], np.concatenate([splits[name].faces for name in SPLITS])
    equal = equal_images(splits)
    distinct = np.unique(equal)
    print(f"comparing {len(distinct):,} distinct images", flush=True)
    near = near_pairs(faces[distinct])
    near = NearPairs(distinct[near.first], distinct[near.second], near.mirrored, near.correlation)
    same = same_photographs(equal, near)

    own = same[: len(training)]  # a group's number is its first row, and training rows come first
    first = own == np.arange(len(own))
    missed = np.zeros(len(own), bool) if detector is None else _undetected(training, detector)
    labels_of = cross_table(own, training.labels, len(FER2013_LABELS)) > 0
    is_conflict = labels_of.sum(axis=1) > 1
    conflicting = np.isin(own, np.unique(own)[is_conflict])
    public, private = np.split(same[len(own) :], [len(splits["PublicTest"])])
    leaks = np.isin(own, same[len(own) :])
    copies = np.bincount(own)
    summary = _summary(splits, equal, same) | {
        "training": {
            "undetected": None if detector is None else int(missed.sum()),
            "leaks": int(leaks.sum()),
            "photographs_with_copies": int((copies > 1).sum()),
            "largest_group": int(copies.max()),
            "conflicting_pictures": int(conflicting.sum()),
            "conflicting_photographs": int(is_conflict.sum()),
            "conflicting_labels": _label_pairs(labels_of),
        }
    }
    return Faults(
        digest=data_digest(splits),
        duplicate_of=np.where(first, -1, own),
        leaks=leaks,
        conflicting=conflicting,
        not_a_face=~training.is_face,
        undetected=missed,
        doubt=training.rejected_share,
        public_leaked=np.isin(public, own),
        private_leaked=np.isin(private, own),
        near=near,
        summary=summary,
    )


def equal_images(splits: Mapping[str, Dataset]) -> IntArray:
    """Return (N,) int64: for each row of all splits the first row with equal pixels."""
    return equal_groups([mark for split in SPLITS for mark in splits[split].fingerprints()])


def same_photographs(equal: IntArray, near: NearPairs) -> IntArray:
    """Return (N,) int64: for each row the first row of the same photograph, equal or near."""
    return connected_groups(len(equal), [*enumerate(equal.tolist()), *near.pairs])


def copies_by_split(groups: IntArray, splits: Mapping[str, Dataset]) -> dict[str, Any]:
    """Count copies within and across splits.

    Args:
        groups: (N,) int64 over the rows of all splits, equal for copies.
        splits: from `load_splits`.

    Returns:
        `repeated`: images of each split that repeat an earlier one of it; by pair of splits,
        `pictures_with_copy`: images of the first with a copy in the second; `pairs`: of copies.
    """
    split = np.repeat(np.arange(len(SPLITS)), [len(splits[name]) for name in SPLITS])
    members = cross_table(groups, split, len(SPLITS))
    itself = np.eye(len(SPLITS), dtype=np.int64)
    others = members[:, np.newaxis] - itself  # copies of an image of the row's split
    copies = (members[..., np.newaxis] * (others > 0)).sum(axis=0)
    pairs = (members[..., np.newaxis] * others).sum(axis=0) // (itself + 1)  # (a, b) as (b, a)
    repeated = (members - (members > 0)).sum(axis=0).tolist()
    by_pair = {
        key: {
            one: dict(zip(SPLITS, row, strict=True))
            for one, row in zip(SPLITS, counts.tolist(), strict=True)
        }
        for key, counts in (("pictures_with_copy", copies), ("pairs", pairs))
    }
    return {"repeated": dict(zip(SPLITS, repeated, strict=True)), **by_pair}


def training_weights(faults: Faults, mode: str) -> Float32Array:
    """Compute the weight of each training image.

    * `none`: 1 for all.
    * `drop`: 0 for images that are not a face by votes, and for all copies but the first face.
    * `weigh`: 0 for images that are not a face; the copies of a photograph share a weight of 1, so
      that their votes and conflicting labels are averaged; half for undetected faces. The app never
      passes an undetected face to the network, but most are recognizable, and more of them are
      angry, sad or fearful than of the others.
    * `strict`: as `drop`, and 0 for every copy of a photograph in PublicTest or PrivateTest, so
      that the run has seen no test image. The other modes keep these, as published results do;
      `train.evaluate` also reports an accuracy without equal copies.

    Args:
        faults: of the training data.
        mode: one of `MODES`.

    Returns:
        (N,) float32, 0..1, row by row of the training split.
    """
    rows = np.arange(len(faults.duplicate_of))
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
    """Write a file for `load_faults`."""
    arrays = {name: getattr(faults, name) for name in ARRAYS}
    arrays |= {f"near_{name}": values for name, values in faults.near._asdict().items()}
    summary = json.dumps(faults.summary)
    np.savez_compressed(path, digest=faults.digest, summary=summary, **arrays)


def load_faults(path: Path, splits: Mapping[str, Dataset]) -> Faults:
    """Read the result of `python -m train.clean` on the same data.

    Args:
        path: its output folder, or the faults.npz in it.
        splits: the data to be cleaned.

    Raises:
        DataError: there is no such file, it is malformed, or it was made from other data.
    """
    path = path / FAULTS_FILE if path.is_dir() else path
    try:
        with path.open("rb") as stream, np.load(stream) as stored:
            faults = Faults(
                digest=str(stored["digest"]),
                summary=json.loads(str(stored["summary"])),
                near=NearPairs(*(stored[f"near_{name}"] for name in NearPairs._fields)),
                **{name: stored[name] for name in ARRAYS},
            )
    except (OSError, EOFError, LookupError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read as a file of python -m train.clean ({error})."
        ) from error
    if faults.digest != data_digest(splits):
        raise DataError(
            f"{path} was made from other images, labels or votes; run python -m train.clean on "
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


def _summary(splits: Mapping[str, Dataset], equal: IntArray, same: IntArray) -> dict[str, Any]:
    """Count over all splits, from groups of equal images and of the same photograph."""
    copies = {
        "equal": copies_by_split(equal, splits),
        "same_photograph": copies_by_split(same, splits),
    }
    return {
        "splits": {
            name: {
                "pictures": len(splits[name]),
                "equal_copies": copies["equal"]["repeated"][name],
                "copies": copies["same_photograph"]["repeated"][name],
                "not_a_face": int((~splits[name].is_face).sum()),
                "doubtful": int((splits[name].rejected_share >= DOUBTFUL).sum()),
            }
            for name in SPLITS
        },
        **{
            key: {kind: counts[key] for kind, counts in copies.items()}
            for key in ("pairs", "pictures_with_copy")
        },
    }


def _label_pairs(has: BoolArray) -> dict[str, int]:
    """Count photographs with both of two labels, from (G, 7) bool; most frequent pair first."""
    pairs = Counter(
        {
            f"{one}, {other}": int((has[:, i] & has[:, j]).sum())
            for (i, one), (j, other) in combinations(enumerate(FER2013_LABELS), 2)
        }
    )
    return {names: count for names, count in pairs.most_common() if count}

"""Faces of FER2013 with FER2013 labels and FER+ votes, as validated arrays."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.preprocessing import DATASET_FACE_SIZE, UInt8Array
from train.errors import DataError

SPLITS = ("Training", "PublicTest", "PrivateTest")
VOTE_COLUMNS = (
    "anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt",
    "unknown", "NF",
)  # fmt: skip
"""Columns of the FER+ file: emotions in the order of `FERPLUS_LABELS`, unknown and not-a-face."""


@dataclass(frozen=True)
class Dataset:
    """Faces with their labels and votes, row by row.

    Attributes:
        faces: (N, 48, 48) uint8 grey.
        labels: (N,) int64, FER2013 label 0..6.
        votes: (N, 8) int64, FER+ votes in the order of `FERPLUS_LABELS`; all 0 for a face without
            votes.
        rejections: (N, 2) int64, FER+ votes for unknown and for not-a-face.
    """

    faces: UInt8Array
    labels: NDArray[np.int64]
    votes: NDArray[np.int64]
    rejections: NDArray[np.int64]

    def __post_init__(self) -> None:
        face = (DATASET_FACE_SIZE, DATASET_FACE_SIZE)
        shapes = {"faces": face, "labels": (), "votes": (len(FERPLUS_LABELS),), "rejections": (2,)}
        for name, shape in shapes.items():
            actual, expected = getattr(self, name).shape, (len(self), *shape)
            if actual != expected:
                raise DataError(f"{name} must have shape {expected}, got {actual}")

    def __len__(self) -> int:
        return len(self.faces)

    def subset(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Dataset":
        """Return the chosen rows."""
        return Dataset(self.faces[rows], self.labels[rows], self.votes[rows], self.rejections[rows])

    @property
    def has_votes(self) -> bool:
        """Whether any face has a vote, for an emotion, unknown or not-a-face."""
        return bool(self.votes.any() or self.rejections.any())

    @property
    def targets(self) -> NDArray[np.float32]:
        """(N, 8) float32: targets of the eight-class head.

        `vote_shares`, or the one-hot FER2013 labels in a set without votes.
        """
        if self.has_votes:
            return self.vote_shares
        return np.eye(len(FERPLUS_LABELS), dtype=np.float32)[self.labels]

    @property
    def reference(self) -> NDArray[np.int64]:
        """(N,) index into `FERPLUS_LABELS` to evaluate against.

        `majority`, which is -1 where there is none, or `labels` in a set without votes.
        """
        return self.majority if self.has_votes else self.labels

    @property
    def trusted_votes(self) -> NDArray[np.int64]:
        """(N, 8) votes, 0 where a class has the vote of a single annotator."""
        return np.where(self.votes > 1, self.votes, 0)

    @property
    def vote_shares(self) -> NDArray[np.float32]:
        """(N, 8) float32: trusted votes as a distribution; all 0 where there is none."""
        votes = self.trusted_votes.astype(np.float32)
        total = votes.sum(axis=1, keepdims=True)
        return np.asarray(votes / np.maximum(total, 1))

    @property
    def majority(self) -> NDArray[np.int64]:
        """(N,) index into `FERPLUS_LABELS`, or -1 where there is no majority.

        Votes of a single annotator count as none. The winner must be one of the eight emotions
        and have more than half of the remaining votes, those for unknown and not-a-face included.
        """
        votes = self.trusted_votes
        rejections = np.where(self.rejections > 1, self.rejections, 0)
        remaining = votes.sum(axis=1) + rejections.sum(axis=1)
        return np.where(2 * votes.max(axis=1) > remaining, votes.argmax(axis=1), -1)

    @property
    def is_face(self) -> NDArray[np.bool_]:
        """(N,) bool: not-a-face does not have the most votes."""
        return np.asarray(self.rejections[:, 1] <= self.votes.max(axis=1))

    @property
    def rejected_share(self) -> NDArray[np.float32]:
        """(N,) float32: share of the votes for unknown or not-a-face; 0 without votes."""
        rejected = self.rejections.sum(axis=1)
        total = rejected + self.votes.sum(axis=1)
        return np.asarray(rejected / np.maximum(total, 1), dtype=np.float32)

    def fingerprints(self) -> list[bytes]:
        """Compute `digests` of the faces."""
        return digests(self.faces)


def digests(faces: UInt8Array) -> list[bytes]:
    """Compute 16 bytes for each of (N, s, s) uint8 faces; equal digests mean equal pixels."""
    return [hashlib.blake2b(face.tobytes(), digest_size=16).digest() for face in faces]


def is_judged(reference: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return (N,) bool: the label is one of the seven predicted emotions."""
    return (reference >= 0) & (reference < len(FER2013_LABELS))


def need_judged(reference: NDArray[np.integer], split: str) -> NDArray[np.bool_]:
    """Return `is_judged` for a split that is to be evaluated.

    Raises:
        DataError: no label is one of the seven emotions.
    """
    judged = is_judged(reference)
    if not judged.any():
        raise DataError(f"no image of {split} has a majority among its FER+ votes.")
    return judged


def data_digest(splits: Mapping[str, Dataset]) -> str:
    """Compute 32 hexadecimal digits that change with any image, label, vote or their order."""
    digest = hashlib.blake2b(digest_size=16)
    for split in SPLITS:
        dataset = splits[split]
        digest.update(b"".join([split.encode(), *dataset.fingerprints()]))
        for column in (dataset.labels, dataset.votes, dataset.rejections):
            digest.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
    return digest.hexdigest()

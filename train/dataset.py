"""FER2013 with the FER+ votes: files in, one checked `Dataset` out.

Where to get the files is told in README.md. A data directory holds

* FER2013, in one of these forms, looked for in this order:
  `fer2013.csv` or `fer2013.csv.gz` (columns emotion, pixels, Usage), or
  `faces.png` with `labels.csv` (a mosaic of 190 faces a row, and emotion, usage a face);
* FER+: `fer2013new.csv`, row i of which judges row i of FER2013.

FER+ columns are mapped by name to the order of `fer_core.emotions`, never by position.
"""

import csv
import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.preprocessing import DATASET_FACE_SIZE, UInt8Array

SPLITS = ("Training", "PublicTest", "PrivateTest")
FACES_PER_MOSAIC_ROW = 190
FERPLUS_COLUMNS = {
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprise": "surprise",
    "neutral": "neutral",
    "contempt": "contempt",
}
REJECTING_COLUMNS = ("unknown", "NF")  # FER+'s votes for "cannot say" and "not a face"


class DataError(Exception):
    """The data directory is incomplete or a file in it is malformed; the message says which."""


@dataclass(frozen=True)
class Dataset:
    """Faces with both kinds of labels, row by row.

    Attributes:
        faces: (N, 48, 48) uint8 grey.
        labels: (N,) int64, FER2013's label 0..6.
        votes: (N, 8) int64, FER+ votes in the order of `FERPLUS_LABELS`.
        rejections: (N, 2) int64, FER+ votes for unknown and for not-a-face.
    """

    faces: UInt8Array
    labels: NDArray[np.int64]
    votes: NDArray[np.int64]
    rejections: NDArray[np.int64]

    def __post_init__(self) -> None:
        count = len(self.faces)
        face = (DATASET_FACE_SIZE, DATASET_FACE_SIZE)
        shapes = {
            "faces": (self.faces.shape, (count, *face)),
            "labels": (self.labels.shape, (count,)),
            "votes": (self.votes.shape, (count, len(FERPLUS_LABELS))),
            "rejections": (self.rejections.shape, (count, len(REJECTING_COLUMNS))),
        }
        for name, (actual, expected) in shapes.items():
            if actual != expected:
                raise DataError(f"{name} must have shape {expected}, got {actual}")

    def __len__(self) -> int:
        return len(self.faces)

    def subset(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Dataset":
        """The chosen rows, all columns in step."""
        return Dataset(self.faces[rows], self.labels[rows], self.votes[rows], self.rejections[rows])

    @property
    def trusted_votes(self) -> NDArray[np.int64]:
        """(N, 8) votes without those that a single annotator gave to a class."""
        return np.where(self.votes > 1, self.votes, 0)

    @property
    def vote_shares(self) -> NDArray[np.float32]:
        """(N, 8) float32: trusted votes as a distribution; all 0 where none is left."""
        votes = self.trusted_votes.astype(np.float32)
        total = votes.sum(axis=1, keepdims=True)
        shares: NDArray[np.float32] = np.divide(
            votes, total, out=np.zeros_like(votes), where=total > 0
        )
        return shares

    @property
    def majority(self) -> NDArray[np.int64]:
        """(N,) index into `FERPLUS_LABELS`, or -1 where the annotators have no majority.

        Votes of a single annotator count as none; the winner must be one of the eight emotions
        and hold more than half of what remains, votes for unknown and not-a-face included.
        """
        votes = self.trusted_votes
        remaining = votes.sum(axis=1) + np.where(self.rejections > 1, self.rejections, 0).sum(
            axis=1
        )
        return np.where(2 * votes.max(axis=1) > remaining, votes.argmax(axis=1), -1)

    @property
    def is_face(self) -> NDArray[np.bool_]:
        """(N,) bool: not-a-face did not win the most votes."""
        return np.asarray(self.rejections[:, 1] <= self.votes.max(axis=1))

    def fingerprints(self) -> list[bytes]:
        """One digest a picture; equal digests mean equal pixels."""
        return [hashlib.blake2b(face.tobytes(), digest_size=16).digest() for face in self.faces]


def load_splits(data_dir: Path) -> dict[str, Dataset]:
    """All of FER2013 with FER+, by official split.

    Returns:
        {"Training": ..., "PublicTest": ..., "PrivateTest": ...}

    Raises:
        DataError: a file is missing or malformed; the message names file and row.
    """
    if not data_dir.is_dir():
        raise DataError(
            f"{data_dir} is not a folder; README.md says where to get FER2013 and FER+."
        )
    faces, labels, usage = _read_fer2013(data_dir)
    votes, rejections = _read_ferplus(data_dir, usage)
    everything = Dataset(faces, labels, votes, rejections)
    usages = np.array(usage)
    return {split: everything.subset(usages == split) for split in SPLITS}


def _read_fer2013(data_dir: Path) -> tuple[UInt8Array, NDArray[np.int64], list[str]]:
    for name in ("fer2013.csv", "fer2013.csv.gz"):
        if (data_dir / name).is_file():
            return _read_fer2013_csv(data_dir / name)
    if (data_dir / "faces.png").is_file() and (data_dir / "labels.csv").is_file():
        return _read_mosaic(data_dir / "faces.png", data_dir / "labels.csv")
    raise DataError(
        f"{data_dir} holds neither fer2013.csv, fer2013.csv.gz, nor faces.png with labels.csv; "
        "README.md says where to get FER2013."
    )


def _read_fer2013_csv(path: Path) -> tuple[UInt8Array, NDArray[np.int64], list[str]]:
    faces: list[UInt8Array] = []
    labels: list[int] = []
    usage: list[str] = []
    for row, fields in _rows(path, ("emotion", "pixels", "Usage")):
        try:
            pixels = np.array(fields["pixels"].split(), dtype=np.uint8)
            faces.append(pixels.reshape(DATASET_FACE_SIZE, DATASET_FACE_SIZE))
        except (ValueError, OverflowError) as error:
            raise DataError(
                f"{path.name}, row {row}: pixels must be 2304 numbers 0..255."
            ) from error
        labels.append(_label(fields["emotion"], path, row))
        usage.append(_usage(fields["Usage"], path, row))
    if not faces:
        raise DataError(f"{path.name} holds no row.")
    return np.stack(faces), np.array(labels), usage


def _read_mosaic(picture: Path, table: Path) -> tuple[UInt8Array, NDArray[np.int64], list[str]]:
    labels: list[int] = []
    usage: list[str] = []
    for row, fields in _rows(table, ("emotion", "usage")):
        labels.append(_label(fields["emotion"], table, row))
        usage.append(_usage(fields["usage"], table, row))
    side = DATASET_FACE_SIZE
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # 83 megapixels, and ours
    try:
        with Image.open(picture) as opened:
            mosaic = np.asarray(opened.convert("L"))
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    across, down = FACES_PER_MOSAIC_ROW, -(-len(labels) // FACES_PER_MOSAIC_ROW)
    if not labels or mosaic.shape != (down * side, across * side):
        raise DataError(
            f"{picture.name} must be {across * side}x{down * side} pixels for the {len(labels)} "
            f"rows of {table.name}, is {mosaic.shape[1]}x{mosaic.shape[0]}."
        )
    faces = mosaic.reshape(down, side, across, side).transpose(0, 2, 1, 3).reshape(-1, side, side)
    return np.ascontiguousarray(faces[: len(labels)]), np.array(labels), usage


def _read_ferplus(data_dir: Path, usage: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    path = data_dir / "fer2013new.csv"
    if not path.is_file():
        raise DataError(
            f"{data_dir} holds no fer2013new.csv; README.md says where to get the FER+ votes."
        )
    by_emotion = {emotion: column for column, emotion in FERPLUS_COLUMNS.items()}
    columns = [by_emotion[emotion] for emotion in FERPLUS_LABELS] + list(REJECTING_COLUMNS)
    votes: list[list[int]] = []
    for row, fields in _rows(path, ("Usage", *columns)):
        try:
            votes.append([int(fields[column]) for column in columns])
        except ValueError as error:
            raise DataError(f"{path.name}, row {row}: votes must be whole numbers.") from error
        if len(votes) > len(usage) or fields["Usage"] != usage[len(votes) - 1]:
            raise DataError(
                f"{path.name}, row {row}: its split {fields['Usage']!r} is not that of the same "
                "row of FER2013; both files must be whole and in their original order."
            )
    if len(votes) != len(usage):
        raise DataError(f"{path.name} has {len(votes)} rows, FER2013 has {len(usage)}.")
    table = np.array(votes, dtype=np.int64)
    return table[:, : len(FERPLUS_LABELS)], table[:, len(FERPLUS_LABELS) :]


def _rows(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """(row number as an editor counts, values by stripped column name) of a CSV, gz or not."""
    with _open_text(path) as stream:
        reader = csv.reader(stream)
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in required if name not in header]
        if missing:
            raise DataError(f"{path.name} lacks the column {missing[0]!r}; it has {header}.")
        for values in reader:
            if len(values) != len(header):
                raise DataError(
                    f"{path.name}, row {reader.line_num}: {len(values)} values for "
                    f"{len(header)} columns."
                )
            yield reader.line_num, dict(zip(header, (v.strip() for v in values), strict=True))


def _open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _label(value: str, path: Path, row: int) -> int:
    if value not in {str(index) for index in range(len(FER2013_LABELS))}:
        raise DataError(f"{path.name}, row {row}: emotion must be 0..6, is {value!r}.")
    return int(value)


def _usage(value: str, path: Path, row: int) -> str:
    if value not in SPLITS:
        raise DataError(f"{path.name}, row {row}: usage must be one of {SPLITS}, is {value!r}.")
    return value

"""Reads FER2013 and the FER+ votes into a validated `Dataset`.

README.md says where to get the files. The data directory has FER2013 in one of these forms, of
which the first is read:

* `fer2013.csv`, the file of the challenge (columns emotion, pixels, Usage);
* `icml_face_data.csv`, a later copy with the same columns in another order;
* `faces.png`, a mosaic of 190 faces a row, with `labels.csv` (columns emotion, usage);
* class folders, see `train.data.class_folders`.

It may have the FER+ votes, `fer2013new.csv`, whose row i belongs to row i of FER2013. Images in
class folders are matched by the column "Image name" (`fer0012345.png`); images with other names
have no votes. Without the file `targets` and `reference` are the FER2013 labels.

Each CSV file may be compressed as `.csv.gz`. Columns are mapped by name, without surrounding
spaces, and classes to the order of `fer_core.emotions`.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.preprocessing import DATASET_FACE_SIZE, UInt8Array
from train.data.class_folders import find_images, read_face, split_folders
from train.data.csv_rows import read_rows
from train.data.dataset import SPLITS, VOTE_COLUMNS, Dataset
from train.errors import DataError

FACES_PER_MOSAIC_ROW = 190
LABELS = [str(label) for label in range(len(FER2013_LABELS))]
FERPLUS_NAME = re.compile(r"fer\d{7}")  # without its suffix


def load_splits(data_dir: Path) -> dict[str, Dataset]:
    """Read FER2013, and FER+ where available, by official split.

    Returns:
        {"Training": ..., "PublicTest": ..., "PrivateTest": ...}, none of them empty; rows in the
        order of the file, images of class folders in the order of their names.

    Raises:
        DataError: a file is missing or malformed, or a split is empty; the message names the file
            and the row, or the folder.
    """
    try:
        fer2013 = _read_fer2013(data_dir)
        for split in SPLITS:
            if split not in fer2013.usage:
                raise DataError(f"{fer2013.source} holds no image of the split {split}.")
        votes = _read_ferplus(data_dir, fer2013)
    except OSError as error:  # such as missing permissions
        raise DataError(f"{data_dir} cannot be read ({error}).") from error
    emotions, rejections = np.split(votes, [len(FERPLUS_LABELS)], axis=1)
    everything = Dataset(fer2013.faces, np.array(fer2013.labels), emotions, rejections)
    usage = np.array(fer2013.usage)
    return {split: everything.subset(usage == split) for split in SPLITS}


class _Fer2013(NamedTuple):
    """FER2013 in any of its forms, row by row."""

    source: str  # file or folder, for messages
    faces: UInt8Array
    labels: list[int]
    usage: list[str]
    names: list[str] | None = None  # of image files in class folders


def _read_fer2013(data_dir: Path) -> _Fer2013:
    if not data_dir.is_dir():
        raise DataError(
            f"{data_dir} is not a folder; README.md says where to get FER2013 and FER+."
        )
    for name in ("fer2013.csv", "icml_face_data.csv"):
        if table := _plain_or_compressed(data_dir / name):
            labels, usage, faces = _read_rows(table, "Usage", "pixels")
            return _Fer2013(table.name, np.stack(faces), labels, usage)
    table = _plain_or_compressed(data_dir / "labels.csv")
    if table and (data_dir / "faces.png").is_file():
        return _read_mosaic(data_dir / "faces.png", table)
    if split_folders(data_dir):
        images = find_images(data_dir)
        return _Fer2013(
            str(data_dir),
            np.stack([read_face(image) for image in images]),
            [image.label for image in images],
            [image.split for image in images],
            [image.name for image in images],
        )
    raise DataError(
        f"{data_dir} holds neither fer2013.csv, icml_face_data.csv, faces.png with labels.csv, nor "
        "folders train and test; README.md says where to get FER2013."
    )


def _read_mosaic(image: Path, table: Path) -> _Fer2013:
    labels, usage, _ = _read_rows(table, "usage")
    mosaic, side = _read_grey(image), DATASET_FACE_SIZE
    across, down = FACES_PER_MOSAIC_ROW, -(-len(labels) // FACES_PER_MOSAIC_ROW)
    if mosaic.shape != (down * side, across * side):
        raise DataError(
            f"{image.name} must be {across * side}x{down * side} pixels for the {len(labels)} "
            f"rows of {table.name}, is {mosaic.shape[1]}x{mosaic.shape[0]}."
        )
    faces = mosaic.reshape(down, side, across, side).transpose(0, 2, 1, 3).reshape(-1, side, side)
    return _Fer2013(table.name, faces[: len(labels)], labels, usage)


def _read_grey(path: Path) -> UInt8Array:
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # it has 83 megapixels
    try:
        with Image.open(path) as opened:
            return np.asarray(opened.convert("L"))
    except Exception as error:  # Pillow raises many types for damaged files
        raise DataError(f"{path.name} cannot be read as an image ({error}).") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _read_rows(
    path: Path, usage_column: str, pixels_column: str | None = None
) -> tuple[list[int], list[str], list[UInt8Array]]:
    """Read labels, splits and, where there is a column of them, faces."""
    labels: list[int] = []
    usage: list[str] = []
    faces: list[UInt8Array] = []
    columns = ("emotion", usage_column, *([pixels_column] if pixels_column else []))
    for row, fields in read_rows(path, columns):
        where, label, split = f"{path.name}, row {row}", fields["emotion"], fields[usage_column]
        if label not in LABELS:
            raise DataError(f"{where}: emotion must be 0..6, is {label!r}.")
        if split not in SPLITS:
            raise DataError(f"{where}: usage must be one of {SPLITS}, is {split!r}.")
        if pixels_column:
            faces.append(_face(fields[pixels_column], where))
        labels.append(int(label))
        usage.append(split)
    if not labels:
        raise DataError(f"{path.name} holds no row.")
    return labels, usage, faces


def _face(value: str, where: str) -> UInt8Array:
    side = DATASET_FACE_SIZE
    try:
        pixels = np.fromstring(value, sep=" ", dtype=np.int64)  # int64, as uint8 would wrap 256
    except ValueError:
        pixels = np.empty(0, np.int64)
    if pixels.size != side * side or pixels.min() < 0 or pixels.max() > 255:
        raise DataError(f"{where}: pixels must be {side * side} numbers 0..255.")
    return pixels.astype(np.uint8).reshape(side, side)


def _read_ferplus(data_dir: Path, fer2013: _Fer2013) -> NDArray[np.int64]:
    """Read (N, 10) int64 votes: for the eight emotions, unknown and not-a-face."""
    path = _plain_or_compressed(data_dir / "fer2013new.csv")
    if path is None:
        return np.zeros((len(fer2013.usage), len(VOTE_COLUMNS)), np.int64)
    if fer2013.names is None:
        return _votes_by_row(path, fer2013.usage)
    return _votes_by_name(path, fer2013.names)


def _votes_by_row(path: Path, usage: Sequence[str]) -> NDArray[np.int64]:
    table: list[NDArray[np.int64]] = []
    for row, split, votes in _vote_rows(path, "Usage"):
        if len(table) >= len(usage) or split != usage[len(table)]:
            raise DataError(
                f"{path.name}, row {row}: its split {split!r} is not that of the same row of "
                "FER2013; both files must be whole and in their original order."
            )
        table.append(votes)
    if len(table) != len(usage):
        raise DataError(f"{path.name} has {len(table)} rows, FER2013 has {len(usage)}.")
    return np.stack(table)


def _votes_by_name(path: Path, names: Sequence[str]) -> NDArray[np.int64]:
    # FER+ has four names twice; in its own tool, too, the later row replaces the earlier.
    by_stem = {_stem(name): votes for _, name, votes in _vote_rows(path, "Image name")}
    table = np.zeros((len(names), len(VOTE_COLUMNS)), np.int64)
    for votes, name in zip(table, names, strict=True):
        if _stem(name) in by_stem:
            votes[:] = by_stem[_stem(name)]
        elif FERPLUS_NAME.fullmatch(_stem(name)):
            raise DataError(
                f"{path.name} has no row for the image {name}; it must be whole, and the "
                'images must bear the names of its column "Image name".'
            )
    return table


def _stem(name: str) -> str:
    return PurePosixPath(name).stem.lower()


def _vote_rows(path: Path, key: str) -> Iterator[tuple[int, str, NDArray[np.int64]]]:
    """Yield (row number, value of the column `key`, (10,) votes) of `fer2013new.csv`."""
    for row, fields in read_rows(path, (key, *VOTE_COLUMNS)):
        try:
            votes = np.array([int(fields[column]) for column in VOTE_COLUMNS], np.int64)
        except (ValueError, OverflowError) as error:
            raise DataError(f"{path.name}, row {row}: votes must be whole numbers.") from error
        if votes.min() < 0:
            raise DataError(f"{path.name}, row {row}: votes must not be negative.")
        yield row, fields[key], votes


def _plain_or_compressed(path: Path) -> Path | None:
    """Return the CSV file, else its .gz, else None."""
    packed = path.with_name(f"{path.name}.gz")
    return next((candidate for candidate in (path, packed) if candidate.is_file()), None)

"""Photographs and portraits whose expression was named by somebody: reading, cutting, judging.

They are few and their labels are noisy: for choosing and reporting, not for training.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.alignment import align_face
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS
from fer_core.errors import InvalidImageError
from fer_core.images import load_image
from fer_core.preprocessing import PreprocessingSpec, UInt8Array, to_grey
from train.cli import progress
from train.data.csv_rows import read_rows
from train.errors import DataError


@dataclass(frozen=True, slots=True)
class Photograph:
    """An image with one face whose expression was named by somebody.

    Attributes:
        path: where it lies.
        label: a name of `FER2013_LABELS`, or anything where `read_photographs` asks for none.
        person: who it shows, equal for all images of one person; "" where that is not known.
        details: further columns of labels.csv by name, such as age or gender.
    """

    path: Path
    label: str
    person: str = ""
    details: Mapping[str, str] = field(default_factory=dict, hash=False)


def read_photographs(folder: Path, *, labelled: bool = True) -> list[Photograph]:
    """Read the images that `labels.csv` of a folder names.

    Args:
        folder: with a table in UTF-8 of the columns file (a path within the folder), label and,
            where known, person; all other columns are kept as `details`.
        labelled: whether every image must have a label of `FER2013_LABELS`.

    Raises:
        DataError: the table is missing, lacks a column, or names a file or label that does not
            exist.
    """
    table = folder / "labels.csv"
    photographs = []
    for row, values in read_rows(
        table, ("file", "label") if labelled else ("file",), may_end_early=True
    ):
        name, label, person = values.pop("file"), values.pop("label", ""), values.pop("person", "")
        if labelled and label not in FER2013_LABELS:
            known = ", ".join(FER2013_LABELS)
            raise DataError(f"{table}, row {row}: the label “{label}” is not one of {known}.")
        if not (folder / name).is_file():
            raise DataError(f"{table}, row {row}: there is no file “{name}”.")
        photographs.append(Photograph(folder / name, label, person, values))
    if not photographs:
        raise DataError(f"{table} names no picture.")
    return photographs


def read_photograph_sets(folders: Sequence[Path]) -> dict[str, list[Photograph]]:
    """Read several folders of photographs, keyed by the folders' names.

    Raises:
        DataError: as `read_photographs`, or two folders have the same name.
    """
    sets: dict[str, list[Photograph]] = {}
    for folder in folders:
        name = folder.resolve().name
        if name in sets:
            raise DataError(f"two folders of photographs are named {name}: rename one of them.")
        sets[name] = read_photographs(folder)
    return sets


def load_photograph(photograph: Photograph) -> UInt8Array:
    """Load the pixels of a photograph: (H, W, 3) uint8 RGB, upright.

    Raises:
        DataError: the file is not an image that can be read; the message names it.
    """
    try:
        return load_image(photograph.path)
    except InvalidImageError as error:
        raise DataError(f"{photograph.path}: {error}") from error


def person_keys(photographs: Sequence[Photograph]) -> NDArray[np.str_]:
    """Tell which photographs show one person: (N,) keys, equal for those of the same.

    A photograph whose person is not known has a key of its own.
    """
    return np.array(
        [
            f"person {photograph.person}" if photograph.person else f"photograph {index}"
            for index, photograph in enumerate(photographs)
        ]
    )


def digest(photographs: Sequence[Photograph]) -> str:
    """Compute a SHA-256 of labels and files, by which a set is known again under any name."""
    total = hashlib.sha256()
    for photograph in photographs:
        total.update(f"{photograph.label}\n{photograph.person}\n".encode())
        total.update(hashlib.sha256(photograph.path.read_bytes()).digest())
    return total.hexdigest()


def read_portraits(folder: Path) -> list[Photograph]:
    """Pictures of one person each, named <emotion>_<person>_<number>.jpg; others are left out.

    Raises:
        DataError: there is none.
    """
    portraits = []
    for path in sorted(folder.glob("*.jpg")):
        label, *rest = path.stem.split("_")
        if label in FER2013_LABELS and len(rest) >= 2:
            person = "_".join(word for word in rest[:-1] if not word.startswith("roll"))
            portraits.append(Photograph(path, label, person))
    if not portraits:
        raise DataError(f"{folder} holds no picture named <emotion>_<person>_<number>.jpg.")
    return portraits


def cut_photographs(
    detector: FaceDetector, photographs: Sequence[Photograph], spec: PreprocessingSpec
) -> tuple[UInt8Array, NDArray[np.bool_]]:
    """The largest face of each photograph, as the app would cut it.

    Returns:
        (N, crop_size, crop_size) uint8 grey, black where no face was found; (N,) whether one was.

    Raises:
        DataError: a file is not an image that can be read.
    """
    crops = np.zeros((len(photographs), spec.crop_size, spec.crop_size), np.uint8)
    found = np.zeros(len(photographs), bool)
    for index, photograph in enumerate(progress(photographs, "photographs")):
        picture = load_photograph(photograph)
        faces = detector.detect(picture)
        if faces:
            crop, _ = align_face(picture, faces[0], spec)
            crops[index], found[index] = to_grey(crop[np.newaxis])[0], True
    return crops, found

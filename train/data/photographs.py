"""Reads and crops labelled photographs and rendered portraits.

They are few and their labels are noisy: for choices and reports, not for training.
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
    """An image of one labelled face.

    Attributes:
        path: of the file.
        label: a name of `FER2013_LABELS`; any text from `read_photographs` with `labelled=False`.
        person: equal for all images of one person; "" where unknown.
        details: further columns of labels.csv by name, such as age or gender.
    """

    path: Path
    label: str
    person: str = ""
    details: Mapping[str, str] = field(default_factory=dict, hash=False)


def read_photographs(folder: Path, *, labelled: bool = True) -> list[Photograph]:
    """Read `labels.csv` of a folder of images.

    Args:
        folder: its table in UTF-8 has the columns file (relative to the folder), label and, where
            known, person; all other columns become `details`.
        labelled: whether every image must have a label of `FER2013_LABELS`.

    Raises:
        DataError: the table is missing, lacks a column, or names a file or label that does not
            exist.
    """
    table = folder / "labels.csv"
    photographs = []
    required = ("file", "label") if labelled else ("file",)
    for row, values in read_rows(table, required, may_end_early=True):
        name, label, person = values.pop("file"), values.pop("label", ""), values.pop("person", "")
        if labelled and label not in FER2013_LABELS:
            known = ", ".join(FER2013_LABELS)
            raise DataError(f"{table}, row {row}: the label “{label}” is not one of {known}.")
        if not (folder / name).is_file():
            raise DataError(f"{table}, row {row}: there is no file “{name}”.")
        photographs.append(Photograph(folder / name, label, person, values))
    if not photographs:
        raise DataError(f"{table} names no image.")
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
    """Return (N,) keys, equal for photographs of one person.

    A photograph of an unknown person has a unique key.
    """
    people = (photograph.person for photograph in photographs)
    return np.array([f"person {p}" if p else f"photograph {row}" for row, p in enumerate(people)])


def digest(photographs: Sequence[Photograph]) -> str:
    """Compute the SHA-256 of labels and files, which identifies a set independent of names."""
    total = hashlib.sha256()
    for photograph in photographs:
        total.update(f"{photograph.label}\n{photograph.person}\n".encode())
        total.update(hashlib.sha256(photograph.path.read_bytes()).digest())
    return total.hexdigest()


def read_portraits(folder: Path) -> list[Photograph]:
    """Read images named <emotion>_<person>_<number>.jpg, and ignore others.

    Raises:
        DataError: there is no such image.
    """
    portraits = []
    for path in sorted(folder.glob("*.jpg")):
        label, *rest = path.stem.split("_")
        if label in FER2013_LABELS and len(rest) >= 2:
            person = "_".join(word for word in rest[:-1] if not word.startswith("roll"))
            portraits.append(Photograph(path, label, person))
    if not portraits:
        raise DataError(f"{folder} holds no image named <emotion>_<person>_<number>.jpg.")
    return portraits


def crop_photographs(
    detector: FaceDetector, photographs: Sequence[Photograph], spec: PreprocessingSpec
) -> tuple[UInt8Array, NDArray[np.bool_]]:
    """Crop the largest face of each photograph, as the app does.

    Returns:
        (N, crop_size, crop_size) uint8 grey, black where no face was found; (N,) bool, face found.

    Raises:
        DataError: a file is not an image that can be read.
    """
    crops = np.zeros((len(photographs), spec.crop_size, spec.crop_size), np.uint8)
    found = np.zeros(len(photographs), bool)
    for index, photograph in enumerate(progress(photographs, "photographs")):
        image = load_photograph(photograph)
        faces = detector.detect(image)
        if faces:
            crop, _ = align_face(image, faces[0], spec)
            crops[index], found[index] = to_grey(crop[np.newaxis])[0], True
    return crops, found

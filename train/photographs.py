"""Photographs and portraits whose expression was named by somebody: reading, cutting, judging.

They are few and their labels are noisy: for choosing and reporting, not for training.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.alignment import align_face
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS
from fer_core.images import load_image
from fer_core.preprocessing import PreprocessingSpec, UInt8Array, to_grey
from train.errors import DataError


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture with one face whose expression was named by somebody.

    Attributes:
        path: where it lies.
        label: a name of `FER2013_LABELS`.
        person: who it shows, as far as the file's name tells; "" where it does not.
    """

    path: Path
    label: str
    person: str = ""


def read_photographs(folder: Path) -> list[Photograph]:
    """The pictures that `labels.csv` of a folder names, in columns file and label.

    Raises:
        DataError: the table is missing or names a picture or label that is not there.
    """
    table = folder / "labels.csv"
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table} cannot be read; it must name files and labels.") from error
    photographs = []
    for number, row in rows:
        name, label = row.get("file"), row.get("label")
        if not name or label not in FER2013_LABELS or not (folder / name).is_file():
            raise DataError(f"{table.name}, row {number}: no such picture or emotion.")
        photographs.append(Photograph(folder / name, label))
    if not photographs:
        raise DataError(f"{table} names no picture.")
    return photographs


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
    """
    crops = np.zeros((len(photographs), spec.crop_size, spec.crop_size), np.uint8)
    found = np.zeros(len(photographs), bool)
    for index, photograph in enumerate(progress(photographs, "photographs")):
        picture = load_image(photograph.path)
        faces = detector.detect(picture)
        if faces:
            crop, _ = align_face(picture, faces[0], spec)
            crops[index], found[index] = to_grey(crop[np.newaxis])[0], True
    return crops, found


def mean_recall(labels: Sequence[str], answers: Sequence[str | None]) -> dict[str, Any]:
    """Recall of each label that occurs, and their mean; a face that was not found is a miss."""
    by_label = {
        label: float(np.mean([a == label for want, a in zip(labels, answers, strict=True)
                              if want == label]))
        for label in dict.fromkeys(labels)
    }  # fmt: skip
    mean = float(np.mean(list(by_label.values()))) if by_label else None
    return {"mean_recall": mean, "recall": by_label}


def progress(items: Any, what: str) -> Iterator[Any]:
    """The items, with a line on the terminal at each tenth."""
    total = len(items)
    for index, item in enumerate(items):
        if index * 10 // total != (index - 1) * 10 // total or not index:
            print(f"\r{what}: {index}/{total}", end="", flush=True)
        yield item
    print(f"\r{what}: {total}/{total}", flush=True)

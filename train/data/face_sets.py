"""Stores face crops of photographs, for training and evaluation without the detector.

A face set is a NumPy archive: `faces`, (N, 48, 48) uint8 grey in the geometry of dataset faces, and
by row `labels`, `people` (both "" where unknown) and `files`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from fer_core.assets import MODELS_DIR
from fer_core.detection import FaceDetector
from fer_core.preprocessing import PreprocessingSpec, UInt8Array
from train.data.photographs import crop_photographs, read_photographs
from train.errors import DataError
from train.files import replacing


@dataclass(frozen=True, slots=True)
class FaceSet:
    """Face crops of N photographs.

    Attributes:
        faces: (N, 48, 48) uint8 grey.
        labels: emotions, "" where unknown.
        people: persons, "" where unknown.
        files: of the photographs, relative to their folder.
    """

    faces: UInt8Array
    labels: Sequence[str]
    people: Sequence[str]
    files: Sequence[str]

    def save(self, path: Path) -> None:
        """Write the archive, atomically."""
        with replacing(path) as stream:
            np.savez_compressed(
                stream,
                faces=self.faces,
                labels=np.array(self.labels, dtype=str),
                people=np.array(self.people, dtype=str),
                files=np.array(self.files, dtype=str),
            )


def read_face_set(path: Path) -> FaceSet:
    """Read a file of `FaceSet.save`, or crop the faces of a folder of photographs.

    Raises:
        DataError: the path is neither.
    """
    if path.is_dir():
        return crop_face_set(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            texts = [archive[name].tolist() for name in ("labels", "people", "files")]
            return FaceSet(archive["faces"], *texts)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataError(f"{path} holds no faces of photographs; make it again.") from error


def crop_face_set(folder: Path) -> FaceSet:
    """Crop the largest face of each photograph in `labels.csv` of a folder, as the app does.

    Columns are file, and where known label and person. Photographs without a face are left out.

    Raises:
        DataError: the table cannot be read, or no photograph has a face.
    """
    photographs = read_photographs(folder, labelled=False)
    faces, found = crop_photographs(FaceDetector.load(MODELS_DIR), photographs, PreprocessingSpec())
    if not found.any():
        raise DataError(f"{folder}: no face was found in any photograph.")
    chosen = [item for item, is_found in zip(photographs, found, strict=True) if is_found]
    return FaceSet(
        faces[found],
        [item.label for item in chosen],
        [item.person for item in chosen],
        [item.path.relative_to(folder).as_posix() for item in chosen],
    )

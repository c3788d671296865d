"""Faces of photographs, cut out once by the app's detector and kept as a small file.

A face set is a NumPy archive: `faces` (N, 48, 48) uint8 grey in the geometry of a dataset's faces,
and by row `labels`, `people` (both "" where unknown) and `files`. With it photographs train and
judge on machines that have no detector.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from fer_core.assets import MODELS_DIR
from fer_core.preprocessing import DATASET_FACE_SIZE, PreprocessingSpec, UInt8Array
from train.errors import DataError
from train.files import replacing


@dataclass(frozen=True, slots=True)
class FaceSet:
    """Faces in which somebody may have named an expression.

    Attributes:
        faces: (N, 48, 48) uint8 grey.
        labels: what the table says, "" for nothing.
        people: who they show, "" for unknown.
        files: of the photographs, within their folder.
    """

    faces: UInt8Array
    labels: Sequence[str]
    people: Sequence[str]
    files: Sequence[str]

    def save(self, path: Path) -> None:
        """Write the file in one step."""
        with replacing(path) as stream:
            np.savez_compressed(
                stream,
                faces=self.faces,
                labels=np.array(self.labels, dtype=str),
                people=np.array(self.people, dtype=str),
                files=np.array(self.files, dtype=str),
            )


def read_face_set(path: Path) -> FaceSet:
    """A file that `FaceSet.save` wrote, or a folder of photographs, whose faces are cut now.

    Raises:
        DataError: it is neither.
    """
    if path.is_dir():
        return cut_face_set(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            texts = [
                tuple(str(text) for text in archive[name]) for name in ("labels", "people", "files")
            ]
            faces = archive["faces"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataError(f"{path} holds no faces of photographs; make it again.") from error
    side = DATASET_FACE_SIZE
    if faces.dtype != np.uint8 or faces.shape != (len(texts[0]), side, side):
        raise DataError(f"{path} holds faces of another shape; make it again.")
    return FaceSet(faces, *texts)


def cut_face_set(folder: Path) -> FaceSet:
    """The largest face of each photograph that `labels.csv` of a folder names, as the app cuts it.

    Photographs without a face are left out. Columns: file, and where known label and person.

    Raises:
        DataError: the table cannot be read, or no photograph has a face.
    """
    from fer_core.detection import FaceDetector
    from train.data.photographs import cut_photographs, read_photographs

    photographs = read_photographs(folder, labelled=False)
    faces, found = cut_photographs(FaceDetector.load(MODELS_DIR), photographs, PreprocessingSpec())
    if not found.any():
        raise DataError(f"{folder}: no face was found in any photograph.")
    chosen = [item for item, is_found in zip(photographs, found, strict=True) if is_found]
    return FaceSet(
        faces[found],
        [item.label for item in chosen],
        [item.person for item in chosen],
        [item.path.relative_to(folder).as_posix() for item in chosen],
    )

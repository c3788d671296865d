"""Collect the logits of teachers for distillation, from models or from files.

A file of logits is a NumPy archive: `digests` (N, 16) uint8 of the faces, `ferplus` (N, 8) and
`fer2013` (N, 7) float32 logits, and `teachers`, their names. Faces are matched by the digest of
their pixels, whichever rows a run selects and in which order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from fer_core.preprocessing import (
    Float32Array,
    PreprocessingSpec,
    UInt8Array,
    prepare_dataset_faces,
    preprocess,
)
from train.data.dataset import digests
from train.errors import RunError
from train.files import replacing
from train.inputs.augmentation import augment, draw_uniform
from train.inputs.standardization import prepare_training_faces, standardize
from train.networks.blocks import HEADS
from train.recipes.config import AugmentationConfig

if TYPE_CHECKING:
    import keras

BATCH, SEED = 512, 1
ANSWERS_SUFFIX = ".npz"
# Augmentation of the further views of a face.
VIEWS = AugmentationConfig(
    rotation=6.0, scale=0.06, shift=0.04, gamma_share=0.0, erase_share=0.0, soften_share=0.0
)


@dataclass(frozen=True, slots=True)
class TeacherLogits:
    """Logits of both heads for N faces.

    Attributes:
        digests: of the faces, by `train.data.dataset.digests`.
        logits: by head, (N, 8) and (N, 7) float32.
        teachers: name and version of each model.
    """

    digests: Sequence[bytes]
    logits: Mapping[str, Float32Array]
    teachers: tuple[str, ...]

    def select(self, faces: UInt8Array) -> dict[str, Float32Array]:
        """Return the logits for (N, 48, 48) uint8 faces, in their order.

        Raises:
            RunError: a face has no logits.
        """
        rows = {digest: row for row, digest in enumerate(self.digests)}
        wanted = digests(faces)
        if missing := sum(digest not in rows for digest in wanted):
            raise RunError(
                f"the teachers' logits leave out {missing} of {len(wanted)} faces; make them from "
                "the same data."
            )
        chosen = [rows[digest] for digest in wanted]
        return {head: values[chosen] for head, values in self.logits.items()}

    def save(self, path: Path) -> None:
        """Write the file atomically."""
        with replacing(path) as stream:
            np.savez_compressed(
                stream,
                digests=np.frombuffer(b"".join(self.digests), np.uint8).reshape(-1, 16),
                teachers=np.array(self.teachers),
                ferplus=self.logits["ferplus"],
                fer2013=self.logits["fer2013"],
            )

    @classmethod
    def load(cls, path: Path) -> "TeacherLogits":
        """Read a file of logits.

        Raises:
            RunError: it is no file of logits.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                logits = {head: archive[head].astype(np.float32) for head in HEADS}
                known = [digest.tobytes() for digest in archive["digests"]]
                teachers = tuple(str(name) for name in archive["teachers"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise RunError(f"{path} holds no logits of teachers; make it again.") from error
        shapes = [values.shape for values in logits.values()]
        if shapes != [(len(known), classes) for classes in HEADS.values()]:
            raise RunError(f"{path} holds logits of another shape; make it again.")
        return cls(known, logits, teachers)


def average_teachers(parts: Sequence[TeacherLogits]) -> TeacherLogits:
    """Average the logits of several teachers for the same faces.

    Raises:
        RunError: they are for different faces.
    """
    first = parts[0]
    if any(list(part.digests) != list(first.digests) for part in parts):
        raise RunError("the teachers answered different faces; make their answers again.")
    logits = {
        head: np.mean([part.logits[head] for part in parts], axis=0).astype(np.float32)
        for head in HEADS
    }
    return TeacherLogits(
        first.digests, logits, tuple(name for part in parts for name in part.teachers)
    )


def predict_views(
    network: "keras.Model",
    faces: UInt8Array,
    spec: PreprocessingSpec,
    views: int = 0,
) -> dict[str, Float32Array]:
    """Average a Keras network's logits over a face, its mirror image, and further views.

    Args:
        network: on any backend.
        faces: (N, 48, 48) uint8 grey.
        spec: preprocessing of the network.
        views: number of further views, slightly rotated, shifted and scaled, half of them mirrored.

    Returns:
        {"ferplus": (N, 8), "fer2013": (N, 7)} float32.
    """
    from keras import ops

    parts = {head: [np.zeros((0, classes), np.float32)] for head, classes in HEADS.items()}
    size = min(BATCH, len(faces))
    for start in range(0, len(faces), BATCH):
        crops = faces[start : start + BATCH]
        count = len(crops)
        # Padded to one shape, because a backend may compile for each.
        crops = np.pad(crops, ((0, size - count), (0, 0), (0, 0)), mode="edge")
        plain = preprocess(prepare_dataset_faces(crops, spec), spec)
        seen = [plain, plain[:, :, ::-1]]
        levels = prepare_training_faces(crops, spec).astype(np.float32)
        rng = np.random.default_rng((SEED, start))
        for _ in range(views):
            changed, _ = augment(levels, draw_uniform(rng, size), VIEWS)
            seen.append(ops.convert_to_numpy(standardize(changed, spec)))
        outputs = [network.predict_on_batch(view) for view in seen]
        for head, values in parts.items():
            mean = np.mean([np.asarray(output[head]) for output in outputs], axis=0)
            values.append(mean[:count].astype(np.float32))
    return {head: np.concatenate(values) for head, values in parts.items()}


def teacher_names(path: Path) -> list[str]:
    """Return name and version of each teacher in a file of logits or a model's folder.

    Raises:
        ModelLoadError: the folder holds no model.
        RunError: the file holds no logits.
    """
    from fer_core.model import read_info

    if path.suffix == ANSWERS_SUFFIX:
        return list(TeacherLogits.load(path).teachers)
    info = read_info(path)
    return [f"{info.name} {info.version}"]


def collect_logits(paths: Sequence[Path], faces: UInt8Array) -> TeacherLogits:
    """Average the logits of all teachers for (N, 48, 48) uint8 faces.

    Raises:
        ModelLoadError: a teacher cannot be loaded.
        RunError: a file leaves a face out.
    """
    from fer_core.model import EmotionModel

    known = digests(faces)
    parts = []
    for path in paths:
        if path.suffix == ANSWERS_SUFFIX:
            logits = TeacherLogits.load(path).select(faces)
        else:
            print(f"asking {path} about {len(faces)} faces", flush=True)
            model = EmotionModel.load(path)
            spec = model.info.preprocessing
            logits = model.logits(preprocess(prepare_dataset_faces(faces, spec), spec))
        parts.append(TeacherLogits(known, logits, tuple(teacher_names(path))))
    return average_teachers(parts)

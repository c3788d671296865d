"""Select the faces to train on, with their weights and the targets of both heads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.preprocessing import Float32Array
from train.data.dataset import Dataset
from train.data.label_faults import MODES, load_faults, training_weights
from train.errors import RunError
from train.recipes.config import TrainConfig


def select_faces(splits: dict[str, Dataset], emotions: Sequence[str] = ()) -> dict[str, Dataset]:
    """Keep the faces whose labels and majorities are among some emotions.

    Args:
        splits: by name.
        emotions: of `FER2013_LABELS`; all when empty.
    """
    if not emotions:
        return splits
    wanted = [FER2013_LABELS.index(name) for name in emotions]  # the first seven of FER+, too
    return {
        name: split.subset(np.isin(split.labels, wanted) & np.isin(split.reference, wanted))
        for name, split in splits.items()
    }


def select_training_faces(
    splits: dict[str, Dataset], config: TrainConfig, faults: Path | None = None
) -> tuple[Dataset, Float32Array]:
    """Return the training faces of positive weight, and these (N,) float32 weights.

    Raises:
        DataError: `faults` cannot be read or belongs to other data.
        RunError: the cleaning mode is unknown, or needs faults and none were given.
    """
    training = splits["Training"]
    weights = training.is_face.astype(np.float32)
    cleaning = config.cleaning
    if cleaning not in MODES:
        raise RunError(f"cleaning must be one of {', '.join(MODES)}, got {cleaning!r}.")
    if cleaning != "none":
        if faults is None:
            raise RunError(
                f"cleaning {cleaning!r} needs what python -m train.clean found: --faults DIR."
            )
        weights *= training_weights(load_faults(faults, splits), cleaning)
    rows = np.flatnonzero(weights > 0)
    if 0 < config.faces < len(rows):
        chosen = np.random.default_rng(config.seed).permutation(len(rows))[: config.faces]
        rows = rows[np.sort(chosen)]
    return training.subset(rows), weights[rows]


def balance(labels: NDArray[np.int64]) -> Float32Array:
    """Return (N,) weights that balance the classes, of mean 1."""
    counts = np.bincount(labels, minlength=len(FER2013_LABELS))
    present = max(1, int((counts > 0).sum()))
    of_class = len(labels) / (present * np.maximum(counts, 1))
    return of_class[labels].astype(np.float32)


def training_targets(faces: Dataset, config: TrainConfig) -> dict[str, Float32Array]:
    """Compute the targets of both heads: (N, 8) and (N, 7) float32, rows of sum 1.

    If `votes` is `majority`, the target of the eight-class head is the majority class alone. A face
    without votes has zeros.
    """
    ferplus = faces.targets
    if config.votes == "majority":
        ferplus = np.eye(len(FERPLUS_LABELS), dtype=np.float32)[faces.reference]
        ferplus[faces.reference < 0] = 0
    classes = len(FER2013_LABELS)
    smoothing = config.label_smoothing
    labels = np.eye(classes, dtype=np.float32)[faces.labels]
    return {
        "ferplus": ferplus,
        "fer2013": np.asarray((1 - smoothing) * labels + smoothing / classes, np.float32),
    }

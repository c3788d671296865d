"""Assemble what a network is trained on: faces with targets, and batches of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fer_core.calibration import softmax
from fer_core.preprocessing import Float32Array, UInt8Array
from train.data.dataset import Dataset
from train.inputs.augmentation import draw_uniform
from train.inputs.standardization import prepare_training_faces
from train.inputs.targets import balance, training_targets
from train.inputs.teachers import TeacherLogits
from train.networks.blocks import HEADS
from train.recipes.config import TrainConfig

if TYPE_CHECKING:
    import keras

# Random streams apart from augmentation's, so that enabling one does not change the others.
MIXUP_STREAM, UNLABELLED_STREAM = 1, 2


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """All faces of a run with their targets, row by row.

    Targets hold both heads side by side (`HEAD_COLUMNS`); those of a head sum to the weight of the
    face in its loss.

    Attributes:
        faces: (N, s, s) uint8 grey, filtered, in the geometry of the run's preprocessing.
        labels: (N, 15) float32 targets from votes and labels.
        labelled: number of rows with labels, which come first; the others are unlabelled.
        soft_targets: (N, 15) float32 targets from teachers' logits, if any.
        offsets: (N, 15) float32, added to the logits before the loss, if any.
    """

    faces: UInt8Array
    labels: Float32Array
    labelled: int
    soft_targets: Float32Array | None = None
    offsets: Float32Array | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that are not None, by name."""
        names = ("faces", "labels", "soft_targets", "offsets")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def make_table(
    faces: Dataset,
    config: TrainConfig,
    weights: Float32Array | None = None,
    teacher_logits: TeacherLogits | None = None,
    unlabelled: UInt8Array | None = None,
) -> TrainingTable:
    """Assemble the faces with the targets that the config asks for.

    Args:
        faces: to train on, all with labels.
        config: of the run.
        weights: (N,) of the faces in the loss; None for 1.
        teacher_logits: teachers' logits of all these faces, for a config with a teacher_share.
        unlabelled: (U, 48, 48) uint8 grey faces without labels, for a config with an
            unlabelled_share; the teachers' logits are their only targets.

    Raises:
        RunError: the logits leave a face out.
    """
    targets = training_targets(faces, config)
    counts = np.ones(len(faces), np.float32) if weights is None else weights
    if config.class_weights == "balanced":
        counts = counts * balance(faces.labels)
    share = config.teacher_share if teacher_logits else 0.0
    labels = _weighted(targets, (1 - share) * counts, config)
    crops = faces.faces
    soft_targets = offsets = None
    if teacher_logits is not None:
        unlabelled = crops[:0] if unlabelled is None else unlabelled
        crops = np.concatenate([crops, unlabelled])
        # Faces without labels learn from the teachers alone, with weight 1.
        others = len(unlabelled)
        soft_weights = np.concatenate([share * counts, np.ones(others, np.float32)])
        soft = {
            head: softmax(logits, config.temperature).astype(np.float32)
            for head, logits in teacher_logits.select(crops).items()
        }
        soft_targets = _weighted(soft, soft_weights, config)
        labels = np.pad(labels, ((0, others), (0, 0)))
        if others and config.prior_adjustment:
            offsets = np.zeros_like(labels)
            offsets[len(faces) :] = config.prior_adjustment * _uniform_prior_offsets(targets)
    crops = prepare_training_faces(crops, config.preprocessing)
    return TrainingTable(crops, labels, len(faces), soft_targets, offsets)


def _weighted(
    targets: dict[str, Float32Array], weights: Float32Array, config: TrainConfig
) -> Float32Array:
    """Join both heads' targets, (N, 15), times the weights of the faces and of the heads."""
    of_head = {"ferplus": config.ferplus_weight, "fer2013": config.fer2013_weight}
    parts = [of_head[head] * weights[:, None] * targets[head] for head in HEADS]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _uniform_prior_offsets(targets: dict[str, Float32Array]) -> Float32Array:
    """Return (15,) offsets of the logits from the dataset's prior to a uniform one.

    Logit adjustment (Menon et al. 2021) of unlabelled faces, whose targets have a uniform prior,
    while the dataset's own faces keep the dataset's prior.
    """
    parts = []
    for head in HEADS:
        prior = targets[head].mean(axis=0) + 1e-6
        parts.append(np.log(prior).mean() - np.log(prior))
    return np.concatenate(parts).astype(np.float32)


def steps_of_epoch(table: TrainingTable, config: TrainConfig) -> int:
    """Return the number of steps of an epoch; each pass shows a labelled face at most once."""
    return config.passes * (table.labelled // _labelled_of_batch(table, config))


def _labelled_of_batch(table: TrainingTable, config: TrainConfig) -> int:
    unlabelled = len(table.faces) > table.labelled
    share = config.unlabelled_share if unlabelled else 0.0
    return config.batch_size - round(config.batch_size * share)


def make_batches(table: TrainingTable, config: TrainConfig, epoch: int) -> "keras.utils.PyDataset":
    """Return one epoch's batches, which depend on seed and epoch alone.

    A batch is ({"rows": (b,) int32 of the table, "draws": (b, c) float32 for `augment`, and with
    mixup "mixup": (b,) float32 share of each face itself},).
    """
    import keras

    count = _labelled_of_batch(table, config)
    steps = steps_of_epoch(table, config)
    rng = np.random.default_rng((config.seed, epoch))
    of_pass = steps // config.passes * count
    orders = [rng.permutation(table.labelled)[:of_pass] for _ in range(config.passes)]
    rows = np.concatenate(orders).reshape(steps, count)
    if rest := config.batch_size - count:
        rng = np.random.default_rng((config.seed, epoch, UNLABELLED_STREAM))
        others = len(table.faces) - table.labelled
        rounds = -(-steps * rest // others)
        passes = np.concatenate([rng.permutation(others) for _ in range(rounds)])
        more = table.labelled + passes[: steps * rest].reshape(steps, rest)
        rows = np.concatenate([rows, more], axis=1)
    rows = rows.astype(np.int32)

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return steps

        def __getitem__(self, index: int) -> Any:
            # Shuffled, so that mixup pairs and device parts mix labelled and unlabelled faces.
            rng = np.random.default_rng((config.seed, epoch, index))
            size = config.batch_size
            batch = {
                "rows": rng.permutation(rows[index]) if rest else rows[index],
                "draws": draw_uniform(rng, size),
            }
            if config.mixup:
                rng = np.random.default_rng((config.seed, epoch, index, MIXUP_STREAM))
                share = rng.beta(config.mixup, config.mixup, size)
                batch["mixup"] = share.astype(np.float32)
            return (batch,)

    return Batches(workers=1, use_multiprocessing=False)

"""What a network learns from: faces that count, what to answer for them, and batch after batch."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.preprocessing import Float32Array, prepare_dataset_faces, preprocess
from train.augmentation import augment
from train.config import TrainConfig
from train.dataset import Dataset
from train.runs import RunError

if TYPE_CHECKING:
    import keras

QUEUE = 16  # batches that are prepared ahead
MIXUP_STREAM = 1  # of chance, so that switching it on leaves all else as it was


def select_faces(splits: dict[str, Dataset], emotions: Sequence[str] = ()) -> dict[str, Dataset]:
    """The splits with only those faces that all their labels call one of some emotions.

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
    """The training pictures that count, and (N,) float32 how much each of them does.

    Raises:
        DataError: `faults` cannot be read or belongs to other data.
        RunError: the mode is unknown, or asks for faults and none were given.
    """
    from train.clean import MODES, load_faults, training_weights

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
    """(N,) weights with which every class counts the same and the mean face counts 1."""
    counts = np.bincount(labels, minlength=len(FER2013_LABELS))
    present = max(1, int((counts > 0).sum()))
    of_class = len(labels) / (present * np.maximum(counts, 1))
    return of_class[labels].astype(np.float32)


def training_targets(
    faces: Dataset, config: TrainConfig, teachers: Sequence[Path] = ()
) -> dict[str, Float32Array]:
    """What each head is to answer: (N, 8) and (N, 7) float32, rows of sum 1.

    With `votes` set to `majority` the eight-class head learns the class with most votes only. With
    teachers, their answers to the plain face take part: the softmax of their mean logits, without
    temperature, for they learned from shares themselves. A face without a vote has zeros.

    Raises:
        ModelLoadError: a teacher cannot be loaded.
    """
    from fer_core.calibration import softmax
    from fer_core.model import EmotionModel
    from train.calibration import dataset_logits

    ferplus = faces.targets
    if config.votes == "majority":
        ferplus = np.eye(len(FERPLUS_LABELS), dtype=np.float32)[faces.reference]
        ferplus[faces.reference < 0] = 0
    targets = {
        "ferplus": ferplus,
        "fer2013": np.eye(len(FER2013_LABELS), dtype=np.float32)[faces.labels],
    }
    if not teachers:
        return targets
    lessons = []
    for teacher in teachers:
        print(f"asking {teacher} about {len(faces)} faces", flush=True)
        lessons.append(dataset_logits(EmotionModel.load(teacher), faces))
    share = config.teacher_share
    for head, plain in targets.items():
        taught = softmax(np.mean([lesson[head] for lesson in lessons], axis=0))
        mixed = (1 - share) * plain + share * taught
        targets[head] = np.where(plain.any(axis=1, keepdims=True), mixed, 0).astype(np.float32)
    return targets


def make_batches(
    faces: Dataset,
    config: TrainConfig,
    epoch: int,
    weights: Float32Array | None = None,
    targets: dict[str, Float32Array] | None = None,
) -> "keras.utils.PyDataset":
    """One epoch's batches: shuffled, augmented, prepared; decided by seed and epoch alone.

    A batch is ((b, h, w, 1) float32 faces, targets by head, sample weights by head); a face whose
    annotators left no vote weighs 0 in the FER+ loss.
    """
    import keras

    wanted = training_targets(faces, config) if targets is None else targets
    order = np.random.default_rng((config.seed, epoch)).permutation(len(faces))
    counts = np.ones(len(faces), np.float32) if weights is None else weights
    if config.class_weights == "balanced":
        counts = counts * balance(faces.labels)
    has_votes = np.asarray(wanted["ferplus"].any(axis=1), dtype=np.float32)

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(order) // config.batch_size

        def __getitem__(self, index: int) -> Any:
            rows = order[index * config.batch_size : (index + 1) * config.batch_size]
            spec = config.preprocessing
            crops = prepare_dataset_faces(faces.faces[rows], spec)
            rng = np.random.default_rng((config.seed, epoch, index))
            inputs = preprocess(augment(crops, config.augmentation, rng), spec)
            of_rows = {head: values[rows] for head, values in wanted.items()}
            by_head = {"ferplus": has_votes[rows] * counts[rows], "fer2013": counts[rows]}
            if config.mixup:
                rng = np.random.default_rng((config.seed, epoch, index, MIXUP_STREAM))
                return mix(inputs, of_rows, by_head, config.mixup, rng)
            return inputs, of_rows, by_head

    return Batches(workers=1, use_multiprocessing=False, max_queue_size=QUEUE)


def mix(
    inputs: Float32Array,
    targets: dict[str, Float32Array],
    weights: dict[str, Float32Array],
    alpha: float,
    rng: np.random.Generator,
) -> tuple[Float32Array, dict[str, Float32Array], dict[str, Float32Array]]:
    """Mixup (Zhang et al. 2018): each face blended with another of its batch, and so its targets.

    A pair's share comes from Beta(alpha, alpha). What weighs nothing leaves the target to the
    other.
    """
    count = len(inputs)
    share = rng.beta(alpha, alpha, count).astype(np.float32)
    other = rng.permutation(count)
    mixed = _blend(inputs, inputs[other], share[:, None, None, None])
    new_targets: dict[str, Float32Array] = {}
    new_weights: dict[str, Float32Array] = {}
    for head, weight in weights.items():
        total = _blend(weight, weight[other], share)
        sums = _blend(
            weight[:, None] * targets[head],
            weight[other, None] * targets[head][other],
            share[:, None],
        )
        new_targets[head] = np.divide(sums, np.maximum(total, 1e-9)[:, None], dtype=np.float32)
        new_weights[head] = total
    return mixed, new_targets, new_weights


def _blend(one: Float32Array, other: Float32Array, share: Float32Array) -> Float32Array:
    blended: Float32Array = share * one + (1 - share) * other
    return blended

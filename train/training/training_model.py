"""Combine faces, augmentation, network and loss in one Keras model, on one device.

A step receives row numbers and random numbers; the faces, their targets and all arithmetic stay on
the device. Importing this module imports Keras.
"""

from typing import Any

import keras
from keras import ops

from train.inputs.augmentation import augment
from train.inputs.batches import TrainingTable
from train.inputs.standardization import standardize
from train.networks.blocks import HEAD_COLUMNS
from train.recipes.config import TrainConfig
from train.training.moving_average import MovingAverage

Tensor = Any  # of the Keras backend in use


class TrainingModel(keras.Model):  # type: ignore[misc]
    """A network together with the faces that it is trained on."""

    def __init__(
        self,
        network: keras.Model,
        table: TrainingTable,
        config: TrainConfig,
        average: MovingAverage | None = None,
    ) -> None:
        """Load the faces onto the device.

        Args:
            network: to train.
            table: faces and targets.
            config: of the run.
            average: updated at each step, if given.
        """
        # Faces and targets stay in float32; the network has a precision of its own.
        super().__init__(dtype="float32", name="training")
        self.network = network
        self._config = config
        self._average = average
        self._average_variables = [] if average is None else average.variables
        self._table = {
            name: keras.Variable(values, dtype=str(values.dtype), trainable=False, name=name)
            for name, values in table.arrays().items()
        }
        self.built = True

    def call(self, batch: dict[str, Tensor], training: bool | None = None) -> dict[str, Tensor]:
        """Predict augmented faces, and return their targets, too.

        Args:
            batch: from `train.inputs.batches.make_batches`.
            training: as for any Keras model.

        Returns:
            Logits of each head by its name, and the rows of the table's other arrays by theirs,
            smoothed for occluded faces and mixed by mixup like the faces.
        """
        rows = self.prepare(batch)
        inputs = rows.pop("inputs")
        if training and self._average is not None:
            self._average.update()
        return {**self.network(inputs, training=training), **rows}

    def prepare(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the network's `inputs` for a batch, and the rows of the table's other arrays."""
        config = self._config
        rows = {name: ops.take(values, batch["rows"], axis=0)
                for name, values in self._table.items()}  # fmt: skip
        faces = ops.cast(rows.pop("faces"), "float32")
        faces, hidden = augment(faces, batch["draws"], config.augmentation)
        inputs = standardize(faces, config.preprocessing)
        if hidden is not None:
            flat = ops.minimum(config.augmentation.flatten * hidden, 1.0)[:, None]
            for name in rows.keys() & {"labels", "soft_targets"}:
                rows[name] = _flatten(rows[name], flat)
        if config.mixup:
            share = batch["mixup"]
            inputs = _mix(inputs, share[:, None, None, None])
            rows = {name: _mix(values, share[:, None]) for name, values in rows.items()}
        return {"inputs": inputs, **rows}

    def compute_loss(
        self,
        x: Any = None,  # noqa: ARG002
        y: Any = None,  # noqa: ARG002
        y_pred: dict[str, Tensor] | None = None,
        sample_weight: Any = None,  # noqa: ARG002
        training: bool = True,  # noqa: ARG002
    ) -> Tensor:
        """Compute the mean cross-entropy of both heads with all targets, plus the penalties.

        Targets of a face sum to its weight, so that a face without a target adds nothing. The
        teachers' part is distillation (Hinton et al. 2015): both sides at the config's temperature,
        times its square, which keeps the size of the gradients.
        """
        assert y_pred is not None
        temperature = self._config.temperature
        total: Tensor = 0.0
        for head, columns in HEAD_COLUMNS.items():
            logits = ops.cast(y_pred[head], "float32")
            if "offsets" in y_pred:
                logits = logits + y_pred["offsets"][:, columns]
            likelihoods = ops.sum(y_pred["labels"][:, columns] * ops.log_softmax(logits), axis=1)
            if "soft_targets" in y_pred:
                soft = ops.log_softmax(logits / temperature)
                likelihoods = likelihoods + temperature**2 * ops.sum(
                    y_pred["soft_targets"][:, columns] * soft, axis=1
                )
            total = total - ops.mean(likelihoods)
        for penalty in self.losses:
            total = total + ops.cast(penalty, "float32")
        return total


def _flatten(targets: Tensor, share: Tensor) -> Tensor:
    """Move each head's targets towards uniform ones by (N, 1) shares, keeping their sums."""
    parts = []
    for columns in HEAD_COLUMNS.values():
        part = targets[:, columns]
        parts.append((1 - share) * part + share * ops.mean(part, axis=1, keepdims=True))
    return ops.concatenate(parts, axis=1)


def _mix(values: Tensor, share: Tensor) -> Tensor:
    """Mix each row with the one at the mirrored index of the batch (mixup, Zhang et al. 2018)."""
    return share * values + (1 - share) * ops.flip(values, axis=0)

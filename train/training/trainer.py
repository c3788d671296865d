"""Train a network epoch by epoch: weights, optimizer, learning rate, moving average."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_core.preprocessing import Float32Array
from train.artifacts.run_folder import averaged, checkpoint, load_weights, read_weights
from train.data.dataset import Dataset
from train.errors import RunError
from train.inputs.batches import TrainingTable, make_batches, steps_of_epoch
from train.networks.blocks import HEADS, Regularization
from train.networks.build import build_network
from train.networks.freezing import freeze, freeze_stages
from train.recipes.config import TrainConfig
from train.training.moving_average import MovingAverage
from train.training.precision import choose_precision
from train.training.schedule import peak_rate, phase_of, plateau_rate

if TYPE_CHECKING:
    import keras

SCORED = 256  # faces of PublicTest at once


class Training:
    """A network with its optimizer and its faces."""

    def __init__(
        self,
        config: TrainConfig,
        table: TrainingTable,
        strategy: Any | None = None,
        init: Path | None = None,
    ) -> None:
        """Build the network and load the faces onto its device.

        Args:
            config: of the run.
            table: faces and targets.
            strategy: from `find_strategy`.
            init: a run or model with the initial weights.

        Raises:
            RunError: there is no such network, or `init` has no weights for it.
        """
        import keras

        from train.training.training_model import TrainingModel

        self._config, self._table, self._strategy = config, table, strategy
        self._steps = steps_of_epoch(table, config)
        self._phase = range(0)
        self._distributed: Any | None = None
        how = Regularization(config.l2, config.dropout, synchronized=strategy is not None)
        keras.utils.set_random_seed(config.seed)
        self.precision = choose_precision(config.precision)
        keras.config.set_dtype_policy(self.precision)
        try:
            with self._scope():
                self.network = build_network(
                    config.network, config.preprocessing, how, config.shape
                )
        except ValueError as error:
            raise RunError(str(error)) from error
        finally:
            keras.config.set_dtype_policy("float32")
        if init is not None:
            load_weights(self.network, init)
        with self._scope():
            decay = config.averaging
            self.average = MovingAverage(self.network, decay) if decay else None
        # Outside the strategy's scope: each worker has read the faces itself, and TensorFlow does
        # not broadcast arrays of bytes.
        self.model = TrainingModel(self.network, table, config, self.average)

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        return float(self.network.optimizer.learning_rate)

    def resume(self, out: Path, epochs: int) -> None:
        """Restore the state after a number of epochs."""
        self._enter(epochs - 1)
        # The optimizer's state must exist before it can be loaded.
        with self._scope():
            self.network.optimizer.build(self.network.trainable_variables)
        if self.average is not None:
            read_weights(self.network, averaged(out, epochs))
            self.average.restart(epochs * self._steps)
        read_weights(self.network, checkpoint(out, epochs))

    def begin(self, epoch: int, history: Sequence[dict[str, Any]]) -> None:
        """Prepare for an epoch, from 0."""
        self._enter(epoch)
        if self._config.schedule == "plateau":
            self.network.optimizer.learning_rate = plateau_rate(self._config, history)
        _seed_dropout(self.network, self._config.seed, epoch)

    def run(self, epoch: int) -> float:
        """Train for one epoch, from 0, and return its mean loss."""
        batches = make_batches(self._table, self._config, epoch)
        if self._distributed is not None:
            return float(self._distributed.run(batches[index][0] for index in range(len(batches))))
        # Batches are shuffled already, in an order that a resumed run repeats. In a log, Keras's
        # progress bar would leave a line for each step.
        fitted = self.model.fit(
            batches, epochs=1, shuffle=False, verbose=1 if sys.stdout.isatty() else 0
        )
        return float(fitted.history["loss"][0])

    def score(self, inputs: Float32Array, dataset: Dataset) -> dict[str, float]:
        """Compute PublicTest accuracy of both heads without flip averaging, and their mean."""
        if self.average is not None:
            self.average.swap()
        predict = self._distributed.predict if self._distributed else self.network.predict_on_batch
        # Padded to batches of one shape, because a backend may compile for each.
        filled = np.pad(inputs, ((0, -len(inputs) % SCORED), *[(0, 0)] * 3))
        outputs = [predict(part) for part in np.split(filled, len(filled) // SCORED)]
        if self.average is not None:
            self.average.swap()
        logits = {
            head: np.concatenate([np.asarray(one[head]) for one in outputs])[: len(inputs)]
            for head in HEADS
        }
        accuracy = head_accuracies(logits, dataset)
        return {
            **{f"public_{head}": value for head, value in accuracy.items()},
            "score": sum(accuracy.values()) / len(accuracy),
        }

    def _enter(self, epoch: int) -> None:
        """Create a new optimizer where a phase begins."""
        phase = phase_of(self._config, epoch)
        if phase == self._phase:
            return
        if epoch < self._config.frozen_epochs:
            freeze(self.network)
        else:
            freeze_stages(self.network, self._config.frozen_stages)
        self._phase = phase
        with self._scope():
            _compile(self.model, self._config, phase, self._steps, self.precision)
        if self._strategy is not None:
            from train.training.distribution import DistributedSteps

            self._distributed = DistributedSteps(self.model, self._strategy)

    def _scope(self) -> Any:
        return nullcontext() if self._strategy is None else self._strategy.scope()


def head_accuracies(logits: Mapping[str, Float32Array], dataset: Dataset) -> dict[str, float]:
    """Compute each head's accuracy, `ferplus` on the faces with a majority of votes."""
    reference = dataset.reference
    ferplus = logits["ferplus"].argmax(axis=1) == reference
    fer2013 = logits["fer2013"].argmax(axis=1) == dataset.labels
    return {"ferplus": float(ferplus[reference >= 0].mean()), "fer2013": float(fer2013.mean())}


def _compile(
    model: "keras.Model", config: TrainConfig, phase: range, steps: int, precision: str
) -> None:
    """Compile the model with a learning rate schedule for a phase's epochs."""
    import keras

    rate: Any = peak_rate(config, phase.start)
    if config.schedule == "cosine":
        warmup = max(1, round(config.warmup_epochs * steps))
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            warmup_target=rate,
            warmup_steps=warmup,
            decay_steps=max(1, len(phase) * steps - warmup),
        )
    if config.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=config.momentum, nesterov=True)
    if precision == "mixed_float16":  # float16 gradients underflow without
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer=optimizer)
    # The network's checkpoint holds the state of its optimizer.
    model.network.compile(optimizer=optimizer, auto_scale_loss=False)


def _seed_dropout(network: "keras.Model", seed: int, epoch: int) -> None:
    """Seed dropout from seed and epoch, because checkpoints do not hold generator states."""
    generators = [
        layer.seed_generator for layer in network.layers if hasattr(layer, "seed_generator")
    ]
    for index, generator in enumerate(generators):
        generator.state.assign([seed * len(generators) + index, epoch << 20])

"""A network in training: weights, optimizer, learning rate, moving average, epoch by epoch."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.config import TrainConfig
from train.networks import Regularization, build_network, thaw
from train.precision import choose_precision
from train.runs import RunError, averaged, checkpoint, load_weights
from train.schedule import peak_rate, phase_of, plateau_rate

if TYPE_CHECKING:
    import keras
    import numpy as np

    from train.dataset import Dataset


class Training:
    """A network with its optimizer, epoch by epoch."""

    def __init__(
        self,
        config: TrainConfig,
        steps: int,
        strategy: Any | None = None,
        init: Path | None = None,
    ) -> None:
        """Build the network.

        Args:
            config: of the run.
            steps: of an epoch.
            strategy: from `find_strategy`.
            init: a run or model whose weights it begins with.

        Raises:
            RunError: there is no such network, or `init` has no weights for it.
        """
        import keras

        from train.moving_average import MovingAverage

        self._config, self._steps, self._strategy = config, steps, strategy
        self._phase = range(0)
        self._distributed: Any | None = None
        how = Regularization(config.l2, config.dropout, synchronized=strategy is not None)
        keras.utils.set_random_seed(config.seed)
        self.precision = choose_precision(config.precision)
        keras.config.set_dtype_policy(self.precision)
        try:
            with self._scope():
                self.network = build_network(
                    config.network, config.preprocessing, how, config.pretrained
                )
        except ValueError as error:
            raise RunError(str(error)) from error
        finally:
            keras.config.set_dtype_policy("float32")
        if init is not None:
            load_weights(self.network, init)
        self.average: MovingAverage | None = None
        if config.averaging:
            self.average = MovingAverage(self.network, config.averaging)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.network.optimizer.learning_rate)

    def resume(self, out: Path, epochs: int) -> None:
        """Be what the run was after so many epochs."""
        from train.moving_average import MovingAverage

        self._enter(epochs - 1)
        # The optimizer's state exists only once it is built, and weights load only into what is.
        with self._scope():
            self.network.optimizer.build(self.network.trainable_variables)
        if self._config.averaging:
            self.network.load_weights(averaged(out, epochs))
            steps = epochs * self._steps
            self.average = MovingAverage(self.network, self._config.averaging, steps)
        self.network.load_weights(checkpoint(out, epochs))

    def begin(self, epoch: int, history: Sequence[dict[str, Any]]) -> None:
        """Get ready for an epoch, from 0."""
        self._enter(epoch)
        if self._config.schedule == "plateau":
            self.network.optimizer.learning_rate = plateau_rate(self._config, history)
        _seed_dropout(self.network, self._config.seed, epoch)

    def run(self, batches: "keras.utils.PyDataset") -> float:
        """One epoch; its mean loss."""
        import keras

        if self._distributed is not None:
            parts = (batches[index] for index in range(len(batches)))
            return float(self._distributed.run(parts, self._after_step))
        follow = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs=None: self._after_step()  # noqa: ARG005
        )
        callbacks = [follow] if self.average else []
        # The faces are shuffled already; Keras would shuffle the batches again, differently after
        # each resume. Its progress bar is for a terminal: in a log it leaves a line for each step.
        fitted = self.network.fit(
            batches,
            epochs=1,
            shuffle=False,
            callbacks=callbacks,
            verbose=1 if sys.stdout.isatty() else 0,
        )
        return float(fitted.history["loss"][0])

    def score(self, inputs: "np.ndarray[Any, Any]", dataset: "Dataset") -> dict[str, float]:
        """PublicTest accuracy of both heads without flip averaging, and their mean."""
        import numpy as np

        if self.average is not None:
            self.average.swap()
        parts = [inputs[start : start + 256] for start in range(0, len(inputs), 256)]
        ask = self._distributed.answer if self._distributed else self.network.predict_on_batch
        answers = [ask(part) for part in parts]
        if self.average is not None:
            self.average.swap()
        chosen = {
            head: np.concatenate([answer[head] for answer in answers]).argmax(axis=1)
            for head in answers[0]
        }
        reference = dataset.reference
        judged = reference >= 0
        ferplus = float((chosen["ferplus"] == reference)[judged].mean())
        fer2013 = float((chosen["fer2013"] == dataset.labels).mean())
        return {
            "public_ferplus": ferplus,
            "public_fer2013": fer2013,
            "score": (ferplus + fer2013) / 2,
        }

    def _enter(self, epoch: int) -> None:
        """A new optimizer where a phase begins."""
        phase = phase_of(self._config, epoch)
        if phase == self._phase:
            return
        if self._config.pretrained and epoch >= self._config.frozen_epochs:
            thaw(self.network)
        self._phase = phase
        with self._scope():
            _compile(self.network, self._config, phase, self._steps)
        if self._strategy is not None:
            from train.distribution import DistributedSteps

            self._distributed = DistributedSteps(self.network, self._strategy)

    def _scope(self) -> Any:
        return nullcontext() if self._strategy is None else self._strategy.scope()

    def _after_step(self) -> None:
        if self.average is not None:
            self.average.update()


def _compile(network: "keras.Model", config: TrainConfig, phase: range, steps: int) -> None:
    """With a learning rate for the steps of these epochs."""
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
    optimizers = {
        "sgd": lambda: keras.optimizers.SGD(rate, momentum=config.momentum, nesterov=True),
        "adam": lambda: keras.optimizers.Adam(rate),
    }
    cross_entropy = keras.losses.CategoricalCrossentropy
    network.compile(
        optimizer=optimizers[config.optimizer](),
        loss={
            "ferplus": cross_entropy(from_logits=True),
            "fer2013": cross_entropy(from_logits=True, label_smoothing=config.label_smoothing),
        },
        loss_weights={"ferplus": config.ferplus_weight, "fer2013": config.fer2013_weight},
    )


def _seed_dropout(network: "keras.Model", seed: int, epoch: int) -> None:
    """Masks that depend on seed and epoch alone; checkpoints do not hold the generators' state."""
    generators = [
        layer.seed_generator for layer in network.layers if hasattr(layer, "seed_generator")
    ]
    for index, generator in enumerate(generators):
        generator.state.assign([seed * len(generators) + index, epoch << 20])

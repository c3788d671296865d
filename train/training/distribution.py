"""Train on several devices or machines, with TensorFlow's distribution strategies.

With more than one GPU the batch is divided among them. With TF_CONFIG, which names all workers and
the index of this one (TensorFlow's guide "Multi-worker training"), it is divided among the workers,
each with one device; they share the run's folder, which the first of them writes.

Keras 3's own `fit` fails under MultiWorkerMirroredStrategy (it reduces a scalar loss along an
axis), so the training step is written out here, as in TensorFlow's guide "Custom training".
"""

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from train.errors import RunError

if TYPE_CHECKING:
    import keras


def find_strategy() -> Any | None:
    """Return the `tf.distribute` strategy for this machine, or None for a single device.

    Call it before anything else of TensorFlow, because it configures the devices.

    Raises:
        RunError: TF_CONFIG is malformed, or cannot be used.
    """
    import keras

    several_workers = "TF_CONFIG" in os.environ
    is_first_worker()  # checks TF_CONFIG
    if keras.backend.backend() != "tensorflow":
        if several_workers:
            raise RunError("TF_CONFIG needs TensorFlow; unset KERAS_BACKEND or TF_CONFIG.")
        return None
    import tensorflow as tf

    if several_workers:
        try:
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except (ValueError, RuntimeError) as error:
            raise RunError(f"TF_CONFIG cannot be followed: {error}") from error
    elif len(tf.config.list_physical_devices("GPU")) > 1:
        strategy = tf.distribute.MirroredStrategy()
    else:
        return None
    return strategy if strategy.num_replicas_in_sync > 1 else None


def is_first_worker() -> bool:
    """Return whether this process writes the run's folder.

    Raises:
        RunError: TF_CONFIG does not name the type and index of this worker.
    """
    if "TF_CONFIG" not in os.environ:
        return True
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        kind, index = config["task"]["type"], int(config["task"]["index"])
        config["cluster"][kind][index]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise RunError(
            "TF_CONFIG cannot be followed: it must name a cluster of workers and this task's type "
            "and index in it."
        ) from error
    return kind == "chief" or (index == 0 and "chief" not in config["cluster"])


class DistributedSteps:
    """Training steps in which every replica takes its part of the batch."""

    def __init__(self, model: "keras.Model", strategy: Any) -> None:
        """Prepare a `TrainingModel` that was built and compiled in the strategy's scope."""
        import tensorflow as tf

        self._model, self._strategy, self._tf = model, strategy, tf
        with strategy.scope():
            model.optimizer.build(model.trainable_variables)

        def step(batch: Any) -> Any:
            losses = strategy.run(self._of_replica, args=(batch,))
            return strategy.reduce("SUM", losses, axis=None)

        self._step = tf.function(step)

    def run(self, batches: Iterable[dict[str, Any]]) -> float:
        """Train for one epoch and return its mean loss."""
        losses = []
        with self._strategy.scope():
            for batch in batches:
                divided = {name: self._divide(part) for name, part in batch.items()}
                losses.append(float(self._step(divided)))
        return sum(losses) / len(losses)

    def predict(self, inputs: Any) -> dict[str, Any]:
        """Predict the logits of both heads; `predict_on_batch` fails under a strategy."""
        predictions = self._model.network(inputs, training=False)
        return {head: values.numpy() for head, values in predictions.items()}

    def _of_replica(self, batch: Any) -> Any:
        model = self._model
        with self._tf.GradientTape() as tape:
            predictions = model(batch, training=True)
            # Divided, so that the sum over all replicas is the batch's mean.
            loss = model.compute_loss(y_pred=predictions) / self._strategy.num_replicas_in_sync
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        return loss

    def _divide(self, part: Any) -> Any:
        count = self._strategy.num_replicas_in_sync
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: self._tf.constant(part[context.replica_id_in_sync_group :: count])
        )

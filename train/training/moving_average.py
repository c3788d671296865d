"""Average a network's weights exponentially, on any Keras backend and device."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


class MovingAverage:
    """Exponential moving average of all weights (Polyak and Juditsky 1992), statistics included.

    Keras's own (`use_ema`) writes the average over the weights whenever `fit` ends, which here is
    after each epoch.

    Attributes:
        variables: its state, for the model that trains to track.
    """

    def __init__(self, network: "keras.Model", decay: float) -> None:
        """Start with the current weights.

        Args:
            network: whose weights are averaged.
            decay: weight of the old average at each step, 0..1; lower at the beginning, as in
                TensorFlow's `ExponentialMovingAverage`.
        """
        import keras

        self._decay = decay
        self._weights = [one for one in network.weights if "float" in str(one.dtype)]
        self._means = [
            # All replicas hold the same values, so that their mean is equal to them.
            keras.Variable(
                keras.ops.convert_to_numpy(weight),
                dtype="float32",
                trainable=False,
                aggregation="mean",
                name=f"average_{index}",
            )
            for index, weight in enumerate(self._weights)
        ]
        self._steps = keras.Variable(
            0.0, dtype="float32", trainable=False, aggregation="mean", name="steps"
        )
        self.variables = [self._steps, *self._means]

    def restart(self, steps: int) -> None:
        """Start again with the current weights, after a number of steps."""
        self._steps.assign(float(steps))
        for mean, weight in zip(self._means, self._weights, strict=True):
            mean.assign(weight)

    def update(self) -> None:
        """Update the average after a training step; also within a traced step."""
        from keras import ops

        steps = self._steps + 1
        self._steps.assign(steps)
        decay = ops.minimum(self._decay, (1 + steps) / (10 + steps))
        for mean, weight in zip(self._means, self._weights, strict=True):
            now = ops.stop_gradient(ops.cast(weight, "float32"))
            mean.assign(mean + (1 - decay) * (now - mean))

    def swap(self) -> None:
        """Exchange the average and the network's weights; a second call undoes it."""
        from keras import ops

        for mean, weight in zip(self._means, self._weights, strict=True):
            now = ops.convert_to_numpy(weight)
            weight.assign(mean)
            mean.assign(now)

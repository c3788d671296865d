"""The exponential moving average of a network's weights, on any Keras backend."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras


class MovingAverage:
    """What the weights have been lately (Polyak and Juditsky 1992), statistics included.

    Keras's own (`use_ema`) writes the average over the weights whenever `fit` ends, which here is
    after each epoch.
    """

    def __init__(self, network: "keras.Model", decay: float, steps: int = 0) -> None:
        """Begin with the weights as they are.

        Args:
            network: whose weights are followed.
            decay: share that stays at each step, 0..1; less at the beginning, as in TensorFlow's
                `ExponentialMovingAverage`.
            steps: that it has followed before.
        """
        self._variables = [one for one in network.weights if "float" in str(one.dtype)]
        self._decay, self._steps = decay, steps
        self._means = self._now()

    def update(self) -> None:
        """Follow one step of training."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        self._means = [
            mean + (1 - decay) * (value - mean)
            for mean, value in zip(self._means, self._now(), strict=True)
        ]

    def swap(self) -> None:
        """The average into the network, and what was there into this; again, and all is back."""
        now = self._now()
        for variable, mean in zip(self._variables, self._means, strict=True):
            variable.assign(mean)
        self._means = now

    def _now(self) -> list[NDArray[Any]]:
        return [np.array(variable) for variable in self._variables]

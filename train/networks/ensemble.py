"""A network that gives the mean of the logits of several."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from train.networks.blocks import HEADS

if TYPE_CHECKING:
    import keras


def build_ensemble(networks: "Sequence[keras.Model]") -> "keras.Model":
    """One network whose logits are the mean of those of several, or of their members."""
    import keras

    inputs = keras.Input(networks[0].input_shape[1:], name="faces")
    # Each with a name of its own, as Keras wants it of layers.
    answers = [
        keras.Model(member.inputs, member.output, name=f"member_{number}")(inputs)
        for number, member in enumerate(
            (member for network in networks for member in members_of(network)), 1
        )
    ]
    outputs = {
        head: keras.layers.Average(name=head)([answer[head] for answer in answers])
        for head in HEADS
    }
    return keras.Model(inputs, outputs, name="mean")


def members_of(network: "keras.Model") -> "list[keras.Model]":
    """The networks that one is the mean of; itself where it is no mean."""
    return [layer for layer in network.layers if _has_heads(layer)] or [network]


def _has_heads(part: Any) -> bool:
    """Whether it is a network with heads of its own, as a layer of a mean."""
    return {layer.name for layer in getattr(part, "layers", [])} >= set(HEADS)

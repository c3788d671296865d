"""Combine networks into an ensemble, one network that averages their logits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from train.networks.blocks import HEADS

if TYPE_CHECKING:
    import keras


def build_ensemble(networks: "Sequence[keras.Model]") -> "keras.Model":
    """Build a network that averages the logits of several networks, or of their members."""
    import keras

    inputs = keras.Input(networks[0].input_shape[1:], name="faces")
    # Keras requires a distinct name for each layer.
    member_logits = [
        keras.Model(member.inputs, member.output, name=f"member_{number}")(inputs)
        for number, member in enumerate(
            (member for network in networks for member in members_of(network)), 1
        )
    ]
    outputs = {
        head: keras.layers.Average(name=head)([logits[head] for logits in member_logits])
        for head in HEADS
    }
    return keras.Model(inputs, outputs, name="mean")


def members_of(network: "keras.Model") -> "list[keras.Model]":
    """Return the members of an ensemble; of any other network, itself."""
    return [layer for layer in network.layers if _has_heads(layer)] or [network]


def _has_heads(part: Any) -> bool:
    """Return whether a layer is a network with heads of its own."""
    return {layer.name for layer in getattr(part, "layers", [])} >= set(HEADS)

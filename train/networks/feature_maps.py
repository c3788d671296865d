"""Compute the feature maps of a network's layers for one face."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import Float32Array
from train.errors import FeatureError

CHANNELS = 16  # shown of a layer, at most
STAGE_SHRINK = 2 / 3  # a side of at most this share of the last one starts a new stage


def map_layers(member: Any) -> dict[str, Any]:
    """Return the layers of (N, h, w, c) by name, in order."""
    import keras

    return {
        layer.name: layer
        for layer in member.layers
        if not isinstance(layer, keras.layers.InputLayer)
        and len(getattr(layer.output, "shape", ())) == 4
    }


def stage_layers(member: Any) -> list[str]:
    """Name the last activation before each downsampling, from input to output.

    Raises:
        FeatureError: the network has no activations that are maps.
    """
    last: list[str] = []
    side = np.inf
    for name, layer in map_layers(member).items():
        height = layer.output.shape[1]
        if height == 1 or not _is_activation(layer):
            continue
        if height <= STAGE_SHRINK * side:
            last.append(name)
            side = height
        last[-1] = name
    if not last:
        raise FeatureError("this network has no activations that are maps; name layers.")
    return last


def _is_activation(layer: Any) -> bool:
    from keras import activations, layers

    if isinstance(layer, layers.ReLU | layers.LeakyReLU | layers.PReLU | layers.ELU):
        return True
    return getattr(layer, "activation", activations.linear) is not activations.linear


def feature_maps(
    member: Any, inputs: Float32Array, names: Sequence[str]
) -> dict[str, Float32Array]:
    """Compute the feature maps of some layers for one face.

    Args:
        member: of `train.networks.ensemble.members_of`.
        inputs: (1, h, w, 1) float32, from `preprocess`.
        names: from `map_layers`.

    Returns:
        (h, w, c) float32 by name, in the order of `names`.

    Raises:
        FeatureError: the network has no such layer; the message lists its layers.
    """
    import keras

    known = map_layers(member)
    if unknown := [name for name in names if name not in known]:
        raise FeatureError(
            f"this network has no layer {', '.join(unknown)}; it has {', '.join(known)}."
        )
    outputs = {name: known[name].output for name in names}
    maps = keras.Model(member.inputs, outputs)([inputs], training=False)
    return {name: np.asarray(maps[name], np.float32)[0] for name in names}


def strongest_channels(maps: Float32Array, count: int = CHANNELS) -> NDArray[np.int64]:
    """Return the channels of (h, w, c) maps with the largest mean magnitude, in order."""
    strength = np.abs(maps).mean(axis=(0, 1))
    return np.argsort(-strength, kind="stable")[:count]

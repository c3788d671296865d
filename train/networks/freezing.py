"""Freeze layers of a network with pretrained weights."""

from typing import TYPE_CHECKING

from train.errors import SettingError
from train.networks.blocks import HEADS

if TYPE_CHECKING:
    import keras


def freeze(network: "keras.Model") -> None:
    """Freeze all but the heads; batch normalization keeps its statistics."""
    for layer in network.layers:
        layer.trainable = layer.name in HEADS


def freeze_stages(network: "keras.Model", stages: int) -> None:
    """Freeze the layers before the max pooling of this number, and no others.

    Raises:
        SettingError: the network has fewer stages.
    """
    from keras import layers

    ends = [
        index for index, one in enumerate(network.layers) if isinstance(one, layers.MaxPooling2D)
    ]
    if stages > len(ends):
        raise SettingError(
            f"frozen_stages must be at most {len(ends)} for {network.name}, got {stages}."
        )
    first = ends[stages - 1] if stages else 0
    for index, layer in enumerate(network.layers):
        layer.trainable = index >= first

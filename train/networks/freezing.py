"""Freeze and unfreeze layers of a network with pretrained weights."""

from typing import TYPE_CHECKING

from train.errors import SettingError
from train.networks.blocks import HEADS

if TYPE_CHECKING:
    import keras

UNFROZEN = "conv5_"  # prefix of the names of ResNet50's last blocks


def freeze(network: "keras.Model") -> None:
    """Freeze all but the heads; batch normalization keeps its statistics."""
    for layer in network.layers:
        layer.trainable = layer.name in HEADS


def freeze_stages(network: "keras.Model", stages: int) -> None:
    """Freeze all layers before the max pooling of this number.

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
    for layer in network.layers[: ends[stages - 1] if stages else 0]:
        layer.trainable = False


def unfreeze(network: "keras.Model") -> None:
    """Unfreeze a pretrained trunk.

    Of ResNet50 only the last blocks, without batch normalization, which keeps its statistics.
    """
    from keras import Model, layers

    for part in network.layers:
        part.trainable = True
        if isinstance(part, Model):
            for layer in part.layers:
                normalizes = isinstance(layer, layers.BatchNormalization)
                layer.trainable = layer.name.startswith(UNFROZEN) and not normalizes

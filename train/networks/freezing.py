"""Which layers of a network learn, where its trunk came with weights."""

from typing import TYPE_CHECKING

from train.errors import SettingError
from train.networks.blocks import HEADS

if TYPE_CHECKING:
    import keras

THAWED = "conv5_"  # beginning of the names of ResNet50's last blocks


def freeze(network: "keras.Model") -> None:
    """Let only the heads learn; batch normalization keeps its statistics."""
    for layer in network.layers:
        layer.trainable = layer.name in HEADS


def freeze_stages(network: "keras.Model", stages: int) -> None:
    """Let the first stages of a network not learn: all layers before the max pooling of that count.

    Raises:
        SettingError: the network has fewer.
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


def thaw(network: "keras.Model") -> None:
    """Let a pretrained trunk learn, too.

    Of ResNet50 the last blocks do, without batch normalization, which keeps its statistics.
    """
    from keras import Model, layers

    for part in network.layers:
        part.trainable = True
        if isinstance(part, Model):
            for layer in part.layers:
                normalizes = isinstance(layer, layers.BatchNormalization)
                layer.trainable = layer.name.startswith(THAWED) and not normalizes

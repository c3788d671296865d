"""Which layers of a network learn, where its trunk came with weights."""

from typing import TYPE_CHECKING

from train.networks.blocks import HEADS

if TYPE_CHECKING:
    import keras

THAWED = "conv5_"  # beginning of the names of ResNet50's last blocks


def freeze(network: "keras.Model") -> None:
    """Let only the heads learn; batch normalization keeps its statistics."""
    for layer in network.layers:
        layer.trainable = layer.name in HEADS


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

"""Parts that several networks are built from: convolutions, residual blocks, the two heads."""

from typing import TYPE_CHECKING, Any, NamedTuple

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS

if TYPE_CHECKING:
    import keras

HEADS = {"ferplus": len(FERPLUS_LABELS), "fer2013": len(FER2013_LABELS)}
# Where each head stands in an array that holds both side by side.
HEAD_COLUMNS = {
    "ferplus": slice(0, HEADS["ferplus"]),
    "fer2013": slice(HEADS["ferplus"], sum(HEADS.values())),
}
# Standardized faces back to about the grey levels that pretrained trunks expect.
GREY_SCALE, GREY_MEAN = 64.0, 128.0


class Regularization(NamedTuple):
    """What keeps a network from learning by heart.

    Attributes:
        l2: weight decay of kernels, as an L2 term of the loss.
        dropout: rate before the heads; elsewhere as the network's function says.
        synchronized: batch normalization over all replicas instead of each one's own share.
    """

    l2: float = 0.0
    dropout: float = 0.0
    synchronized: bool = False


def convolution(x: Any, width: int, how: Regularization, *, side: int = 3, strides: int = 1) -> Any:
    """Convolution, batch normalization, ReLU."""
    from keras import layers

    return layers.Activation("relu")(
        normalized_convolution(x, width, how, side=side, strides=strides)
    )


def normalized_convolution(
    x: Any, width: int, how: Regularization, *, side: int = 3, strides: int = 1
) -> Any:
    """Convolution, padded only where the strides are 1, and batch normalization."""
    from keras import layers

    x = layers.Conv2D(
        width,
        side,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=weight_decay(how),
    )(x)
    return layers.BatchNormalization(synchronized=how.synchronized)(x)


def residual_block(x: Any, width: int, halves: bool, how: Regularization) -> Any:
    """Two convolutions added to what they began with, which is averaged where the side halves."""
    from keras import layers, ops

    y = convolution(x, width, how, strides=2 if halves else 1)
    y = normalized_convolution(y, width, how)
    if halves:
        x = layers.AveragePooling2D(2)(x)
        x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, width - x.shape[-1])))
    return layers.Activation("relu")(layers.Add()([x, y]))


def with_heads(name: str, inputs: Any, features: Any, how: Regularization) -> "keras.Model":
    """The two heads on (N, c) features."""
    from keras import Model, layers

    x = layers.Dropout(how.dropout)(features)
    # Logits stay in float32 under mixed precision: bfloat16 has 8 bits of mantissa.
    outputs = {
        head: layers.Dense(
            classes, kernel_regularizer=weight_decay(how), dtype="float32", name=head
        )(x)
        for head, classes in HEADS.items()
    }
    return Model(inputs, outputs, name=name)


def weight_decay(how: Regularization) -> Any:
    """Make the L2 penalty of a kernel, None for none."""
    from keras import regularizers

    return regularizers.L2(how.l2) if how.l2 else None

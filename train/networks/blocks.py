"""Build the parts that several networks share: convolutions, residual blocks, the two heads."""

from typing import TYPE_CHECKING, Any, NamedTuple

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS

if TYPE_CHECKING:
    import keras

HEADS = {"ferplus": len(FERPLUS_LABELS), "fer2013": len(FER2013_LABELS)}
# Columns of each head in an array with both heads side by side.
HEAD_COLUMNS = {
    "ferplus": slice(0, HEADS["ferplus"]),
    "fer2013": slice(HEADS["ferplus"], sum(HEADS.values())),
}
# Map standardized faces to about the grey levels that pretrained trunks expect.
GREY_SCALE, GREY_MEAN = 64.0, 128.0


class Regularization(NamedTuple):
    """Regularization of a network."""

    l2: float = 0.0  # weight decay of kernels, as an L2 term of the loss
    dropout: float = 0.0  # rate before the heads; that of other layers is up to the network
    synchronized: bool = False  # batch normalization over all replicas, not over each one's part


def convolution(x: Any, width: int, how: Regularization, **kernel: Any) -> Any:
    """Add convolution, batch normalization and ReLU; `kernel` as for `normalized_convolution`."""
    from keras import layers

    return layers.Activation("relu")(normalized_convolution(x, width, how, **kernel))


def normalized_convolution(
    x: Any,
    width: int,
    how: Regularization,
    *,
    side: int = 3,
    strides: int = 1,
    padding: str = "same",
) -> Any:
    """Add a convolution without bias, and batch normalization."""
    from keras import layers

    x = layers.Conv2D(
        width,
        side,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=weight_decay(how),
    )(x)
    return layers.BatchNormalization(synchronized=how.synchronized)(x)


def residual_block(
    x: Any, width: int, how: Regularization, *, halves: bool = False, squeeze: int = 0
) -> Any:
    """Add two convolutions with a residual connection (He et al. 2016).

    Args:
        x: (N, h, w, c).
        width: channels of the output, at least c.
        how: regularization.
        halves: whether to halve the side; the shortcut is then averaged and padded with zeros.
        squeeze: reduction of a squeeze-and-excitation gate; 0 for none.
    """
    from keras import layers, ops

    shrinking = {"strides": 2, "padding": "valid"} if halves else {}
    y = normalized_convolution(convolution(x, width, how, **shrinking), width, how)
    if squeeze:
        y = gate(y, squeeze, how)
    if halves:
        x = layers.AveragePooling2D(2)(x)
        x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, width - x.shape[-1])))
    return layers.Activation("relu")(layers.Add()([x, y]))


def gate(x: Any, squeeze: int, how: Regularization) -> Any:
    """Scale each channel by 0..1 (squeeze and excitation, Hu et al. 2018).

    Args:
        x: (N, h, w, c).
        squeeze: c divided by the width of the hidden layer.
        how: regularization.
    """
    from keras import layers

    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    width = x.shape[-1]
    for channels, activation in ((max(1, width // squeeze), "relu"), (width, "sigmoid")):
        y = layers.Conv2D(channels, 1, activation=activation, kernel_regularizer=weight_decay(how))(
            y
        )
    return layers.Multiply()([x, y])


def with_heads(name: str, inputs: Any, features: Any, how: Regularization) -> "keras.Model":
    """Add the two heads to (N, c) features."""
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
    """Return the L2 penalty of a kernel, or None."""
    from keras import regularizers

    return regularizers.L2(how.l2) if how.l2 else None

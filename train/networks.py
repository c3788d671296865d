"""The networks, one function each, in plain Keras layers that every backend can train."""

from typing import TYPE_CHECKING

from fer_core.emotions import FER2013_LABELS, FERPLUS_LABELS
from fer_core.preprocessing import PreprocessingSpec

if TYPE_CHECKING:  # importing Keras takes seconds, which `--help` should not
    import keras

HEADS = {"ferplus": len(FERPLUS_LABELS), "fer2013": len(FER2013_LABELS)}


def build_network(
    name: str, spec: PreprocessingSpec, *, l2: float = 0.0, dropout: float = 0.0
) -> "keras.Model":
    """A fresh network.

    Args:
        name: a key of `NETWORKS`.
        spec: gives the input's shape.
        l2: weight decay of kernels, as an L2 term of the loss.
        dropout: rate before the heads.

    Returns:
        (N, h, w, 1) float32 -> {"ferplus": (N, 8), "fer2013": (N, 7)} float32 logits.

    Raises:
        ValueError: the name is unknown.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; known are {', '.join(NETWORKS)}")
    return NETWORKS[name](spec, l2, dropout)


def vgg(spec: PreprocessingSpec, l2: float, dropout: float) -> "keras.Model":
    """Plain 3x3 convolutions in four stages of 32, 64, 128 and 256; 1.2 M parameters."""
    return _plain_network("vgg", (32, 64, 128, 256), spec, l2, dropout)


def small(spec: PreprocessingSpec, l2: float, dropout: float) -> "keras.Model":
    """The same at half the width, for comparing preparations and recipes; 0.3 M parameters."""
    return _plain_network("small", (16, 32, 64, 128), spec, l2, dropout)


def tiny(spec: PreprocessingSpec, l2: float, dropout: float) -> "keras.Model":
    """The same shape in miniature, for the smoke run; 0.02 M parameters."""
    return _plain_network("tiny", (8, 16, 32), spec, l2, dropout)


NETWORKS = {"vgg": vgg, "small": small, "tiny": tiny}


def _plain_network(
    name: str, widths: tuple[int, ...], spec: PreprocessingSpec, l2: float, dropout: float
) -> "keras.Model":
    from keras import Input, Model, layers, regularizers

    decay = regularizers.L2(l2) if l2 else None
    inputs = Input(spec.input_shape, name="faces")
    x = inputs
    for stage, width in enumerate(widths):
        if stage:
            x = layers.MaxPooling2D()(x)
            x = layers.Dropout(dropout / 4)(x)
        for _ in range(2):
            x = layers.Conv2D(
                width,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                kernel_regularizer=decay,
            )(x)
            x = layers.BatchNormalization()(x)
            x = layers.Activation("relu")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(dropout)(x)
    # Logits stay in float32 under mixed precision: bfloat16 has 8 bits of mantissa.
    outputs = {
        head: layers.Dense(classes, kernel_regularizer=decay, dtype="float32", name=head)(x)
        for head, classes in HEADS.items()
    }
    return Model(inputs, outputs, name=name)

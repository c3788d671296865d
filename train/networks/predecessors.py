"""Build the networks of the predecessors, with our two heads instead of theirs.

Their layers are as in their code, so that all networks are trained on the same labels and evaluated
by the same metrics. Where a predecessor's text and code disagree, the code counts.
"""

from typing import TYPE_CHECKING, Any

from fer_core.preprocessing import PreprocessingSpec
from train.networks.blocks import Regularization, convolution, weight_decay, with_heads

if TYPE_CHECKING:
    import keras


def predecessor_a(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Build the CNN with Haar detection: 32-32-64-64-128-128, normalized, dense 128.

    Dropout after each pair and before the heads. Its text mentions dense layers of 512 and 256.
    """
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = inputs
    for width in (32, 64, 128):
        for _ in range(2):
            x = convolution(x, width, how)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(how.dropout)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, use_bias=False, kernel_regularizer=weight_decay(how))(x)
    x = layers.BatchNormalization(synchronized=how.synchronized)(x)
    x = layers.Activation("relu")(x)
    return with_heads("predecessor_a", inputs, x, how)


def predecessor_b(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Build the real-time CNN: 32-64-128-128, dense 1024, without batch normalization.

    The dropout rate after convolutions is half of that before the heads.
    """
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = _biased_convolution(_biased_convolution(inputs, 32, how), 64, how)
    x = layers.MaxPooling2D()(x)
    x = layers.Dropout(how.dropout / 2)(x)
    for _ in range(2):
        x = layers.MaxPooling2D()(_biased_convolution(x, 128, how))
    x = layers.Dropout(how.dropout / 2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(1024, activation="relu", kernel_regularizer=weight_decay(how))(x)
    return with_heads("predecessor_b", inputs, x, how)


def happy_sad(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Build the Happy-vs-Sad CNN: 16-32-16, each pooled, dense 256; for two emotions."""
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = inputs
    for width in (16, 32, 16):
        x = layers.MaxPooling2D()(_biased_convolution(x, width, how))
    x = layers.Flatten()(x)
    x = layers.Dense(256, activation="relu", kernel_regularizer=weight_decay(how))(x)
    return with_heads("happy_sad", inputs, x, how)


def _biased_convolution(x: Any, width: int, how: Regularization) -> Any:
    """Add a convolution with bias, whose edges are trimmed, and ReLU."""
    from keras import layers

    return layers.Conv2D(width, 3, activation="relu", kernel_regularizer=weight_decay(how))(x)

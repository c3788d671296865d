"""The networks of the predecessors, with our two heads in the place of their one.

Their layers are as their code had them, so that all networks learn from the same labels and are
judged by the same figures. Where a predecessor's text and code disagree, the code counts.
"""

from typing import TYPE_CHECKING, Any

from fer_core.preprocessing import PreprocessingSpec
from train.networks.blocks import (
    GREY_MEAN,
    GREY_SCALE,
    Regularization,
    convolution,
    weight_decay,
    with_heads,
)

if TYPE_CHECKING:
    import keras

RESNET_SIDE = 224  # pixels; what its ImageNet weights have seen
IMAGENET = "imagenet"


def predecessor_a(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The CNN with Haar detection: 32-32-64-64-128-128 with batch normalization, dense 128.

    Dropout after each pair and before the heads. Its text tells of dense layers of 512 and 256.
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
    """The CNN with real-time prediction: 32-64-128-128, dense 1024, no batch normalization.

    Dropout is half as strong after the convolutions as before the heads.
    """
    from keras import Input, layers

    def convolution(x: Any, width: int) -> Any:
        return layers.Conv2D(width, 3, activation="relu", kernel_regularizer=weight_decay(how))(x)

    inputs = Input(spec.input_shape, name="faces")
    x = convolution(convolution(inputs, 32), 64)
    x = layers.MaxPooling2D()(x)
    x = layers.Dropout(how.dropout / 2)(x)
    x = layers.MaxPooling2D()(convolution(x, 128))
    x = layers.MaxPooling2D()(convolution(x, 128))
    x = layers.Dropout(how.dropout / 2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(1024, activation="relu", kernel_regularizer=weight_decay(how))(x)
    return with_heads("predecessor_b", inputs, x, how)


def happy_sad(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The Happy-vs-Sad CNN: 16-32-16, each pooled, dense 256; for a run of two emotions."""
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = inputs
    for width in (16, 32, 16):
        x = layers.Conv2D(width, 3, activation="relu", kernel_regularizer=weight_decay(how))(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(256, activation="relu", kernel_regularizer=weight_decay(how))(x)
    return with_heads("happy_sad", inputs, x, how)


def resnet50(spec: PreprocessingSpec, how: Regularization, pretrained: str = "") -> "keras.Model":
    """Transfer learning: ResNet50 at 224x224 with its own preparation, pooled; 23.6 M parameters.

    Raises:
        ValueError: the weights cannot be had.
    """
    import keras
    from keras import Input, layers

    weights = pretrained or None
    try:
        trunk = keras.applications.ResNet50(
            include_top=False, weights=weights, input_shape=(RESNET_SIDE, RESNET_SIDE, 3)
        )
    except Exception as error:  # Keras lets through whatever network and file system raise
        raise ValueError(
            f"the weights {pretrained!r} of ResNet50 cannot be had ({error}); name a file with "
            "pretrained=PATH or leave them random with pretrained=''."
        ) from error
    inputs = Input(spec.input_shape, name="faces")
    x = layers.Rescaling(GREY_SCALE, GREY_MEAN)(inputs)
    x = layers.Resizing(RESNET_SIDE, RESNET_SIDE)(x)
    x = layers.Concatenate()([x, x, x])
    x = keras.applications.resnet50.preprocess_input(x)
    x = trunk(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return with_heads("resnet50", inputs, x, how)

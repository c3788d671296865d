"""Our networks, one function each: `plain` of any shape, and those with a name.

`face_resnet` is there for weights that have seen many photographs of faces (`transfer`).
"""

from typing import TYPE_CHECKING, Any

from fer_core.preprocessing import PreprocessingSpec
from train.networks.blocks import (
    Regularization,
    convolution,
    normalized_convolution,
    residual_block,
    weight_decay,
    with_heads,
)
from train.recipes.config import NetworkShape

if TYPE_CHECKING:  # importing Keras takes seconds, which `--help` should not
    import keras

FACE_SIDE = 99  # pixels; at 47, 23, 11 and 5 no stage of dlib's trunk leaves a row out
# The residual blocks of dlib's trunk: width, and whether one halves the side.
FACE_BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), (64, False), (64, False), (64, False)],
    *[(128, True), (128, False), (128, False)],
    *[(256, True), (256, False), (256, False)],
)


def plain(
    spec: PreprocessingSpec, how: Regularization, shape: NetworkShape | None = None
) -> "keras.Model":
    """3x3 convolutions in stages, of any size."""
    shape = shape or NetworkShape()
    widths = tuple(shape.width << stage for stage in range(shape.stages))
    return _plain_network("plain", widths, spec, how, shape)


def vgg(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Plain 3x3 convolutions in four stages of 32, 64, 128 and 256; 1.2 M parameters."""
    return _plain_network("vgg", (32, 64, 128, 256), spec, how)


def wide(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The same three eighths wider: 44, 88, 176 and 352; 2.2 M parameters."""
    return _plain_network("wide", (44, 88, 176, 352), spec, how)


def small(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The same at half the width, for comparing preparations and recipes; 0.3 M parameters."""
    return _plain_network("small", (16, 32, 64, 128), spec, how)


def tiny(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The same shape in miniature, for the smoke run; 0.02 M parameters."""
    return _plain_network("tiny", (8, 16, 32), spec, how)


def face_resnet(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """The residual network that dlib recognizes faces by, but for its end; 4.4 M parameters.

    The trunk of dlib's examples/dnn_face_recognition_ex.cpp up to its thirteenth residual block,
    for one grey channel, with batch normalization; what comes after it tells persons apart.
    `train.transfer` gives it dlib's weights.
    """
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = layers.Resizing(FACE_SIDE, FACE_SIDE)(inputs)
    x = convolution(x, 32, how, side=7, strides=2)
    x = layers.MaxPooling2D(3, 2)(x)
    for width, halves in FACE_BLOCKS:
        x = residual_block(x, width, halves, how)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return with_heads("face_resnet", inputs, x, how)


def _plain_network(
    name: str,
    widths: tuple[int, ...],
    spec: PreprocessingSpec,
    how: Regularization,
    shape: NetworkShape | None = None,
) -> "keras.Model":
    """Dropout between stages is a quarter of that before the heads."""
    from keras import Input, layers

    shape = shape or NetworkShape()
    inputs = Input(spec.input_shape, name="faces")
    x = inputs
    for stage, width in enumerate(widths):
        if stage:
            x = layers.MaxPooling2D()(x)
            x = layers.Dropout(how.dropout / 4)(x)
        if shape.residual:
            x = convolution(x, width, how)
        for _ in range(shape.depth):
            if shape.residual:
                x = _gated_residual(x, width, shape.squeeze, how)
            else:
                x = convolution(x, width, how)
        if shape.squeeze and not shape.residual:
            x = _gate(x, width, shape.squeeze, how)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return with_heads(name, inputs, x, how)


def _gated_residual(x: Any, width: int, squeeze: int, how: Regularization) -> Any:
    """Two convolutions and a gate, added to what they began with."""
    from keras import layers

    y = convolution(x, width, how)
    y = normalized_convolution(y, width, how)
    if squeeze:
        y = _gate(y, width, squeeze, how)
    return layers.Activation("relu")(layers.Add()([x, y]))


def _gate(x: Any, width: int, squeeze: int, how: Regularization) -> Any:
    """Squeeze and excitation (Hu et al. 2018): each channel times 0..1 by the mean of all."""
    from keras import layers

    means = layers.GlobalAveragePooling2D(keepdims=True)(x)
    decay = weight_decay(how)
    inner = layers.Conv2D(max(1, width // squeeze), 1, activation="relu", kernel_regularizer=decay)(
        means
    )
    return layers.Multiply()(
        [x, layers.Conv2D(width, 1, activation="sigmoid", kernel_regularizer=decay)(inner)]
    )

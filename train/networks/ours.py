"""Build our networks: `plain` of any shape, and those with a name.

`face_resnet` is for initialization with a face recognition network; see `train.transfer`.
"""

from typing import TYPE_CHECKING

from fer_core.preprocessing import PreprocessingSpec
from train.networks.blocks import (
    Regularization,
    convolution,
    gate,
    residual_block,
    with_heads,
)
from train.recipes.config import NetworkShape

if TYPE_CHECKING:  # importing Keras takes seconds, which `--help` should not
    import keras

FACE_SIDE = 99  # pixels; the stages then have 47, 23, 11 and 5, without a row left out
# Residual blocks of dlib's trunk: width, and whether the block halves the side.
FACE_BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), (64, False), (64, False), (64, False)],
    *[(128, True), (128, False), (128, False)],
    *[(256, True), (256, False), (256, False)],
)


def plain(
    spec: PreprocessingSpec, how: Regularization, shape: NetworkShape | None = None
) -> "keras.Model":
    """Build 3x3 convolutions in stages of any number and width."""
    shape = shape or NetworkShape()
    widths = tuple(shape.width << stage for stage in range(shape.stages))
    return _plain_network("plain", widths, spec, how, shape)


def vgg(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Build 3x3 convolutions in four stages of 32, 64, 128 and 256 channels; 1.2 M parameters."""
    return _plain_network("vgg", (32, 64, 128, 256), spec, how)


def wide(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Build `vgg` three eighths wider: 44, 88, 176 and 352 channels; 2.2 M parameters."""
    return _plain_network("wide", (44, 88, 176, 352), spec, how)


def small(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Build `vgg` at half the width, to compare training options; 0.3 M parameters."""
    return _plain_network("small", (16, 32, 64, 128), spec, how)


def tiny(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Build a miniature of `vgg` for the smoke run; 0.02 M parameters."""
    return _plain_network("tiny", (8, 16, 32), spec, how)


def face_resnet(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Build dlib's face recognition network, with our heads; 4.4 M parameters.

    The trunk of dlib's examples/dnn_face_recognition_ex.cpp up to its thirteenth residual block,
    for one grey channel, with batch normalization; later layers are specific to identities.
    `train.transfer` initializes it with dlib's weights.
    """
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = layers.Resizing(FACE_SIDE, FACE_SIDE)(inputs)
    x = convolution(x, 32, how, side=7, strides=2)
    x = layers.MaxPooling2D(3, 2)(x)
    for width, halves in FACE_BLOCKS:
        x = residual_block(x, width, how, halves=halves)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return with_heads("face_resnet", inputs, x, how)


def _plain_network(
    name: str,
    widths: tuple[int, ...],
    spec: PreprocessingSpec,
    how: Regularization,
    shape: NetworkShape | None = None,
) -> "keras.Model":
    """Build the stages; dropout between them is a quarter of that before the heads."""
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
                x = residual_block(x, width, how, squeeze=shape.squeeze)
            else:
                x = convolution(x, width, how)
        if shape.squeeze and not shape.residual:
            x = gate(x, shape.squeeze, how)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return with_heads(name, inputs, x, how)

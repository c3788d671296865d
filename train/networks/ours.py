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
WIDTHS = {
    "vgg": (32, 64, 128, 256),  # 1.2 M parameters
    "wide": (44, 88, 176, 352),  # 2.2 M parameters
    "small": (16, 32, 64, 128),  # 0.3 M parameters, to compare training options
    "tiny": (8, 16, 32),  # 0.02 M parameters, for the smoke run
}
"""Channels of each stage of the networks that differ in these alone."""


def plain(
    spec: PreprocessingSpec, how: Regularization, shape: NetworkShape | None = None
) -> "keras.Model":
    """Build 3x3 convolutions in stages of any number and width."""
    shape = shape or NetworkShape()
    widths = tuple(shape.width << stage for stage in range(shape.stages))
    return staged_network("plain", widths, spec, how, shape)


def face_resnet(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Build dlib's face recognition network, with our heads; 4.4 M parameters.

    The trunk of dlib's examples/dnn_face_recognition_ex.cpp up to its thirteenth residual block,
    for one grey channel, with batch normalization; later layers are specific to identities.
    `train.transfer` initializes it with dlib's weights.
    """
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = layers.Resizing(FACE_SIDE, FACE_SIDE)(inputs)
    x = convolution(x, 32, how, side=7, strides=2, padding="valid")
    x = layers.MaxPooling2D(3, 2)(x)
    for width, halves in FACE_BLOCKS:
        x = residual_block(x, width, how, halves=halves)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return with_heads("face_resnet", inputs, x, how)


def staged_network(
    name: str,
    widths: tuple[int, ...],
    spec: PreprocessingSpec,
    how: Regularization,
    shape: NetworkShape | None = None,
) -> "keras.Model":
    """Build 3x3 convolutions in stages, with max pooling between them and a quarter of the dropout.

    Args:
        name: of the network.
        widths: channels of each stage.
        spec: with the input's shape.
        how: regularization; `dropout` is the rate before the heads.
        shape: depth and kind of the stages; None for the defaults.
    """
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
                x = residual_block(x, width, how, squeeze=shape.squeeze)
        else:
            for _ in range(shape.depth):
                x = convolution(x, width, how)
            if shape.squeeze:
                x = gate(x, shape.squeeze, how)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return with_heads(name, inputs, x, how)

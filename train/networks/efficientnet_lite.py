"""Build EfficientNet-Lite0 (Tan and Le 2019) in plain Keras layers.

As in tensorflow/tpu, models/official/efficientnet/lite: MobileNetV2's blocks (Sandler et al. 2018)
with ReLU6 and without squeeze-and-excitation, which suits integer inference on phones.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from fer_core.preprocessing import PreprocessingSpec
from train.networks.blocks import (
    GREY_MEAN,
    GREY_SCALE,
    Regularization,
    normalized_convolution,
    with_heads,
)

if TYPE_CHECKING:
    import keras

LITE_SIDE = 96  # pixels, twice a face's; a multiple of 32, so that each stage halves an even side
MEAN, DIVISOR = 127.0, 128.0  # the ImageNet weights expect (grey level - MEAN) / DIVISOR
STEM, HEAD = 32, 1280  # channels, the same in all sizes of the family


class Stage(NamedTuple):
    """Blocks of one width."""

    side: int  # of the depthwise kernels
    strides: int  # of the first block; those of the others are 1
    expansion: int  # channels of the depthwise convolution, per channel of the block's input
    width: int  # channels of the output
    blocks: int  # how many


STAGES = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(5, 2, 6, 40, 2),
    Stage(3, 2, 6, 80, 3),
    Stage(5, 1, 6, 112, 3),
    Stage(5, 2, 6, 192, 4),
    Stage(3, 1, 6, 320, 1),
)


def efficientnet_lite0(spec: PreprocessingSpec, how: Regularization) -> "keras.Model":
    """Build EfficientNet-Lite0 at 96x96, for one grey channel; 3.4 M parameters.

    `train.transfer` initializes it with ImageNet weights.
    """
    from keras import Input, layers

    inputs = Input(spec.input_shape, name="faces")
    x = layers.Resizing(LITE_SIDE, LITE_SIDE)(inputs)
    x = layers.Rescaling(GREY_SCALE / DIVISOR, (GREY_MEAN - MEAN) / DIVISOR)(x)
    x = _relu6(normalized_convolution(x, STEM, how, strides=2))
    for stage in STAGES:
        for block in range(stage.blocks):
            x = _block(x, stage, 1 if block else stage.strides, how)
    x = _relu6(normalized_convolution(x, HEAD, how, side=1))
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return with_heads("efficientnet_lite0", inputs, x, how)


def _block(x: Any, stage: Stage, strides: int, how: Regularization) -> Any:
    """Add an inverted residual block; without a shortcut where the shapes differ."""
    from keras import layers

    y = x
    if stage.expansion > 1:
        y = _relu6(normalized_convolution(y, x.shape[-1] * stage.expansion, how, side=1))
    # No weight decay: 9 or 25 weights a channel do not overfit.
    y = layers.DepthwiseConv2D(
        stage.side,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
    )(y)
    y = _relu6(layers.BatchNormalization(synchronized=how.synchronized)(y))
    y = normalized_convolution(y, stage.width, how, side=1)
    return layers.Add()([x, y]) if y.shape == x.shape else y


def _relu6(x: Any) -> Any:
    from keras import layers

    return layers.ReLU(max_value=6.0)(x)

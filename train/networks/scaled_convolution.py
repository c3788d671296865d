"""A convolution of a pretrained network, followed by a scale and an offset."""

from typing import NamedTuple

from fer_core.preprocessing import Float32Array


class ScaledConvolution(NamedTuple):
    """gain * (kernel * x + bias) + offset.

    Attributes:
        kernel: (height, width, inputs, outputs) float32; of a depthwise convolution (height, width,
            inputs, 1).
        bias: (outputs,) float32.
        gain: (outputs,) float32.
        offset: (outputs,) float32.
    """

    kernel: Float32Array
    bias: Float32Array
    gain: Float32Array
    offset: Float32Array

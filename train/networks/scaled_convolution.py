"""A convolution of a pretrained network, followed by a scale and an offset."""

from typing import NamedTuple

from fer_core.preprocessing import Float32Array


class ScaledConvolution(NamedTuple):
    """gain * (kernel * x + bias) + offset, all float32."""

    kernel: (
        Float32Array  # (height, width, inputs, outputs), or depthwise (height, width, inputs, 1)
    )
    bias: Float32Array  # (outputs,), as the others
    gain: Float32Array
    offset: Float32Array

"""Read the weights of dlib's face recognition network from its own file.

`dlib_face_recognition_resnet_model_v1.dat` is by Davis King, in the public domain (CC0 1.0):
https://github.com/davisking/dlib-models, where he says that it was trained on about three million
faces. 22,466,066 bytes.

The format is that of dlib/serialize.h and dlib/cuda/tensor.h: a positive integer is its number of
bytes, then these bytes; a tensor is a version, four sizes, and float32 values.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_core.preprocessing import Float32Array
from train.networks.scaled_convolution import ScaledConvolution
from train.networks.weights_file import read_weights_file

SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
COLORS = 3
# dlib's input layer subtracts these from red, green and blue, then divides (dlib/dnn/input.h).
MEANS = np.array([122.782, 117.001, 104.298], np.float32)
DIVISOR = np.float32(256)
TENSOR_VERSION = 2


def read_face_weights(path: Path, shapes: Sequence[tuple[int, ...]]) -> list[ScaledConvolution]:
    """Read the first convolutions of the file.

    Args:
        path: dlib's file.
        shapes: of their kernels, (height, width, inputs, outputs), from the input on.

    Raises:
        RunError: the file cannot be read, or is another.
    """
    name = "dlib's dlib_face_recognition_resnet_model_v1.dat"
    content = read_weights_file(path, SHA256, name)
    convolutions: list[ScaledConvolution] = []
    position = 0
    for height, width, inputs, outputs in shapes:
        count = outputs * inputs * height * width
        values, position = _next_tensor(content, position, count + outputs)
        scaling, position = _next_tensor(content, position, 2 * outputs)
        kernel = values[:count].reshape(outputs, inputs, height, width).transpose(2, 3, 1, 0)
        convolutions.append(
            ScaledConvolution(kernel, values[count:], scaling[:outputs], scaling[outputs:])
        )
    return convolutions


def for_standardized_grey(
    convolution: ScaledConvolution, scale: float, mean: float
) -> ScaledConvolution:
    """Adapt the first convolution from three color channels to one grey channel.

    Args:
        convolution: of red, green and blue as dlib prepares them, (0..255 - `MEANS`) / 256.
        scale: grey levels, of 255, for a difference of 1 in the grey channel.
        mean: grey level at 0 in the grey channel.
    """
    kernel, bias, gain, offset = convolution
    of_mean = np.einsum("hwco,c->o", kernel, (np.float32(mean) - MEANS) / DIVISOR)
    grey = kernel.sum(axis=2, keepdims=True) * (np.float32(scale) / DIVISOR)
    return ScaledConvolution(grey, bias + of_mean, gain, offset)


def _next_tensor(content: bytes, start: int, count: int) -> tuple[Float32Array, int]:
    """Return the next tensor with this number of values, and the position after it."""
    header = b"".join(map(_integer, (TENSOR_VERSION, count, 1, 1, 1)))
    begin = content.index(header, start) + len(header)
    end = begin + 4 * count
    return np.frombuffer(content[begin:end], "<f4").astype(np.float32), end


def _integer(value: int) -> bytes:
    """Encode a positive number as dlib does: its number of bytes, then these, little-endian."""
    size = (value.bit_length() + 7) // 8
    return bytes([size]) + value.to_bytes(size, "little")

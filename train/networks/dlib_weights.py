"""The weights of dlib's network for recognizing faces, out of its own file.

`dlib_face_recognition_resnet_model_v1.dat` is by Davis King, in the public domain (CC0 1.0):
https://github.com/davisking/dlib-models, where he says that it was trained on about three million
faces. 22,466,066 bytes, SHA-256
55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30.

The format is that of dlib/serialize.h and dlib/cuda/tensor.h: a positive integer is how many
bytes it has, then these; a tensor is a version, four sizes, and float32 values.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_core.preprocessing import Float32Array
from train.errors import RunError
from train.networks.scaled_convolution import ScaledConvolution

COLOURS = 3
# What dlib's input layer takes from red, green and blue before it divides (dlib/dnn/input.h).
MEANS = np.array([122.782, 117.001, 104.298], np.float32)
DIVISOR = np.float32(256)
TENSOR_VERSION = 2


def read_face_weights(path: Path, shapes: Sequence[tuple[int, ...]]) -> list[ScaledConvolution]:
    """The first convolutions of the file.

    Args:
        path: dlib's file.
        shapes: of their kernels, (height, width, inputs, outputs), from the picture on.

    Raises:
        RunError: the file cannot be read, or holds no such convolutions.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read; name dlib's file of weights.") from error
    convolutions: list[ScaledConvolution] = []
    position = 0
    for height, width, inputs, outputs in shapes:
        count = outputs * inputs * height * width
        try:
            values, position = _next_tensor(content, position, count + outputs)
            scaling, position = _next_tensor(content, position, 2 * outputs)
        except ValueError as error:
            raise RunError(
                f"{path} lacks convolution {len(convolutions) + 1} of dlib's network; name the "
                "file dlib_face_recognition_resnet_model_v1.dat."
            ) from error
        kernel = values[:count].reshape(outputs, inputs, height, width).transpose(2, 3, 1, 0)
        convolutions.append(
            ScaledConvolution(kernel, values[count:], scaling[:outputs], scaling[outputs:])
        )
    return convolutions


def for_standardized_grey(
    convolution: ScaledConvolution, scale: float, mean: float
) -> ScaledConvolution:
    """The first convolution for one grey channel in the place of three colours.

    Args:
        convolution: of red, green and blue, as dlib prepares them: 0..255, less `MEANS`, by 256.
        scale: grey levels, of 255, that a difference of 1 in the channel means.
        mean: the grey level that 0 means.
    """
    kernel, bias, gain, offset = convolution
    of_mean = np.einsum("hwco,c->o", kernel, (np.float32(mean) - MEANS) / DIVISOR)
    grey = kernel.sum(axis=2, keepdims=True) * (np.float32(scale) / DIVISOR)
    return ScaledConvolution(grey, bias + of_mean, gain, offset)


def _next_tensor(content: bytes, start: int, count: int) -> tuple[Float32Array, int]:
    """The next tensor of so many values in one sample, and where it ends.

    Raises:
        ValueError: there is none.
    """
    header = b"".join(map(_integer, (TENSOR_VERSION, count, 1, 1, 1)))
    begin = content.index(header, start) + len(header)
    end = begin + 4 * count
    if end > len(content):
        raise ValueError("the file ends within a tensor")
    return np.frombuffer(content[begin:end], "<f4").astype(np.float32), end


def _integer(value: int) -> bytes:
    """A positive number as dlib writes it: how many bytes, then these, the lowest first."""
    size = (value.bit_length() + 7) // 8
    return bytes([size]) + value.to_bytes(size, "little")

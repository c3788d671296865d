"""Initialize networks with pretrained features: dlib's for faces, or ImageNet's.

Scale and offset after a convolution become batch normalization with the statistics of FER2013's
faces, so that the features are still those of the file when training starts. The heads stay random.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_core.preprocessing import (
    Float32Array,
    PreprocessingSpec,
    prepare_dataset_faces,
    preprocess,
)
from train.data.dataset import Dataset
from train.networks.blocks import GREY_MEAN, GREY_SCALE
from train.networks.build import build_network
from train.networks.dlib_weights import COLORS, for_standardized_grey, read_face_weights
from train.networks.imagenet_weights import read_imagenet_weights
from train.networks.scaled_convolution import ScaledConvolution

if TYPE_CHECKING:
    import keras

FACES = 1024  # for the statistics of batch normalization
BATCH = 64


def pretrained_convolutions(network: "keras.Model", weights: Path) -> list[ScaledConvolution]:
    """Read the convolutions for a network of `READERS`, adapted to its grey input.

    Raises:
        RunError: the file cannot be read, or is another.
    """
    shapes = [tuple(layer.kernel.shape) for layer, _ in _trunk(network)]
    height, width, _, outputs = shapes[0]
    in_color = [(height, width, COLORS, outputs), *shapes[1:]]
    return [_rescaled(one) for one in READERS[network.name](weights, in_color)]


def _face_convolutions(weights: Path, shapes: Sequence[tuple[int, ...]]) -> list[ScaledConvolution]:
    first, *others = read_face_weights(weights, shapes)
    return [for_standardized_grey(first, GREY_SCALE, GREY_MEAN), *others]


def _imagenet_convolutions(
    weights: Path, shapes: Sequence[tuple[int, ...]]
) -> list[ScaledConvolution]:
    first, *others = read_imagenet_weights(weights, shapes)
    # Its three colors are prepared alike, so that for grey their kernels add up.
    return [first._replace(kernel=first.kernel.sum(axis=2, keepdims=True)), *others]


READERS: dict[str, Callable[[Path, Sequence[tuple[int, ...]]], list[ScaledConvolution]]] = {
    "face_resnet": _face_convolutions,
    "efficientnet_lite0": _imagenet_convolutions,
}


def _rescaled(convolution: ScaledConvolution) -> ScaledConvolution:
    """Rescale a kernel to the standard deviation of `he_normal` (He et al. 2015).

    The gains change to match. Dlib's kernels have a seventh of it, so that a learning rate would
    change them fifty times as fast; those of EfficientNet-Lite0 have an eighth to three times.
    """
    kernel, bias, gain, offset = convolution
    spread = np.sqrt(2 * len(gain) / kernel.size)
    factor = np.float32(spread / kernel.std())
    return ScaledConvolution(kernel * factor, bias * factor, gain / factor, offset)


def transfer(
    network: "keras.Model", convolutions: list[ScaledConvolution], inputs: Float32Array
) -> None:
    """Replace the features of a network by pretrained ones.

    Args:
        network: whose trunk is changed in place.
        convolutions: from `pretrained_convolutions`.
        inputs: (N, h, w, 1) float32 prepared faces, for the statistics of batch normalization.
    """
    trunk = _trunk(network)
    for (convolution, normalization), given in zip(trunk, convolutions, strict=True):
        convolution.set_weights([given.kernel])
        _set_normalization(
            normalization, given, np.zeros_like(given.bias), np.ones_like(given.bias)
        )
    # The features are now the pretrained ones, so one pass yields all statistics.
    statistics = _statistics(network, [layer for layer, _ in trunk], inputs)
    for (_, normalization), given, moments in zip(trunk, convolutions, statistics, strict=True):
        _set_normalization(normalization, given, *moments)


def pretrained_network(name: str, weights: Path, training: Dataset, seed: int = 1) -> "keras.Model":
    """Build a network with the weights of a file.

    Args:
        name: of the network, a key of `READERS`.
        weights: its file.
        training: faces for the statistics of batch normalization.
        seed: of the heads and of the choice of faces.

    Raises:
        RunError: the file cannot be read, or is another.
    """
    import keras

    spec = PreprocessingSpec()
    keras.utils.set_random_seed(seed)
    network = build_network(name, spec)
    convolutions = pretrained_convolutions(network, weights)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(training.is_face))
    faces = training.faces[np.sort(order[:FACES])]
    transfer(network, convolutions, preprocess(prepare_dataset_faces(faces, spec), spec))
    return network


def _set_normalization(
    layer: Any, given: ScaledConvolution, mean: Float32Array, variance: Float32Array
) -> None:
    """Set batch normalization to a given scale, for any statistics of its input."""
    gamma = given.gain * np.sqrt(variance + layer.epsilon)
    beta = given.offset + given.gain * (mean + given.bias)
    layer.set_weights([gamma, beta, mean, variance])


def _statistics(
    network: "keras.Model", layers: list[Any], inputs: Float32Array
) -> list[tuple[Float32Array, Float32Array]]:
    """Compute mean and variance of each layer's channels over all faces and positions."""
    import keras

    inner = keras.Model(network.inputs, [layer.output for layer in layers])
    sums = [np.zeros((2, layer.output.shape[-1])) for layer in layers]
    for start in range(0, len(inputs), BATCH):
        part = inputs[start : start + BATCH]
        for index, activations in enumerate(inner.predict_on_batch(part)):
            values = np.asarray(activations, np.float64)
            moments = np.stack([values.mean(axis=(0, 1, 2)), (values**2).mean(axis=(0, 1, 2))])
            sums[index] += moments * len(part) / len(inputs)
    return [
        (mean.astype(np.float32), (square - mean**2).astype(np.float32)) for mean, square in sums
    ]


def _trunk(network: "keras.Model") -> list[tuple[Any, Any]]:
    """Return each convolution with the batch normalization after it, from the input on."""
    from keras import layers

    # They alternate, and no branch has only one of them.
    convolutions, normalizations = (
        [layer for layer in network.layers if isinstance(layer, kinds)]
        for kinds in ((layers.Conv2D, layers.DepthwiseConv2D), layers.BatchNormalization)
    )
    return list(zip(convolutions, normalizations, strict=True))

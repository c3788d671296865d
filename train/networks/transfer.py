"""Features of networks that others trained: dlib's for faces, EfficientNet-Lite0's for ImageNet.

What scales the output of a convolution there becomes batch normalization, with the statistics of
FER2013's faces, so that the network's features are still those of the file and training starts from
them. The heads stay random.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_core.preprocessing import Float32Array, PreprocessingSpec
from train.networks.dlib_weights import COLOURS, for_standardized_grey, read_face_weights
from train.networks.imagenet_weights import read_imagenet_weights
from train.networks.scaled_convolution import ScaledConvolution

if TYPE_CHECKING:
    import keras

    from train.data.dataset import Dataset

FACES = 1024  # for the statistics of batch normalization
BATCH = 64


def pretrained_convolutions(network: "keras.Model", weights: Path) -> list[ScaledConvolution]:
    """The convolutions for one of the networks of `READERS`, the first one for its grey channel.

    Raises:
        RunError: the file cannot be read, or is another.
    """
    shapes = [tuple(layer.kernel.shape) for layer, _ in _trunk(network)]
    height, width, _, outputs = shapes[0]
    in_colour = [(height, width, COLOURS, outputs), *shapes[1:]]
    return [_as_large_as_fresh(one) for one in READERS[network.name](weights, in_colour)]


def _face_convolutions(weights: Path, shapes: Sequence[tuple[int, ...]]) -> list[ScaledConvolution]:
    from train.networks.blocks import GREY_MEAN, GREY_SCALE

    first, *others = read_face_weights(weights, shapes)
    return [for_standardized_grey(first, GREY_SCALE, GREY_MEAN), *others]


def _imagenet_convolutions(
    weights: Path, shapes: Sequence[tuple[int, ...]]
) -> list[ScaledConvolution]:
    first, *others = read_imagenet_weights(weights, shapes)
    # Its three colours are prepared alike, so that for grey they are one.
    return [first._replace(kernel=first.kernel.sum(axis=2, keepdims=True)), *others]


READERS: dict[str, Callable[[Path, Sequence[tuple[int, ...]]], list[ScaledConvolution]]] = {
    "face_resnet": _face_convolutions,
    "efficientnet_lite0": _imagenet_convolutions,
}


def _as_large_as_fresh(convolution: ScaledConvolution) -> ScaledConvolution:
    """With a kernel of the spread that `he_normal` draws (He et al. 2015), and gains to match.

    Dlib's have a seventh of it, so that a learning rate would change them fifty times as fast;
    those of EfficientNet-Lite0 have an eighth to three times of it.
    """
    kernel, bias, gain, offset = convolution
    spread = np.sqrt(2 * len(gain) / kernel.size)
    factor = np.float32(spread / kernel.std())
    return ScaledConvolution(kernel * factor, bias * factor, gain / factor, offset)


def transfer(
    network: "keras.Model", convolutions: list[ScaledConvolution], inputs: Float32Array
) -> None:
    """Give a network the features of the one that the convolutions come from.

    Args:
        network: its trunk's weights are replaced.
        convolutions: from `pretrained_convolutions`.
        inputs: (N, h, w, 1) float32 prepared faces, for the statistics of batch normalization.
    """
    trunk = _trunk(network)
    for (convolution, normalization), given in zip(trunk, convolutions, strict=True):
        convolution.set_weights([given.kernel])
        zero, one = np.zeros_like(given.bias), np.ones_like(given.bias)
        _set_normalization(normalization, given, mean=zero, variance=one)
    # The features are the other network's by now, so one pass tells what each normalization gets.
    means, variances = _statistics(network, [layer for layer, _ in trunk], inputs)
    for (_, normalization), given, mean, variance in zip(
        trunk, convolutions, means, variances, strict=True
    ):
        _set_normalization(normalization, given, mean, variance)


def pretrained_network(
    name: str, weights: Path, training: "Dataset", seed: int = 1
) -> "keras.Model":
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

    from fer_core.preprocessing import prepare_dataset_faces, preprocess
    from train.networks.build import build_network

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
    """Let it scale as it is given, whatever mean and variance it takes for its input's."""
    gamma = given.gain * np.sqrt(variance + layer.epsilon)
    beta = given.offset + given.gain * (mean + given.bias)
    layer.set_weights([gamma, beta, mean, variance])


def _statistics(
    network: "keras.Model", layers: list[Any], inputs: Float32Array
) -> tuple[list[Float32Array], list[Float32Array]]:
    """Mean and variance of each layer's channels over all faces and places."""
    import keras

    inner = keras.Model(network.inputs, [layer.output for layer in layers])
    sums = [np.zeros((2, layer.output.shape[-1])) for layer in layers]
    for start in range(0, len(inputs), BATCH):
        part = inputs[start : start + BATCH]
        for index, answer in enumerate(inner.predict_on_batch(part)):
            values = np.asarray(answer, np.float64)
            moments = np.stack([values.mean(axis=(0, 1, 2)), (values**2).mean(axis=(0, 1, 2))])
            sums[index] += moments * len(part) / len(inputs)
    means = [total[0].astype(np.float32) for total in sums]
    variances = [(total[1] - total[0] ** 2).astype(np.float32) for total in sums]
    return means, variances


def _trunk(network: "keras.Model") -> list[tuple[Any, Any]]:
    """Each convolution with the batch normalization after it, from the picture on."""
    from keras import layers

    # They come in turns, without a branch that has either.
    convolutions, normalizations = (
        [layer for layer in network.layers if isinstance(layer, kinds)]
        for kinds in ((layers.Conv2D, layers.DepthwiseConv2D), layers.BatchNormalization)
    )
    return list(zip(convolutions, normalizations, strict=True))

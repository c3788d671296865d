import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import train.networks.dlib_weights
from fer_core.preprocessing import PreprocessingSpec
from train.artifacts.run_folder import load_weights
from train.data.synthetic import write_synthetic_dataset
from train.errors import RunError
from train.networks.blocks import GREY_MEAN, GREY_SCALE
from train.networks.build import build_network
from train.networks.dlib_weights import for_standardized_grey, read_face_weights
from train.networks.ours import FACE_BLOCKS
from train.networks.transfer import pretrained_convolutions, transfer
from train.transfer import main

Parameters = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]
INPUTS = np.random.default_rng(0).normal(size=(4, 48, 48, 1)).astype(np.float32)


def draw_parameters(rng: np.random.Generator) -> list[Parameters]:
    """Kernel (outputs, inputs, h, w), bias, gain and offset of each convolution, as dlib has it."""
    shapes = [(32, 3, 7, 7)]
    for width, _ in FACE_BLOCKS:
        shapes += [(width, shapes[-1][0], 3, 3), (width, width, 3, 3)]
    return [
        (
            rng.normal(scale=np.prod(shape[1:]) ** -0.5, size=shape).astype("<f4"),
            rng.normal(scale=0.1, size=shape[0]).astype("<f4"),
            rng.uniform(0.5, 1.5, shape[0]).astype("<f4"),
            rng.normal(scale=0.1, size=shape[0]).astype("<f4"),
        )
        for shape in shapes
    ]


def write_dlib(path: Path, parameters: list[Parameters]) -> Path:
    """A file as dlib writes it, as far as a reader of tensors can tell."""

    def integer(value: int) -> bytes:
        size = next(size for size in range(1, 9) if value < 256**size)
        return bytes([size, *(value >> 8 * place & 255 for place in range(size))])

    def tensor(*parts: NDArray[Any]) -> bytes:
        count = sum(part.size for part in parts)
        header = b"".join(integer(number) for number in (2, count, 1, 1, 1))
        return header + b"".join(part.tobytes() for part in parts)

    content = b"\x01\x01\x01\rloss_metric_2"
    for kernel, bias, gain, offset in parameters:
        content += b"\x05con_4" + tensor(kernel, bias) + b"\x07affine_" + tensor(gain, offset)
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def parameters() -> list[Parameters]:
    return draw_parameters(np.random.default_rng(1))


@pytest.fixture(scope="module")
def file(parameters: list[Parameters], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file that is the one whose digest is known."""
    path = write_dlib(tmp_path_factory.mktemp("dlib") / "weights.dat", parameters)
    with pytest.MonkeyPatch.context() as patched:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        patched.setattr(train.networks.dlib_weights, "SHA256", digest)
        yield path


@pytest.fixture(scope="module")
def network(file: Path) -> keras.Model:
    made = build_network("face_resnet", PreprocessingSpec())
    transfer(made, pretrained_convolutions(made, file), INPUTS)
    return made


def windows(x: NDArray[Any], side: int, strides: int) -> NDArray[Any]:
    """(c, h, w) -> (c, h', w', side, side)."""
    seen = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))
    return seen[:, ::strides, ::strides]


def features_of_dlib(face: NDArray[Any], parameters: list[Parameters]) -> NDArray[Any]:
    """dlib's own arithmetic, in NumPy: a standardized face (48, 48) -> (256,)."""

    def scaled_convolution(x: NDArray[Any], strides: int) -> NDArray[Any]:
        kernel, bias, gain, offset = next(remaining)
        if strides == 1:
            x = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        y = np.einsum("chwij,ocij->ohw", windows(x, kernel.shape[-1], strides), kernel)
        y += bias[:, None, None]
        return np.asarray(gain[:, None, None] * y + offset[:, None, None])

    remaining = iter(parameters)
    grey = 128 + 64 * cv2.resize(face, (99, 99), interpolation=cv2.INTER_LINEAR)
    x = np.stack([(grey - mean) / 256 for mean in (122.782, 117.001, 104.298)])
    x = windows(np.maximum(scaled_convolution(x, 2), 0), 3, 2).max(axis=(3, 4))
    for width, halves in FACE_BLOCKS:
        y = scaled_convolution(x, 2 if halves else 1)
        y = scaled_convolution(np.maximum(y, 0), 1)
        if halves:
            x = windows(x, 2, 2).mean(axis=(3, 4))
        y[: len(x)] += x  # further channels are 0 in what it began with
        assert len(y) == width
        x = np.maximum(y, 0)
    return np.asarray(x.mean(axis=(1, 2)))


def test_the_features_are_those_of_dlibs_arithmetic(
    parameters: list[Parameters], network: keras.Model
) -> None:
    features = keras.Model(network.inputs, network.get_layer("features").output)
    got = features.predict_on_batch(INPUTS[:2])
    expected = [features_of_dlib(face[..., 0], parameters) for face in INPUTS[:2]]
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_training_goes_on_from_the_same_features(network: keras.Model) -> None:
    served, trained = (network(INPUTS, training=training) for training in (False, True))
    for head, logits in served.items():
        # Normalized by this batch itself, whose statistics the network was given.
        np.testing.assert_allclose(trained[head], logits, rtol=1e-2, atol=1e-2)


def test_grey_stands_for_three_colours_alike(file: Path) -> None:
    (colours,) = read_face_weights(file, [(7, 7, 3, 32)])
    grey = for_standardized_grey(colours, GREY_SCALE, GREY_MEAN)
    patch = np.random.default_rng(2).normal(size=(7, 7, 1)).astype(np.float32)
    levels = np.repeat(GREY_MEAN + GREY_SCALE * patch, 3, axis=2)
    in_colour = (levels - [122.782, 117.001, 104.298]) / 256
    np.testing.assert_allclose(
        np.einsum("hwc,hwco->o", patch, grey.kernel) + grey.bias,
        np.einsum("hwc,hwco->o", in_colour, colours.kernel) + colours.bias,
        rtol=1e-4,
        atol=1e-5,
    )


def test_another_file_is_told(network: keras.Model, file: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.dat cannot be read; name dlib's dlib_face"):
        pretrained_convolutions(network, tmp_path / "none.dat")
    other = tmp_path / "other.dat"
    other.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(RunError, match=r"other\.dat is another file .* name dlib's dlib_face"):
        pretrained_convolutions(network, other)


@pytest.mark.slow
def test_the_command_leaves_what_a_run_begins_with(file: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_synthetic_dataset(data, faces_per_split=(14, 7, 7))
    words = ["--weights", str(file), "--data", str(data), "--out"]
    main([*words, str(tmp_path / "start")])
    network = build_network("face_resnet", PreprocessingSpec())
    load_weights(network, tmp_path / "start")
    assert any(layer.moving_mean.numpy().any() for layer in network.layers
               if layer.name.startswith("batch_norm"))  # fmt: skip
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SystemExit, match=r"error: .*holds a training run"):
        main([*words, str(tmp_path)])

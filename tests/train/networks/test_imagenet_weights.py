import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from fer_core.preprocessing import PreprocessingSpec
from tests.train.networks.torch_file import (
    MAGIC,
    Tensors,
    draw_lite0,
    state_dictionary,
    write_known,
)
from train.artifacts.model_folder import load_network
from train.data.synthetic import write_synthetic_dataset
from train.errors import RunError
from train.networks.build import build_network
from train.networks.efficientnet_lite import STAGES
from train.networks.imagenet_weights import read_imagenet_weights, read_tensors
from train.networks.transfer import pretrained_convolutions, transfer
from train.transfer import main

INPUTS = np.random.default_rng(0).normal(size=(4, 48, 48, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return draw_lite0(np.random.default_rng(1))


@pytest.fixture(scope="module")
def known(tensors: Tensors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield write_known(tmp_path_factory.mktemp("lite") / "lite0.pth", tensors, monkeypatch)


@pytest.fixture(scope="module")
def network(known: Path) -> keras.Model:
    made = build_network("efficientnet_lite0", PreprocessingSpec())
    transfer(made, pretrained_convolutions(made, known), INPUTS)
    return made


def features_of_lite0(face: NDArray[Any], tensors: Tensors) -> NDArray[Any]:
    """PyTorch's arithmetic, in NumPy: a standardized face (48, 48) -> (1280,)."""

    def normalized(x: NDArray[Any], name: str, bn: str, strides: int = 1) -> NDArray[Any]:
        kernel = tensors[f"{name}.weight"]
        side, before = kernel.shape[-1], x.shape[-1]
        # Conv2dStaticSamePadding: the odd row of zeros comes last.
        total = max((-(-before // strides) - 1) * strides + side - before, 0)
        ends = (total // 2, total - total // 2)
        x = np.pad(x, ((0, 0), ends, ends))
        seen = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))
        seen = seen[:, ::strides, ::strides]
        if kernel.shape[1] == 1:
            y = np.einsum("chwij,cij->chw", seen, kernel[:, 0])
        else:
            y = np.einsum("chwij,ocij->ohw", seen, kernel, optimize=True)
        mean, variance, gamma, beta = (
            tensors[f"{bn}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return np.asarray((y - mean) / np.sqrt(variance + 1e-3) * gamma + beta)

    def relu6(x: NDArray[Any]) -> NDArray[Any]:
        return np.clip(x, 0, 6)

    grey = 128 + 64 * cv2.resize(face, (96, 96), interpolation=cv2.INTER_LINEAR)
    x = relu6(normalized(np.stack([(grey - 127) / 128] * 3), "_conv_stem", "_bn0", 2))
    number = 0
    for stage in STAGES:
        for strides in [stage.strides, *[1] * (stage.blocks - 1)]:
            block, y = f"_blocks.{number}.", x
            if stage.expansion > 1:
                y = relu6(normalized(y, f"{block}_expand_conv", f"{block}_bn0"))
            y = relu6(normalized(y, f"{block}_depthwise_conv", f"{block}_bn1", strides))
            y = normalized(y, f"{block}_project_conv", f"{block}_bn2")
            x = x + y if strides == 1 and len(x) == len(y) else y
            number += 1
    x = relu6(normalized(x, "_conv_head", "_bn1"))
    return np.asarray(x.mean(axis=(1, 2)))


def test_the_features_are_those_of_pytorchs_arithmetic(
    tensors: Tensors, network: keras.Model
) -> None:
    features = keras.Model(network.inputs, network.get_layer("features").output)
    got = features.predict_on_batch(INPUTS[:2])
    expected = [features_of_lite0(face[..., 0], tensors) for face in INPUTS[:2]]
    assert np.max(expected) > 1  # they say something
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


def test_training_goes_on_from_the_same_features(network: keras.Model) -> None:
    served, trained = (network(INPUTS, training=training) for training in (False, True))
    for head, logits in served.items():
        # Normalized by this batch itself, whose statistics the network was given.
        np.testing.assert_allclose(trained[head], logits, rtol=1e-2, atol=1e-2)


def test_tensors_come_back_with_names_types_and_order(tensors: Tensors) -> None:
    got = read_tensors(state_dictionary(tensors))
    assert list(got) == list(tensors)
    for name, values in tensors.items():
        assert got[name].dtype == values.dtype
        np.testing.assert_array_equal(got[name], values)


def test_a_file_with_anything_but_tensors_is_refused(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = pickle.dumps(MAGIC, 2) + b"cpathlib\nPath.touch\n."
    for content, told in (
        (code, "Path.touch has no place in it"),
        (pickle.dumps(MAGIC, 2) + f"cos\nsystem\n(Vtouch {marker}\ntR.".encode(), "system has no"),
        (b"PK\x03\x04", "no dictionary of tensors"),
        (b"", "no dictionary of tensors"),
        (pickle.dumps(5, 2), "does not begin as torch.save begins"),
        (state_dictionary({"one": np.ones(9, "<f4")})[:-4], "could not broadcast"),
    ):
        with pytest.raises(ValueError, match=told):
            read_tensors(content)
    assert not marker.exists()


def test_a_view_that_leaves_its_storage_is_refused() -> None:
    content = state_dictionary({"one": np.ones((3, 5), "<f4")})
    beyond = content.replace(b"J\x03\0\0\0J\x05\0\0\0", b"J\x03\0\0\0J\x06\0\0\0")
    assert beyond != content
    with pytest.raises((ValueError, TypeError), match="buffer"):
        read_tensors(beyond)


def test_another_file_is_told(known: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.pth cannot be read; name efficientnet"):
        read_imagenet_weights(tmp_path / "none.pth", [])
    other = tmp_path / "other.pth"
    other.write_bytes(known.read_bytes() + b"\0")
    with pytest.raises(
        RunError, match=r"is another file .* name efficientnet-lite0-57934424\.pth of"
    ):
        read_imagenet_weights(other, [])
    with pytest.raises(RunError, match="weights of another network"):
        read_imagenet_weights(known, [(3, 3, 3, 16)])


def test_the_command_leaves_what_a_run_begins_with(known: Path, tmp_path: Path) -> None:
    data, start = tmp_path / "data", tmp_path / "start"
    data.mkdir()
    write_synthetic_dataset(data, faces_per_split=(14, 7, 7))
    words = ["--network", "efficientnet_lite0", "--weights", str(known), "--data", str(data)]
    main([*words, "--out", str(start)])
    network = load_network(start)
    convolutions = pretrained_convolutions(network, known)
    kernels = [
        layer.kernel for layer in network.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))
    ]  # fmt: skip
    for kernel, given in zip(kernels, convolutions, strict=True):
        np.testing.assert_allclose(kernel, given.kernel, rtol=1e-3, atol=1e-6)  # as float16

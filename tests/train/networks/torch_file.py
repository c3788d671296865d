"""Files as torch.save wrote them before PyTorch 1.6, made without PyTorch."""

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import train.networks.imagenet_weights
from train.networks.efficientnet_lite import HEAD, STAGES, STEM

Tensors = dict[str, NDArray[Any]]
MAGIC = 0x1950A86A20F9469CFC6C
TYPES = {"<f4": "FloatStorage", "<i8": "LongStorage"}


def state_dictionary(tensors: Tensors) -> bytes:
    """The file's content. Tensors of four axes lie in memory as TensorFlow has them."""
    body, storages = b"", b""
    for key, (name, values) in enumerate(tensors.items()):
        stored = values.transpose(2, 3, 1, 0) if values.ndim == 4 else values
        back = (3, 2, 0, 1) if values.ndim == 4 else range(values.ndim)
        steps = np.ascontiguousarray(stored).strides
        strides = tuple(steps[axis] // values.itemsize for axis in back)
        kind = f"ctorch\n{TYPES[values.dtype.str]}\n".encode()
        storage = _tuple(_text("storage"), kind, _text(str(key)), _text("cpu"), _int(values.size),
                         b"N") + b"Q"  # fmt: skip
        tensor = b"ctorch._utils\n_rebuild_tensor_v2\n" + _tuple(
            storage, _int(0), _ints(values.shape), _ints(strides), b"\x89", _dictionary(b"")
        )
        body += _text(name) + tensor + b"R"
        storages += struct.pack("<q", values.size) + stored.tobytes()
    parts = [pickle.dumps(one, 2) for one in (MAGIC, 1001, {"little_endian": True})]
    keys = pickle.dumps([str(key) for key in range(len(tensors))], 2)
    return b"".join(parts) + b"\x80\x02" + _dictionary(body) + b"." + keys + storages


def _dictionary(items: bytes) -> bytes:
    return b"ccollections\nOrderedDict\n)R(" + items + b"u"


def _tuple(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def _ints(values: tuple[int, ...]) -> bytes:
    return _tuple(*map(_int, values))


def _int(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def draw_lite0(rng: np.random.Generator) -> Tensors:
    """Random weights of an EfficientNet-Lite0 under the names that its file has."""
    tensors: Tensors = {}

    def convolution(name: str, normalization: str, *shape: int) -> None:
        scale = np.prod(shape[1:]) ** -0.5
        tensors[f"{name}.weight"] = rng.normal(scale=scale, size=shape).astype("<f4")
        for part in ("weight", "running_var"):
            tensors[f"{normalization}.{part}"] = rng.uniform(0.5, 1.5, shape[0]).astype("<f4")
        for part in ("bias", "running_mean"):
            tensors[f"{normalization}.{part}"] = rng.normal(scale=0.3, size=shape[0]).astype("<f4")
        tensors[f"{normalization}.num_batches_tracked"] = np.array(7, "<i8")

    convolution("_conv_stem", "_bn0", STEM, 3, 3, 3)
    width, number = STEM, 0
    for stage in STAGES:
        for _ in range(stage.blocks):
            block, inner = f"_blocks.{number}.", width * stage.expansion
            if stage.expansion > 1:
                convolution(f"{block}_expand_conv", f"{block}_bn0", inner, width, 1, 1)
            side = stage.side
            convolution(f"{block}_depthwise_conv", f"{block}_bn1", inner, 1, side, side)
            convolution(f"{block}_project_conv", f"{block}_bn2", stage.width, inner, 1, 1)
            width, number = stage.width, number + 1
    convolution("_conv_head", "_bn1", HEAD, width, 1, 1)
    tensors["_fc.weight"] = np.zeros((10, HEAD), "<f4")
    tensors["_fc.bias"] = np.zeros(10, "<f4")
    return tensors


def write_known(path: Path, tensors: Tensors, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the file, and let it be the one whose digest is known."""
    import hashlib

    content = state_dictionary(tensors)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(train.networks.imagenet_weights, "SHA256", digest)
    return path

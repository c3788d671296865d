"""Store the kernels of a saved Keras network as float16, which halves its file.

A .keras file is a ZIP archive with the weights in HDF5. Keras casts what it reads to the dtype of
the variable, so such a file loads like any other, into float32. Biases and batch normalization
statistics stay float32: they are few, and may exceed the range of float16.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

WEIGHTS = "model.weights.h5"


def halve_kernels(path: Path) -> None:
    """Store the kernels of a .keras file as float16, in place.

    Args:
        path: as `keras.Model.save` wrote it.
    """
    import h5py

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    halved = io.BytesIO()
    with h5py.File(io.BytesIO(parts[WEIGHTS]), "r") as source, h5py.File(halved, "w") as target:

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Group):
                stored = target.require_group(name)
            else:
                values = item[()]
                is_kernel = values.dtype == np.float32 and values.ndim > 1
                stored = target.create_dataset(
                    name, data=values.astype(np.float16) if is_kernel else values
                )
            stored.attrs.update(item.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)
    parts[WEIGHTS] = halved.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)

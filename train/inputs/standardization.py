"""`fer_core.preprocessing.preprocess` for a batch of tensors, on the device that trains."""

from functools import cache
from typing import Any

import cv2
import numpy as np

from fer_core.filters import apply_filters
from fer_core.preprocessing import (
    INTERPOLATIONS,
    Float32Array,
    PreprocessingSpec,
    UInt8Array,
    prepare_dataset_faces,
)

Tensor = Any  # of the Keras backend in use


def prepare_training_faces(faces: UInt8Array, spec: PreprocessingSpec) -> UInt8Array:
    """Dataset faces as crops in the spec's geometry, filtered: (N, crop_size, crop_size) uint8.

    Filters work by OpenCV, so they come before the augmentation on the device, where a visitor's
    face is filtered last; without filters this is `prepare_dataset_faces`.
    """
    prepared = prepare_dataset_faces(faces, spec)
    if spec.filters and len(prepared):
        prepared = np.stack([apply_filters(face, spec.filters) for face in prepared])
    return prepared


def standardize(faces: Tensor, spec: PreprocessingSpec) -> Tensor:
    """Grey faces to network input: resample, standardize, in this order.

    Args:
        faces: (N, s, s) float32, whole grey levels 0..255.
        spec: the spec that the network is trained with.

    Returns:
        (N, input_size, input_size, 1) float32, what `preprocess` returns for the same grey levels;
        where it resamples, a pixel may be a grey level away, for OpenCV rounds in between.
    """
    from keras import ops

    side = faces.shape[1]
    if side != spec.input_size:
        resample = _resampling(side, spec.input_size, spec.interpolation)
        faces = ops.matmul(ops.matmul(resample, faces), np.ascontiguousarray(resample.T))
        faces = ops.clip(ops.round(faces), 0, 255)
    mean = ops.mean(faces, axis=(1, 2), keepdims=True)
    centered = faces - mean
    std = ops.sqrt(ops.mean(centered * centered, axis=(1, 2), keepdims=True))
    return (centered / (std + spec.std_offset))[..., None]


@cache
def _resampling(side: int, size: int, interpolation: str) -> Float32Array:
    """(size, side): the linear map by which OpenCV resizes one axis, read off unit vectors."""
    method = cv2.INTER_AREA if size < side else INTERPOLATIONS[interpolation]
    unit = np.eye(side, dtype=np.float32)
    return np.asarray(cv2.resize(unit, (side, size), interpolation=method), np.float32)

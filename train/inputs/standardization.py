"""Compute `fer_core.preprocessing.preprocess` for tensors, on the training device."""

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
    """Resample dataset faces to filtered crops, (N, crop_size, crop_size) uint8.

    Filters use OpenCV, so they precede the augmentation, whereas the app filters last. Without
    filters this is `prepare_dataset_faces`.
    """
    prepared = prepare_dataset_faces(faces, spec)
    if spec.filters and len(prepared):
        prepared = np.stack([apply_filters(face, spec.filters) for face in prepared])
    return prepared


def standardize(faces: Tensor, spec: PreprocessingSpec) -> Tensor:
    """Compute network inputs from grey faces: resample, then standardize.

    Args:
        faces: (N, s, s) float32, whole grey levels 0..255.
        spec: preprocessing of the network.

    Returns:
        (N, input_size, input_size, 1) float32, as from `preprocess`; after resampling, a pixel may
        differ by one grey level, because OpenCV rounds intermediate results.
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
    """Return the (size, side) linear map by which OpenCV resizes one axis."""
    method = cv2.INTER_AREA if size < side else INTERPOLATIONS[interpolation]
    unit = np.eye(side, dtype=np.float32)
    return np.asarray(cv2.resize(unit, (side, size), interpolation=method), np.float32)

"""Finds duplicate images: equal pixels, or the same photograph cropped, mirrored or recompressed.

Near duplicates are found in three steps, each more expensive and applied to fewer pairs:

1. An image is band-pass filtered, reduced to 12x12 and projected on the strongest principal
   components of all images (Turk and Pentland 1991, "Eigenfaces for recognition"), partly whitened
   so that features common to all faces count for less. Candidates are the `NEIGHBORS` images,
   original or mirrored, with the largest cosine similarity.
2. Candidates are registered at 24x24 by the enhanced correlation coefficient (ECC; Evangelidis and
   Psarakis 2008), which optimizes an affine transform.
3. Pairs that correlate are registered at 48x48, starting from the transform of step 2. A pair is
   one photograph if the band-pass filtered images then correlate by at least `SAME_PHOTOGRAPH`.

The band-pass filter removes brightness, contrast and smooth shading; two people in the same pose
and light still differ.
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import DATASET_FACE_SIZE, Float32Array, UInt8Array

SAME_PHOTOGRAPH = 0.90
"""Least correlation, after registration, of two images of the same photograph.

Chosen by inspecting pairs of FER2013: at least 58 of 60 pairs from .90 to .92 were one photograph,
46 of 49 from .88 to .90, about 50 of 60 from .85 to .90 by an earlier variant, and a third from .80
to .85. The false pairs just above the threshold are successive photographs of the same person in
the same pose. Five of six pairs lie above .96, where all 60 inspected were one photograph.
"""

NEIGHBORS = 5  # candidates of an image; chains of pairs join larger groups
COMPONENTS = 80
SHRUNK_SIDE = 12  # pixels
COARSE_SIDE = 24  # pixels
COARSE_CORRELATION = 0.85  # at COARSE_SIDE
# Band-pass filters: Gaussian sigmas in pixels of the 48x48 image.
SHAPE_BAND, COARSE_BAND, DETAIL_BAND = (2.0, 12.0), (1.5, 6.0), (0.7, 3.0)
# Copies were cropped by a face detector, so that their crops differ little. A larger transform is a
# failed registration.
MAX_ZOOM = 1.3
MAX_MOVE = 8.0  # pixels, of the center
BLOCK = 256  # images that are compared with all others at a time, to limit memory
STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 1e-3)

IntArray = NDArray[np.int64]


class NearPairs(NamedTuple):
    """Pairs of images of the same photograph.

    Attributes:
        first: (P,) int64, index of one image.
        second: (P,) int64, index of the other, larger than the first.
        mirrored: (P,) bool, whether one is the mirror image of the other.
        correlation: (P,) float32, after registration, `SAME_PHOTOGRAPH`..1.
    """

    first: IntArray
    second: IntArray
    mirrored: NDArray[np.bool_]
    correlation: Float32Array

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Indices of the images of each pair."""
        return list(zip(self.first.tolist(), self.second.tolist(), strict=True))


def equal_groups(fingerprints: Sequence[bytes]) -> IntArray:
    """Return (N,) int64: for each digest the index of the first that equals it."""
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(mark, row) for row, mark in enumerate(fingerprints)], int)


def connected_groups(count: int, pairs: Iterable[tuple[int, int]]) -> IntArray:
    """Return (count,) int64: for each row the smallest row that a chain of pairs connects it to."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = np.array(list(pairs), np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    return np.asarray(first[component], np.int64)


def cross_table(groups: IntArray, columns: IntArray, count: int) -> IntArray:
    """Count (N,) rows by group, in ascending order, and by column 0..count-1: (G, count) int64."""
    names, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), count), np.int64)
    np.add.at(counts, (group, columns), 1)
    return counts


def near_pairs(faces: UInt8Array) -> NearPairs:
    """Find all pairs of images of the same photograph.

    Args:
        faces: (N, 48, 48) uint8 grey, no two of them equal.

    Returns:
        Each pair once, in ascending order, mirrored or not, whichever correlates better. Not every
        pair of a group of more than `NEIGHBORS` images is listed, but chains of pairs connect it.
    """
    if len(faces) < 2:
        return NearPairs(*(np.zeros(0, kind) for kind in (np.int64, np.int64, bool, np.float32)))
    first, second, mirrored = _candidates(faces)
    coarse = np.stack([_band(face, COARSE_BAND, COARSE_SIDE) for face in faces])

    def correlate(pair: tuple[int, int, bool]) -> float:
        one, other, flip = pair
        correlation, warp = _register(coarse[one], coarse[other], np.eye(2, 3), flip)
        if correlation < COARSE_CORRELATION:
            return 0.0
        fine, fine_other = (
            _band(faces[row], DETAIL_BAND, DATASET_FACE_SIZE) for row in (one, other)
        )
        correlation, warp = _register(fine, fine_other, _enlarged(warp), flip)
        return correlation if _is_plausible(warp) else 0.0

    pairs = list(zip(first.tolist(), second.tolist(), mirrored.tolist(), strict=True))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV releases the interpreter lock
        correlation = np.array(list(pool.map(correlate, pairs)), np.float32)
    best = np.lexsort((-correlation, second, first))  # a symmetric face also fits mirrored
    _, again = np.unique(np.stack([first, second])[:, best], axis=1, return_index=True)
    same = best[again][correlation[best[again]] >= SAME_PHOTOGRAPH]
    return NearPairs(first[same], second[same], mirrored[same], correlation[same])


def _candidates(faces: UInt8Array) -> tuple[IntArray, IntArray, NDArray[np.bool_]]:
    """Return first, second and mirrored of the candidate pairs."""
    plain, mirrored = _descriptors(faces)
    everything, count = np.concatenate([plain, mirrored]), len(faces)
    found: list[IntArray] = []
    for start in range(0, count, BLOCK):
        rows = np.arange(start, min(start + BLOCK, count))
        cosine = plain[rows] @ everything.T
        for itself in (rows, rows + count):
            cosine[rows - start, itself] = -1
        neighbors = min(NEIGHBORS, count)
        enough = np.partition(cosine, -neighbors, axis=1)[:, -neighbors, np.newaxis]
        one, other = np.nonzero((cosine >= enough) & (cosine > 0))
        one, flip, other = one + start, other // count, other % count
        found.append(np.stack([np.minimum(one, other), np.maximum(one, other), flip]))
    first, second, flip = np.unique(np.concatenate(found, axis=1), axis=1)
    apart = first < second
    return first[apart], second[apart], flip[apart].astype(bool)


def _descriptors(faces: UInt8Array) -> tuple[Float32Array, Float32Array]:
    """Return (N, C) float32 of unit length, of the images and of their mirror images."""
    shapes = _unit(np.stack([_band(face, SHAPE_BAND, SHRUNK_SIDE) for face in faces]))
    mirrored = shapes.reshape(-1, SHRUNK_SIDE, SHRUNK_SIDE)[:, :, ::-1].reshape(shapes.shape)
    mean = shapes.mean(axis=0)
    variances, axes = np.linalg.eigh((shapes - mean).T @ (shapes - mean))
    strongest = np.argsort(-variances)[:COMPONENTS]
    # Few images estimate the variances badly: regularize them.
    variances += variances.mean() * len(variances) / len(faces) + 1e-6
    projection = (axes[:, strongest] / variances[strongest] ** 0.25).astype(np.float32)
    return _unit((shapes - mean) @ projection), _unit((mirrored - mean) @ projection)


def _unit(rows: Float32Array) -> Float32Array:
    """Return each image as a row of length 1, and of zeros for a blank image."""
    rows = rows.reshape(len(rows), -1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float32Array = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-3)
    return unit


def _band(face: UInt8Array, sigmas: tuple[float, float], side: int) -> Float32Array:
    """Filter a face to the band between two Gaussian sigmas, at (side, side) pixels."""
    pixels = face.astype(np.float32)
    fine, slow = (cv2.GaussianBlur(pixels, (0, 0), sigma) for sigma in sigmas)
    return np.asarray(cv2.resize(fine - slow, (side, side), interpolation=cv2.INTER_AREA))


def _register(
    one: Float32Array, other: Float32Array, warp: NDArray[np.floating], flip: bool
) -> tuple[float, Float32Array]:
    """Return the correlation of two images after registration, 0 on failure, and the (2, 3) map."""
    template = np.ascontiguousarray(one[:, ::-1]) if flip else one
    start, everywhere = warp.astype(np.float32), np.full(other.shape, 255, np.uint8)
    try:
        correlation, found = cv2.findTransformECC(
            template, other, start, cv2.MOTION_AFFINE, STEPS, everywhere, 1
        )
    except cv2.error:  # the registration did not converge
        return 0.0, start
    return float(correlation), np.asarray(found, dtype=np.float32)


def _enlarged(warp: Float32Array) -> Float32Array:
    """Scale an affine map from 24x24 to 48x48; pixel centers lie at .5."""
    factor = DATASET_FACE_SIZE / COARSE_SIDE
    shift = (factor - 1) / 2
    moved = factor * warp[:, 2] + shift - warp[:, :2] @ np.full(2, shift)
    return np.column_stack([warp[:, :2], moved]).astype(np.float32)


def _is_plausible(warp: Float32Array) -> bool:
    zooms = np.linalg.svd(warp[:, :2], compute_uv=False)
    center = np.full(2, (DATASET_FACE_SIZE - 1) / 2)
    move = warp[:, :2] @ center + warp[:, 2] - center
    return bool(
        zooms.max() <= MAX_ZOOM and zooms.min() >= 1 / MAX_ZOOM and (abs(move) <= MAX_MOVE).all()
    )

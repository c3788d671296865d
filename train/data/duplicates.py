"""Pictures that show the same photograph, with equal pixels or cut, mirrored, lit or packed anew.

Copies are found in three steps, each of which leaves fewer pairs to the next and dearer one:

1. A picture is blurred, freed of its shading, shrunk to 12x12 and projected on the strongest
   principal components of all pictures (Turk and Pentland 1991, "Eigenfaces for recognition"),
   these half-whitened, so that what all faces share counts for less. Candidates are the
   `NEIGHBORS` pictures, as they are or mirrored, that have the largest cosine with it.
2. Candidates are brought into register at 24x24 by the enhanced correlation coefficient (ECC;
   Evangelidis and Psarakis 2008, an affine map found by gradient ascent).
3. Those that fit are brought into register at 48x48, from where step 2 ended. The pair counts as
   one photograph when the details of both then correlate by at least `SAME_PHOTOGRAPH`.

Details are what a band-pass filter leaves, so brightness, contrast and slow shading are no matter,
while two people in the same pose and light differ.
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import DATASET_FACE_SIZE, Float32Array, UInt8Array

SAME_PHOTOGRAPH = 0.90
"""Correlation of details from which on two pictures are the same photograph.

Chosen by looking at pairs of FER2013. To the eye at least 58 of 60 pairs from .90 to .92 were one
photograph, 46 of 49 from .88 to .90, about 50 of 60 from .85 to .90 by an earlier variant, and a
third from .80 to .85. What fails just above is the next picture of a series: the same person in the
same pose. Five of six pairs lie above .96, where all 60 looked at were one photograph.
"""

NEIGHBORS = 5  # candidates a picture has; in larger groups the pictures are joined by one another
COMPONENTS = 80
SHRUNK_SIDE = 12  # pixels
COARSE_SIDE = 24  # pixels
COARSE_CORRELATION = 0.85  # at COARSE_SIDE
# Gaussian sigmas in pixels of the 48x48 picture: a band-pass keeps what lies between.
SHAPE_BAND, COARSE_BAND, DETAIL_BAND = (2.0, 12.0), (1.5, 6.0), (0.7, 3.0)
# The same photograph was cut again by a face detector: never far off. Beyond this the registration
# has lost itself in a corner.
MAX_ZOOM = 1.3
MAX_MOVE = 8.0  # pixels, of the center
BLOCK = 256  # pictures that are compared with all others at a time, for the memory's sake
STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 1e-3)

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class NearPairs:
    """Pairs of pictures that show the same photograph.

    Attributes:
        first: (P,) int64, index of the one.
        second: (P,) int64, index of the other, larger than that of the first.
        mirrored: (P,) bool, whether one is the mirror image.
        correlation: (P,) float32, of the details in register, `SAME_PHOTOGRAPH`..1.
    """

    first: IntArray
    second: IntArray
    mirrored: NDArray[np.bool_]
    correlation: Float32Array

    def __len__(self) -> int:
        return len(self.first)


def equal_groups(fingerprints: Sequence[bytes]) -> IntArray:
    """(N,) int64: for each digest the index of the first that equals it."""
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(mark, row) for row, mark in enumerate(fingerprints)], int)


def connected_groups(count: int, pairs: Iterable[tuple[int, int]]) -> IntArray:
    """(count,) int64: for each row the smallest row that a chain of pairs leads to."""
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return np.array([root(row) for row in range(count)], int)


def pairs_between(groups: IntArray, parts: IntArray, count: int) -> IntArray:
    """(count, count) int64: pairs of rows of one group, by the parts that the two lie in.

    Args:
        groups: (N,) int64, equal for rows of one group.
        parts: (N,) int64, 0..count-1.
        count: number of parts.
    """
    members = _members(groups, parts, count)
    pairs = members.T @ members - np.diag(members.sum(axis=0))
    pairs[np.diag_indices(count)] //= 2  # each was met from both its ends
    return pairs


def copies_between(groups: IntArray, parts: IntArray, count: int) -> IntArray:
    """(count, count) int64: rows of the first part with another of their group in the second.

    Args:
        groups: (N,) int64, equal for rows of one group.
        parts: (N,) int64, 0..count-1.
        count: number of parts.
    """
    members = _members(groups, parts, count)
    copies = members.T @ (members > 0)
    copies[np.diag_indices(count)] = np.where(members > 1, members, 0).sum(axis=0)
    return np.asarray(copies)


def _members(groups: IntArray, parts: IntArray, count: int) -> IntArray:
    """(G, count) int64: rows of each group in each part."""
    _, compact = np.unique(groups, return_inverse=True)
    members = np.zeros((int(compact.max(initial=-1)) + 1, count), np.int64)
    np.add.at(members, (compact, parts), 1)
    return members


def near_pairs(faces: UInt8Array) -> NearPairs:
    """All pairs of pictures that show the same photograph.

    Args:
        faces: (N, 48, 48) uint8 grey, no two of them equal.

    Returns:
        Each pair once, in ascending order, the better way round. Of a group of more than
        `NEIGHBORS` pictures not every pair is listed, but chains of pairs join the group.
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
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV works without Python's lock
        correlation = np.array(list(pool.map(correlate, pairs)), np.float32)
    best = np.lexsort((-correlation, second, first))  # a symmetric face fits either way round
    _, again = np.unique(np.stack([first, second])[:, best], axis=1, return_index=True)
    same = best[again][correlation[best[again]] >= SAME_PHOTOGRAPH]
    return NearPairs(first[same], second[same], mirrored[same], correlation[same])


def _candidates(faces: UInt8Array) -> tuple[IntArray, IntArray, NDArray[np.bool_]]:
    """First, second and mirrored of the pairs that are worth a closer look."""
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
    """(N, C) float32 of unit length, of the pictures and of their mirror images."""
    shapes = _unit(np.stack([_band(face, SHAPE_BAND, SHRUNK_SIDE) for face in faces]))
    mirrored = shapes.reshape(-1, SHRUNK_SIDE, SHRUNK_SIDE)[:, :, ::-1].reshape(shapes.shape)
    mean = shapes.mean(axis=0)
    variances, axes = np.linalg.eigh((shapes - mean).T @ (shapes - mean))
    strongest = np.argsort(-variances)[:COMPONENTS]
    # Few pictures tell little about variances: then all are taken to be more alike.
    variances += variances.mean() * len(variances) / len(faces) + 1e-6
    projection = (axes[:, strongest] / variances[strongest] ** 0.25).astype(np.float32)
    return _unit((shapes - mean) @ projection), _unit((mirrored - mean) @ projection)


def _unit(rows: Float32Array) -> Float32Array:
    """Each picture as a row of length 1; a blank one, which is nothing but rounding, becomes 0."""
    rows = rows.reshape(len(rows), -1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float32Array = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-3)
    return unit


def _band(face: UInt8Array, sigmas: tuple[float, float], side: int) -> Float32Array:
    """What is finer than the second sigma and coarser than the first, at (side, side) pixels."""
    pixels = face.astype(np.float32)
    fine, slow = (cv2.GaussianBlur(pixels, (0, 0), sigma) for sigma in sigmas)
    return np.asarray(cv2.resize(fine - slow, (side, side), interpolation=cv2.INTER_AREA))


def _register(
    one: Float32Array, other: Float32Array, warp: NDArray[np.floating], flip: bool
) -> tuple[float, Float32Array]:
    """Best correlation of two pictures under an affine map, and the (2, 3) map; 0 if none fits."""
    template = np.ascontiguousarray(one[:, ::-1]) if flip else one
    start, everywhere = warp.astype(np.float32), np.full(other.shape, 255, np.uint8)
    try:
        correlation, found = cv2.findTransformECC(
            template, other, start, cv2.MOTION_AFFINE, STEPS, everywhere, 1
        )
    except cv2.error:  # how OpenCV says that nothing fits
        return 0.0, start
    return float(correlation), np.asarray(found, dtype=np.float32)


def _enlarged(warp: Float32Array) -> Float32Array:
    """The map that does at 48x48 what this one does at 24x24; pixel centers lie at .5."""
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

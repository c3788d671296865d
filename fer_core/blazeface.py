"""Runs MediaPipe's short-range BlazeFace on an image of any size (Bazarevsky et al. 2019).

The network was made for 128x128 pixels, in which it detects faces from about 20 pixels on. It is
fully convolutional: a larger image goes through it in one pass, and each anchor's output is that of
a 128x128 window around it.
"""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.assets import read_verified
from fer_core.boxes import intersection_over_union
from fer_core.inference import Network

DETECTOR_FILE = "face_detection_short_range.tflite"
DETECTOR_SHA256 = "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
WINDOW = 128  # pixels: side of the input that the network was made for
SCORE_THRESHOLD = 0.25
NMS_IOU = 0.3  # of non-maximum suppression
# Many anchors detect a face, the more the larger it is; few detect noise. Proposals with fewer than
# MIN_SUPPORT * (side - UNSUPPORTED_SIDE) anchors are dropped: 1 of 791 faces in scenes and
# photographs, 29 % of 2,259 false proposals. In anchors per pixel, and pixels.
MIN_SUPPORT, UNSUPPORTED_SIDE = 0.3, 28
ANCHORS = ((8, 2), (16, 6))  # stride in pixels and anchors at each position, of both feature maps
RIGHT_EYE, LEFT_EYE = 4, 6  # index of their x, y in an output, after x, y, width, height
SIZE_MULTIPLE = 32  # pixels: input sides are rounded up to these, so that few shapes are prepared
MAX_TILE = 416  # pixels: larger images go through in tiles, to bound memory
TILE_OVERLAP = 64  # pixels, more than half of the largest face that is detected well
PADDING = (128, 128, 128)
INPUT_VALUES = (np.arange(256) / 127.5 - 1).astype(np.float32)  # the network's input for each uint8


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A possible face, in pixels of the image that was searched.

    Attributes:
        center: (2,) float64 x and y of the face's square.
        side: of that square.
        roll: of the line through both eyes, clockwise, in radians.
        score: of the detector, 0..1.
    """

    center: NDArray[np.float64]
    side: float
    roll: float
    score: float

    def scaled(self, scale: float, offset: tuple[float, float] = (0.0, 0.0)) -> "Proposal":
        """Convert to pixels of an image that is `scale` times as large, after adding `offset`."""
        center = (self.center + offset) * scale
        return replace(self, center=center, side=self.side * scale)

    @property
    def box(self) -> NDArray[np.float64]:
        """Compute the (4,) float64 x_min, y_min, x_max, y_max."""
        return np.concatenate([self.center - self.side / 2, self.center + self.side / 2])


class BlazeFace:
    """Runs the network and decodes its outputs. May be shared by any number of threads."""

    def __init__(self, model: bytes) -> None:
        """Read the network from the content of its TFLite asset."""
        self._network = Network(model)

    @classmethod
    def load(cls, directory: Path) -> "BlazeFace":
        """Load the network of a models folder.

        Raises:
            ModelLoadError: the asset is missing.
            ChecksumMismatchError: the asset is not the published one.
        """
        return cls(read_verified(directory / DETECTOR_FILE, DETECTOR_SHA256))

    def propose(self, image: NDArray[np.uint8]) -> list[Proposal]:
        """Propose faces with a side of about 20 to 100 pixels.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            Proposals after non-maximum suppression, highest score first.
        """
        height, width = image.shape[:2]
        rows, columns = _tiles(height), _tiles(width)
        candidates = []
        for top, bottom in rows:
            for left, right in columns:
                candidates.append(self._candidates(image[top:bottom, left:right], left, top))
        return [
            _to_proposal(candidate)
            for candidate, anchors in _suppress_non_maxima(np.concatenate(candidates))
            if anchors >= MIN_SUPPORT * (max(candidate[2], candidate[3]) - UNSUPPORTED_SIDE)
        ]

    def _candidates(self, tile: NDArray[np.uint8], left: int, top: int) -> NDArray[np.float64]:
        """Detect above the score threshold: (N, 17) 16 coordinates in image pixels, and score."""
        height, width = tile.shape[:2]
        rows, columns = (
            max(WINDOW, -(-side // SIZE_MULTIPLE) * SIZE_MULTIPLE) for side in (height, width)
        )
        padded = cv2.copyMakeBorder(
            tile, 0, rows - height, 0, columns - width, cv2.BORDER_CONSTANT, value=PADDING
        )
        inputs = np.asarray(cv2.LUT(padded, INPUT_VALUES), np.float32)
        outputs = self._network.run(inputs[np.newaxis])
        logits = outputs["classificators"][0, :, 0].astype(np.float64)
        kept = np.flatnonzero(logits > np.log(SCORE_THRESHOLD / (1 - SCORE_THRESHOLD)))
        values = outputs["regressors"][0, kept].astype(np.float64)
        centers = _anchor_centers(rows, columns)[kept] + (left, top)
        values[:, :2] += centers
        values[:, 4:] += np.tile(centers, 6)
        return np.column_stack([values, 1 / (1 + np.exp(-np.clip(logits[kept], -100, 100)))])


def _tiles(length: int) -> list[tuple[int, int]]:
    """Compute (start, end) of overlapping tiles that cover a side."""
    if length <= MAX_TILE:
        return [(0, length)]
    count = -(-(length - TILE_OVERLAP) // (MAX_TILE - TILE_OVERLAP))
    size = min(
        MAX_TILE,
        -(-(length + (count - 1) * TILE_OVERLAP) // (count * SIZE_MULTIPLE)) * SIZE_MULTIPLE,
    )
    starts = np.linspace(0, length - size, count).round().astype(int).tolist()
    return [(start, start + size) for start in starts]


@functools.lru_cache(maxsize=32)
def _anchor_centers(height: int, width: int) -> NDArray[np.float64]:
    """Compute (N, 2) x and y of the anchors, in the order of the network's outputs."""
    anchors = []
    for stride, count in ANCHORS:
        rows, columns = np.mgrid[0 : -(-height // stride), 0 : -(-width // stride)]
        centers = (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) * stride
        anchors.append(np.repeat(centers, count, axis=0))
    return np.concatenate(anchors)


def _suppress_non_maxima(candidates: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], int]]:
    """Apply MediaPipe's score-weighted non-maximum suppression.

    Args:
        candidates: (N, 17), from `_candidates`.

    Returns:
        For each face, highest score first, the score-weighted mean of its candidates with their
        highest score, (17,), and their number.
    """
    rest = candidates[np.argsort(-candidates[:, -1], kind="stable")]
    merged = []
    while len(rest):
        same = intersection_over_union(_edges(rest[0]), _edges(rest)) > NMS_IOU
        same[0] = True
        scores = rest[same, -1]
        face = scores @ rest[same] / scores.sum()
        face[-1] = scores[0]
        merged.append((face, len(scores)))
        rest = rest[~same]
    return merged


def _edges(candidates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the (..., 4) edges of candidates, which begin with a box's center and its sides."""
    center, half = candidates[..., :2], candidates[..., 2:4] / 2
    return np.concatenate([center - half, center + half], axis=-1)


def _to_proposal(candidate: NDArray[np.float64]) -> Proposal:
    across = candidate[LEFT_EYE : LEFT_EYE + 2] - candidate[RIGHT_EYE : RIGHT_EYE + 2]
    return Proposal(
        center=candidate[:2],
        side=float(max(candidate[2], candidate[3], 1.0)),
        roll=float(np.arctan2(across[1], across[0])),
        score=float(candidate[-1]),
    )

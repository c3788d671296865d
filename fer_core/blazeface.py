"""MediaPipe's short-range BlazeFace: where faces may be in a picture of any size.

The network was made for 128x128 pixels, in which it finds faces from about 20 pixels on. It is
convolutional throughout, so a larger picture can go through it at once, and the answers at each
place are those of a 128x128 window around it (Bazarevsky et al. 2019, "BlazeFace").
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
WINDOW = 128  # pixels: what it was made for, and a face at most
MIN_SCORE = 0.25
SAME_PLACE = 0.3  # intersection over union above which two answers are about one face
# A face is answered for from many places, the more the larger it is; noise from few. Of 791 faces
# in scenes and photographs 1 had fewer than SUPPORT * (side - SMALL); of 2,259 false proposals
# 29 % had.
SUPPORT, SMALL = 0.3, 28  # places per pixel of a side in the window beyond so many pixels
STRIDES_ANCHORS = ((8, 2), (16, 6))  # pixels from one place to the next, answers at each
RIGHT_EYE, LEFT_EYE = 4, 6  # where their x, y stand in an answer, after x, y, width, height
STEP = 32  # pixels: sides of what goes through it are rounded up to these, so that shapes repeat
MAX_BLOCK = 416  # pixels: larger pictures go in blocks, so that memory stays small
OVERLAP = 64  # pixels of two blocks: more than half a face, which one or the other shows well
PADDING = (128, 128, 128)
LEVELS = (np.arange(256) / 127.5 - 1).astype(np.float32)  # what the network takes for each grey


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """Where a face may be, in pixels of what was looked at.

    Attributes:
        center: (2,) of the face's square, x and y.
        side: of that square.
        roll: clockwise, in radians.
        score: 0..1.
    """

    center: NDArray[np.float64]
    side: float
    roll: float
    score: float

    def moved(self, scale: float, offset: tuple[float, float] = (0.0, 0.0)) -> "Proposal":
        """The same in pixels of a picture that is so many times larger and begins elsewhere."""
        center = (self.center + offset) * scale
        return replace(self, center=center, side=self.side * scale)

    @property
    def box(self) -> NDArray[np.float64]:
        """(4,) x_min, y_min, x_max, y_max."""
        return np.concatenate([self.center - self.side / 2, self.center + self.side / 2])


class BlazeFace:
    """The network and the reading of its answers. May be shared by any number of threads."""

    def __init__(self, model: bytes) -> None:
        """Read the network from the content of its TFLite asset."""
        self._network = Network(model)

    @classmethod
    def load(cls, directory: Path) -> "BlazeFace":
        """The network of a models folder.

        Raises:
            ModelLoadError: the asset is missing.
            ChecksumMismatchError: the asset is not the published one.
        """
        return cls(read_verified(directory / DETECTOR_FILE, DETECTOR_SHA256))

    def look(self, image: NDArray[np.uint8]) -> list[Proposal]:
        """Find what may be faces of about 20 to 100 pixels.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            The proposals, best first, each place once.
        """
        height, width = image.shape[:2]
        rows, columns = _blocks(height), _blocks(width)
        answers = []
        for top, bottom in rows:
            for left, right in columns:
                answers.append(self._answers(image[top:bottom, left:right], left, top))
        return [
            _to_proposal(answer)
            for answer, places in _merge(np.concatenate(answers))
            if places >= SUPPORT * (max(answer[2], answer[3]) - SMALL)
        ]

    def _answers(self, block: NDArray[np.uint8], left: int, top: int) -> NDArray[np.float64]:
        """(N, 17) what is sure enough: 16 coordinates in pixels of the picture, and the score."""
        height, width = block.shape[:2]
        rows, columns = (max(WINDOW, -(-side // STEP) * STEP) for side in (height, width))
        padded = cv2.copyMakeBorder(
            block, 0, rows - height, 0, columns - width, cv2.BORDER_CONSTANT, value=PADDING
        )
        inputs = np.asarray(cv2.LUT(padded, LEVELS), np.float32)
        outputs = self._network.run(inputs[np.newaxis])
        logits = outputs["classificators"][0, :, 0].astype(np.float64)
        sure = np.flatnonzero(logits > np.log(MIN_SCORE / (1 - MIN_SCORE)))
        values = outputs["regressors"][0, sure].astype(np.float64)
        places = _places(rows, columns)[sure] + (left, top)
        values[:, :2] += places
        values[:, 4:] += np.tile(places, 6)
        return np.column_stack([values, 1 / (1 + np.exp(-np.clip(logits[sure], -100, 100)))])


def _blocks(length: int) -> list[tuple[int, int]]:
    """(start, end) of overlapping blocks that cover a side."""
    if length <= MAX_BLOCK:
        return [(0, length)]
    count = -(-(length - OVERLAP) // (MAX_BLOCK - OVERLAP))
    size = min(MAX_BLOCK, -(-(length + (count - 1) * OVERLAP) // (count * STEP)) * STEP)
    starts = np.linspace(0, length - size, count).round().astype(int).tolist()
    return [(start, start + size) for start in starts]


@functools.lru_cache(maxsize=32)
def _places(height: int, width: int) -> NDArray[np.float64]:
    """(N, 2) x and y of the anchors, in the order of the network's answers."""
    places = []
    for stride, count in STRIDES_ANCHORS:
        rows, columns = np.mgrid[0 : -(-height // stride), 0 : -(-width // stride)]
        centers = (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) * stride
        places.append(np.repeat(centers, count, axis=0))
    return np.concatenate(places)


def _merge(answers: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], int]]:
    """Answers about one face become their mean by score, as MediaPipe does it; best first.

    Returns:
        The mean, with the best score, and of how many answers it is.
    """
    rest = answers[np.argsort(-answers[:, -1], kind="stable")]
    merged = []
    while len(rest):
        same = intersection_over_union(_corners(rest[0]), _corners(rest)) > SAME_PLACE
        same[0] = True
        scores = rest[same, -1]
        face = scores @ rest[same] / scores.sum()
        face[-1] = scores[0]
        merged.append((face, len(scores)))
        rest = rest[~same]
    return merged


def _corners(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 4) edges of answers, which begin with a box's middle and its sides."""
    middle, half = answers[..., :2], answers[..., 2:4] / 2
    return np.concatenate([middle - half, middle + half], axis=-1)


def _to_proposal(answer: NDArray[np.float64]) -> Proposal:
    across = answer[LEFT_EYE : LEFT_EYE + 2] - answer[RIGHT_EYE : RIGHT_EYE + 2]
    return Proposal(
        center=answer[:2],
        side=float(max(answer[2], answer[3], 1.0)),
        roll=float(np.arctan2(across[1], across[0])),
        score=float(answer[-1]),
    )

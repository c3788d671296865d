"""Runs MediaPipe's face mesh on the crop of one face (Kartynnik et al. 2019).

The network gives the probability that the crop shows a face, and 468 landmarks, which are more
exact than BlazeFace's six keypoints.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.assets import read_verified
from fer_core.geometry import apply, invert, similarity, warp_square
from fer_core.inference import Network

LANDMARKER_FILE = "face_landmark.tflite"
LANDMARKER_SHA256 = "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814"
INPUT_SIZE = 192  # pixels, RGB
INPUT_VALUES = (np.arange(256) / 255).astype(np.float32)  # the network's input for each uint8
POINTS = 468
CROP_SCALE = 1.5  # side of the crop, in sides of the face; as the network was trained
# Names of the outputs: x, y, z of the points; logit of a face being there.
MESH, PRESENCE = "conv2d_21", "conv2d_31"

# Landmarks around each keypoint, in the order of KEYPOINT_NAMES; their mean varies less than one
# landmark (numbers: MediaPipe's canonical face model).
KEYPOINT_GROUPS = (
    (33, 133, 145, 159),  # right eye: corners, lower and upper lid
    (263, 362, 374, 386),  # left eye
    (1, 4),  # nose tip
    (13, 14, 61, 291),  # mouth: lips and corners
    (234,),  # right ear
    (454,),  # left ear
)


OUTLINE = (234, 454, 10, 152)
"""Landmarks at right and left ear, forehead and chin."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceMesh:
    """Holds the face mesh of one crop.

    Attributes:
        presence: probability that the crop shows a face, 0..1.
        points: (468, 2) float64 landmarks, x and y in pixels of the image.
        turn: degrees between the face's normal and the line of sight: 0 from the front, 90 in
            profile.
        aspect: height over width of the face, measured in three dimensions: about 1.2.
    """

    presence: float
    points: NDArray[np.float64]
    turn: float
    aspect: float

    @property
    def keypoints(self) -> NDArray[np.float64]:
        """Compute (6, 2) float64, in image pixels, in the order of `KEYPOINT_NAMES`."""
        return np.stack([self.points[list(group)].mean(axis=0) for group in KEYPOINT_GROUPS])

    @property
    def crop_square(self) -> tuple[NDArray[np.float64], float, float]:
        """Compute the next pass's crop: center (2,) and side in pixels, roll in radians."""
        right_eye, left_eye, _, _, right_ear, left_ear = self.keypoints
        across = (left_eye - right_eye) + (left_ear - right_ear)
        roll = float(np.arctan2(across[1], across[0]))
        upright = similarity(np.zeros(2), 1.0, roll, 1)
        turned = apply(upright, self.points)
        low, high = turned.min(axis=0, keepdims=True), turned.max(axis=0, keepdims=True)
        center = apply(invert(upright), (low + high) / 2)[0]
        return center, CROP_SCALE * float((high - low).max()), roll

    def scaled(self, scale: float) -> "FaceMesh":
        """Convert to pixels of an image that is `scale` times as large."""
        return replace(self, points=self.points * scale)


class FaceLandmarker:
    """Runs the face mesh network. One instance may be shared by any number of threads."""

    def __init__(self, model: bytes) -> None:
        """Read the network from the content of its TFLite asset."""
        self._network = Network(model)

    @classmethod
    def load(cls, directory: Path) -> "FaceLandmarker":
        """Load the network of a models folder.

        Raises:
            ModelLoadError: the asset is missing.
            ChecksumMismatchError: the asset is not the published one.
        """
        return cls(read_verified(directory / LANDMARKER_FILE, LANDMARKER_SHA256))

    def predict(
        self, image: NDArray[np.uint8], center: NDArray[np.float64], side: float, roll: float
    ) -> FaceMesh:
        """Predict the face mesh in one square of an image.

        Args:
            image: (H, W, 3) uint8 RGB.
            center: (2,) x and y of the square, in pixels.
            side: of the square, in pixels; `CROP_SCALE` times that of the face.
            roll: of the face, clockwise, in radians; the crop is rotated upright by it.

        Returns:
            Landmarks in pixels of `image`, whether there is a face or not.
        """
        transform = similarity(center, side, roll, INPUT_SIZE)
        crop = warp_square(image, transform, INPUT_SIZE)
        inputs = np.asarray(cv2.LUT(crop, INPUT_VALUES), np.float32)
        outputs = self._network.run(inputs[np.newaxis])
        points = outputs[MESH].reshape(POINTS, 3).astype(np.float64)
        presence = 1.0 / (1.0 + np.exp(-float(outputs[PRESENCE].item())))
        return FaceMesh(presence, apply(invert(transform), points[:, :2]), *_shape(points))


def _shape(points: NDArray[np.float64]) -> tuple[float, float]:
    """Compute turn and aspect of a face, as `FaceMesh` has them, by ears, forehead and chin.

    Args:
        points: (468, 3) x, y, z in one unit, z away from the camera.
    """
    right_ear, left_ear, forehead, chin = points[list(OUTLINE)]
    across, down = (left_ear - right_ear).tolist(), (chin - forehead).tolist()
    (ax, ay, az), (dx, dy, dz) = across, down
    facing = abs(ax * dy - ay * dx)  # the third coordinate of the normal, their cross product
    aside = math.hypot(ay * dz - az * dy, az * dx - ax * dz)
    turn = math.degrees(math.atan2(aside, facing))
    return turn, math.hypot(*down) / max(math.hypot(*across), 1e-9)

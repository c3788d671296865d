"""Hides part of a face: cropped by the image's edge, masked, covered, squeezed or blurred.

Every change takes an image, (H, W, 3) uint8 RGB, and the face in it, and returns a new image.
Lengths are relative to the face.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.preprocessing import UInt8Array
from fer_core.results import KEYPOINT_NAMES, FaceDetection

MASK_COLOR = (20, 20, 22)
HAND_WIDTH, HAND_HEIGHT = 0.45, 0.6  # a hand with closed fingers, relative to the box
SQUEEZE = 0.75
MOTION = 0.15  # length of the blur, relative to the box's width

Change = Callable[[UInt8Array, FaceDetection, np.random.Generator], UInt8Array]


def mask_mouth_and_nose(
    image: UInt8Array, face: FaceDetection, _: np.random.Generator
) -> UInt8Array:
    """Draw a dark face mask from the bridge of the nose to below the chin."""
    points = dict(zip(KEYPOINT_NAMES, face.keypoints, strict=True))
    eyes = (points["right_eye"] + points["left_eye"]) / 2
    down = points["mouth_center"] - eyes
    right, left = points["right_ear"], points["left_ear"]
    top = eyes + 0.35 * down
    outline = [
        right + 0.15 * down,
        top + 0.25 * (right - eyes),
        top + 0.25 * (left - eyes),
        left + 0.15 * down,
        left + 0.9 * down - 0.1 * (left - right),
        eyes + 1.75 * down + 0.2 * (left - right),
        eyes + 1.75 * down - 0.2 * (left - right),
        right + 0.9 * down + 0.1 * (left - right),
    ]
    changed = image.copy()
    polygon = np.rint(np.array(outline)).astype(np.int32)
    return np.asarray(cv2.fillPoly(changed, [polygon], MASK_COLOR), np.uint8)


def cover_with_hand(image: UInt8Array, face: FaceDetection, rng: np.random.Generator) -> UInt8Array:
    """Cover the mouth or a cheek with a hand-sized patch of the face's median color."""
    box = face.box
    size = np.array([HAND_WIDTH * box.width, HAND_HEIGHT * box.height]) / 2
    mouth = face.keypoints[KEYPOINT_NAMES.index("mouth_center")]
    center = mouth + rng.uniform(-0.2, 0.2, 2) * (box.width, box.height)
    inside = image[box.y_min : box.y_max, box.x_min : box.x_max].reshape(-1, 3)
    color = np.clip(np.median(inside, axis=0) + rng.uniform(-20, 20), 0, 255)
    middle = np.rint(center).astype(int).tolist()
    axes = np.maximum(1, np.rint(size).astype(int)).tolist()
    angle = float(rng.uniform(-40, 40))
    changed = image.copy()
    cv2.ellipse(changed, middle, axes, angle, 0, 360, color.tolist(), -1, cv2.LINE_AA)
    return changed


def squeeze(image: UInt8Array, _: FaceDetection, __: np.random.Generator) -> UInt8Array:
    """Reduce the width to three quarters, as when 4:3 is shown as 1:1."""
    height, width = image.shape[:2]
    size = (max(1, round(SQUEEZE * width)), height)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def blur_by_motion(image: UInt8Array, face: FaceDetection, rng: np.random.Generator) -> UInt8Array:
    """Apply motion blur in a random direction."""
    length = max(3, round(MOTION * face.box.width))
    kernel = np.zeros((length, length), np.float32)
    angle, middle = rng.uniform(0, np.pi), (length - 1) / 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    ends = [np.rint(middle + sign * reach).astype(int).tolist() for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    blurred = cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.uint8)


CHANGES: dict[str, Change] = {
    "lower half outside": lambda image, face, _: image[: _center(face)[1]].copy(),
    "upper half outside": lambda image, face, _: image[_center(face)[1] :].copy(),
    "right half outside": lambda image, face, _: image[:, : _center(face)[0]].copy(),
    "left half outside": lambda image, face, _: image[:, _center(face)[0] :].copy(),
    "mask over mouth and nose": mask_mouth_and_nose,
    "hand-sized patch": cover_with_hand,
    "squeezed to 3:4": squeeze,
    "motion blur": blur_by_motion,
}


def _center(face: FaceDetection) -> NDArray[np.int64]:
    """Return (2,) int64 x and y of the box's center, at least 1."""
    box = face.box
    return np.maximum(1, [(box.x_min + box.x_max) // 2, (box.y_min + box.y_max) // 2])

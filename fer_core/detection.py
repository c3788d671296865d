"""Finding faces: MediaPipe's Tasks FaceDetector behind one small thread-safe class."""

import ctypes
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.assets import read_verified
from fer_core.results import KEYPOINT_NAMES, BoundingBox, FaceDetection

DETECTOR_FILE = "face_detection_short_range.tflite"
DETECTOR_SHA256 = "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
MIN_SCORE = 0.5
MAX_FACES = 50
# The network looks at 128x128 and MediaPipe samples that bilinearly: a much larger picture aliases,
# and aliased noise looks like a face. Shrinking by area first also makes a 12-megapixel photo cost
# what a small one does.
MAX_DETECTION_SIDE = 320  # pixels
FRAME = 0.25  # of the longer side, around a picture in which nothing was found
GREY = 128


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the graph reports, in pixels of the shrunk picture without frame."""

    corner: NDArray[np.int64]
    size: NDArray[np.int64]
    keypoints: NDArray[np.float64]
    score: float


class FaceDetector:
    """MediaPipe's short-range face detector (BlazeFace), on the CPU.

    One instance may be shared by any number of threads. `close()` or a `with` block frees it.
    """

    def __init__(self, model: bytes) -> None:
        """Build the detector from the content of its TFLite asset."""
        from mediapipe.tasks.python.core.base_options import BaseOptions
        from mediapipe.tasks.python.vision import FaceDetector as Graph
        from mediapipe.tasks.python.vision import FaceDetectorOptions

        options = FaceDetectorOptions(
            base_options=BaseOptions(model_asset_buffer=model),
            min_detection_confidence=MIN_SCORE,
        )
        self._graph = Graph.create_from_options(options)
        self._lock = threading.Lock()
        self._free_once = weakref.finalize(self, _free, self._graph)

    @classmethod
    def load(cls, directory: Path) -> "FaceDetector":
        """The detector of a models folder.

        Raises:
            ModelLoadError: the asset is missing.
            ChecksumMismatchError: the asset is not the published one.
        """
        return cls(read_verified(directory / DETECTOR_FILE, DETECTOR_SHA256))

    def __enter__(self) -> "FaceDetector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the graph; the detector cannot be used afterwards."""
        with self._lock:
            self._free_once()

    def detect(self, image: NDArray[np.uint8]) -> list[FaceDetection]:
        """Find the faces of a picture.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            At most `MAX_FACES` faces, largest box first, in pixels of `image`.

        Raises:
            ValueError: another shape or dtype; MediaPipe would misread it or abort on it.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(f"image must be (H, W, 3) uint8, got {image.shape} {image.dtype}")

        height, width = image.shape[:2]
        small = _shrink(image)
        # A face that fills the picture has no surroundings to be recognized by: lend it some.
        found = self._look(small, 0) or self._look(small, round(FRAME * max(small.shape)))
        scale = np.array([width / small.shape[1], height / small.shape[0]])
        faces = [_to_face(seen, scale, width, height) for seen in found]
        return sorted(
            (face for face in faces if face is not None), key=lambda face: -face.box.area
        )[:MAX_FACES]

    def _look(self, image: NDArray[np.uint8], frame: int) -> list[_Seen]:
        """Run the graph on a picture with a grey frame of so many pixels around it."""
        import mediapipe as mp

        if frame:
            image = np.pad(image, ((frame, frame), (frame, frame), (0, 0)), constant_values=GREY)
        height, width = image.shape[:2]
        picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        with self._lock:
            detections = self._graph.detect(picture).detections
        return [
            _Seen(
                corner=np.array([found.bounding_box.origin_x, found.bounding_box.origin_y]) - frame,
                size=np.array([found.bounding_box.width, found.bounding_box.height]),
                keypoints=np.array([(p.x * width, p.y * height) for p in found.keypoints]) - frame,
                score=float(found.categories[0].score),
            )
            for found in detections
            if len(found.keypoints) == len(KEYPOINT_NAMES)
        ]


def _free(graph: Any) -> None:
    """Close a graph, now or at the interpreter's exit."""
    try:
        graph.close()
    except RuntimeError:
        # At exit MediaPipe's own thread has ended before any exit handler runs, so its graph can
        # only be left to the system; one more reference keeps its __del__ from failing aloud.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(graph))


def _shrink(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture at no more than `MAX_DETECTION_SIDE`."""
    height, width = image.shape[:2]
    factor = MAX_DETECTION_SIDE / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _to_face(
    seen: _Seen, scale: NDArray[np.float64], width: int, height: int
) -> FaceDetection | None:
    """In pixels of the full picture; None for a box that lies outside of it."""
    x_min, y_min = np.maximum(0, np.rint(seen.corner * scale)).astype(int).tolist()
    x_max, y_max = np.rint((seen.corner + seen.size) * scale).astype(int).tolist()
    x_max, y_max = min(width, x_max), min(height, y_max)
    if x_max <= x_min or y_max <= y_min:
        return None
    box = BoundingBox(x_min, y_min, x_max, y_max)
    return FaceDetection(box, seen.keypoints * scale, min(1.0, max(0.0, seen.score)))

"""Finding faces: MediaPipe's Tasks FaceDetector behind one small thread-safe class."""

import ctypes
import threading
import weakref
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
# The network looks at 128x128 and MediaPipe samples that bilinearly, so a much larger picture would
# alias. Shrinking by area first also makes a 12-megapixel photo cost what a small one does.
MAX_DETECTION_SIDE = 640  # pixels


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
        import mediapipe as mp

        height, width = image.shape[:2]
        small = _shrink(image)
        frame = mp.Image(image_format=mp.ImageFormat.SRGB, data=small)
        with self._lock:
            found = self._graph.detect(frame).detections
        scale = (width / small.shape[1], height / small.shape[0])
        faces = [_to_face(detection, scale, width, height) for detection in found]
        return sorted(
            (face for face in faces if face is not None), key=lambda face: -face.box.area
        )[:MAX_FACES]


def _free(graph: Any) -> None:
    """Close a graph, now or at the interpreter's exit."""
    try:
        graph.close()
    except RuntimeError:
        # At exit MediaPipe's own thread has ended before any exit handler runs, so its graph can
        # only be left to the system; one more reference keeps its __del__ from failing aloud.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(graph))


def _shrink(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """C-contiguous RGB of at most `MAX_DETECTION_SIDE`; MediaPipe misreads any other layout."""
    height, width = image.shape[:2]
    factor = MAX_DETECTION_SIDE / max(height, width)
    if factor >= 1:
        return np.ascontiguousarray(image)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _to_face(
    detection: Any, scale: tuple[float, float], width: int, height: int
) -> FaceDetection | None:
    """In pixels of the full picture; None for a box that lies outside of it."""
    box = detection.bounding_box
    left, top = box.origin_x * scale[0], box.origin_y * scale[1]
    right, bottom = left + box.width * scale[0], top + box.height * scale[1]
    x_min, y_min = max(0, round(left)), max(0, round(top))
    x_max, y_max = min(width, round(right)), min(height, round(bottom))
    if x_max <= x_min or y_max <= y_min or len(detection.keypoints) != len(KEYPOINT_NAMES):
        return None
    keypoints = np.array([(point.x * width, point.y * height) for point in detection.keypoints])
    score = min(1.0, max(0.0, float(detection.categories[0].score)))
    return FaceDetection(BoundingBox(x_min, y_min, x_max, y_max), keypoints, score)

"""Ways from a picture to face crops, side by side: those of the predecessors, and ours.

All of them end in the same network, so what differs is what it gets to see.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_core.assets import MODELS_DIR
from fer_core.blazeface import DETECTOR_FILE
from fer_core.preprocessing import UInt8Array, to_grey
from fer_core.recognizer import EmotionRecognizer
from fer_core.results import FaceResult


@dataclass(frozen=True, slots=True)
class Cut:
    """A face as a pipeline cuts it.

    Attributes:
        box: x_min, y_min, x_max, y_max in pixels of the picture.
        crop: (crop_size, crop_size) uint8 grey, for `preprocess`.
    """

    box: tuple[float, float, float, float]
    crop: UInt8Array

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the box."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def height(self) -> float:
        """Of the box, in pixels."""
        return self.box[3] - self.box[1]


Pipeline = Callable[[UInt8Array], list[Cut]]

WHOLE, HAAR, BOX, OUR_BOX, OURS = (
    "whole picture",
    "Haar crop",
    "MediaPipe box",
    "our faces, box only",
    "ours",
)


def build_pipelines(recognizer: EmotionRecognizer) -> dict[str, Pipeline]:
    """The pipelines by name: picture (H, W, 3) uint8 RGB -> cuts.

    - whole picture: resized, as the predecessor behind Flask did
    - Haar crop: OpenCV's frontal cascade with the customary settings, as a predecessor did
    - MediaPipe box: the short-range detector on the whole picture, its box, no alignment
    - our faces, box only: what our detector finds, cut by its box: what alignment adds
    - ours
    """
    size = recognizer.model.info.preprocessing.crop_size
    cascade = cv2.CascadeClassifier(
        f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml"  # type: ignore[attr-defined]
    )
    mediapipe_boxes = _mediapipe_boxes()

    def whole(picture: UInt8Array) -> list[Cut]:
        height, width = picture.shape[:2]
        return [_cut(picture, (0, 0, width, height), size)]

    def haar(picture: UInt8Array) -> list[Cut]:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        found = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(30, 30))
        return [_cut(picture, (x, y, x + w, y + h), size) for x, y, w, h in found]

    def box(picture: UInt8Array) -> list[Cut]:
        return [_cut(picture, found, size) for found in mediapipe_boxes(picture)]

    last: tuple[UInt8Array | None, Sequence[FaceResult]] = (None, ())

    def recognize(picture: UInt8Array) -> Sequence[FaceResult]:
        nonlocal last  # two pipelines ask for the same picture, one after the other
        if last[0] is not picture:
            last = (picture, recognizer.recognize(picture).faces)
        return last[1]

    def our_box(picture: UInt8Array) -> list[Cut]:
        return [_cut(picture, _edges(face), size) for face in recognize(picture)]

    def ours(picture: UInt8Array) -> list[Cut]:
        return [Cut(_edges(face), face.aligned) for face in recognize(picture)]

    return {WHOLE: whole, HAAR: haar, BOX: box, OUR_BOX: our_box, OURS: ours}


def _edges(face: FaceResult) -> tuple[float, float, float, float]:
    box = face.detection.box
    return box.x_min, box.y_min, box.x_max, box.y_max


def _cut(picture: UInt8Array, box: tuple[float, float, float, float], size: int) -> Cut:
    """Cut the part of a box that lies in the picture, and resize it."""
    left, top, right, bottom = (round(edge) for edge in box)
    height, width = picture.shape[:2]
    part = picture[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    if part.size == 0:
        part = picture
    shrink = max(part.shape[:2]) > size
    method = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    crop = np.asarray(cv2.resize(part, (size, size), interpolation=method), dtype=np.uint8)
    return Cut(box, to_grey(crop[np.newaxis])[0])


def _mediapipe_boxes() -> Callable[[UInt8Array], list[tuple[float, float, float, float]]]:
    """MediaPipe's detector as its documentation uses it: whole picture, score .5."""
    import mediapipe as mp
    from mediapipe.tasks.python.core.base_options import BaseOptions
    from mediapipe.tasks.python.vision import FaceDetector, FaceDetectorOptions

    model = (MODELS_DIR / DETECTOR_FILE).read_bytes()
    options = FaceDetectorOptions(base_options=BaseOptions(model_asset_buffer=model))

    def boxes(picture: UInt8Array) -> list[tuple[float, float, float, float]]:
        data: NDArray[np.uint8] = np.ascontiguousarray(picture)
        # A graph for each picture costs milliseconds; one that is left open fails aloud at exit.
        with FaceDetector.create_from_options(options) as graph:
            found = graph.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=data)).detections
        areas = (detection.bounding_box for detection in found)
        return [
            (b.origin_x, b.origin_y, b.origin_x + b.width, b.origin_y + b.height) for b in areas
        ]

    return boxes

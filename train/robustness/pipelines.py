"""Pipelines of detection and cropping: those of the predecessors, and ours.

Their crops are input of the same network, so that only detection and cropping are compared.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass

import cv2
import numpy as np

from fer_core.assets import MODELS_DIR
from fer_core.blazeface import DETECTOR_FILE
from fer_core.preprocessing import UInt8Array, to_grey
from fer_core.recognizer import EmotionRecognizer
from fer_core.results import RecognitionResult

Box = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max in pixels of the image."""


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """A crop of a face by a pipeline."""

    box: Box
    pixels: UInt8Array  # (crop_size, crop_size) grey, for `preprocess`

    @property
    def center(self) -> tuple[float, float]:
        """Center (x, y) of the box, in pixels."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def height(self) -> float:
        """Height of the box, in pixels."""
        return self.box[3] - self.box[1]


Pipeline = Callable[[UInt8Array], list[FaceCrop]]

WHOLE, HAAR, BOX = "whole picture", "Haar crop", "MediaPipe box"
OUR_BOX, OURS = "our faces, box only", "ours"


def build_pipelines(recognizer: EmotionRecognizer) -> dict[str, Pipeline]:
    """Build the pipelines, by name: (H, W, 3) uint8 RGB -> crops.

    - whole picture: the resized image, as in the predecessor with Flask
    - Haar crop: OpenCV's frontal cascade with common settings, as in another predecessor
    - MediaPipe box: box of the short-range detector on the whole image, without alignment
    - our faces, box only: box of our detector, without alignment
    - ours: our detector and alignment
    """
    size = recognizer.model.info.preprocessing.crop_size
    cascade = cv2.CascadeClassifier(
        f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml"  # type: ignore[attr-defined]
    )
    mediapipe_boxes = _mediapipe_boxes()

    def haar(image: UInt8Array) -> list[FaceCrop]:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(30, 30))
        return [_crop(image, (x, y, x + w, y + h), size) for x, y, w, h in found]

    last: tuple[UInt8Array | None, list[FaceCrop]] = (None, [])

    def ours(image: UInt8Array) -> list[FaceCrop]:
        nonlocal last  # two pipelines process the same image in succession
        if last[0] is not image:
            last = (image, aligned_crops(recognizer.recognize(image)))
        return last[1]

    return {
        WHOLE: lambda image: [_crop(image, (0, 0, image.shape[1], image.shape[0]), size)],
        HAAR: haar,
        BOX: lambda image: [_crop(image, box, size) for box in mediapipe_boxes(image)],
        OUR_BOX: lambda image: [_crop(image, crop.box, size) for crop in ours(image)],
        OURS: ours,
    }


def aligned_crops(result: RecognitionResult) -> list[FaceCrop]:
    """Return the aligned crops of all faces that were recognized."""
    return [FaceCrop(astuple(face.detection.box), face.aligned) for face in result.faces]


def _crop(image: UInt8Array, box: Box, size: int) -> FaceCrop:
    """Crop the part of a box inside the image, and resize it."""
    left, top, right, bottom = (round(edge) for edge in box)
    part = image[max(0, top) : bottom, max(0, left) : right]
    shrink = max(part.shape[:2]) > size
    method = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    crop = np.asarray(cv2.resize(part, (size, size), interpolation=method), dtype=np.uint8)
    return FaceCrop(box, to_grey(crop[np.newaxis])[0])


def _mediapipe_boxes() -> Callable[[UInt8Array], list[Box]]:
    """Return MediaPipe's detector with default options: whole image, score .5."""
    import mediapipe as mp
    from mediapipe.tasks.python.core.base_options import BaseOptions
    from mediapipe.tasks.python.vision import FaceDetector, FaceDetectorOptions

    model = (MODELS_DIR / DETECTOR_FILE).read_bytes()
    options = FaceDetectorOptions(base_options=BaseOptions(model_asset_buffer=model))

    def boxes(image: UInt8Array) -> list[Box]:
        data = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        # A new graph takes milliseconds; one left open prints errors at exit.
        with FaceDetector.create_from_options(options) as graph:
            found = [detection.bounding_box for detection in graph.detect(data).detections]
        return [
            (b.origin_x, b.origin_y, b.origin_x + b.width, b.origin_y + b.height) for b in found
        ]

    return boxes

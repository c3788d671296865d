"""Predicts the emotion of every face of an image: detection, alignment, quality, model."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_core.alignment import align_face
from fer_core.assets import MODELS_DIR
from fer_core.detection import FaceDetector
from fer_core.emotions import FER2013_LABELS
from fer_core.given_boxes import Boxes, check_boxes
from fer_core.images import ImageSource, load_image
from fer_core.model import EmotionModel
from fer_core.preprocessing import (
    PreprocessingSpec,
    UInt8Array,
    prepare_dataset_faces,
    preprocess,
    to_grey,
)
from fer_core.quality import DRAWN, MAX_DRAWN, QualityModel, assess
from fer_core.results import (
    BoundingBox,
    EmotionPrediction,
    FaceDetection,
    FaceResult,
    RecognitionResult,
)


class EmotionRecognizer:
    """Detects every face in an image and predicts which emotion people would read in it.

    Load it once and share it between threads.
    """

    def __init__(self, detector: FaceDetector, quality: QualityModel, model: EmotionModel) -> None:
        """Join a detector and the models of quality and emotion; `load` does so from files."""
        self.detector = detector
        self.quality = quality
        self.model = model

    @classmethod
    def load(cls, directory: str | os.PathLike[str] | None = None) -> "EmotionRecognizer":
        """Load a detector, a quality model and an emotion model.

        Args:
            directory: a training run's folder, or any other with model.json and its TFLite file;
                the models/ of this repository when None. Detector and quality model are always
                loaded from models/.

        Raises:
            ModelLoadError: a file is missing or malformed.
            ChecksumMismatchError: a file is not the published one.
        """
        model = EmotionModel.load(MODELS_DIR if directory is None else Path(directory))
        return cls(FaceDetector.load(MODELS_DIR), QualityModel.load(MODELS_DIR), model)

    def recognize(
        self,
        image: ImageSource,
        *,
        small_faces: bool = True,
        near: Sequence[BoundingBox] = (),
        boxes: Boxes | None = None,
    ) -> RecognitionResult:
        """Detect the faces of one image and predict the emotion of each.

        With `boxes`, there is no detection: each given box is one face of the result, aligned by
        the face mesh inside it. `face.detection.box` is the given box in whole pixels, clipped to
        the image, by which a face is matched to its box; boxes of equal area keep their order. A
        box in which the mesh finds no face is cropped as an upright face that fills it; its
        `face.detection.score` is 0 and it is not reliable. Without `boxes`, drawn faces are
        dropped.

        Args:
            image: a path, the bytes of an image file, a PIL image, or an array (H, W),
                (H, W, 3) RGB or (H, W, 4) RGBA, uint8.
            small_faces: detect faces under about 15 % of the longer side, too, which takes most of
                the time.
            near: boxes of the faces in the last frame of a video, around which small faces are
                searched for; see `FaceDetector.detect`.
            boxes: (x_min, y_min, x_max, y_max) of each known face, in pixels of the upright image;
                faces are detected when None.

        Returns:
            The faces, largest first; an empty tuple where there is none.

        Raises:
            ValueError: a box is not four numbers, is empty or lies outside the image.
            ImageTooLargeError: beyond 64 megapixels or 20 MB.
            InvalidImageError: not an image that can be read.
        """
        upright = load_image(image)
        height, width = upright.shape[:2]
        if boxes is None:
            detections = self.detector.detect(upright, small_faces=small_faces, near=near)
        else:
            detections = self.detector.locate(upright, check_boxes(boxes, width, height))
        wide = _crop(upright, detections, self.quality.info.preprocessing)
        judged = list(zip(detections, self.quality.probabilities(wide), strict=True))
        if boxes is None:
            judged = [(face, row) for face, row in judged if row[DRAWN] < MAX_DRAWN]
        detections = [face for face, _ in judged]
        qualities = [assess(face, row) for face, row in judged]
        aligned = _crop(upright, detections, self.model.info.preprocessing)
        emotions = self._predict(aligned, [quality.reliable for quality in qualities])
        return RecognitionResult(
            image_size=(width, height),
            faces=tuple(map(FaceResult, detections, aligned, emotions, qualities)),
            model_name=self.model.info.name,
            model_version=self.model.info.version,
        )

    def recognize_crops(self, crops: UInt8Array) -> tuple[EmotionPrediction, ...]:
        """Predict the emotion of dataset faces, which are crops already; nothing is detected.

        Args:
            crops: (N, 48, 48) uint8 grey, cropped as in FER2013.

        Returns:
            One prediction a face, as `face.emotion` of `recognize`.

        Raises:
            ValueError: another shape or dtype.
        """
        crops = np.asarray(crops)
        if crops.ndim != 3:
            raise ValueError(f"crops must be (N, 48, 48) uint8, got {crops.shape} {crops.dtype}")
        prepared = prepare_dataset_faces(crops, self.model.info.preprocessing)
        return self._predict(prepared, [True] * len(prepared))

    def _predict(
        self, crops: UInt8Array, reliable: Sequence[bool]
    ) -> tuple[EmotionPrediction, ...]:
        """Predict (N, crop_size, crop_size) uint8 grey crops."""
        info = self.model.info
        seven, contempts = self.model.answer(preprocess(crops, info.preprocessing))
        return tuple(
            EmotionPrediction(
                probabilities=dict(zip(FER2013_LABELS, row.tolist(), strict=True)),
                contempt=contempt,
                abstention_threshold=info.abstention_threshold,
                reliable=is_reliable,
            )
            for row, contempt, is_reliable in zip(seven, contempts.tolist(), reliable, strict=True)
        )


def _crop(image: UInt8Array, faces: Sequence[FaceDetection], spec: PreprocessingSpec) -> UInt8Array:
    """Align and crop faces: (N, crop_size, crop_size) uint8 grey."""
    crops = np.zeros((len(faces), spec.crop_size, spec.crop_size, 3), np.uint8)
    for index, face in enumerate(faces):
        crops[index], _ = align_face(image, face, spec)
    return to_grey(crops)
